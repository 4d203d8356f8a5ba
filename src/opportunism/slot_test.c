#include "util/test.h"

#include "opportunism/slot.h"

#include <stdlib.h>

static struct text slot_of(const char *what, const char *body, uint64_t sequence)
{
	struct text out = { 0 };

	assert_true(slot_write(what, BYTES_STR(body), sequence, &out));
	return out;
}

static bool is_slot(const char *what, const char *octets, size_t len)
{
	struct bytes body;
	uint64_t sequence;

	return slot_parse(what, BYTES((const uint8_t *)octets, len), &sequence, &body);
}

static void what_is_written_is_read(void **state)
{
	static const char *const bodies[] = { "", "a line\n", "a line\nand half of one" };

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct text slot = slot_of("peers", bodies[i], 7);
		struct bytes body;
		uint64_t sequence;

		text_add_bytes(&slot, BYTES_STR("what an earlier text left behind\n"));
		assert_true(
		    slot_parse("peers", BYTES((uint8_t *)slot.s, slot.len), &sequence, &body));
		assert_int_equal(sequence, 7);
		assert_int_equal(body.len, strlen(bodies[i]));
		assert_memory_equal(body.data, bodies[i], body.len);
		assert_false(is_slot("peer", slot.s, slot.len));
		assert_false(is_slot("protected", slot.s, slot.len));
		text_free(&slot);
	}
}

/* A crash may leave any part of it, and a disk any octet. */
static void what_is_broken_counts_for_nothing(void **state)
{
	struct text slot = slot_of("peers", "a line\nand another\n", 7);

	for (size_t len = 0; len < slot.len; len++)
		assert_false(is_slot("peers", slot.s, len));
	for (size_t i = (size_t)(strchr(slot.s, '\n') - slot.s); i < slot.len; i++) {
		slot.s[i] ^= 1;
		assert_false(is_slot("peers", slot.s, slot.len));
		slot.s[i] ^= 1;
	}
	assert_true(is_slot("peers", slot.s, slot.len));
	text_free(&slot);
}

static void headers_that_are_none(void **state)
{
	static const char *const headers[] = {
		"\n",
		"peers\n",
		"peers 2 7 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"peers 1 7 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"peers 1 7 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85\n",
		"peers 1 7 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
		"more\n",
	};
	static const char good[] =
	    "peers 1 7 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		assert_false(is_slot("peers", headers[i], strlen(headers[i])));
	assert_true(is_slot("peers", good, strlen(good)));
}

static void what_does_not_fit_is_not_written(void **state)
{
	char *much = new_array(SLOT_SIZE, 1);
	struct text out = { 0 };

	assert_false(slot_write("peers", BYTES(much, SLOT_SIZE), 1, &out));
	assert_int_equal(out.len, 0);
	assert_true(slot_write("peers", BYTES(much, SLOT_SIZE - SLOT_HEADER_MAX), 1, &out));
	assert_true(out.len <= SLOT_SIZE);
	text_free(&out);
	free(much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_broken_counts_for_nothing),
		cmocka_unit_test(headers_that_are_none),
		cmocka_unit_test(what_does_not_fit_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
