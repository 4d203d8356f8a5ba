#include "crypto/selftest.h"

#include <string.h>

#include "crypto/aead.h"
#include "crypto/kex.h"
#include "crypto/prf.h"
#include "crypto/pubkey.h"

/* RFC 4231 section 4.3: key "Jefe". */
static const struct {
	enum prf_id id;
	const char *name;
	const char *answer;
} prfs[] = {
	{ PRF_HMAC_SHA2_256, "HMAC-SHA2-256",
	  "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
	  "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43" },
	{ PRF_HMAC_SHA2_384, "HMAC-SHA2-384",
	  "\xaf\x45\xd2\xe3\x76\x48\x40\x31\x61\x7f\x78\xd2\xb5\x8a\x6b\x1b"
	  "\x9c\x7e\xf4\x64\xf5\xa0\x1b\x47\xe4\x2e\xc3\x73\x63\x22\x44\x5e"
	  "\x8e\x22\x40\xca\x5e\x69\xe2\xc7\x8b\x32\x39\xec\xfa\xb2\x16\x49" },
	{ PRF_HMAC_SHA2_512, "HMAC-SHA2-512",
	  "\x16\x4b\x7a\x7b\xfc\xf8\x19\xe2\xe3\x95\xfb\xe7\x3b\x56\xe0\xa3"
	  "\x87\xbd\x64\x22\x2e\x83\x1f\xd6\x10\x27\x0c\xd7\xea\x25\x05\x54"
	  "\x97\x58\xbf\x75\xc0\x5a\x99\x4a\x6d\x03\x4f\x65\xf8\xf0\xe6\xfd"
	  "\xca\xea\xb1\xa3\x4d\x4a\x6b\x4b\x63\x6e\x07\x0a\x38\xbc\xe7\x37" },
};

static const char *test_prfs(void)
{
	const struct bytes data = BYTES_STR("what do ya want for nothing?");
	uint8_t out[PRF_LEN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		if (!prf(prfs[i].id, BYTES_STR("Jefe"), &data, 1, out) ||
		    memcmp(out, prfs[i].answer, prf_len(prfs[i].id)) != 0)
			return prfs[i].name;
	}
	return NULL;
}

enum { OWN_LEN = 32, SECRET_LEN = 32 };

/* RFC 7748 section 6.1. */
static const uint8_t alice[OWN_LEN] = { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
	                                0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
	                                0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a,
	                                0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a };
static const uint8_t bob[OWN_LEN] = { 0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b,
	                              0x79, 0xe1, 0x7f, 0x8b, 0x83, 0x80, 0x0e, 0xe6,
	                              0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18, 0xb6, 0xfd,
	                              0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb };
static const uint8_t x25519_answer[SECRET_LEN] = { 0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1,
	                                           0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25,
	                                           0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33,
	                                           0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42 };

/* Do both sides come to the same secret, and to `answer` if there is one? */
static bool test_kex(enum kex_id id, const uint8_t *answer)
{
	const uint8_t *own[] = { alice, bob };
	uint8_t public_value[2][KEX_PUBLIC_MAX];
	struct secret shared[2] = { 0 };
	size_t len = kex_public_len(id);
	bool ok = true;

	for (int i = 0; i < 2; i++)
		ok = ok && kex_public(id, BYTES(own[i], OWN_LEN), public_value[i]);
	for (int i = 0; i < 2; i++)
		ok = ok && kex_shared(id, BYTES(own[i], OWN_LEN), BYTES(public_value[1 - i], len),
		                      &shared[i]);
	ok = ok && memcmp(shared[0].data, shared[1].data, SECRET_LEN) == 0;
	ok = ok && (answer == NULL || memcmp(shared[0].data, answer, SECRET_LEN) == 0);
	secret_free(&shared[0]);
	secret_free(&shared[1]);
	return ok;
}

/* What is sealed opens, and what was touched does not. */
static bool test_aead(enum aead_id id)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 1 };
	static const uint8_t iv[AEAD_IV_MAX] = { 2 };
	const struct bytes aad = BYTES_STR("header"), plain = BYTES_STR("a block of octets");
	const struct bytes block = BYTES(plain.data, AEAD_BLOCK_MAX);
	uint8_t sealed[AEAD_BLOCK_MAX + AEAD_TAG_MAX], opened[AEAD_BLOCK_MAX];
	const struct bytes all = BYTES(sealed, block.len + aead_shape(id)->tag_len);
	struct aead *aead = aead_new(id, BYTES(key, aead_key_len(id)));
	bool ok;

	if (aead == NULL)
		return false;
	ok = aead_seal(aead, iv, aad, block, sealed) && aead_open(aead, iv, aad, all, opened) &&
	     memcmp(opened, block.data, block.len) == 0;
	sealed[0] ^= 1;
	ok = ok && !aead_open(aead, iv, aad, all, opened);
	aead_free(aead);
	return ok;
}

/* RFC 8032 section 7.1, test 1. */
static bool test_ed25519(void)
{
	static const uint8_t octets[32] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
		                            0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
		                            0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
		                            0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
	uint8_t signature[64] = { 0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2,
		                  0xcc, 0x80, 0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5,
		                  0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f,
		                  0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70,
		                  0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe,
		                  0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b };
	const struct bytes nothing = BYTES("", 0);
	struct pubkey key;
	bool ok = pubkey_from_ed25519(BYTES_OF(octets), &key) &&
	          pubkey_verify(&key, SIGNATURE_ED25519, nothing, BYTES_OF(signature));

	signature[0] ^= 1;
	return ok && !pubkey_verify(&key, SIGNATURE_ED25519, nothing, BYTES_OF(signature));
}

const char *crypto_selftest(void)
{
	static const enum aead_id ciphers[] = { AEAD_AES_GCM_16_128, AEAD_AES_GCM_16_256,
		                                AEAD_CHACHA20_POLY1305, AEAD_AES_CBC_128_SHA2_256,
		                                AEAD_AES_CBC_256_SHA2_256 };
	const char *wrong = test_prfs();

	if (wrong != NULL)
		return wrong;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		if (!test_aead(ciphers[i]))
			return aead_name(ciphers[i]);
	}
	if (!test_kex(KEX_X25519, x25519_answer))
		return "X25519";
	if (!test_kex(KEX_P256, NULL))
		return "P-256";
	return test_ed25519() ? NULL : "Ed25519";
}
