#include "util/test.h"
#include "crypto/kex.h"
#include "util/vectors.h"

static void check_exchange(enum kex_id id, const json_t *v, const char *public_i,
                           const char *public_r, const char *result)
{
	CLEANUP(buf_free) struct buf private_i = vector_octets(v, "private_i");
	CLEANUP(buf_free) struct buf private_r = vector_octets(v, "private_r");
	CLEANUP(buf_free) struct buf value_i = vector_octets(v, public_i);
	CLEANUP(buf_free) struct buf value_r = vector_octets(v, public_r);
	CLEANUP(buf_free) struct buf expected = vector_octets(v, result);
	CLEANUP(secret_free) struct secret shared_i = { 0 };
	CLEANUP(secret_free) struct secret shared_r = { 0 };
	uint8_t out[KEX_PUBLIC_MAX];

	assert_true(kex_public(id, buf_view(&private_i), out));
	assert_memory_equal(out, value_i.data, kex_public_len(id));
	assert_true(kex_public(id, buf_view(&private_r), out));
	assert_memory_equal(out, value_r.data, kex_public_len(id));
	assert_true(kex_shared(id, buf_view(&private_i), buf_view(&value_r), &shared_i));
	assert_true(kex_shared(id, buf_view(&private_r), buf_view(&value_i), &shared_r));
	assert_true(secret_equal(secret_view(&shared_i), buf_view(&expected)));
	assert_true(secret_equal(secret_view(&shared_r), buf_view(&expected)));
}

/* KDF-4 */
static void computes_the_published_exchanges(void **state)
{
	json_t *root = vectors_load("ike_kdf");

	check_exchange(KEX_X25519, vector_member(root, "x25519"), "public_i", "public_r",
	               "shared_secret");
	check_exchange(KEX_P256, vector_member(root, "p256"), "ke_data_i", "ke_data_r",
	               "shared_secret_x_only");
	json_decref(root);
}

/* KDF-9 */
static void refuses_points_of_small_order(void **state)
{
	static const uint8_t ours[32] = { 1, 2, 3 };
	/* 0, 1, p-1, p, and the two of order 8: all give zeros. */
	static const char *points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};
	struct secret shared = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		CLEANUP(buf_free) struct buf point = vector_octets_of(points[i]);

		assert_false(kex_shared(KEX_X25519, BYTES_OF(ours), buf_view(&point), &shared));
		assert_null(shared.data);
	}
}

/* KDF-9, RFC 6989 section 2.3. */
static void refuses_points_off_the_curve(void **state)
{
	static const uint8_t ours[32] = { [31] = 7 };
	uint8_t theirs[KEX_PUBLIC_MAX];
	struct secret shared = { 0 };

	assert_true(kex_public(KEX_P256, BYTES_OF(ours), theirs));
	theirs[63] ^= 1;
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	memset(theirs, 0, sizeof(theirs));
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	memset(theirs, 0xff, sizeof(theirs));
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	assert_null(shared.data);
}

static void refuses_wrong_lengths_and_unknown_methods(void **state)
{
	static const uint8_t octets[KEX_PUBLIC_MAX + 1] = { [31] = 9 };
	struct bytes ours = BYTES(octets, 32);
	struct secret shared = { 0 };
	uint8_t out[KEX_PUBLIC_MAX];

	assert_false(kex_shared(KEX_X25519, ours, BYTES(octets, 31), &shared));
	assert_false(kex_shared(KEX_X25519, ours, BYTES(octets, 33), &shared));
	assert_false(kex_shared(KEX_P256, ours, BYTES(octets, 65), &shared));
	assert_false(kex_public(KEX_X25519, BYTES(octets, 31), out));
	assert_false(kex_public((enum kex_id)14, ours, out));
	assert_int_equal(kex_public_len((enum kex_id)14), 0);
	assert_int_equal(kex_public_len(KEX_P256), 64);
}

static void draws_again_outside_the_order_of_p256(void **state)
{
	static const struct {
		const char *private_value;
		bool ok;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", false },
		{ "0000000000000000000000000000000000000000000000000000000000000001", true },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", true },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", false },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false },
	};
	uint8_t out[KEX_PUBLIC_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf value = vector_octets_of(cases[i].private_value);

		assert_int_equal(kex_public(KEX_P256, buf_view(&value), out), cases[i].ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_the_published_exchanges),
		cmocka_unit_test(refuses_points_of_small_order),
		cmocka_unit_test(refuses_points_off_the_curve),
		cmocka_unit_test(refuses_wrong_lengths_and_unknown_methods),
		cmocka_unit_test(draws_again_outside_the_order_of_p256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
