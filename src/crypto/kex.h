#pragma once
/*
 * Key exchange: X25519 (RFC 7748, RFC 8031) and NIST P-256 (RFC 5903). Private values come from the
 * caller's random port, so that a run can be repeated.
 */
#include "util/bytes.h"
#include "util/secret.h"

/* Numbers of the IANA registry, transform type 4. */
enum kex_id { KEX_NONE = 0, KEX_P256 = 19, KEX_X25519 = 31 };

enum { KEX_PUBLIC_MAX = 64, KEX_PRIVATE_LEN = 32, KEX_SHARED_LEN = 32 };

/* Length of the Key Exchange Data on the wire (P-256: x then y); 0 for an unknown method. */
size_t kex_public_len(enum kex_id id);

/*
 * `private_value`: KEX_PRIVATE_LEN random octets, any value for X25519; for P-256 a value that is
 * not in 1..order-1 is refused (draw again). `out` has room for kex_public_len(id).
 */
MUST_USE bool kex_public(enum kex_id id, struct bytes private_value, uint8_t *out);

/*
 * The shared secret. Refuses what RFC 6989 section 2 and RFC 7748 section 6.1 refuse: a wrong
 * length, a point off the curve, an all-zero result. `shared` is the caller's to free; it is
 * untouched on failure.
 */
MUST_USE bool kex_shared(enum kex_id id, struct bytes private_value, struct bytes peer_public,
			 struct secret *shared);
