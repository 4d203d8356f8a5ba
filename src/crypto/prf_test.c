#include "util/test.h"
#include "crypto/prf.h"
#include "util/vectors.h"

/* RFC 7296 section 2.14: SKEYSEED = prf(Ni | Nr, g^ir), keymat = prf+(SKEYSEED, Ni | Nr | SPIs). */
static void check_derivation(enum prf_id id, struct bytes ni_nr, struct bytes g_ir,
                             struct bytes spis, struct bytes skeyseed, struct bytes keymat)
{
	uint8_t seed[PRF_LEN_MAX];
	uint8_t *keys = new_array(keymat.len, 1);
	struct bytes plus[] = { ni_nr, spis };

	assert_int_equal(prf_len(id), skeyseed.len);
	assert_true(prf(id, ni_nr, &g_ir, 1, seed));
	assert_memory_equal(seed, skeyseed.data, skeyseed.len);
	assert_true(prf_plus(id, skeyseed, plus, 2, keys, keymat.len));
	assert_memory_equal(keys, keymat.data, keymat.len);
	free(keys);
}

/* KDF-1, KDF-2 */
static void derives_the_published_keys(void **state)
{
	json_t *root = vectors_load("published");
	unsigned checked = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "kdf"), i, v)
	{
		CLEANUP(buf_free) struct buf ni_nr = vector_octets(v, "ni_nr");
		CLEANUP(buf_free) struct buf g_ir = vector_octets(v, "g_ir");
		CLEANUP(buf_free) struct buf spis = vector_octets(v, "spi_i_spi_r");
		CLEANUP(buf_free) struct buf skeyseed = vector_octets(v, "skeyseed");
		CLEANUP(buf_free) struct buf keymat = vector_octets(v, "keymat");
		enum prf_id id = (enum prf_id)vector_number(v, "prf");

		if (prf_len(id) == 0)
			continue; /* SHA-1, which nobody gets from us */
		check_derivation(id, buf_view(&ni_nr), buf_view(&g_ir), buf_view(&spis),
		                 buf_view(&skeyseed), buf_view(&keymat));
		checked++;
	}
	assert_int_equal(checked, 3);
	json_decref(root);
}

/* KDF-1, KDF-2 */
static void derives_the_keys_of_an_ike_sa(void **state)
{
	json_t *root = vectors_load("ike_kdf");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "initial"), i, v)
	{
		char joined[512];
		CLEANUP(buf_free) struct buf ni_nr = { 0 };
		CLEANUP(buf_free) struct buf spis = { 0 };
		CLEANUP(buf_free) struct buf g_ir = vector_octets(v, "shared_secret");
		CLEANUP(buf_free) struct buf skeyseed = vector_octets(v, "skeyseed");
		CLEANUP(buf_free) struct buf keymat = vector_octets(v, "keymat");

		snprintf(joined, sizeof(joined), "%s%s", vector_string(v, "ni"),
		         vector_string(v, "nr"));
		ni_nr = vector_octets_of(joined);
		snprintf(joined, sizeof(joined), "%s%s", vector_string(v, "spi_i"),
		         vector_string(v, "spi_r"));
		spis = vector_octets_of(joined);
		check_derivation((enum prf_id)vector_number(v, "prf"), buf_view(&ni_nr),
		                 buf_view(&g_ir), buf_view(&spis), buf_view(&skeyseed),
		                 buf_view(&keymat));
	}
	assert_int_equal(i, 6);
	json_decref(root);
}

static void joins_the_parts_before_the_mac(void **state)
{
	struct bytes whole = BYTES_STR("Key Pad for IKEv2");
	struct bytes parts[] = { BYTES_STR("Key Pad"), BYTES(NULL, 0), BYTES_STR(" for IKEv2") };
	uint8_t once[64];
	uint8_t joined[64];

	assert_true(prf(PRF_HMAC_SHA2_512, BYTES_STR("k"), &whole, 1, once));
	assert_true(prf(PRF_HMAC_SHA2_512, BYTES_STR("k"), parts, ARRAY_LEN(parts), joined));
	assert_memory_equal(once, joined, sizeof(once));
}

static void takes_an_empty_key(void **state)
{
	static const uint8_t expected[] = { 0xb6, 0x13, 0x67, 0x9a, 0x08, 0x14, 0xd9, 0xec };
	struct bytes nothing = BYTES(NULL, 0);
	uint8_t out[32];

	/* HMAC-SHA-256 of nothing under nothing begins like this. */
	assert_true(prf(PRF_HMAC_SHA2_256, nothing, &nothing, 1, out));
	assert_memory_equal(out, expected, sizeof(expected));
}

static void an_unknown_prf_is_refused(void **state)
{
	struct bytes data = BYTES_STR("data");
	uint8_t out[8] = { 1 };

	assert_int_equal(prf_len((enum prf_id)2), 0);
	assert_false(prf((enum prf_id)2, data, &data, 1, out));
	assert_false(prf_plus(PRF_NONE, data, &data, 1, out, sizeof(out)));
	assert_int_equal(out[0], 0); /* nobody goes on with half a key */
}

/* FIPS 180-4's examples for "abc". */
static void hashes_what_everybody_hashes(void **state)
{
	static const uint8_t sha1_abc[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a };
	static const uint8_t sha2_abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	struct bytes parts[] = { BYTES_STR("a"), BYTES_STR("bc") };
	uint8_t out[SHA2_256_LEN];

	assert_true(sha1(parts, 2, out));
	assert_memory_equal(out, sha1_abc, sizeof(sha1_abc));
	assert_true(sha2_256(parts, 2, out));
	assert_memory_equal(out, sha2_abc, sizeof(sha2_abc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_published_keys),
		cmocka_unit_test(derives_the_keys_of_an_ike_sa),
		cmocka_unit_test(joins_the_parts_before_the_mac),
		cmocka_unit_test(takes_an_empty_key),
		cmocka_unit_test(an_unknown_prf_is_refused),
		cmocka_unit_test(hashes_what_everybody_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
