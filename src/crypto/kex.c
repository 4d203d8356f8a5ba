#include "crypto/kex.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

enum { X25519_LEN = 32, P256_LEN = 64, POINT_LEN = 1 + P256_LEN, POINT_UNCOMPRESSED = 4 };

size_t kex_public_len(enum kex_id id)
{
	switch (id) {
	case KEX_P256:
		return P256_LEN;
	case KEX_X25519:
		return X25519_LEN;
	case KEX_NONE:
		break;
	}
	return 0;
}

static bool x25519_public(struct bytes private_value, uint8_t *out)
{
	size_t len = X25519_LEN;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_value.data,
	                                             private_value.len);
	bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &len) == 1;

	EVP_PKEY_free(key);
	return ok && len == X25519_LEN;
}

static bool x25519_shared(struct bytes private_value, struct bytes peer_public, uint8_t *out)
{
	static const uint8_t zeros[X25519_LEN];
	size_t len = X25519_LEN;
	EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_value.data,
	                                              private_value.len);
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

/* 1 .. order-1, marked secret for the multiplication; NULL outside of it. */
static BIGNUM *p256_scalar(const EC_GROUP *group, struct bytes private_value)
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
static bool p256_multiply(struct bytes private_value, const struct bytes *point, uint8_t *out)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = group == NULL ? NULL : p256_scalar(group, private_value);
	EC_POINT *base = group == NULL ? NULL : EC_POINT_new(group);
	EC_POINT *product = group == NULL ? NULL : EC_POINT_new(group);
	uint8_t octets[POINT_LEN] = { POINT_UNCOMPRESSED };
	bool ok = scalar != NULL && base != NULL && product != NULL;

	if (ok && point == NULL) {
		ok = EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1;
	} else if (ok) {
		memcpy(octets + 1, point->data, P256_LEN);
		/* Refuses a point off the curve; the cofactor is 1, so no small subgroup is left.
		 */
		ok = EC_POINT_oct2point(group, base, octets, POINT_LEN, NULL) == 1 &&
		     EC_POINT_mul(group, product, NULL, base, scalar, NULL) == 1;
	}
	/* The point at infinity has one octet and fails here. */
	ok = ok && EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, octets,
	                              POINT_LEN, NULL) == POINT_LEN;
	if (ok)
		memcpy(out, octets + 1, P256_LEN);
	secret_wipe(octets, sizeof(octets));
	EC_POINT_clear_free(product);
	EC_POINT_free(base);
	BN_clear_free(scalar);
	EC_GROUP_free(group);
	return ok;
}

bool kex_public(enum kex_id id, struct bytes private_value, uint8_t *out)
{
	if (private_value.len != KEX_PRIVATE_LEN || kex_public_len(id) == 0)
		return false;
	return id == KEX_X25519 ? x25519_public(private_value, out)
	                        : p256_multiply(private_value, NULL, out);
}

bool kex_shared(enum kex_id id, struct bytes private_value, struct bytes peer_public,
                struct secret *shared)
{
	uint8_t out[P256_LEN] = { 0 };
	bool ok;

	if (private_value.len != KEX_PRIVATE_LEN || kex_public_len(id) == 0 ||
	    peer_public.len != kex_public_len(id))
		return false;
	ok = id == KEX_X25519 ? x25519_shared(private_value, peer_public, out)
	                      : p256_multiply(private_value, &peer_public, out);
	if (ok) /* of P-256 the x coordinate only: RFC 5903 section 9 */
		*shared = secret_copy(BYTES(out, KEX_SHARED_LEN));
	secret_wipe(out, sizeof(out));
	return ok;
}
