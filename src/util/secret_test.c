#include "util/test.h"
#include "util/secret.h"

static void copies_moves_and_frees(void **state)
{
	struct secret a = secret_copy(BYTES_STR("key"));
	struct secret b = secret_move(&a);

	assert_null(a.data);
	assert_int_equal(a.len, 0);
	assert_true(secret_equal(secret_view(&b), BYTES_STR("key")));
	secret_free(&b);
	assert_null(b.data);
	secret_free(&b); /* what is gone may be freed */
	b = secret_copy(BYTES(NULL, 0));
	assert_int_equal(b.len, 0);
	secret_free(&b);
}

static void a_new_secret_is_zeros(void **state)
{
	static const uint8_t zeros[32];
	CLEANUP(secret_free) struct secret s = secret_new(sizeof(zeros));

	assert_true(secret_equal(secret_view(&s), BYTES_OF(zeros)));
}

static void wipes_what_it_is_given(void **state)
{
	uint8_t octets[3] = { 1, 2, 3 };

	secret_wipe(octets, 2);
	assert_int_equal(octets[0] | octets[1], 0);
	assert_int_equal(octets[2], 3);
	secret_wipe(NULL, 0);
}

static void compares_every_bit_and_the_length(void **state)
{
	uint8_t a[16] = { 1, 2, 3 };
	uint8_t b[16] = { 1, 2, 3 };

	assert_true(secret_equal(BYTES_OF(a), BYTES_OF(b)));
	for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(secret_equal(BYTES_OF(a), BYTES_OF(b)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_false(secret_equal(BYTES_OF(a), BYTES(b, 15)));
	assert_true(secret_equal(BYTES(NULL, 0), BYTES(b, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_moves_and_frees),
		cmocka_unit_test(a_new_secret_is_zeros),
		cmocka_unit_test(wipes_what_it_is_given),
		cmocka_unit_test(compares_every_bit_and_the_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
