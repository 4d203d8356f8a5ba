#include "util/test.h"

#include "ike/retransmit.h"

static struct instant at_ms(int64_t ms)
{
	return (struct instant){ ms * 1000000 };
}

/* MID-9, MID-10 */
static void sends_five_times_with_doubling_waits(void **state)
{
	static const struct {
		int64_t ms;
		enum retransmit_step step;
	} cases[] = {
		{ 499, RETRANSMIT_WAIT },   { 500, RETRANSMIT_SEND },
		{ 1499, RETRANSMIT_WAIT },  { 1500, RETRANSMIT_SEND },
		{ 3499, RETRANSMIT_WAIT },  { 3500, RETRANSMIT_SEND },
		{ 7499, RETRANSMIT_WAIT },  { 7500, RETRANSMIT_SEND },
		{ 15499, RETRANSMIT_WAIT }, { 15500, RETRANSMIT_GIVE_UP },
		{ 99999, RETRANSMIT_WAIT },
	};
	struct retransmit rt;

	retransmit_init(&rt);
	retransmit_start(&rt, 5, 128, at_ms(0));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(retransmit_due(&rt, 128, at_ms(cases[i].ms)), cases[i].step);
}

static void keeps_the_jitter_within_a_tenth(void **state)
{
	struct retransmit rt;

	retransmit_start(&rt, 2, 0, at_ms(0));
	assert_int_equal(rt.due.ns, 450 * 1000000);
	retransmit_start(&rt, 2, 255, at_ms(0));
	assert_in_range(rt.due.ns, 549 * 1000000, 550 * 1000000);
}

static void sends_once_when_called_late(void **state)
{
	struct retransmit rt;

	retransmit_start(&rt, 5, 128, at_ms(0));
	assert_int_equal(retransmit_due(&rt, 128, at_ms(10000)), RETRANSMIT_SEND);
	assert_int_equal(retransmit_due(&rt, 128, at_ms(10000)), RETRANSMIT_WAIT);
	assert_int_equal(rt.due.ns, at_ms(11000).ns);
}

static void is_silent_once_stopped(void **state)
{
	struct retransmit rt;

	retransmit_start(&rt, 5, 128, at_ms(0));
	retransmit_stop(&rt);
	assert_int_equal(rt.due.ns, INSTANT_NEVER.ns);
	assert_int_equal(retransmit_due(&rt, 128, at_ms(500)), RETRANSMIT_WAIT);
}

/* A peer that restarts is found within two seconds, and asked for as long as any other. */
static void in_a_hurry_waits_stay_short(void **state)
{
	static const struct {
		unsigned tries;
		int64_t seconds_10; /* in all, tenths */
		unsigned sendings;
	} cases[] = { { 5, 155, 9 }, { 8, 1275, 65 }, { 2, 15, 2 }, { 1, 5, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct instant now = { SECONDS(1000).ns }, start = now;
		struct retransmit rt;
		unsigned sendings = 1;

		retransmit_start(&rt, cases[i].tries, 128, now);
		retransmit_hurry(&rt);
		for (;;) {
			assert_true(instant_since(rt.due, now).ns <= SECONDS(2).ns);
			now = rt.due;
			if (retransmit_due(&rt, 128, now) == RETRANSMIT_GIVE_UP)
				break;
			sendings++;
		}
		assert_int_equal(sendings, cases[i].sendings);
		assert_int_equal(instant_since(now, start).ns / MILLISECONDS(100).ns,
		                 cases[i].seconds_10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_five_times_with_doubling_waits),
		cmocka_unit_test(keeps_the_jitter_within_a_tenth),
		cmocka_unit_test(sends_once_when_called_late),
		cmocka_unit_test(is_silent_once_stopped),
		cmocka_unit_test(in_a_hurry_waits_stay_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
