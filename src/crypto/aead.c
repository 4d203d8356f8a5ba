#include "crypto/aead.h"
#include "util/secret.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/evp.h>

static const struct aead_kind {
	enum aead_id id;
	size_t key_len; /* salt included */
	const char *name;
	const char *cipher;
} kinds[] = {
	{ AEAD_AES_GCM_16_128, 16 + AEAD_SALT_LEN, "AES-GCM-16-128", "AES-128-GCM" },
	{ AEAD_AES_GCM_16_256, 32 + AEAD_SALT_LEN, "AES-GCM-16-256", "AES-256-GCM" },
	{ AEAD_CHACHA20_POLY1305, 32 + AEAD_SALT_LEN, "ChaCha20-Poly1305", "ChaCha20-Poly1305" },
};

struct aead {
	EVP_CIPHER_CTX *ctx; /* the key is expanded in here once; a packet only sets its nonce */
	uint8_t salt[AEAD_SALT_LEN];
};

static const struct aead_kind *aead_kind(enum aead_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].id == id)
			return &kinds[i];
	}
	return NULL;
}

size_t aead_key_len(enum aead_id id)
{
	const struct aead_kind *kind = aead_kind(id);

	return kind == NULL ? 0 : kind->key_len;
}

const char *aead_name(enum aead_id id)
{
	const struct aead_kind *kind = aead_kind(id);

	return kind == NULL ? "none" : kind->name;
}

struct aead *aead_new(enum aead_id id, struct bytes key)
{
	const struct aead_kind *kind = aead_kind(id);
	struct aead *aead;
	EVP_CIPHER *cipher;

	if (kind == NULL || key.len != kind->key_len)
		return NULL;
	aead = new_zeroed(sizeof(*aead));
	memcpy(aead->salt, key.data + key.len - AEAD_SALT_LEN, AEAD_SALT_LEN);
	aead->ctx = EVP_CIPHER_CTX_new();
	cipher = EVP_CIPHER_fetch(NULL, kind->cipher, NULL);
	/* Direction 1; aead_open() turns it for each packet, the expanded key serves both. */
	if (aead->ctx == NULL || cipher == NULL ||
	    EVP_CipherInit_ex2(aead->ctx, cipher, key.data, NULL, 1, NULL) != 1) {
		aead_free(aead);
		aead = NULL;
	}
	EVP_CIPHER_free(cipher); /* the context keeps its own reference */
	return aead;
}

void aead_free(struct aead *aead)
{
	if (aead == NULL)
		return;
	EVP_CIPHER_CTX_free(aead->ctx); /* wipes the expanded key */
	secret_wipe(aead->salt, sizeof(aead->salt));
	free(aead);
}

/* Salt, then the explicit IV: RFC 4106 section 4, RFC 7634 section 2. */
static bool aead_start(struct aead *aead, const uint8_t iv[AEAD_IV_LEN], struct bytes aad,
                       int is_sealing)
{
	uint8_t nonce[AEAD_SALT_LEN + AEAD_IV_LEN];
	int len;

	memcpy(nonce, aead->salt, AEAD_SALT_LEN);
	memcpy(nonce + AEAD_SALT_LEN, iv, AEAD_IV_LEN);
	if (aad.len > INT_MAX ||
	    EVP_CipherInit_ex2(aead->ctx, NULL, NULL, nonce, is_sealing, NULL) != 1)
		return false;
	return aad.len == 0 || EVP_CipherUpdate(aead->ctx, NULL, &len, aad.data, (int)aad.len) == 1;
}

/* Both kinds are stream ciphers: what goes in comes out at once. */
static bool aead_run(struct aead *aead, struct bytes in, uint8_t *out)
{
	int len = 0;

	if (in.len == 0)
		return true;
	return in.len <= INT_MAX &&
	       EVP_CipherUpdate(aead->ctx, out, &len, in.data, (int)in.len) == 1 &&
	       (size_t)len == in.len;
}

bool aead_seal(struct aead *aead, const uint8_t iv[AEAD_IV_LEN], struct bytes aad,
               struct bytes plain, uint8_t *out)
{
	int len = 0;

	return aead_start(aead, iv, aad, 1) && aead_run(aead, plain, out) &&
	       EVP_CipherFinal_ex(aead->ctx, out + plain.len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
	                           out + plain.len) == 1;
}

bool aead_open(struct aead *aead, const uint8_t iv[AEAD_IV_LEN], struct bytes aad,
               struct bytes sealed, uint8_t *out)
{
	uint8_t tag[AEAD_TAG_LEN];
	struct bytes cipher;
	int len = 0;

	if (sealed.len < AEAD_TAG_LEN)
		return false;
	cipher = BYTES(sealed.data, sealed.len - AEAD_TAG_LEN);
	memcpy(tag, sealed.data + cipher.len, AEAD_TAG_LEN);
	if (aead_start(aead, iv, aad, 0) && aead_run(aead, cipher, out) &&
	    EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, tag) == 1 &&
	    EVP_CipherFinal_ex(aead->ctx, out + cipher.len, &len) == 1)
		return true;
	secret_wipe(out, cipher.len); /* nobody sees a plaintext that nobody vouches for */
	return false;
}
