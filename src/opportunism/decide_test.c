#include "util/test.h"

#include "opportunism/flow.h"

/* Every combination of the evidence: 2^6 times some numbers of attempts. */
static void every_flow_ends_and_none_leaks_early(void **state)
{
	for (unsigned bits = 0; bits < 64; bits++) {
		for (unsigned running = 0; running < 3; running++) {
			struct evidence e = {
				.tunnel_up = bits & 1,
				.dns_settled = bits & 2,
				.denied = bits & 4,
				.gateways_left = bits & 8,
				.next_gateway_due = bits & 16,
				.out_of_time = bits & 32,
				.attempts_running = running,
			};
			enum flow_step step = flow_decide(&e);

			if (e.tunnel_up)
				assert_int_equal(step, FLOW_STEP_TUNNEL);
			else if (e.out_of_time) /* no stuck flow */
				assert_int_equal(step, FLOW_STEP_SHUNT);
			else if (!e.dns_settled) /* TTL-7: no cleartext meanwhile */
				assert_int_equal(step, FLOW_STEP_WAIT);
			else if (e.denied || (!e.gateways_left && running == 0))
				assert_int_equal(step, FLOW_STEP_SHUNT);
			else if (e.gateways_left && (running == 0 || e.next_gateway_due))
				assert_int_equal(step, FLOW_STEP_TRY_NEXT_GATEWAY);
			else
				assert_int_equal(step, FLOW_STEP_WAIT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flow_ends_and_none_leaks_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
