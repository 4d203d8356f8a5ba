#include "util/test.h"

#include "daemon/log.h"

static void a_kind_has_a_burst_and_then_a_rate(void **state)
{
	static struct log_limiter limiter;
	struct instant now = { 5000000000 };
	unsigned suppressed;
	unsigned allowed = 0;
	char text[64];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "flow 10.0.0.%d > 198.51.100.5: pass", i);
		allowed += log_limiter_allows(&limiter, text, now, &suppressed);
	}
	assert_int_equal(allowed, LOG_BURST);
	now = instant_after(now, SECONDS(1));
	assert_true(log_limiter_allows(&limiter, text, now, &suppressed));
	assert_int_equal(suppressed, 200 - LOG_BURST);
	allowed = 1;
	for (int i = 0; i < 200; i++)
		allowed += log_limiter_allows(&limiter, text, now, &suppressed);
	assert_int_equal(allowed, LOG_PER_S);
}

static void one_kind_does_not_silence_another(void **state)
{
	static struct log_limiter limiter;
	struct instant now = { 5000000000 };
	unsigned suppressed;

	for (int i = 0; i < 200; i++)
		(void)log_limiter_allows(&limiter, "flow 10.0.0.1: pass", now, &suppressed);
	assert_true(log_limiter_allows(&limiter, "flow 10.0.0.1: drop", now, &suppressed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kind_has_a_burst_and_then_a_rate),
		cmocka_unit_test(one_kind_does_not_silence_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
