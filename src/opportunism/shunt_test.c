#include "util/test.h"

#include "opportunism/shunt.h"

/* FAIL-1, OIN-11, LIFE-5: the outcome table's last column. */
static void lives_by_its_cause(void **state)
{
	static const struct {
		enum flow_reason cause;
		int ttl_s, silence_s;
		bool had_tunnel;
		int lives_s;
	} cases[] = {
		{ FLOW_REASON_NO_NAME, 900, 0, false, 900 },
		{ FLOW_REASON_NO_NAME, 5, 0, false, 60 },
		{ FLOW_REASON_NO_RECORD, 86400, 0, false, 10800 },
		{ FLOW_REASON_UNUSABLE, 600, 0, false, 600 },
		{ FLOW_REASON_UNSIGNED, 20000, 0, false, 10800 },
		{ FLOW_REASON_INSIDE, 600, 0, false, 600 },
		{ FLOW_REASON_DNS_SILENT, 900, 0, false, 120 },
		{ FLOW_REASON_DNS_FAILED, 900, 0, false, 120 },
		{ FLOW_REASON_BOGUS, 900, 0, false, 600 },
		{ FLOW_REASON_MALFORMED, 30, 0, false, 600 },
		{ FLOW_REASON_GATEWAY_SILENT, 30, 0, false, 600 },
		{ FLOW_REASON_GATEWAY_SILENT, 30, 0, true, 60 },
		{ FLOW_REASON_GATEWAY_SILENT, 30, 45, false, 45 },
		{ FLOW_REASON_GATEWAY_SILENT, 30, -45, false, 600 },
		{ FLOW_REASON_REFUSED_UNPROVEN, 30, 0, true, 600 },
		{ FLOW_REASON_AUTH_REFUSED, 30, 0, false, 600 },
		{ FLOW_REASON_REFUSED, 30, 0, false, 3600 },
		{ FLOW_REASON_BAD_SIGNATURE, 1800, 0, false, 1800 },
		{ FLOW_REASON_BAD_SIGNATURE, 86400, 0, false, 3600 },
		{ FLOW_REASON_BAD_SIGNATURE, -3, 0, false, 60 },
		{ FLOW_REASON_BUDGET, 30, 0, false, 600 },
		{ FLOW_REASON_OVERLOAD, 900, 0, false, 10 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct shunt_facts facts = { .cause = cases[i].cause,
			                     .ttl = SECONDS(cases[i].ttl_s),
			                     .silence = SECONDS(cases[i].silence_s),
			                     .had_tunnel = cases[i].had_tunnel };

		assert_int_equal(shunt_lifetime(&facts).ns, SECONDS(cases[i].lives_s).ns);
	}
}

/* TTL-4 */
static void silence_is_no_answer(void **state)
{
	assert_false(shunt_is_answer(FLOW_REASON_DNS_SILENT));
	assert_false(shunt_is_answer(FLOW_REASON_DNS_FAILED));
	assert_true(shunt_is_answer(FLOW_REASON_NO_NAME));
	assert_true(shunt_is_answer(FLOW_REASON_BOGUS));
	assert_false(shunt_is_renewed(FLOW_REASON_OVERLOAD));
	assert_true(shunt_is_renewed(FLOW_REASON_DNS_SILENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_by_its_cause),
		cmocka_unit_test(silence_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
