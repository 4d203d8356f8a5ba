#include "crypto/pubkey.h"

/*
 * The algorithms of AUTH method 14, row by row: RFC 7427 appendix A, RFC 8420 section 3. Octets are
 * compared, never decoded: an identifier has one right form (and PSS a second one that is seen).
 */
#define OID_PKCS1  0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01
#define OID_SHA2   0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02
#define HASH(hash) 0x30, 0x0d, OID_SHA2, hash, 0x05, 0x00

#define RSA_PKCS1(number)                                 \
	{                                                 \
		0x30, 0x0d, OID_PKCS1, number, 0x05, 0x00 \
	}
#define RSA_PSS_FIELDS(hash, salt)                                                               \
	0xa0, 0x0f, HASH(hash), 0xa1, 0x1c, 0x30, 0x1a, OID_PKCS1, 0x08, HASH(hash), 0xa2, 0x03, \
	    0x02, 0x01, salt
#define RSA_PSS(hash, salt)                                                         \
	{                                                                           \
		0x30, 0x41, OID_PKCS1, 0x0a, 0x30, 0x34, RSA_PSS_FIELDS(hash, salt) \
	}
/* With trailerField [3] 1, a default that DER leaves out and some write. */
#define RSA_PSS_TRAILER(hash, salt)                                                              \
	{                                                                                        \
		0x30, 0x46, OID_PKCS1, 0x0a, 0x30, 0x39, RSA_PSS_FIELDS(hash, salt), 0xa3, 0x03, \
		    0x02, 0x01, 0x01                                                             \
	}

static const uint8_t pkcs1_sha2_256[] = RSA_PKCS1(0x0b);
static const uint8_t pkcs1_sha2_384[] = RSA_PKCS1(0x0c);
static const uint8_t pkcs1_sha2_512[] = RSA_PKCS1(0x0d);
static const uint8_t pss_sha2_256[] = RSA_PSS(0x01, 32);
static const uint8_t pss_sha2_384[] = RSA_PSS(0x02, 48);
static const uint8_t pss_sha2_512[] = RSA_PSS(0x03, 64);
static const uint8_t pss_sha2_256_trailer[] = RSA_PSS_TRAILER(0x01, 32);
static const uint8_t pss_sha2_384_trailer[] = RSA_PSS_TRAILER(0x02, 48);
static const uint8_t pss_sha2_512_trailer[] = RSA_PSS_TRAILER(0x03, 64);
#define ECDSA_SHA2(number)                                                               \
	{                                                                                \
		0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, number \
	}
static const uint8_t ecdsa_sha2_256[] = ECDSA_SHA2(0x02);
static const uint8_t ecdsa_sha2_384[] = ECDSA_SHA2(0x03);
static const uint8_t ecdsa_sha2_512[] = ECDSA_SHA2(0x04);
static const uint8_t ed25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };

#define OCTETS(a)              \
	{                      \
		(a), sizeof(a) \
	}

static const struct signature_kind {
	enum signature_id id;
	enum pubkey_type key; /* ECDSA: PUBKEY_ECDSA_P256 stands for all curves */
	enum hash_id hash;
	struct bytes algorithm;
	struct bytes also_read;
} kinds[] = {
	{ SIGNATURE_RSA_PKCS1_SHA2_256, PUBKEY_RSA, HASH_SHA2_256, OCTETS(pkcs1_sha2_256), { 0 } },
	{ SIGNATURE_RSA_PKCS1_SHA2_384, PUBKEY_RSA, HASH_SHA2_384, OCTETS(pkcs1_sha2_384), { 0 } },
	{ SIGNATURE_RSA_PKCS1_SHA2_512, PUBKEY_RSA, HASH_SHA2_512, OCTETS(pkcs1_sha2_512), { 0 } },
	{ SIGNATURE_RSA_PSS_SHA2_256, PUBKEY_RSA, HASH_SHA2_256, OCTETS(pss_sha2_256),
	  OCTETS(pss_sha2_256_trailer) },
	{ SIGNATURE_RSA_PSS_SHA2_384, PUBKEY_RSA, HASH_SHA2_384, OCTETS(pss_sha2_384),
	  OCTETS(pss_sha2_384_trailer) },
	{ SIGNATURE_RSA_PSS_SHA2_512, PUBKEY_RSA, HASH_SHA2_512, OCTETS(pss_sha2_512),
	  OCTETS(pss_sha2_512_trailer) },
	{ SIGNATURE_ED25519, PUBKEY_ED25519, HASH_IDENTITY, OCTETS(ed25519), { 0 } },
	{ SIGNATURE_ECDSA_SHA2_256,
	  PUBKEY_ECDSA_P256,
	  HASH_SHA2_256,
	  OCTETS(ecdsa_sha2_256),
	  { 0 } },
	{ SIGNATURE_ECDSA_SHA2_384,
	  PUBKEY_ECDSA_P256,
	  HASH_SHA2_384,
	  OCTETS(ecdsa_sha2_384),
	  { 0 } },
	{ SIGNATURE_ECDSA_SHA2_512,
	  PUBKEY_ECDSA_P256,
	  HASH_SHA2_512,
	  OCTETS(ecdsa_sha2_512),
	  { 0 } },
};

static const struct signature_kind *signature_kind(enum signature_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].id == id)
			return &kinds[i];
	}
	return NULL;
}

struct bytes signature_algorithm_write(enum signature_id id)
{
	const struct signature_kind *kind = signature_kind(id);

	return kind == NULL ? BYTES(NULL, 0) : kind->algorithm;
}

enum signature_id signature_algorithm_parse(struct bytes der)
{
	for (size_t i = 0; der.len > 0 && i < ARRAY_LEN(kinds); i++) {
		if (bytes_equal(der, kinds[i].algorithm) || bytes_equal(der, kinds[i].also_read))
			return kinds[i].id;
	}
	return SIGNATURE_NONE;
}

bool signature_fits(enum signature_id id, enum pubkey_type key)
{
	const struct signature_kind *kind = signature_kind(id);

	if (kind == NULL)
		return false;
	return pubkey_is_ecdsa(kind->key) ? pubkey_is_ecdsa(key) : kind->key == key;
}

bool signature_is_rsa(enum signature_id id)
{
	return signature_fits(id, PUBKEY_RSA);
}

enum hash_id signature_hash(enum signature_id id)
{
	const struct signature_kind *kind = signature_kind(id);

	return kind == NULL ? 0 : kind->hash;
}

bool signature_is_pss(enum signature_id id)
{
	return id == SIGNATURE_RSA_PSS_SHA2_256 || id == SIGNATURE_RSA_PSS_SHA2_384 ||
	       id == SIGNATURE_RSA_PSS_SHA2_512;
}

const char *signature_digest(enum signature_id id)
{
	switch (signature_hash(id)) {
	case HASH_SHA2_256:
		return "SHA2-256";
	case HASH_SHA2_384:
		return "SHA2-384";
	case HASH_SHA2_512:
		return "SHA2-512";
	case HASH_IDENTITY:
		break;
	}
	return NULL;
}
