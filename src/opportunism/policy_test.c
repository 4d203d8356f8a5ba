#include "util/test.h"

#include "opportunism/policy.h"

static struct policy_row row(const char *local, const char *remote, enum policy_action action,
                             const char *name)
{
	struct policy_row r = { .action = action };

	assert_true(range_parse(local, &r.local));
	assert_true(range_parse(remote, &r.remote));
	snprintf(r.name, sizeof(r.name), "%s", name);
	return r;
}

static struct ip_pair pair(const char *source, const char *destination)
{
	struct ip_pair p;

	assert_true(ip_parse(source, &p.source));
	assert_true(ip_parse(destination, &p.destination));
	return p;
}

/* POL-2 */
static void the_most_specific_row_decides(void **state)
{
	const struct policy_row rows[] = {
		row("10.2.1.0/24", "0.0.0.0/0", POLICY_TRAP, "world"),
		row("10.2.1.0/24", "198.51.100.0/24", POLICY_PASS, "net"),
		row("10.2.1.7", "198.51.100.0/24", POLICY_DROP, "one"),
		row("10.2.0.0/16", "198.51.100.9", POLICY_REJECT, "host"),
	};
	static const struct {
		const char *source, *destination, *name;
	} cases[] = {
		{ "10.2.1.1", "192.0.2.1", "world" },   { "10.2.1.1", "198.51.100.1", "net" },
		{ "10.2.1.7", "198.51.100.1", "one" },  { "10.2.1.7", "198.51.100.9", "host" },
		{ "10.2.2.1", "198.51.100.9", "host" }, { "10.2.2.1", "192.0.2.1", NULL },
		{ "2001:db8::1", "2001:db8::2", NULL },
	};
	struct policy_table table;

	policy_build(&table, rows, ARRAY_LEN(rows), NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair p = pair(cases[i].source, cases[i].destination);
		const struct policy_row *found = policy_lookup(&table, &p);

		if (cases[i].name == NULL)
			assert_null(found);
		else
			assert_string_equal(found->name, cases[i].name);
	}
	policy_wipe(&table);
}

static const struct policy_row *flat_lookup(const struct policy_table *table,
                                            const struct ip_pair *p)
{
	const struct policy_row *found = NULL;

	for (size_t i = 0; i < table->flat_count; i++) {
		const struct policy_row *r = &table->flat[i];

		if (!range_contains(&r->local, &p->source) ||
		    !range_contains(&r->remote, &p->destination))
			continue;
		assert_null(found); /* disjoint: one row at most */
		found = &table->rows[table->flat_row[i]];
	}
	return found;
}

static struct ip_range random_range(void)
{
	struct ip a = ip_v4(10, 0, (uint8_t)(rand() % 4), (uint8_t)(rand() % 256));

	return range_of_prefix(&a, 22 + (unsigned)(rand() % 11));
}

static void the_flat_rows_decide_as_longest_match_does(void **state)
{
	srand(1);
	for (unsigned round = 0; round < 60; round++) {
		struct policy_row rows[8] = { 0 };
		struct policy_table table;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			rows[i].local = random_range();
			rows[i].remote = random_range();
			snprintf(rows[i].name, sizeof(rows[i].name), "row%zu", i);
		}
		policy_build(&table, rows, ARRAY_LEN(rows), NULL);
		for (unsigned n = 0; n < 400; n++) {
			struct ip_pair p = {
				ip_v4(10, 0, (uint8_t)(rand() % 4), (uint8_t)(rand() % 256)),
				ip_v4(10, 0, (uint8_t)(rand() % 4), (uint8_t)(rand() % 256)),
			};

			assert_ptr_equal(flat_lookup(&table, &p), policy_lookup(&table, &p));
		}
		policy_wipe(&table);
	}
}

static void two_rows_of_one_place_clash_and_the_first_wins(void **state)
{
	const struct policy_row rows[] = {
		row("10.2.1.0/24", "0.0.0.0/0", POLICY_TRAP, "first"),
		row("10.2.1.0/24", "0.0.0.0/0", POLICY_DROP, "second"),
	};
	struct policy_table table;
	long clash;

	policy_build(&table, rows, ARRAY_LEN(rows), &clash);
	assert_int_equal(clash, 1);
	assert_int_equal(table.row_count, 1);
	assert_string_equal(table.rows[0].name, "first");
	policy_wipe(&table);
}

/* A peer that asks for a part of its conn does not get what another conn says of that part. */
static void what_came_of_a_conn_stands_where_the_conn_stands(void **state)
{
	struct policy_row rows[] = {
		row("10.1.0.0/16", "10.2.3.7/32", POLICY_TUNNEL, "sites"),
		row("10.1.0.0/16", "10.2.4.0/24", POLICY_TUNNEL, "sites"),
		row("10.1.0.0/16", "10.2.0.0/16", POLICY_TRAP, "sites"),
		row("10.1.0.0/16", "10.2.3.0/24", POLICY_DROP, "never"),
		row("10.1.0.0/16", "0.0.0.0/0", POLICY_TRAP, "anyone"),
	};
	const struct {
		struct ip to;
		enum policy_action want;
	} cases[] = {
		{ ip_v4(10, 2, 3, 7), POLICY_DROP },
		{ ip_v4(10, 2, 4, 9), POLICY_TUNNEL },
		{ ip_v4(10, 2, 5, 9), POLICY_TRAP },
	};
	struct policy_table table;
	long clash;

	for (size_t i = 0; i < 2; i++) {
		rows[i].is_outcome = true;
		rows[i].of_local = rows[2].local;
		rows[i].of_remote = rows[2].remote;
	}
	policy_build(&table, rows, ARRAY_LEN(rows), &clash);
	assert_int_equal(clash, -1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair p = { ip_v4(10, 1, 0, 1), cases[i].to };

		assert_int_equal(policy_lookup(&table, &p)->action, cases[i].want);
		assert_ptr_equal(flat_lookup(&table, &p), policy_lookup(&table, &p));
	}
	policy_wipe(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_row_decides),
		cmocka_unit_test(the_flat_rows_decide_as_longest_match_does),
		cmocka_unit_test(two_rows_of_one_place_clash_and_the_first_wins),
		cmocka_unit_test(what_came_of_a_conn_stands_where_the_conn_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
