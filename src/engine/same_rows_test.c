#include "util/test.h"

#include <stdlib.h>

#include "engine/same_rows.h"

static struct policy_row row(uint8_t net, uint16_t port, enum policy_action action)
{
	struct policy_row r = { .action = action };
	struct ip a = ip_v4(10, 1, 0, 0), b = ip_v4(10, net, 0, 0);

	r.local = range_of_prefix(&a, 16);
	r.remote = range_of_prefix(&b, 16);
	if (port != 0)
		r.traffic = (struct traffic){ 6, true, port, port };
	return r;
}

static void finds_each_row_by_what_it_is_for_and_does(void **state)
{
	const struct policy_row old[] = { row(2, 0, POLICY_PASS), row(2, 80, POLICY_PASS),
		                          row(3, 0, POLICY_DROP), row(4, 0, POLICY_TRAP) };
	const struct policy_row now[] = { row(4, 0, POLICY_TRAP), row(2, 80, POLICY_PASS),
		                          row(2, 0, POLICY_DROP) };
	static const long expected[] = { SAME_ROW_NONE, 1, SAME_ROW_NONE, 0 };
	long *same = same_rows(old, ARRAY_LEN(old), now, ARRAY_LEN(now));

	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		assert_int_equal(same[i], expected[i]);
	free(same);
	free(same_rows(NULL, 0, now, ARRAY_LEN(now)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_row_by_what_it_is_for_and_does),
	};

	return cmocka_run_group_tests_name("same_rows", tests, NULL, NULL);
}
