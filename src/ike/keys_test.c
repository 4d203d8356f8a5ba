#include "util/test.h"
#include "ike/keys.h"
#include "util/vectors.h"

/* Where the vectors name a MAC it is HMAC_SHA2_256_128. */
static enum aead_id cipher_of(const json_t *v)
{
	long encr = vector_number(v, "encr"), bits = vector_number(v, "key_bits");

	return proposal_cipher((uint16_t)encr, encr == ENCR_CHACHA20_POLY1305 ? 0 : (uint16_t)bits,
	                       encr == ENCR_AES_CBC ? INTEG_HMAC_SHA2_256_128 : INTEG_NONE);
}

/* `mac` (may be NULL) names what stands behind `name`. */
static void expect_joined(const json_t *v, const char *name, const char *mac,
                          const struct secret *got)
{
	CLEANUP(buf_free) struct buf want = vector_octets(v, name);
	CLEANUP(buf_free) struct buf behind = { 0 };

	if (mac != NULL)
		behind = vector_octets(v, mac);
	assert_int_equal(got->len, want.len + behind.len);
	assert_memory_equal(got->data, want.data, want.len);
	assert_true(bytes_equal(BYTES(got->data + want.len, behind.len), buf_view(&behind)));
}

static void expect(const json_t *v, const char *name, const struct secret *got)
{
	expect_joined(v, name, NULL, got);
}

static void expect_keys(const json_t *v, const struct ike_keys *keys)
{
	expect(v, "sk_d", &keys->sk_d);
	expect_joined(v, "sk_ei", "sk_ai", &keys->sk_ei);
	expect_joined(v, "sk_er", "sk_ar", &keys->sk_er);
	expect(v, "sk_pi", &keys->sk_pi);
	expect(v, "sk_pr", &keys->sk_pr);
}

static struct secret secret_of(const json_t *v, const char *name)
{
	CLEANUP(buf_free) struct buf octets = vector_octets(v, name);

	return secret_copy(buf_view(&octets));
}

static uint64_t spi_of(const json_t *v, const char *name)
{
	return strtoull(vector_string(v, name), NULL, 16);
}

/* KDF-1, KDF-2, KDF-4 */
static void derives_the_keys_of_an_ike_sa(void **state)
{
	json_t *root = vectors_load("ike_kdf");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "initial"), i, v)
	{
		struct suite suite = { .cipher = cipher_of(v),
			               .prf = (enum prf_id)vector_number(v, "prf") };
		CLEANUP(secret_free) struct secret shared = secret_of(v, "shared_secret");
		CLEANUP(buf_free) struct buf ni = vector_octets(v, "ni");
		CLEANUP(buf_free) struct buf nr = vector_octets(v, "nr");
		CLEANUP(ike_keys_wipe) struct ike_keys keys = { 0 };

		assert_true(ike_keys_derive(&suite, &shared, buf_view(&ni), buf_view(&nr),
		                            spi_of(v, "spi_i"), spi_of(v, "spi_r"), &keys));
		expect_keys(v, &keys);
	}
	assert_int_equal(i, 6);
	json_decref(root);
}

/* KDF-7 */
static void a_rekey_expands_with_the_new_prf(void **state)
{
	json_t *root = vectors_load("ike_kdf");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "rekey"), i, v)
	{
		struct suite suite = { .cipher = cipher_of(v),
			               .prf = (enum prf_id)vector_number(v, "new_prf") };
		CLEANUP(secret_free) struct secret shared = secret_of(v, "new_shared_secret");
		CLEANUP(secret_free) struct secret old_sk_d = secret_of(v, "old_sk_d");
		CLEANUP(buf_free) struct buf ni = vector_octets(v, "ni");
		CLEANUP(buf_free) struct buf nr = vector_octets(v, "nr");
		CLEANUP(ike_keys_wipe) struct ike_keys keys = { 0 };

		assert_true(ike_keys_rederive(
		    &suite, (enum prf_id)vector_number(v, "old_prf"), &old_sk_d, &shared, NULL,
		    buf_view(&ni), buf_view(&nr), spi_of(v, "spi_i"), spi_of(v, "spi_r"), &keys));
		expect_keys(v, &keys);
	}
	assert_int_equal(i, 2);
	json_decref(root);
}

/* KDF-5, KDF-6, MKE-8 */
static void derives_the_keys_of_a_child_sa(void **state)
{
	json_t *root = vectors_load("child_keymat");
	unsigned checked = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "cases"), i, v)
	{
		CLEANUP(secret_free) struct secret shared = secret_of(v, "shared_secret");
		CLEANUP(secret_free) struct secret more = secret_of(v, "additional_secrets");
		CLEANUP(secret_free) struct secret sk_d = secret_of(v, "sk_d");
		CLEANUP(buf_free) struct buf ni = vector_octets(v, "ni");
		CLEANUP(buf_free) struct buf nr = vector_octets(v, "nr");
		CLEANUP(child_keys_wipe) struct child_keys keys = { 0 };

		assert_true(child_keys_derive((enum prf_id)vector_number(v, "prf"), cipher_of(v),
		                              &sk_d, shared.len > 0 ? &shared : NULL,
		                              more.len > 0 ? &more : NULL, buf_view(&ni),
		                              buf_view(&nr), &keys));
		expect_joined(v, "encr_i2r", "integ_i2r", &keys.i_to_r);
		expect_joined(v, "encr_r2i", "integ_r2i", &keys.r_to_i);
		checked++;
	}
	assert_int_equal(checked, 5);
	json_decref(root);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_keys_of_an_ike_sa),
		cmocka_unit_test(a_rekey_expands_with_the_new_prf),
		cmocka_unit_test(derives_the_keys_of_a_child_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
