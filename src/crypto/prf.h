#pragma once
/*
 * Pseudo-random functions of IKEv2 (RFC 7296 section 2.13) and the hashes beside them.
 */
#include "util/bytes.h"
#include "util/secret.h"

/* Numbers of the IANA registry, transform type 2. */
enum prf_id { PRF_NONE = 0, PRF_HMAC_SHA2_256 = 5, PRF_HMAC_SHA2_384 = 6, PRF_HMAC_SHA2_512 = 7 };

enum { PRF_LEN_MAX = 64, SHA1_LEN = 20, SHA2_256_LEN = 32 };

/* Output length, which is also the preferred key length; 0 for an unknown PRF. */
size_t prf_len(enum prf_id id);

/*
 * prf(key, parts[0] | parts[1] | ...). `out` has room for prf_len(id).
 * False: the crypto library refused; `out` is zeroed.
 */
MUST_USE bool prf(enum prf_id id, struct bytes key, const struct bytes *parts, size_t part_count,
		  uint8_t *out);

/* prf+ (RFC 7296 section 2.13): fills `out`; at most 255 times the output length. */
MUST_USE bool prf_plus(enum prf_id id, struct bytes key, const struct bytes *parts,
		       size_t part_count, uint8_t *out, size_t len);

/* SHA-1 of the parts joined: NAT detection only (RFC 7296 section 2.23), never a signature. */
MUST_USE bool sha1(const struct bytes *parts, size_t part_count, uint8_t out[SHA1_LEN]);
MUST_USE bool sha2_256(const struct bytes *parts, size_t part_count, uint8_t out[SHA2_256_LEN]);
