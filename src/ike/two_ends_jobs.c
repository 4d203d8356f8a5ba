/*
 * The jobs of two endpoints, done with real keys.
 */
#include "ike/two_ends_parts.h"

#include <openssl/rsa.h>

#include "crypto/pkey.h"
#include "crypto/prf.h"
#include "crypto/x509.h"

void end_make_ed25519(struct end *end)
{
	uint8_t seed[32];
	uint8_t public_key[32];
	size_t len = sizeof(public_key);

	memset(seed, 0x40 + (int)end->side, sizeof(seed));
	end->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	assert_non_null(end->key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(end->key, public_key, &len), 1);
	assert_true(pubkey_from_ed25519(BYTES_OF(public_key), &end->pubkey));
	end->key_type = PUBKEY_ED25519;
}

void end_take_key(struct end *end, EVP_PKEY *key)
{
	assert_non_null(key);
	end->key = key;
	assert_true(pkey_public(key, &end->pubkey));
	end->key_type = end->pubkey.type;
}

static const EVP_MD *digest_of(enum signature_id id)
{
	switch (signature_hash(id)) {
	case HASH_SHA2_256:
		return EVP_sha256();
	case HASH_SHA2_384:
		return EVP_sha384();
	case HASH_SHA2_512:
		return EVP_sha512();
	case HASH_IDENTITY:
		break;
	}
	return NULL;
}

static size_t sign(const struct end *end, const struct job *job, uint8_t *out, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t len = size;

	assert_int_equal(
	    EVP_DigestSignInit(ctx, &pctx, digest_of(job->job.signature_id), NULL, end->key), 1);
	if (signature_is_pss(job->job.signature_id)) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &len, job->data.data, job->data.len), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

static size_t ppk_keys(const struct end *end, const struct job *job, uint8_t *out)
{
	size_t len = prf_len(job->job.prf);

	assert_int_equal(job->data.len, 3 * len);
	if (end->ppk == NULL)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		struct bytes key = BYTES(job->data.data + i * len, len);

		assert_true(
		    prf_plus(job->job.prf, BYTES_STR(end->ppk), &key, 1, out + i * len, len));
	}
	return 3 * len;
}

static size_t verify_certificate(const struct job *job, uint8_t *out, size_t size)
{
	struct crypto_job again = job->job;

	again.data = buf_view(&job->data);
	again.signature = buf_view(&job->signature);
	again.trust = job->trust;
	again.claim.chain = buf_view(&job->chain);
	again.claim.ca = buf_view(&job->ca);
	again.claim.id = buf_view(&job->claimed);
	CLEANUP(buf_free) struct buf result = x509_do_job(&again, TWO_ENDS_TIME);

	assert_true(result.len <= size);
	memcpy(out, result.data, result.len);
	return result.len;
}

static size_t verify(const struct job *job, uint8_t *out)
{
	for (size_t i = 0; i < job->job.key_count; i++) {
		if (pubkey_verify(&job->keys[i], job->job.signature_id, buf_view(&job->data),
		                  buf_view(&job->signature))) {
			out[0] = (uint8_t)i;
			return 1;
		}
	}
	return 0;
}

static size_t psk_mac(const struct end *end, const struct job *job, uint8_t *out)
{
	const char *psk = end->psk[job->job.key];
	const struct bytes pad = BYTES_STR("Key Pad for IKEv2");
	const struct bytes data = buf_view(&job->data);
	uint8_t key[PRF_LEN_MAX];
	size_t len = prf_len(job->job.prf);

	if (psk == NULL)
		return 0;
	assert_true(prf(job->job.prf, BYTES_STR(psk), &pad, 1, key));
	assert_true(prf(job->job.prf, BYTES(key, len), &data, 1, out));
	return len;
}

static size_t qcd_token(const struct end *end, const struct job *job, uint8_t *out)
{
	const struct bytes data = buf_view(&job->data);

	if (end->crash_secret == NULL)
		return 0;
	assert_true(prf(PRF_HMAC_SHA2_256, BYTES_STR(end->crash_secret), &data, 1, out));
	return SHA2_256_LEN;
}

void end_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct end *end = ctx;
	struct job *copy = &end->jobs[end->job_count++];

	assert_true(end->job_count <= JOBS_MAX);
	*copy = (struct job){ .id = job_id, .job = *job };
	copy->data = buf_copy(job->data);
	copy->signature = buf_copy(job->signature);
	for (size_t i = 0; i < job->key_count; i++)
		copy->keys[i] = job->keys[i];
	copy->trust = x509_trust_hold(job->trust);
	copy->chain = buf_copy(job->claim.chain);
	copy->ca = buf_copy(job->claim.ca);
	copy->claimed = buf_copy(job->claim.id);
}

void job_wipe(struct job *job)
{
	buf_free(&job->data);
	buf_free(&job->signature);
	buf_free(&job->chain);
	buf_free(&job->ca);
	buf_free(&job->claimed);
	x509_trust_release(job->trust);
}

void end_do_job(struct two_ends *t, struct end *end)
{
	bool is_late =
	    end->late_tokens && end->job_count > 1 && end->jobs[0].job.kind == CRYPTO_JOB_QCD_TOKEN;
	struct job job = end->jobs[is_late];
	uint8_t result[2048];
	size_t len = 0;

	end->job_count--;
	memmove(end->jobs + is_late, end->jobs + is_late + 1,
	        (end->job_count - is_late) * sizeof(job));
	switch (job.job.kind) {
	case CRYPTO_JOB_SIGN:
		len = sign(end, &job, result, sizeof(result));
		break;
	case CRYPTO_JOB_VERIFY:
		len = verify(&job, result);
		break;
	case CRYPTO_JOB_PPK:
		len = ppk_keys(end, &job, result);
		break;
	case CRYPTO_JOB_VERIFY_CERT:
		len = verify_certificate(&job, result, sizeof(result));
		break;
	case CRYPTO_JOB_QCD_TOKEN:
		len = qcd_token(end, &job, result);
		break;
	case CRYPTO_JOB_PSK_MAC:
		len = psk_mac(end, &job, result);
		break;
	}
	job_wipe(&job);
	ike_on_job_done(end->ike, job.id, BYTES(result, len), t->now);
}
