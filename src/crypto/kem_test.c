#include "util/test.h"

#include "crypto/kem.h"
#include "util/vectors.h"

static const uint8_t coins[KEM_COINS_LEN] = { 7 };

/* MKE-9: what OpenSSL 3.0 has not is not there, and is not taken for something else. */
static void a_library_without_it_has_none(void **state)
{
	if (kem_ml_kem_768() != NULL)
		skip();
	assert_null(kem_ml_kem_768());
}

static void expect_known(const struct kem *kem)
{
	json_t *root = vectors_load("pq");
	const json_t *v = vector_member(root, "mlkem768");
	CLEANUP(buf_free) struct buf seed = vector_octets(v, "seed_d_and_z");
	CLEANUP(buf_free) struct buf want_public = vector_octets(v, "encapsulation_key");
	CLEANUP(buf_free) struct buf ciphertext = vector_octets(v, "ciphertext");
	CLEANUP(buf_free) struct buf want_shared = vector_octets(v, "shared_secret");
	CLEANUP(secret_free) struct secret shared = { 0 };
	uint8_t public_key[KEM_MESSAGE_MAX];

	json_decref(root);
	assert_int_equal(kem->public_len, want_public.len);
	assert_true(kem->make_public(buf_view(&seed), public_key));
	assert_memory_equal(public_key, want_public.data, want_public.len);
	assert_true(kem->decapsulate(buf_view(&seed), buf_view(&ciphertext), &shared));
	assert_int_equal(shared.len, want_shared.len);
	assert_memory_equal(shared.data, want_shared.data, want_shared.len);
}

/* MKE-9, FIPS 203 */
static void agrees_with_the_known_key_ciphertext_and_secret(void **state)
{
	/* skip() does not come back: nothing may be owned yet. */
	if (kem_ml_kem_768() == NULL)
		skip();
	expect_known(kem_ml_kem_768());
}

/* MKE-10 */
static void both_sides_agree_and_wrong_lengths_are_refused(void **state)
{
	static const uint8_t seed[KEM_SEED_LEN] = { 1 };
	const struct kem *kem = kem_ml_kem_768();
	CLEANUP(secret_free) struct secret theirs = { 0 };
	CLEANUP(secret_free) struct secret ours = { 0 };
	CLEANUP(secret_free) struct secret other = { 0 };
	uint8_t public_key[KEM_MESSAGE_MAX], ciphertext[KEM_MESSAGE_MAX];
	struct bytes sent;

	if (kem == NULL)
		skip();
	sent = BYTES(ciphertext, kem->ciphertext_len);
	assert_true(kem->make_public(BYTES_OF(seed), public_key));
	assert_true(kem->encapsulate(BYTES(public_key, kem->public_len), BYTES_OF(coins),
	                             ciphertext, &theirs));
	assert_true(kem->decapsulate(BYTES_OF(seed), sent, &ours));
	assert_true(secret_equal(secret_view(&ours), secret_view(&theirs)));
	sent.len--;
	assert_false(kem->decapsulate(BYTES_OF(seed), sent, &other));
	assert_false(kem->encapsulate(BYTES(public_key, kem->public_len - 1), BYTES_OF(coins),
	                              ciphertext, &other));
	memset(public_key, 0xff, 3); /* two coefficients beyond the modulus */
	assert_false(kem->encapsulate(BYTES(public_key, kem->public_len), BYTES_OF(coins),
	                              ciphertext, &other));
	sent.len++;
	ciphertext[0] ^= 1;
	assert_true(kem->decapsulate(BYTES_OF(seed), sent, &other));
	assert_false(secret_equal(secret_view(&other), secret_view(&ours)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_without_it_has_none),
		cmocka_unit_test(agrees_with_the_known_key_ciphertext_and_secret),
		cmocka_unit_test(both_sides_agree_and_wrong_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
