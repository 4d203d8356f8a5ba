#include "crypto/kex.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

enum { X25519_LEN = 32, FIELD_MAX = 48, POINT_MAX = 1 + 2 * FIELD_MAX, POINT_UNCOMPRESSED = 4 };

/*
 * Exponents for MODP have 320 bits, twice the strength that RFC 3526 section 8 estimates for the
 * 4096 bit group and more than twice that of the smaller ones.
 */
enum { MODP_EXPONENT_LEN = 40 };

static const struct kex_kind {
	enum kex_id id;
	const char *name;
	uint16_t public_len;
	uint16_t private_len;
	uint16_t shared_len;
	int curve;                        /* of the NIST curves */
	BIGNUM *(*modulus)(BIGNUM *into); /* of MODP */
} kinds[] = {
	{ KEX_X25519, "X25519", X25519_LEN, X25519_LEN, X25519_LEN, 0, NULL },
	{ KEX_P256, "P-256", 64, 32, 32, NID_X9_62_prime256v1, NULL },
	{ KEX_P384, "P-384", 96, 48, 48, NID_secp384r1, NULL },
	{ KEX_MODP_2048, "MODP-2048", 256, MODP_EXPONENT_LEN, 256, 0, BN_get_rfc3526_prime_2048 },
	{ KEX_MODP_3072, "MODP-3072", 384, MODP_EXPONENT_LEN, 384, 0, BN_get_rfc3526_prime_3072 },
	{ KEX_MODP_4096, "MODP-4096", 512, MODP_EXPONENT_LEN, 512, 0, BN_get_rfc3526_prime_4096 },
};

static const struct kex_kind *kex_kind(enum kex_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].id == id)
			return &kinds[i];
	}
	return NULL;
}

size_t kex_public_len(enum kex_id id)
{
	const struct kex_kind *kind = kex_kind(id);

	return kind == NULL ? 0 : kind->public_len;
}

size_t kex_private_len(enum kex_id id)
{
	const struct kex_kind *kind = kex_kind(id);

	return kind == NULL ? 0 : kind->private_len;
}

const char *kex_name(enum kex_id id)
{
	const struct kex_kind *kind = kex_kind(id);

	return kind == NULL ? "none" : kind->name;
}

/*
 * X25519
 */

static bool x25519_public(struct bytes private_value, uint8_t *out)
{
	size_t len = X25519_LEN;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_value.data,
	                                             private_value.len);
	bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &len) == 1;

	EVP_PKEY_free(key);
	return ok && len == X25519_LEN;
}

/*
 * With a public half that is not its own: derivation never looks at it, and to work out the right
 * one would cost as much as half of the derivation.
 */
static EVP_PKEY *x25519_private(struct bytes private_value)
{
	uint8_t some_public[X25519_LEN] = { 9 };
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
		                                  (void *)private_value.data, private_value.len),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, some_public,
		                                  sizeof(some_public)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, (OSSL_PARAM *)params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool x25519_shared(struct bytes private_value, struct bytes peer_public, uint8_t *out)
{
	static const uint8_t zeros[X25519_LEN];
	size_t len = X25519_LEN;
	EVP_PKEY *ours = x25519_private(private_value);
	EVP_PKEY *theirs =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer_public.data, peer_public.len);
	EVP_PKEY_CTX *ctx = ours == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
	bool ok = ctx != NULL && theirs != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	          EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
	          EVP_PKEY_derive(ctx, out, &len) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ours);
	/* A point of small order makes zeros of every private value: RFC 7748 section 6.1. */
	return ok && len == X25519_LEN && !secret_equal(BYTES(out, X25519_LEN), BYTES_OF(zeros));
}

/*
 * NIST curves
 */

/* 1 .. order-1, marked secret for the multiplication; NULL outside of it. */
static BIGNUM *ecp_scalar(const EC_GROUP *group, struct bytes private_value)
{
	BIGNUM *scalar = BN_bin2bn(private_value.data, (int)private_value.len, NULL);

	if (scalar == NULL)
		return NULL;
	BN_set_flags(scalar, BN_FLG_CONSTTIME);
	if (!BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0)
		return scalar;
	BN_clear_free(scalar);
	return NULL;
}

/*
 * private_value * point, or times the generator without a point, as x | y. EVP has key generation
 * with its own random source only, hence the point arithmetic.
 */
static bool ecp_multiply(const struct kex_kind *kind, struct bytes private_value,
                         const struct bytes *point, uint8_t *out)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(kind->curve);
	BIGNUM *scalar = group == NULL ? NULL : ecp_scalar(group, private_value);
	EC_POINT *base = group == NULL ? NULL : EC_POINT_new(group);
	EC_POINT *product = group == NULL ? NULL : EC_POINT_new(group);
	uint8_t octets[POINT_MAX] = { POINT_UNCOMPRESSED };
	size_t len = 1 + (size_t)kind->public_len;
	bool ok = scalar != NULL && base != NULL && product != NULL;

	if (ok && point == NULL) {
		ok = EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1;
	} else if (ok) {
		memcpy(octets + 1, point->data, kind->public_len);
		/* Refuses a point off the curve; the cofactor is 1, so no small subgroup is left.
		 */
		ok = EC_POINT_oct2point(group, base, octets, len, NULL) == 1 &&
		     EC_POINT_mul(group, product, NULL, base, scalar, NULL) == 1;
	}
	/* The point at infinity has one octet and fails here. */
	ok = ok && EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, octets, len,
	                              NULL) == len;
	if (ok)
		memcpy(out, octets + 1, kind->public_len);
	secret_wipe(octets, sizeof(octets));
	EC_POINT_clear_free(product);
	EC_POINT_free(base);
	BN_clear_free(scalar);
	EC_GROUP_free(group);
	return ok;
}

/*
 * MODP
 */

/* The highest bit is set: every exponent has the same length, and none is 0. */
static BIGNUM *modp_exponent(struct bytes private_value)
{
	uint8_t octets[MODP_EXPONENT_LEN];
	BIGNUM *exponent;

	memcpy(octets, private_value.data, sizeof(octets));
	octets[0] |= 0x80;
	exponent = BN_bin2bn(octets, sizeof(octets), NULL);
	secret_wipe(octets, sizeof(octets));
	if (exponent != NULL)
		BN_set_flags(exponent, BN_FLG_CONSTTIME);
	return exponent;
}

/* 2 .. p-2: the others make a secret that everybody knows (RFC 6989 section 2.1). */
static bool modp_is_usable(const BIGNUM *value, const BIGNUM *modulus)
{
	BIGNUM *last = BN_dup(modulus);
	bool ok = last != NULL && BN_sub_word(last, 1) == 1 && !BN_is_zero(value) &&
	          !BN_is_one(value) && BN_cmp(value, last) < 0;

	BN_free(last);
	return ok;
}

/* base ^ private_value, left-padded to the length of the modulus (RFC 7296 section 2.14). */
static bool modp_power(const struct kex_kind *kind, struct bytes private_value,
                       const struct bytes *base_octets, uint8_t *out)
{
	static const uint8_t generator[] = { 2 };
	struct bytes octets = base_octets == NULL ? BYTES_OF(generator) : *base_octets;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *modulus = kind->modulus(NULL);
	BIGNUM *base = BN_bin2bn(octets.data, (int)octets.len, NULL);
	BIGNUM *exponent = modp_exponent(private_value);
	BIGNUM *power = BN_new();
	bool ok = ctx != NULL && modulus != NULL && base != NULL && exponent != NULL &&
	          power != NULL && modp_is_usable(base, modulus) &&
	          BN_mod_exp_mont_consttime(power, base, exponent, modulus, ctx, NULL) == 1 &&
	          BN_bn2binpad(power, out, kind->shared_len) == kind->shared_len;

	BN_clear_free(power);
	BN_clear_free(exponent);
	BN_free(base);
	BN_free(modulus);
	BN_CTX_free(ctx);
	return ok;
}

/*
 * All
 */

bool kex_public(enum kex_id id, struct bytes private_value, uint8_t *out)
{
	const struct kex_kind *kind = kex_kind(id);

	if (kind == NULL || private_value.len != kind->private_len)
		return false;
	if (kind->modulus != NULL)
		return modp_power(kind, private_value, NULL, out);
	return id == KEX_X25519 ? x25519_public(private_value, out)
	                        : ecp_multiply(kind, private_value, NULL, out);
}

bool kex_shared(enum kex_id id, struct bytes private_value, struct bytes peer_public,
                struct secret *shared)
{
	const struct kex_kind *kind = kex_kind(id);
	uint8_t out[KEX_SHARED_MAX] = { 0 };
	bool ok;

	if (kind == NULL || private_value.len != kind->private_len ||
	    peer_public.len != kind->public_len)
		return false;
	if (kind->modulus != NULL)
		ok = modp_power(kind, private_value, &peer_public, out);
	else if (id == KEX_X25519)
		ok = x25519_shared(private_value, peer_public, out);
	else
		ok = ecp_multiply(kind, private_value, &peer_public, out);
	if (ok) /* of a point the x coordinate only: RFC 5903 section 9 */
		*shared = secret_copy(BYTES(out, kind->shared_len));
	secret_wipe(out, sizeof(out));
	return ok;
}
