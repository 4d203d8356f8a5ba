#pragma once
/*
 * Key exchange: X25519 (RFC 7748, RFC 8031), NIST P-256 and P-384 (RFC 5903), MODP 2048 to 4096
 * (RFC 3526). Private values come from the caller's random port, so that a run can be repeated.
 */
#include "util/bytes.h"
#include "util/secret.h"

/* Numbers of the IANA registry, transform type 4. */
enum kex_id {
	KEX_NONE = 0,
	KEX_MODP_2048 = 14,
	KEX_MODP_3072 = 15,
	KEX_MODP_4096 = 16,
	KEX_P256 = 19,
	KEX_P384 = 20,
	KEX_X25519 = 31,
};

enum { KEX_PUBLIC_MAX = 512, KEX_PRIVATE_MAX = 48, KEX_SHARED_MAX = 512 };

/* Length of the Key Exchange Data on the wire (P-256, P-384: x then y); 0 for an unknown method. */
size_t kex_public_len(enum kex_id id);
/* Length of a private value; 0 for an unknown method. */
size_t kex_private_len(enum kex_id id);
/* "X25519"; "none" for what is unknown. */
const char *kex_name(enum kex_id id);

/*
 * `private_value`: kex_private_len(id) random octets, any value for X25519 and MODP; for P-256 and
 * P-384 a value that is not in 1..order-1 is refused (draw again). `out` has room for
 * kex_public_len(id).
 */
MUST_USE bool kex_public(enum kex_id id, struct bytes private_value, uint8_t *out);

/*
 * The shared secret: of X25519 the 32 octets, of P-256 and P-384 the x coordinate, of MODP as long
 * as the modulus. Refuses what RFC 6989 section 2 and RFC 7748 section 6.1 refuse: a wrong length,
 * a value outside 2..p-2, a point off the curve, an all-zero result. `shared` is the caller's to
 * free; it is untouched on failure.
 */
MUST_USE bool kex_shared(enum kex_id id, struct bytes private_value, struct bytes peer_public,
                         struct secret *shared);
