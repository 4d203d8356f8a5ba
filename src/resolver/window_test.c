#include "util/test.h"

#include "resolver/window.h"
#include "util/bytes.h"

static void shrinks_when_answers_wait_for_our_own_work(void **state)
{
	static const struct {
		unsigned before;
		struct duration lag, work;
		unsigned after;
	} cases[] = {
		{ 128, MILLISECONDS(0), MILLISECONDS(9), 136 },
		{ 128, MILLISECONDS(4), MILLISECONDS(9), 136 },
		{ 128, MILLISECONDS(5), MILLISECONDS(9), 112 },
		/* the machine was busy with others */
		{ 128, MILLISECONDS(50), MILLISECONDS(1), 136 },
		{ 50, MILLISECONDS(50), MILLISECONDS(50), WINDOW_LEAST },
		{ WINDOW_LEAST, MILLISECONDS(50), MILLISECONDS(50), WINDOW_LEAST },
		{ WINDOW_MOST, MILLISECONDS(0), MILLISECONDS(0), WINDOW_MOST },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(window_adapt(cases[i].before, cases[i].lag, cases[i].work),
		                 cases[i].after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shrinks_when_answers_wait_for_our_own_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
