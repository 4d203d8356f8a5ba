#include "crypto/cbc_mac.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "util/secret.h"

enum { BLOCK = 16, MAC_MAX = 64 };

struct cbc_mac {
	EVP_CIPHER_CTX *encrypt; /* unlike a counter mode CBC has a key schedule a direction */
	EVP_CIPHER_CTX *decrypt;
	EVP_MAC_CTX *mac;
	size_t tag_len;
};

static EVP_CIPHER_CTX *cipher_new(const char *name, struct bytes key, int is_encrypting)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (cipher == NULL || ctx == NULL ||
	    EVP_CipherInit_ex2(ctx, cipher, key.data, NULL, is_encrypting, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(cipher);
	return ctx;
}

static EVP_MAC_CTX *mac_new(const char *digest, struct bytes key)
{
	char name[16];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	OSSL_PARAM params[2];

	snprintf(name, sizeof(name), "%s", digest);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx != NULL && EVP_MAC_init(ctx, key.data, key.len, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_MAC_free(mac);
	return ctx;
}

struct cbc_mac *cbc_mac_new(const char *cipher, struct bytes key, const char *digest,
                            struct bytes mac_key, size_t tag_len)
{
	struct cbc_mac *cbc = new_zeroed(sizeof(*cbc));

	cbc->encrypt = cipher_new(cipher, key, 1);
	cbc->decrypt = cipher_new(cipher, key, 0);
	cbc->mac = mac_new(digest, mac_key);
	cbc->tag_len = tag_len;
	if (cbc->encrypt != NULL && cbc->decrypt != NULL && cbc->mac != NULL)
		return cbc;
	cbc_mac_free(cbc);
	return NULL;
}

void cbc_mac_free(struct cbc_mac *cbc)
{
	if (cbc == NULL)
		return;
	EVP_CIPHER_CTX_free(cbc->encrypt);
	EVP_CIPHER_CTX_free(cbc->decrypt);
	EVP_MAC_CTX_free(cbc->mac);
	free(cbc);
}

/* Whole blocks in, as many out; `in` may be `out`. */
static bool run(EVP_CIPHER_CTX *ctx, const uint8_t *iv, struct bytes in, uint8_t *out)
{
	int len = 0;

	if (in.len > INT_MAX || in.len % BLOCK != 0 ||
	    EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL) != 1)
		return false;
	return in.len == 0 || (EVP_CipherUpdate(ctx, out, &len, in.data, (int)in.len) == 1 &&
	                       (size_t)len == in.len);
}

static bool mac_of(struct cbc_mac *cbc, const uint8_t *iv, struct bytes aad, struct bytes cipher,
                   struct bytes tail, uint8_t out[MAC_MAX])
{
	const struct bytes parts[] = { aad, BYTES(iv, BLOCK), cipher, tail };
	size_t len;

	if (EVP_MAC_init(cbc->mac, NULL, 0, NULL) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].len > 0 && EVP_MAC_update(cbc->mac, parts[i].data, parts[i].len) != 1)
			return false;
	}
	return EVP_MAC_final(cbc->mac, out, &len, MAC_MAX) == 1 && len >= cbc->tag_len;
}

bool cbc_mac_seal(struct cbc_mac *cbc, const uint8_t *iv, struct bytes aad, struct bytes plain,
                  struct bytes tail, uint8_t *out)
{
	uint8_t mac[MAC_MAX];

	if (!run(cbc->encrypt, iv, plain, out) ||
	    !mac_of(cbc, iv, aad, BYTES(out, plain.len), tail, mac))
		return false;
	memcpy(out + plain.len, mac, cbc->tag_len);
	return true;
}

bool cbc_mac_open(struct cbc_mac *cbc, const uint8_t *iv, struct bytes aad, struct bytes sealed,
                  struct bytes tail, uint8_t *out)
{
	uint8_t mac[MAC_MAX];
	struct bytes cipher;

	if (sealed.len < cbc->tag_len || (sealed.len - cbc->tag_len) % BLOCK != 0)
		return false;
	cipher = BYTES(sealed.data, sealed.len - cbc->tag_len);
	return mac_of(cbc, iv, aad, cipher, tail, mac) &&
	       secret_equal(BYTES(mac, cbc->tag_len),
	                    BYTES(sealed.data + cipher.len, cbc->tag_len)) &&
	       run(cbc->decrypt, iv, cipher, out);
}
