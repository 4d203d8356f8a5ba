#include "signer/private.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { NUMBER_LEN_MAX = 1024 };

static const char *const number_names[SIGNER_PARTS_MAX] = {
	OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

enum { NUMBERS_WITHOUT_PRIMES = 3 };

/* All eight numbers, or n, e and d alone: half a set of primes is a typing mistake. */
static size_t numbers_given(const struct bytes *parts)
{
	size_t given = 0;

	while (given < SIGNER_PARTS_MAX && parts[given].len > 0)
		given++;
	for (size_t i = given; i < SIGNER_PARTS_MAX; i++) {
		if (parts[i].len > 0)
			return 0;
	}
	return given == NUMBERS_WITHOUT_PRIMES || given == SIGNER_PARTS_MAX ? given : 0;
}

static bool numbers_read(const struct bytes *parts, size_t count, BIGNUM **numbers)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > NUMBER_LEN_MAX)
			return false;
		numbers[i] = BN_secure_new();
		if (numbers[i] == NULL ||
		    BN_bin2bn(parts[i].data, (int)parts[i].len, numbers[i]) == NULL)
			return false;
	}
	return true;
}

static OSSL_PARAM *numbers_params(BIGNUM *const *numbers, size_t count)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	bool ok = build != NULL;

	for (size_t i = 0; ok && i < count; i++)
		ok = OSSL_PARAM_BLD_push_BN(build, number_names[i], numbers[i]) == 1;
	params = ok ? OSSL_PARAM_BLD_to_param(build) : NULL;
	OSSL_PARAM_BLD_free(build);
	return params;
}

static EVP_PKEY *pkey_from_params(OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

EVP_PKEY *private_from_numbers(const struct bytes *parts)
{
	BIGNUM *numbers[SIGNER_PARTS_MAX] = { NULL };
	size_t count = numbers_given(parts);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (count > 0 && numbers_read(parts, count, numbers))
		params = numbers_params(numbers, count);
	if (params != NULL)
		pkey = pkey_from_params(params);
	OSSL_PARAM_free(params); /* wipes what came from secure numbers */
	for (size_t i = 0; i < SIGNER_PARTS_MAX; i++)
		BN_clear_free(numbers[i]);
	return pkey;
}

/* Nobody sits at this process to type a password. */
static int no_password(char *out, int size, int is_writing, void *ctx)
{
	(void)out, (void)size, (void)is_writing, (void)ctx;
	return -1;
}

EVP_PKEY *private_from_pem(struct bytes pem, int type)
{
	BIO *bio = pem.len == 0 ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
	EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	BIO_free(bio);
	if (pkey == NULL || EVP_PKEY_get_id(pkey) == type)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static bool sign_start(EVP_MD_CTX *ctx, EVP_PKEY *pkey, enum signature_id id)
{
	EVP_PKEY_CTX *how;

	if (EVP_DigestSignInit_ex(ctx, &how, signature_digest(id), NULL, NULL, pkey, NULL) != 1)
		return false;
	if (!signature_is_rsa(id))
		return true;
	if (!signature_is_pss(id))
		return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
}

struct buf private_sign(EVP_PKEY *pkey, enum signature_id id, struct bytes data)
{
	struct buf signature = { .len = (size_t)EVP_PKEY_get_size(pkey) };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	signature.data = new_array(signature.len, 1);
	if (ctx == NULL || !sign_start(ctx, pkey, id) ||
	    EVP_DigestSign(ctx, signature.data, &signature.len, data.data, data.len) != 1)
		buf_free(&signature);
	EVP_MD_CTX_free(ctx);
	return signature;
}
