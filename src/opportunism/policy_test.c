#include "util/test.h"

#include <stdlib.h>
#include <time.h>

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
	struct ip_pair p = { 0 };

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

	assert_true(policy_build(&table, rows, ARRAY_LEN(rows), NULL));
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

/* The plain twin of the index: the first row in order of rank that has the packet in it. */
static const struct policy_row *first_of_rank(const struct policy_table *table,
                                              const struct ip_pair *p, uint8_t protocol,
                                              int32_t port)
{
	for (size_t i = 0; i < table->row_count; i++) {
		const struct policy_row *r = &table->rows[i];

		if (range_contains(&r->local, &p->source) &&
		    range_contains(&r->remote, &p->destination) &&
		    traffic_contains(&r->traffic, protocol, port))
			return r;
	}
	return NULL;
}

/* The flat row of a packet: those that have the pair in them are of the same ranges, the first that
 * has the packet decides. */
static const struct policy_row *flat_lookup(const struct policy_table *table,
                                            const struct ip_pair *p, uint8_t protocol, int32_t port)
{
	const struct policy_row *ranges = NULL, *found = NULL;

	for (size_t i = 0; i < table->flat_count; i++) {
		const struct policy_row *r = &table->flat[i];

		if (!range_contains(&r->local, &p->source) ||
		    !range_contains(&r->remote, &p->destination))
			continue;
		if (ranges != NULL) {
			assert_true(range_equal(&ranges->local, &r->local));
			assert_true(range_equal(&ranges->remote, &r->remote));
		}
		ranges = r;
		if (found == NULL && traffic_contains(&r->traffic, protocol, port))
			found = &table->rows[table->flat_row[i]];
	}
	return found;
}

static struct ip_range random_range(void)
{
	struct ip a = ip_v4(10, 0, (uint8_t)(rand() % 4), (uint8_t)(rand() % 256));
	struct ip_range range = range_of_prefix(&a, 22 + (unsigned)(rand() % 11));

	if (rand() % 8 == 0)
		range = range_any(IP_V4);
	if (rand() % 8 == 0)
		range.last = ip_v4(10, 0, 4, (uint8_t)(rand() % 256));
	return range;
}

static struct traffic random_traffic(void)
{
	static const struct traffic some[] = {
		{ 0 },
		{ 0 },
		{ 0 },
		{ 6 },
		{ 17 },
		{ 6, 1, 1, 80 },
		{ 6, 1, 80, 80 },
		{ 6, 1, 23, 25 },
		{ 17, 1, 53, 53 },
	};

	return some[(size_t)rand() % ARRAY_LEN(some)];
}

static void the_flat_rows_decide_as_longest_match_does(void **state)
{
	srand(1);
	for (unsigned round = 0; round < 200; round++) {
		struct policy_row rows[12] = { 0 };
		struct policy_table table;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			rows[i].local = random_range();
			rows[i].remote = random_range();
			rows[i].traffic = random_traffic();
			rows[i].is_group = rand() % 2 == 0;
			snprintf(rows[i].name, sizeof(rows[i].name), "row%zu", i);
		}
		assert_true(policy_build(&table, rows, ARRAY_LEN(rows), NULL));
		for (unsigned n = 0; n < 400; n++) {
			struct ip_pair p = {
				ip_v4(10, 0, (uint8_t)(rand() % 5), (uint8_t)(rand() % 256)),
				ip_v4(10, 0, (uint8_t)(rand() % 5), (uint8_t)(rand() % 256)),
			};
			uint8_t protocol = (uint8_t[]){ 1, 6, 17 }[rand() % 3];
			int32_t port = protocol == 1 ? -1 : (int[]){ 23, 53, 80, 443 }[rand() % 4];
			const struct policy_row *plain = first_of_rank(&table, &p, protocol, port);

			assert_ptr_equal(flat_lookup(&table, &p, protocol, port), plain);
			assert_ptr_equal(policy_lookup_packet(&table, &p, protocol, port), plain);
		}
		policy_wipe(&table);
	}
}

/* POL-2: the same range for some ports, a protocol, all; a conn before a group. */
static void the_narrower_traffic_decides_for_the_same_addresses(void **state)
{
	struct policy_row rows[] = {
		row("0.0.0.0/0", "198.51.100.0/24", POLICY_TRAP, "all"),
		row("0.0.0.0/0", "198.51.100.0/24", POLICY_REJECT, "tcp"),
		row("0.0.0.0/0", "198.51.100.0/24", POLICY_PASS, "www"),
		row("0.0.0.0/0", "198.51.100.0/24", POLICY_DROP, "low"),
		row("0.0.0.0/0", "198.51.100.7", POLICY_TRAP, "host"),
		row("0.0.0.0/0", "198.51.100.7", POLICY_DROP, "group"),
	};
	static const struct {
		const char *destination;
		uint8_t protocol;
		int32_t port;
		const char *name;
	} cases[] = {
		{ "198.51.100.1", 6, 80, "www" },   { "198.51.100.1", 6, 22, "low" },
		{ "198.51.100.1", 6, 8080, "tcp" }, { "198.51.100.1", 6, -1, "tcp" },
		{ "198.51.100.1", 17, 80, "all" },  { "198.51.100.1", 1, -1, "all" },
		{ "198.51.100.7", 6, 80, "host" },
	};
	struct policy_table table;
	struct policy_clash clash;
	struct ip_pair p = pair("192.0.2.1", "198.51.100.1");

	rows[1].traffic = (struct traffic){ .protocol = 6 };
	rows[2].traffic = (struct traffic){ 6, 1, 80, 80 };
	rows[3].traffic = (struct traffic){ 6, 1, 1, 1023 };
	rows[5].is_group = true;
	assert_true(policy_build(&table, rows, ARRAY_LEN(rows), &clash));
	assert_false(clash.is_there);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair to = pair("192.0.2.1", cases[i].destination);

		assert_string_equal(
		    policy_lookup_packet(&table, &to, cases[i].protocol, cases[i].port)->name,
		    cases[i].name);
	}
	assert_string_equal(policy_lookup(&table, &p)->name, "all");
	p.traffic = rows[2].traffic;
	assert_string_equal(policy_lookup(&table, &p)->name, "www");
	p.traffic = (struct traffic){ 6, 1, 8080, 8080 }; /* of a rule that is gone */
	assert_string_equal(policy_lookup(&table, &p)->name, "tcp");
	policy_wipe(&table);
}

static void the_end_of_one_family_is_not_the_beginning_of_the_other(void **state)
{
	const struct policy_row rows[] = {
		row("0.0.0.0/0", "0.0.0.0/0", POLICY_TRAP, "four"),
		row("2001:db8::/32", "2001:db8::/32", POLICY_DROP, "six"),
	};
	struct ip_pair outside = pair("2001:db8::1", "2001:db9::1");
	struct policy_table table;

	assert_true(policy_build(&table, rows, ARRAY_LEN(rows), NULL));
	assert_int_equal(table.flat_count, 2);
	assert_null(policy_lookup(&table, &outside));
	policy_wipe(&table);
}

enum { MANY = 10000 };

/* A list of bogons: every other /24 of 10/8 and beyond, for this host and a network behind it. */
static struct policy_row *many_rows(size_t *count)
{
	struct policy_row *rows = new_array(2 * MANY + 2, sizeof(*rows));

	for (size_t i = 0; i < MANY; i++) {
		struct ip a = ip_v4((uint8_t)(10 + i / 32768), (uint8_t)(i * 2 / 256 % 256),
		                    (uint8_t)(i * 2), 0);

		rows[2 * i] = row("192.0.2.1", "0.0.0.0/0", POLICY_DROP, "block");
		rows[2 * i].remote = range_of_prefix(&a, 24);
		rows[2 * i].is_group = true;
		rows[2 * i + 1] = rows[2 * i];
		assert_true(range_parse("192.0.2.0/24", &rows[2 * i + 1].local));
	}
	rows[2 * MANY] = row("192.0.2.1", "0.0.0.0/0", POLICY_TRAP, "clear");
	rows[2 * MANY + 1] = row("192.0.2.0/24", "0.0.0.0/0", POLICY_TRAP, "clear");
	*count = 2 * MANY + 2;
	return rows;
}

/* The bogon list: it must load in less than a second, and it is disjoint. */
static void ten_thousand_entries_are_cut_in_a_moment(void **state)
{
	size_t count;
	struct policy_row *rows = many_rows(&count);
	struct policy_table table;
	struct ip_pair in = pair("192.0.2.9", "10.0.2.7"), out = pair("192.0.2.9", "10.0.3.7");
	clock_t start = clock();

	assert_true(policy_build(&table, rows, count, NULL));
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1.0);
	assert_true(table.flat_count <= 6 * (MANY + 1));
	assert_int_equal(policy_lookup(&table, &in)->action, POLICY_DROP);
	assert_int_equal(policy_lookup(&table, &out)->action, POLICY_TRAP);
	policy_wipe(&table);
	free(rows);
}

/* Cutting 1000 local ranges by 600 remote ones that cross them would make 600 000 rows. */
static void a_table_beyond_the_bound_is_refused_whole(void **state)
{
	enum { LOCALS = 1000, REMOTES = 600 };
	struct policy_row *rows = new_array(LOCALS * REMOTES, sizeof(*rows));
	struct policy_table table;
	size_t count = 0;

	for (size_t i = 0; i < LOCALS; i++) {
		for (size_t j = 0; j < REMOTES; j++) {
			struct ip local = ip_v4(10, (uint8_t)(i / 128), (uint8_t)(i * 2), 1);
			struct ip remote = ip_v4(11, (uint8_t)(j / 128), (uint8_t)(j * 2), 1);

			rows[count] = row("10.0.0.0/8", "0.0.0.0/0", POLICY_DROP, "block");
			rows[count].local = range_of_ip(&local);
			rows[count++].remote = range_of_ip(&remote);
		}
	}
	assert_false(policy_build(&table, rows, count, NULL));
	assert_null(table.rows);
	assert_int_equal(table.flat_count, 0);
	free(rows);
}

static void two_rows_of_one_place_clash_and_the_first_wins(void **state)
{
	const struct policy_row rows[] = {
		row("10.2.1.0/24", "0.0.0.0/0", POLICY_TRAP, "first"),
		row("10.2.1.0/24", "0.0.0.0/0", POLICY_DROP, "second"),
	};
	struct policy_table table;
	struct policy_clash clash;

	assert_true(policy_build(&table, rows, ARRAY_LEN(rows), &clash));
	assert_true(clash.is_there);
	assert_int_equal(clash.first, 0);
	assert_int_equal(clash.second, 1);
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
	struct policy_clash clash;

	for (size_t i = 0; i < 2; i++) {
		rows[i].is_outcome = true;
		rows[i].of_local = rows[2].local;
		rows[i].of_remote = rows[2].remote;
	}
	assert_true(policy_build(&table, rows, ARRAY_LEN(rows), &clash));
	assert_false(clash.is_there);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair p = { ip_v4(10, 1, 0, 1), cases[i].to };

		assert_int_equal(policy_lookup(&table, &p)->action, cases[i].want);
		assert_ptr_equal(flat_lookup(&table, &p, 1, -1), policy_lookup(&table, &p));
	}
	policy_wipe(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_row_decides),
		cmocka_unit_test(the_flat_rows_decide_as_longest_match_does),
		cmocka_unit_test(the_narrower_traffic_decides_for_the_same_addresses),
		cmocka_unit_test(the_end_of_one_family_is_not_the_beginning_of_the_other),
		cmocka_unit_test(ten_thousand_entries_are_cut_in_a_moment),
		cmocka_unit_test(a_table_beyond_the_bound_is_refused_whole),
		cmocka_unit_test(two_rows_of_one_place_clash_and_the_first_wins),
		cmocka_unit_test(what_came_of_a_conn_stands_where_the_conn_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
