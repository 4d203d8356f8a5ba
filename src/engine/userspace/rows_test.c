#include "util/test.h"

#include "engine/userspace/rows.h"

static struct policy_row row_of(const char *remote, enum policy_action action, uint8_t protocol,
                                uint16_t first, uint16_t last)
{
	struct policy_row row = { .action = action, .traffic.protocol = protocol };

	assert_true(range_parse("10.1.0.0/16", &row.local));
	assert_true(range_parse(remote, &row.remote));
	if (last != 0)
		row.traffic = (struct traffic){ protocol, true, first, last };
	return row;
}

static struct row_table *table_of(const struct policy_row *rows, size_t count)
{
	struct row_table *table;
	struct policy_table policy;

	assert_true(policy_build(&policy, rows, count, NULL));
	table = row_table_new(&policy, NULL);
	policy_wipe(&policy);
	return table;
}

/* POL-2; a fragment that nobody can place goes by the strictest rule it may belong to. */
static void picks_the_row_of_a_packet(void **state)
{
	struct policy_row rows[] = {
		row_of("10.2.0.0/16", POLICY_PASS, 6, 80, 80),
		row_of("10.2.0.0/16", POLICY_TRAP, 6, 1, 1023),
		row_of("10.2.0.0/16", POLICY_DROP, 17, 0, 0),
		row_of("10.2.0.0/16", POLICY_TRAP, 0, 0, 0),
		row_of("10.3.0.0/16", POLICY_PASS, 6, 80, 80),
		row_of("10.3.0.0/16", POLICY_PASS, 0, 0, 0),
	};
	static const struct {
		uint8_t net;
		struct shown shown;
		enum policy_action action;
		bool is_private;
	} cases[] = {
		{ 2, { 6, 80, false }, POLICY_PASS, false },
		{ 2, { 6, 79, false }, POLICY_TRAP, true },
		{ 2, { 6, 1024, false }, POLICY_TRAP, false },
		{ 2, { 17, 80, false }, POLICY_DROP, false },
		{ 2, { 1, -1, false }, POLICY_TRAP, false },
		{ 2, { 6, -1, true }, POLICY_TRAP, true },
		{ 2, { 17, -1, true }, POLICY_DROP, false },
		{ 2, { 0, -1, true }, POLICY_DROP, false },
		{ 3, { 6, -1, true }, POLICY_PASS, false },
		{ 3, { 17, 80, false }, POLICY_PASS, false },
	};
	struct row_table *table;

	rows[1].is_private = true;
	table = table_of(rows, ARRAY_LEN(rows));
	assert_true(table->has_ports);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair pair = { ip_v4(10, 1, 0, 1), ip_v4(10, cases[i].net, 0, 1) };
		struct rules rules = rows_for(table, &pair);
		const struct row *row = rules_pick(table, &rules, &cases[i].shown);

		assert_true(rules_have_ports(&rules));
		assert_int_equal(row->action, cases[i].action);
		assert_int_equal(row->is_private, cases[i].is_private);
	}
	row_table_free(table);
}

static void asks_for_no_ports_where_no_rule_does(void **state)
{
	const struct policy_row rows[] = { row_of("10.2.0.0/16", POLICY_TRAP, 6, 25, 25),
		                           row_of("0.0.0.0/0", POLICY_TRAP, 0, 0, 0) };
	struct row_table *table = table_of(rows, ARRAY_LEN(rows));
	struct ip_pair pair = { ip_v4(10, 1, 0, 1), ip_v4(10, 3, 0, 1) };
	struct rules rules = rows_for(table, &pair);

	assert_false(rules_have_ports(&rules));
	pair.source = ip_v4(10, 9, 0, 1);
	rules = rows_for(table, &pair);
	assert_int_equal(rules.count, 0);
	assert_null(rows_of_pair(table, &pair));
	row_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_the_row_of_a_packet),
		cmocka_unit_test(asks_for_no_ports_where_no_rule_does),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
