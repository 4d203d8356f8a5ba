#include "crypto/aead.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "crypto/cbc_mac.h"
#include "util/secret.h"

static const struct aead_kind {
	struct aead_shape shape;
	const char *cipher;
	const char *digest; /* of the HMAC; NULL: a true AEAD */
} kinds[] = {
#define AEAD(id, key, name, cipher)                                                                \
	{                                                                                          \
		{ id, (key) + AEAD_SALT_LEN, 0, AEAD_IV_LEN, AEAD_TAG_LEN, 1, name }, cipher, NULL \
	}
#define CBC(id, key, mac_key, name, cipher, digest)                                             \
	{                                                                                       \
		{ id, (key) + (mac_key), mac_key, 16, (mac_key) / 2, 16, name }, cipher, digest \
	}
	AEAD(AEAD_AES_GCM_16_128, 16, "AES-GCM-16-128", "AES-128-GCM"),
	AEAD(AEAD_AES_GCM_16_256, 32, "AES-GCM-16-256", "AES-256-GCM"),
	AEAD(AEAD_CHACHA20_POLY1305, 32, "ChaCha20-Poly1305", "ChaCha20-Poly1305"),
	CBC(AEAD_AES_CBC_128_SHA2_256, 16, 32, "AES-CBC-128, HMAC-SHA2-256-128", "AES-128-CBC",
	    "SHA2-256"),
	CBC(AEAD_AES_CBC_128_SHA2_384, 16, 48, "AES-CBC-128, HMAC-SHA2-384-192", "AES-128-CBC",
	    "SHA2-384"),
	CBC(AEAD_AES_CBC_128_SHA2_512, 16, 64, "AES-CBC-128, HMAC-SHA2-512-256", "AES-128-CBC",
	    "SHA2-512"),
	CBC(AEAD_AES_CBC_256_SHA2_256, 32, 32, "AES-CBC-256, HMAC-SHA2-256-128", "AES-256-CBC",
	    "SHA2-256"),
	CBC(AEAD_AES_CBC_256_SHA2_384, 32, 48, "AES-CBC-256, HMAC-SHA2-384-192", "AES-256-CBC",
	    "SHA2-384"),
	CBC(AEAD_AES_CBC_256_SHA2_512, 32, 64, "AES-CBC-256, HMAC-SHA2-512-256", "AES-256-CBC",
	    "SHA2-512"),
#undef CBC
#undef AEAD
};

enum { AEAD_GCM_KEY_MAX = 32 };

struct aead {
	const struct aead_shape *shape;
	EVP_CIPHER_CTX *ctx; /* the key, expanded at first use; a packet only sets its nonce */
	uint8_t salt[AEAD_SALT_LEN];
	uint8_t key[AEAD_GCM_KEY_MAX]; /* until then, and after a rest */
	struct cbc_mac *cbc;           /* instead of both */
};

static const struct aead_kind *aead_kind(enum aead_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].shape.id == id)
			return &kinds[i];
	}
	return NULL;
}

const struct aead_shape *aead_shape(enum aead_id id)
{
	static const struct aead_shape none = { .name = "none" };
	const struct aead_kind *kind = aead_kind(id);

	return kind == NULL ? &none : &kind->shape;
}

size_t aead_key_len(enum aead_id id)
{
	return aead_shape(id)->key_len;
}

const char *aead_name(enum aead_id id)
{
	return aead_shape(id)->name;
}

const struct aead_shape *aead_shape_of(const struct aead *aead)
{
	return aead->shape;
}

static bool gcm_wake(struct aead *aead, const struct aead_kind *kind)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, kind->cipher, NULL);
	bool ok;

	aead->ctx = EVP_CIPHER_CTX_new();
	/* Direction 1; aead_open() turns it for each packet, the expanded key serves both. */
	ok = aead->ctx != NULL && cipher != NULL &&
	     EVP_CipherInit_ex2(aead->ctx, cipher, aead->key, NULL, 1, NULL) == 1;
	EVP_CIPHER_free(cipher); /* the context keeps its own reference */
	return ok;
}

/* An expanded key takes over a kilobyte, and most SAs of a gateway rest: first use expands it. */
static void gcm_init(struct aead *aead, struct bytes key)
{
	memcpy(aead->salt, key.data + key.len - AEAD_SALT_LEN, AEAD_SALT_LEN);
	memcpy(aead->key, key.data, key.len - AEAD_SALT_LEN);
}

static bool cbc_init(struct aead *aead, const struct aead_kind *kind, struct bytes key)
{
	size_t split = key.len - kind->shape.mac_key_len;

	aead->cbc =
	    cbc_mac_new(kind->cipher, BYTES(key.data, split), kind->digest,
	                BYTES(key.data + split, kind->shape.mac_key_len), kind->shape.tag_len);
	return aead->cbc != NULL;
}

struct aead *aead_new(enum aead_id id, struct bytes key)
{
	const struct aead_kind *kind = aead_kind(id);
	struct aead *aead;

	if (kind == NULL || key.len != kind->shape.key_len)
		return NULL;
	aead = new_zeroed(sizeof(*aead));
	aead->shape = &kind->shape;
	if (kind->digest == NULL) {
		gcm_init(aead, key);
	} else if (!cbc_init(aead, kind, key)) {
		aead_free(aead);
		return NULL;
	}
	return aead;
}

void aead_free(struct aead *aead)
{
	if (aead == NULL)
		return;
	EVP_CIPHER_CTX_free(aead->ctx); /* wipes the expanded key */
	cbc_mac_free(aead->cbc);
	secret_wipe(aead, sizeof(*aead));
	free(aead);
}

void aead_rest(struct aead *aead)
{
	EVP_CIPHER_CTX_free(aead->ctx);
	aead->ctx = NULL;
}

void aead_iv(const struct aead *aead, uint64_t number, const uint8_t *random, uint8_t *iv)
{
	struct writer w = writer_on(iv, AEAD_IV_LEN);

	if (aead->cbc != NULL)
		memcpy(iv, random, aead->shape->iv_len);
	else
		write_be64(&w, number);
}

/* Salt, then the explicit IV: RFC 4106 section 4, RFC 7634 section 2. */
static bool aead_start(struct aead *aead, const uint8_t *iv, struct bytes aad, int is_sealing)
{
	uint8_t nonce[AEAD_SALT_LEN + AEAD_IV_LEN];
	int len;

	if (aead->ctx == NULL && !gcm_wake(aead, aead_kind(aead->shape->id)))
		return false;
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

bool aead_seal(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes plain,
               uint8_t *out)
{
	int len = 0;

	if (aead->cbc != NULL)
		return cbc_mac_seal(aead->cbc, iv, aad, plain, (struct bytes){ 0 }, out);
	return aead_start(aead, iv, aad, 1) && aead_run(aead, plain, out) &&
	       EVP_CipherFinal_ex(aead->ctx, out + plain.len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
	                           out + plain.len) == 1;
}

bool aead_open(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes sealed,
               uint8_t *out)
{
	uint8_t tag[AEAD_TAG_LEN];
	struct bytes cipher;
	int len = 0;

	if (aead->cbc != NULL)
		return cbc_mac_open(aead->cbc, iv, aad, sealed, (struct bytes){ 0 }, out);
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

bool aead_seal_tailed(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes plain,
                      struct bytes tail, uint8_t *out)
{
	assert(aead->cbc != NULL);
	return cbc_mac_seal(aead->cbc, iv, aad, plain, tail, out);
}

bool aead_open_tailed(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes sealed,
                      struct bytes tail, uint8_t *out)
{
	assert(aead->cbc != NULL);
	return cbc_mac_open(aead->cbc, iv, aad, sealed, tail, out);
}
