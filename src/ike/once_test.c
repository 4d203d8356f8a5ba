#include "util/test.h"

#include "ike/once.h"

static struct once once;
static struct hash keyed;

/* ERR-18 */
static void each_source_has_one_turn_a_minute(void **state)
{
	const struct ip a = ip_v4(192, 0, 2, 1), b = ip_v4(192, 0, 2, 2);
	struct instant now = { SECONDS(5).ns };

	assert_true(once_take(&once, &keyed, &a, now));
	assert_true(once_take(&once, &keyed, &b, now));
	for (int i = 0; i < 59; i++) {
		assert_false(once_take(&once, &keyed, &a, now));
		now = instant_after(now, SECONDS(1));
	}
	now = instant_after(now, SECONDS(1));
	assert_true(once_take(&once, &keyed, &a, now));
	assert_false(once_take(&once, &keyed, &a, now));
}

static void forged_sources_cannot_have_more_than_the_slots(void **state)
{
	const struct instant now = { SECONDS(1000).ns };
	unsigned turns = 0;

	for (unsigned i = 0; i < 100000; i++) {
		const struct ip source =
		    ip_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);

		turns += once_take(&once, &keyed, &source, now);
	}
	assert_true(turns <= ONCE_SLOTS);
}

int main(void)
{
	const uint64_t seed[2] = { 1, 2 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_has_one_turn_a_minute),
		cmocka_unit_test(forged_sources_cannot_have_more_than_the_slots),
	};

	hash_init(&keyed, seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
