#include "util/test.h"

#include <openssl/evp.h>

#include "daemon/pool.h"

static struct event_base *base;
static unsigned done;
static unsigned wanted;
static uint8_t seen[64]; /* 0: none, 1 + index of the key */

static void on_done(void *ctx, uint64_t job_id, struct bytes result)
{
	assert_in_range(job_id, 0, ARRAY_LEN(seen) - 1);
	seen[job_id] = result.len == 1 ? (uint8_t)(1 + result.data[0]) : 0;
	if (++done == wanted)
		event_base_loopbreak(base);
}

static void each_signature_is_told_with_its_key(void **state)
{
	struct timeval limit = { .tv_sec = 20 };
	struct results *results;
	struct pool *pool;
	struct pubkey keys[3] = { 0 };
	uint8_t signature[64];
	uint8_t octets[32];
	size_t len = sizeof(octets);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	base = event_base_new();
	results = results_new(base, on_done, NULL);
	pool = pool_new(base, results);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		octets[0] = (uint8_t)i;
		memset(octets, (int)i + 1, sizeof(octets));
		assert_true(pubkey_from_ed25519(BYTES_OF(octets), &keys[i]) || i > 0);
	}
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, octets, &len), 1);
	assert_true(pubkey_from_ed25519(BYTES_OF(octets), &keys[2]));
	len = sizeof(signature);
	assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(md, signature, &len, (const uint8_t *)"hello", 5), 1);
	for (uint64_t id = 0; id < ARRAY_LEN(seen); id++) {
		struct crypto_job job = { .kind = CRYPTO_JOB_VERIFY,
			                  .signature_id = SIGNATURE_ED25519,
			                  .data = BYTES_STR(id % 2 == 0 ? "hello" : "hullo"),
			                  .signature = BYTES_OF(signature),
			                  .keys = keys,
			                  .key_count = ARRAY_LEN(keys) };

		pool_verify(pool, id, &job);
		wanted++;
	}
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
	assert_int_equal(done, wanted);
	for (size_t id = 0; id < ARRAY_LEN(seen); id++)
		assert_int_equal(seen[id], id % 2 == 0 ? 3 : 0);
	pool_free(pool);
	results_free(results);
	event_base_free(base);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signature_is_told_with_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
