#include "util/test.h"

#include "ike/join.h"
#include "ike/pieces.h"

static const char text[] = "abcdefghijkl";

struct arrival {
	uint16_t number;
	uint16_t total;
	const char *text;
	enum join_verdict verdict;
};

static enum join_verdict add(struct joins *all, struct join **join, uint32_t message_id,
                             const struct arrival *a, struct bytes *joined)
{
	static uint8_t out[IKE_MESSAGE_MAX];
	const struct piece piece = { a->number, a->total };
	uint8_t first = 0;
	enum join_verdict verdict = join_add(all, join, message_id, piece, a->number == 1 ? 39 : 0,
	                                     BYTES_STR(a->text), out, &first, joined);

	if (verdict == JOIN_DONE)
		assert_int_equal(first, 39);
	return verdict;
}

/* FRG-5, FRG-6 */
static void joins_what_comes_in_any_order(void **state)
{
	static const struct {
		const char *name;
		struct arrival arrivals[8];
	} cases[] = {
		{ "one", { { 1, 1, "abcdefghijkl", JOIN_DONE } } },
		{ "in order",
		  { { 1, 3, "abcd", JOIN_WAITS },
		    { 2, 3, "efgh", JOIN_WAITS },
		    { 3, 3, "ijkl", JOIN_DONE } } },
		{ "backwards",
		  { { 3, 3, "ijkl", JOIN_WAITS },
		    { 2, 3, "efgh", JOIN_WAITS },
		    { 1, 3, "abcd", JOIN_DONE } } },
		{ "twice",
		  { { 2, 2, "ghijkl", JOIN_WAITS },
		    { 2, 2, "GHIJKL", JOIN_WAITS },
		    { 1, 2, "abcdef", JOIN_DONE } } },
		{ "cut again, smaller",
		  { { 1, 2, "abcdef", JOIN_WAITS },
		    { 3, 3, "ijkl", JOIN_WAITS },
		    { 2, 2, "ghijkl", JOIN_REFUSED },
		    { 1, 3, "abcd", JOIN_WAITS },
		    { 2, 3, "efgh", JOIN_DONE } } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct joins all = { 0 };
		struct join *join = NULL;
		struct bytes joined = { 0 };

		for (size_t k = 0; cases[i].arrivals[k].number != 0; k++)
			assert_int_equal(add(&all, &join, 1, &cases[i].arrivals[k], &joined),
			                 cases[i].arrivals[k].verdict);
		assert_true(bytes_equal(joined, BYTES_STR(text)));
		assert_null(join);
		assert_int_equal(all.octets, 0);
		assert_null(all.oldest);
	}
}

static void another_message_is_another_join(void **state)
{
	static const struct arrival first = { 1, 2, "abc", JOIN_WAITS };
	static const struct arrival second = { 2, 2, "def", JOIN_WAITS };
	struct joins all = { 0 };
	struct join *join = NULL;
	struct bytes joined;

	assert_int_equal(add(&all, &join, 1, &first, &joined), JOIN_WAITS);
	assert_int_equal(add(&all, &join, 2, &second, &joined), JOIN_WAITS);
	assert_int_equal(add(&all, &join, 2, &first, &joined), JOIN_DONE);
	assert_true(bytes_equal(joined, BYTES_STR("abcdef")));
}

/* FRG-9 */
static void bounds_one_message(void **state)
{
	static uint8_t out[IKE_MESSAGE_MAX];
	static uint8_t big[1400];
	struct joins all = { 0 };
	struct join *join = NULL;
	struct bytes joined;
	uint8_t first;
	uint16_t number = 1;
	enum join_verdict verdict = JOIN_WAITS;
	static const struct arrival too_many = { 1, PIECES_MAX + 1, "x", JOIN_REFUSED };
	static const struct arrival empty = { 1, 2, "", JOIN_REFUSED };

	assert_int_equal(add(&all, &join, 1, &too_many, &joined), JOIN_REFUSED);
	assert_int_equal(add(&all, &join, 1, &empty, &joined), JOIN_REFUSED);
	while (verdict == JOIN_WAITS && number <= PIECES_MAX) {
		verdict = join_add(&all, &join, 1, (struct piece){ number, PIECES_MAX }, 0,
		                   BYTES_OF(big), out, &first, &joined);
		number++;
	}
	assert_int_equal(verdict, JOIN_REFUSED);
	assert_int_equal((number - 1) * sizeof(big) / IKE_MESSAGE_MAX, 1);
	assert_null(join);
	assert_int_equal(all.octets, 0);
}

static void bounds_all_together_and_forgets_the_oldest(void **state)
{
	enum { COUNT = JOIN_OCTETS_MAX / 1000 };
	static struct join *joins[COUNT];
	static uint8_t out[IKE_MESSAGE_MAX];
	static uint8_t big[1000];
	struct joins all = { 0 };
	struct bytes joined;
	uint8_t first;

	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(join_add(&all, &joins[i], 1, (struct piece){ 1, 2 }, 0,
		                          BYTES_OF(big), out, &first, &joined),
		                 JOIN_WAITS);
		assert_true(all.octets <= JOIN_OCTETS_MAX);
	}
	assert_null(joins[0]);
	assert_non_null(joins[COUNT - 1]);
	assert_int_equal(join_add(&all, &joins[COUNT - 1], 1, (struct piece){ 2, 2 }, 0,
	                          BYTES_OF(big), out, &first, &joined),
	                 JOIN_DONE);
	for (size_t i = 0; i < COUNT; i++)
		join_drop(&all, &joins[i]);
	assert_int_equal(all.octets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_what_comes_in_any_order),
		cmocka_unit_test(another_message_is_another_join),
		cmocka_unit_test(bounds_one_message),
		cmocka_unit_test(bounds_all_together_and_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
