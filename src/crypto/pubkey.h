#pragma once
/*
 * Public keys as DNS publishes them, and the signatures of RFC 7427 and RFC 8420 verified with
 * them.
 */
#include "util/bytes.h"

enum pubkey_type {
	PUBKEY_NONE,
	PUBKEY_RSA,
	PUBKEY_ED25519,
	PUBKEY_ECDSA_P256,
	PUBKEY_ECDSA_P384,
	PUBKEY_ECDSA_P521,
};

enum { PUBKEY_OCTETS_MAX = 1040 };

/*
 * A value; may be copied. RSA: `octets` as RFC 3110 section 2 has them. Ed25519: the 32 octets.
 * ECDSA: x and y as RFC 6605 section 4 has them.
 */
struct pubkey {
	enum pubkey_type type;
	uint16_t len;
	uint8_t octets[PUBKEY_OCTETS_MAX];
};

/*
 * RFC 3110 section 2: both length forms; refused are what runs past the end, leading zeros, an even
 * modulus, a modulus outside 2048..8192 bits, an exponent that is even, below 3 or above 64 bits.
 */
MUST_USE bool pubkey_from_rfc3110(struct bytes octets, struct pubkey *out);
/* Modulus and exponent big-endian, without leading zeros; the same bounds. */
MUST_USE bool pubkey_from_rsa(struct bytes modulus, struct bytes exponent, struct pubkey *out);
/* Views into the key; false: it is no RSA key. */
MUST_USE bool pubkey_rsa_numbers(const struct pubkey *key, struct bytes *modulus,
                                 struct bytes *exponent);
MUST_USE bool pubkey_from_ed25519(struct bytes octets, struct pubkey *out);
/* The curve by the length; whether the point lies on it shows when the key is used. */
MUST_USE bool pubkey_from_ecdsa(struct bytes octets, struct pubkey *out);
bool pubkey_is_ecdsa(enum pubkey_type type);
bool pubkey_equal(const struct pubkey *a, const struct pubkey *b);
static inline struct bytes pubkey_octets(const struct pubkey *key)
{
	return BYTES(key->octets, key->len);
}
/* "RSA 3072 bits", "Ed25519", "ECDSA P-256". */
struct pubkey_text {
	char s[24];
};
struct pubkey_text pubkey_text(const struct pubkey *key);

/* Signature algorithms of AUTH method 14; SHA-1 does not exist here (RFC 8247 section 4). */
enum signature_id {
	SIGNATURE_NONE,
	SIGNATURE_RSA_PKCS1_SHA2_256,
	SIGNATURE_RSA_PKCS1_SHA2_384,
	SIGNATURE_RSA_PKCS1_SHA2_512,
	SIGNATURE_RSA_PSS_SHA2_256,
	SIGNATURE_RSA_PSS_SHA2_384,
	SIGNATURE_RSA_PSS_SHA2_512,
	SIGNATURE_ED25519,
	SIGNATURE_ECDSA_SHA2_256,
	SIGNATURE_ECDSA_SHA2_384,
	SIGNATURE_ECDSA_SHA2_512,
};

/* The DER AlgorithmIdentifier to send (RFC 7427 appendix A, RFC 8420); static octets. */
struct bytes signature_algorithm_write(enum signature_id id);
/* From what the peer sent; also the PSS form with an explicit trailer field. SIGNATURE_NONE:
 * unknown. */
enum signature_id signature_algorithm_parse(struct bytes der);
/* Can a key of this type make it? ECDSA takes any curve (DS-6). */
bool signature_fits(enum signature_id id, enum pubkey_type key);
bool signature_is_rsa(enum signature_id id);

/* Numbers of the IANA registry "IKEv2 Hash Algorithms" (RFC 7427, RFC 8420). */
enum hash_id { HASH_SHA2_256 = 2, HASH_SHA2_384 = 3, HASH_SHA2_512 = 4, HASH_IDENTITY = 5 };
enum hash_id signature_hash(enum signature_id id);
bool signature_is_pss(enum signature_id id);
/* The crypto library's name of the hash; NULL where the octets themselves are signed (RFC 8420). */
const char *signature_digest(enum signature_id id);

/* True only if `signature` over `data` is of exactly that algorithm and this key made it. */
MUST_USE bool pubkey_verify(const struct pubkey *key, enum signature_id id, struct bytes data,
                            struct bytes signature);
