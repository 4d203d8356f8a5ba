#include "util/test.h"

#include "engine/area.h"

static struct policy_row row(enum policy_action action, uint8_t protocol, int first, int last)
{
	struct policy_row r = { .action = action, .traffic.protocol = protocol };
	struct ip a = ip_v4(10, 1, 0, 0), b = ip_v4(10, 2, 0, 0);

	r.local = range_of_prefix(&a, 16);
	r.remote = range_of_prefix(&b, 16);
	if (first >= 0)
		r.traffic = (struct traffic){ protocol, true, (uint16_t)first, (uint16_t)last };
	return r;
}

enum { SAMPLES = 7 };

struct division {
	size_t of[256][SAMPLES]; /* row + 1 */
	bool is_twice;
};

static const uint16_t samples[SAMPLES] = { 0, 79, 80, 81, 443, 1023, 65535 };

static void note(void *ctx, size_t which, const struct box *box)
{
	struct division *d = ctx;

	for (unsigned p = box->first_protocol; p <= box->last_protocol; p++) {
		for (size_t i = 0; i < SAMPLES; i++) {
			if (samples[i] < box->first_port || samples[i] > box->last_port)
				continue;
			d->is_twice |= d->of[p][i] != 0;
			d->of[p][i] = which + 1;
		}
	}
}

/* POL-2: each box is the first rule's, and no two overlap. */
static void divides_an_area_among_its_rules(void **state)
{
	const struct policy_row rows[] = { row(POLICY_PASS, 6, 80, 80),
		                           row(POLICY_DROP, 6, 79, 443),
		                           row(POLICY_TRAP, 17, -1, -1),
		                           row(POLICY_TRAP, 0, -1, -1) };

	for (size_t count = 0; count <= ARRAY_LEN(rows); count++) {
		struct division d = { 0 };

		area_divide(rows, count, note, &d);
		assert_false(d.is_twice);
		for (unsigned p = 0; p < 256; p++) {
			for (size_t i = 0; i < SAMPLES; i++) {
				size_t first = 0;

				while (first < count && !traffic_contains(&rows[first].traffic,
				                                          (uint8_t)p, samples[i]))
					first++;
				assert_int_equal(d.of[p][i], first + 1);
			}
		}
	}
}

static void knows_an_area_by_its_addresses(void **state)
{
	struct policy_row rows[] = { row(POLICY_PASS, 6, 80, 80), row(POLICY_TRAP, 0, -1, -1),
		                     row(POLICY_TRAP, 0, -1, -1) };

	rows[2].remote = range_of_ip(&rows[2].remote.first);
	assert_int_equal(area_len(rows, 3), 2);
	assert_int_equal(area_len(rows + 2, 1), 1);
	assert_true(area_has_ports(rows, 2));
	assert_true(area_has_ports(rows, 1));
	assert_false(area_has_ports(rows + 2, 1));
}

/* An SA outranks the rule that allowed it; never one that blocks. */
static void carries_by_a_tunnel_what_its_rule_does_not_yield(void **state)
{
	static const struct traffic any = { 0 };
	static const struct traffic smtp = { 6, true, 25, 25 };
	static const struct {
		enum policy_action action;
		int port; /* -1: any traffic */
		const struct traffic *made;
		bool is_carried;
	} cases[] = {
		{ POLICY_TRAP, 80, &any, true },    { POLICY_TRAP, -1, &smtp, true },
		{ POLICY_PASS, 80, &any, false },   { POLICY_PASS, 80, &smtp, false },
		{ POLICY_PASS, -1, &smtp, true },   { POLICY_PASS, -1, &any, true },
		{ POLICY_DROP, 23, &any, false },   { POLICY_DROP, -1, &smtp, false },
		{ POLICY_REJECT, 23, &any, false }, { POLICY_REJECT, 25, &smtp, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_row r =
		    row(cases[i].action, cases[i].port < 0 ? 0 : 6, cases[i].port, cases[i].port);

		assert_int_equal(area_is_carried(r.action, &r.traffic, cases[i].made),
		                 cases[i].is_carried);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(divides_an_area_among_its_rules),
		cmocka_unit_test(knows_an_area_by_its_addresses),
		cmocka_unit_test(carries_by_a_tunnel_what_its_rule_does_not_yield),
	};

	return cmocka_run_group_tests_name("area", tests, NULL, NULL);
}
