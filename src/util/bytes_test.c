#include "util/test.h"
#include "util/bytes.h"

static void reads_fields_in_network_order(void **state)
{
	static const uint8_t octets[] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	};
	struct reader r = reader_of(BYTES_OF(octets));
	uint8_t one;

	assert_int_equal(read_u8(&r), 1);
	assert_int_equal(read_be16(&r), 0x0203);
	assert_int_equal(read_be32(&r), 0x04050607);
	assert_int_equal(read_be64(&r), 0x08090a0b0c0d0e0f);
	read_copy(&r, &one, 1);
	assert_int_equal(one, 16);
	assert_int_equal(reader_left(&r), 1);
	assert_int_equal(read_rest(&r).len, 1);
	assert_int_equal(read_rest(&r).len, 0); /* nothing is no failure */
	assert_false(r.failed);
}

static void a_reader_that_ran_out_stays_failed_and_gives_zeros(void **state)
{
	static const uint8_t octets[] = { 1, 2, 3 };
	uint8_t copy[2] = { 9, 9 };
	struct reader r = reader_of(BYTES_OF(octets));

	assert_int_equal(read_be32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(read_u8(&r), 0); /* although there would be one */
	assert_int_equal(read_bytes(&r, 1).len, 0);
	assert_int_equal(reader_left(&r), 0);
	read_copy(&r, copy, 2);
	assert_int_equal(copy[0] | copy[1], 0);
	assert_int_equal(read_rest(&r).len, 0);
	assert_true(r.failed);
}

static void a_huge_length_does_not_wrap(void **state)
{
	static const uint8_t octets[4];
	struct reader r = reader_of(BYTES_OF(octets));

	assert_int_equal(read_bytes(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	r = reader_of(BYTES(NULL, 0));
	assert_int_equal(reader_left(&r), 0);
	read_skip(&r, 1);
	assert_true(r.failed);
}

static void writes_fields_in_network_order(void **state)
{
	static const uint8_t expected[] = { 1,  2,  3,  0xaa, 0xbb, 6,   7,   8, 9, 10,
		                            11, 12, 13, 14,   15,   'a', 'b', 0, 0 };
	uint8_t out[sizeof(expected)];
	struct writer w = writer_on(out, sizeof(out));

	write_u8(&w, 1);
	write_be16(&w, 0x0203);
	write_be32(&w, 0x04050607);
	write_be64(&w, 0x08090a0b0c0d0e0f);
	write_bytes(&w, BYTES_STR("ab"));
	write_zeros(&w, 2);
	write_patch_be16(&w, 3, 0xaabb);
	assert_false(w.failed);
	assert_true(bytes_equal(writer_view(&w), BYTES_OF(expected)));
	/* Full, and once more. */
	write_bytes(&w, BYTES(NULL, 0));
	assert_false(w.failed);
	write_u8(&w, 1);
	assert_true(w.failed);
	assert_int_equal(writer_view(&w).len, 0);
}

static void a_writer_that_is_full_stays_failed(void **state)
{
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct writer w = writer_on(out, 3);

	write_be32(&w, 1);
	assert_true(w.failed);
	write_u8(&w, 1);
	assert_int_equal(w.len, 0);
	assert_int_equal(out[3], 9);
	w = writer_on(out, 4);
	write_bytes(&w, BYTES(out, SIZE_MAX));
	assert_true(w.failed);
}

static void patches_only_what_was_written(void **state)
{
	static const struct {
		size_t offset;
		bool ok;
	} cases[] = { { 0, true }, { 4, true }, { 5, false }, { 8, false }, { SIZE_MAX, false } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t out[16] = { 0 };
		struct writer w = writer_on(out, sizeof(out));

		write_zeros(&w, 8);
		write_patch_be32(&w, cases[i].offset, 0x01020304);
		assert_int_equal(!w.failed, cases[i].ok);
		if (cases[i].ok)
			assert_int_equal(out[cases[i].offset + 3], 4);
	}
}

static void compares_as_memcmp_with_the_prefix_first(void **state)
{
	static const char *rising[] = { "", "a", "ab", "abc", "b", "ba" };

	for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
		for (size_t j = 0; j < ARRAY_LEN(rising); j++) {
			int order = bytes_compare(BYTES_STR(rising[i]), BYTES_STR(rising[j]));

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(bytes_equal(BYTES_STR(rising[i]), BYTES_STR(rising[j])),
			                 i == j);
		}
	}
	assert_true(bytes_equal(BYTES(NULL, 0), BYTES_STR("")));
}

static void buffers_copy_move_and_free(void **state)
{
	struct buf a = buf_copy(BYTES_STR("octets"));
	struct buf b = buf_move(&a);

	assert_null(a.data);
	assert_true(bytes_equal(buf_view(&b), BYTES_STR("octets")));
	buf_free(&b);
	buf_free(&b); /* what is gone may be freed */
	assert_null(b.data);
	a = buf_copy(BYTES(NULL, 0));
	assert_int_equal(a.len, 0);
	buf_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_fields_in_network_order),
		cmocka_unit_test(a_reader_that_ran_out_stays_failed_and_gives_zeros),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(writes_fields_in_network_order),
		cmocka_unit_test(a_writer_that_is_full_stays_failed),
		cmocka_unit_test(patches_only_what_was_written),
		cmocka_unit_test(compares_as_memcmp_with_the_prefix_first),
		cmocka_unit_test(buffers_copy_move_and_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
