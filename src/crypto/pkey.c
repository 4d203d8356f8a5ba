#include "crypto/pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

enum { NUMBER_LEN_MAX = 1024, POINT_UNCOMPRESSED = 4 };

static const struct curve {
	enum pubkey_type type;
	const char *name;
} curves[] = {
	{ PUBKEY_ECDSA_P256, "prime256v1" },
	{ PUBKEY_ECDSA_P384, "secp384r1" },
	{ PUBKEY_ECDSA_P521, "secp521r1" },
};

static EVP_PKEY *pkey_from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *pkey_of_rsa(const struct pubkey *key)
{
	struct bytes modulus;
	struct bytes exponent;
	OSSL_PARAM_BLD *build;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey;
	BIGNUM *n;
	BIGNUM *e;

	if (!pubkey_rsa_numbers(key, &modulus, &exponent))
		return NULL;
	n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	build = OSSL_PARAM_BLD_new();
	if (n != NULL && e != NULL && build != NULL &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	pkey = pkey_from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(e);
	BN_free(n);
	return pkey;
}

static EVP_PKEY *pkey_of_ecdsa(const struct pubkey *key, const struct curve *curve)
{
	uint8_t point[1 + PUBKEY_OCTETS_MAX] = { POINT_UNCOMPRESSED };
	char name[16];
	OSSL_PARAM params[3];

	memcpy(point + 1, key->octets, key->len);
	strcpy(name, curve->name);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
	params[1] =
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1u + key->len);
	params[2] = OSSL_PARAM_construct_end();
	return pkey_from_params("EC", params);
}

EVP_PKEY *pkey_of_public(const struct pubkey *key)
{
	if (key->type == PUBKEY_RSA)
		return pkey_of_rsa(key);
	if (key->type == PUBKEY_ED25519)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->octets, key->len);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (curves[i].type == key->type)
			return pkey_of_ecdsa(key, &curves[i]);
	return NULL;
}

/* The octets of one public number; empty if the key has none or it is out of any bound. */
static struct bytes public_number(const EVP_PKEY *pkey, const char *name, uint8_t *out)
{
	struct bytes octets = BYTES(out, 0);
	BIGNUM *number = NULL;

	if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
	    BN_num_bytes(number) <= NUMBER_LEN_MAX)
		octets.len = (size_t)BN_bn2bin(number, out);
	BN_free(number);
	return octets;
}

static bool rsa_public(const EVP_PKEY *pkey, struct pubkey *out)
{
	uint8_t modulus[NUMBER_LEN_MAX];
	uint8_t exponent[NUMBER_LEN_MAX];

	return pubkey_from_rsa(public_number(pkey, OSSL_PKEY_PARAM_RSA_N, modulus),
	                       public_number(pkey, OSSL_PKEY_PARAM_RSA_E, exponent), out);
}

/* x and y, each padded to the field. A curve of the same size that is none of ours is refused. */
static bool ecdsa_public(const EVP_PKEY *pkey, struct pubkey *out)
{
	int field = (EVP_PKEY_get_bits(pkey) + 7) / 8;
	uint8_t octets[2 * NUMBER_LEN_MAX];
	struct pubkey key;
	BIGNUM *x = NULL;
	BIGNUM *y = NULL;
	char name[32] = "";
	bool ok;

	ok = field > 0 && field <= NUMBER_LEN_MAX &&
	     EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name),
	                                    NULL) == 1 &&
	     EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	     EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	     BN_bn2binpad(x, octets, field) == field &&
	     BN_bn2binpad(y, octets + field, field) == field &&
	     pubkey_from_ecdsa(BYTES(octets, 2 * (size_t)field), &key);
	BN_free(x);
	BN_free(y);
	for (size_t i = 0; ok && i < ARRAY_LEN(curves); i++) {
		if (curves[i].type == key.type && strcmp(curves[i].name, name) == 0) {
			*out = key;
			return true;
		}
	}
	return false;
}

static bool ed25519_public(const EVP_PKEY *pkey, struct pubkey *out)
{
	uint8_t octets[64];
	size_t len = sizeof(octets);

	return EVP_PKEY_get_raw_public_key(pkey, octets, &len) == 1 &&
	       pubkey_from_ed25519(BYTES(octets, len), out);
}

bool pkey_public(const EVP_PKEY *pkey, struct pubkey *out)
{
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return rsa_public(pkey, out);
	case EVP_PKEY_EC:
		return ecdsa_public(pkey, out);
	case EVP_PKEY_ED25519:
		return ed25519_public(pkey, out);
	default:
		return false;
	}
}

bool spki_parse(struct bytes der, struct pubkey *out)
{
	const uint8_t *at = der.data;
	EVP_PKEY *pkey;
	bool ok;

	if (der.len == 0 || der.len > SPKI_LEN_MAX)
		return false;
	pkey = d2i_PUBKEY(NULL, &at, (long)der.len);
	ok = pkey != NULL && at == der.data + der.len && pkey_public(pkey, out);
	EVP_PKEY_free(pkey);
	return ok;
}

bool spki_write(const struct pubkey *key, struct writer *out)
{
	EVP_PKEY *pkey = pkey_of_public(key);
	uint8_t *der = NULL;
	int len = pkey == NULL ? -1 : i2d_PUBKEY(pkey, &der);

	if (len > 0)
		write_bytes(out, BYTES(der, (size_t)len));
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return len > 0 && !out->failed;
}
