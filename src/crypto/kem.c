#include "crypto/kem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

/* The provider's words (EVP_PKEY-ML-KEM, EVP_KEM-ML-KEM); the headers of 3.0 do not have them. */
#define NAME        "ML-KEM-768"
#define PARAM_SEED  "seed"
#define PARAM_COINS "ikme"

enum { PUBLIC_LEN = 1184, CIPHERTEXT_LEN = 1088 };

static EVP_PKEY *key_from(const char *param, struct bytes value, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, NAME, NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(param, (void *)(uintptr_t)value.data, value.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool make_public(struct bytes seed, uint8_t *out)
{
	EVP_PKEY *key = key_from(PARAM_SEED, seed, EVP_PKEY_KEYPAIR);
	size_t len = 0;
	bool ok = key != NULL &&
	          EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out, PUBLIC_LEN,
	                                          &len) == 1 &&
	          len == PUBLIC_LEN;

	EVP_PKEY_free(key);
	return ok;
}

static bool encapsulate(struct bytes public_key, struct bytes coins, uint8_t *ciphertext,
                        struct secret *shared)
{
	EVP_PKEY *key = public_key.len != PUBLIC_LEN
	                    ? NULL
	                    : key_from(OSSL_PKEY_PARAM_PUB_KEY, public_key, EVP_PKEY_PUBLIC_KEY);
	EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(PARAM_COINS, (void *)(uintptr_t)coins.data,
		                                  coins.len),
		OSSL_PARAM_construct_end(),
	};
	uint8_t octets[KEM_SHARED_LEN];
	size_t len = CIPHERTEXT_LEN, shared_len = sizeof(octets);
	bool ok = ctx != NULL && EVP_PKEY_encapsulate_init(ctx, params) == 1 &&
	          EVP_PKEY_encapsulate(ctx, ciphertext, &len, octets, &shared_len) == 1 &&
	          len == CIPHERTEXT_LEN && shared_len == sizeof(octets);

	if (ok)
		*shared = secret_copy(BYTES_OF(octets));
	secret_wipe(octets, sizeof(octets));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static bool decapsulate(struct bytes seed, struct bytes ciphertext, struct secret *shared)
{
	EVP_PKEY *key =
	    ciphertext.len != CIPHERTEXT_LEN ? NULL : key_from(PARAM_SEED, seed, EVP_PKEY_KEYPAIR);
	EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t octets[KEM_SHARED_LEN];
	size_t len = sizeof(octets);
	bool ok = ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
	          EVP_PKEY_decapsulate(ctx, octets, &len, ciphertext.data, ciphertext.len) == 1 &&
	          len == sizeof(octets);

	if (ok)
		*shared = secret_copy(BYTES_OF(octets));
	secret_wipe(octets, sizeof(octets));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static const struct kem ml_kem_768 = {
	.id = KEX_ML_KEM_768,
	.name = NAME,
	.public_len = PUBLIC_LEN,
	.ciphertext_len = CIPHERTEXT_LEN,
	.make_public = make_public,
	.encapsulate = encapsulate,
	.decapsulate = decapsulate,
};

const struct kem *kem_ml_kem_768(void)
{
	EVP_KEYMGMT *there = EVP_KEYMGMT_fetch(NULL, NAME, NULL);

	EVP_KEYMGMT_free(there);
	return there == NULL ? NULL : &ml_kem_768;
}
