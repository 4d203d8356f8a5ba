#include "crypto/prf.h"

#include <assert.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static const struct {
	enum prf_id id;
	size_t len;
	const char *digest;
} prfs[] = {
	{ PRF_HMAC_SHA2_256, 32, "SHA2-256" },
	{ PRF_HMAC_SHA2_384, 48, "SHA2-384" },
	{ PRF_HMAC_SHA2_512, 64, "SHA2-512" },
};

size_t prf_len(enum prf_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		if (prfs[i].id == id)
			return prfs[i].len;
	}
	return 0;
}

static const char *prf_digest(enum prf_id id)
{
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		if (prfs[i].id == id)
			return prfs[i].digest;
	}
	return NULL;
}

static EVP_MAC_CTX *hmac_new(enum prf_id id)
{
	const char *digest = prf_digest(id);
	OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };
	EVP_MAC *hmac = digest == NULL ? NULL : EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);

	EVP_MAC_free(hmac);
	if (ctx == NULL)
		return NULL;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0);
	if (EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* One MAC over the parts; the context is ready for the next one afterwards. */
static bool hmac_run(EVP_MAC_CTX *ctx, struct bytes key, const struct bytes *parts,
                     size_t part_count, uint8_t *out, size_t size)
{
	static const uint8_t no_key[1]; /* a NULL key would mean "the one from before" */
	size_t len = 0;

	if (EVP_MAC_init(ctx, key.len == 0 ? no_key : key.data, key.len, NULL) != 1)
		return false;
	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].len > 0 && EVP_MAC_update(ctx, parts[i].data, parts[i].len) != 1)
			return false;
	}
	return EVP_MAC_final(ctx, out, &len, size) == 1 && len == size;
}

bool prf(enum prf_id id, struct bytes key, const struct bytes *parts, size_t part_count,
         uint8_t *out)
{
	EVP_MAC_CTX *ctx = hmac_new(id);
	bool ok = ctx != NULL && hmac_run(ctx, key, parts, part_count, out, prf_len(id));

	EVP_MAC_CTX_free(ctx);
	if (!ok)
		memset(out, 0, prf_len(id));
	return ok;
}

enum { PRF_PLUS_PARTS_MAX = 8 };

/* T(n) = prf(K, T(n-1) | S | n), the first without T(n-1). */
static bool prf_plus_blocks(EVP_MAC_CTX *ctx, enum prf_id id, struct bytes key,
                            const struct bytes *seed, size_t seed_count, struct writer *out)
{
	struct bytes parts[PRF_PLUS_PARTS_MAX + 2] = { { 0 } };
	uint8_t block[PRF_LEN_MAX];
	uint8_t number = 0;
	bool ok = true;

	memcpy(parts + 1, seed, seed_count * sizeof(*seed));
	parts[seed_count + 1] = BYTES(&number, 1);
	while (ok && out->len < out->size) {
		size_t left = out->size - out->len;

		number++;
		ok = hmac_run(ctx, key, parts, seed_count + 2, block, prf_len(id));
		write_bytes(out, BYTES(block, left < prf_len(id) ? left : prf_len(id)));
		parts[0] = BYTES(block, prf_len(id));
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

bool prf_plus(enum prf_id id, struct bytes key, const struct bytes *parts, size_t part_count,
              uint8_t *out, size_t len)
{
	EVP_MAC_CTX *ctx = hmac_new(id);
	struct writer w = writer_on(out, len);
	bool ok;

	assert(part_count <= PRF_PLUS_PARTS_MAX);
	assert(len <= 255 * prf_len(id) || ctx == NULL); /* the counter is one octet */
	ok = ctx != NULL && prf_plus_blocks(ctx, id, key, parts, part_count, &w);
	EVP_MAC_CTX_free(ctx);
	if (!ok)
		secret_wipe(out, len);
	return ok;
}

static bool digest(const EVP_MD *md, const struct bytes *parts, size_t part_count, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1;

	for (size_t i = 0; ok && i < part_count; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool sha1(const struct bytes *parts, size_t part_count, uint8_t out[SHA1_LEN])
{
	return digest(EVP_sha1(), parts, part_count, out);
}

bool sha2_256(const struct bytes *parts, size_t part_count, uint8_t out[SHA2_256_LEN])
{
	return digest(EVP_sha256(), parts, part_count, out);
}
