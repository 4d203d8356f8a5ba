#include "util/test.h"

#include "engine/steering/columns.h"

enum { ROWS_MAX = 128 };

struct rows {
	struct policy_row list[ROWS_MAX];
	struct policy_table table;
};

static void add(struct rows *r, const char *local, size_t count)
{
	struct ip_range range;

	assert_true(range_parse(local, &range));
	for (size_t i = 0; i < count; i++) {
		struct ip remote = range.first.family == IP_V4
		                       ? ip_v4(198, 51, 100, (uint8_t)(2 * i))
		                       : range.first;
		struct policy_row *row = &r->list[r->table.flat_count++];

		remote.octets[15] = (uint8_t)(2 * i);
		*row = (struct policy_row){ .local = range,
			                    .remote = range_of_ip(&remote),
			                    .action = POLICY_PASS };
	}
	r->table.flat = r->list;
}

static int column_named(const struct columns *c, const char *local)
{
	struct ip_range range;

	assert_true(range_parse(local, &range));
	return column_of(c, &range);
}

static void a_local_range_with_many_rows_has_a_column(void **state)
{
	struct rows r = { 0 };
	struct columns c;

	add(&r, "10.1.0.0/16", COLUMN_ROWS_MIN);
	add(&r, "192.0.2.1", COLUMN_ROWS_MIN - 1);
	add(&r, "2001:db8::/64", COLUMN_ROWS_MIN);
	columns_of_policy(&c, &r.table);
	assert_int_equal(column_named(&c, "10.1.0.0/16"), 0);
	assert_int_equal(column_named(&c, "192.0.2.1"), -1);
	assert_int_equal(column_named(&c, "10.1.0.0/17"), -1);
	assert_int_equal(column_named(&c, "2001:db8::/64"), 0);
}

static void those_with_most_rows_have_the_columns_in_order_of_address(void **state)
{
	static const struct {
		const char *local;
		size_t rows;
		int column;
	} cases[] = {
		{ "10.6.0.0/16", 7, 3 },   { "10.2.0.0/16", 4, -1 }, { "10.3.0.0/16", 9, 0 },
		{ "10.7.0.0/16", 12, 4 },  { "10.5.0.0/16", 6, 2 },  { "10.4.0.0/16", 8, 1 },
		{ "10.8.0.0/16", 5, 5 },   { "10.9.0.0/16", 6, 6 },  { "10.10.0.0/16", 4, -1 },
		{ "10.11.0.0/16", 10, 7 },
	};
	struct rows r = { 0 };
	struct columns c;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		add(&r, cases[i].local, cases[i].rows);
	columns_of_policy(&c, &r.table);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(column_named(&c, cases[i].local), cases[i].column);
}

static void a_row_is_in_its_column_and_in_no_set_of_two_ranges(void **state)
{
	struct rows r = { 0 };
	struct layout l;

	add(&r, "10.1.0.0/16", 5);
	add(&r, "192.0.2.1", 2);
	r.list[1].action = POLICY_DROP;
	r.list[2].is_private = true;
	layout_of_policy(&l, &r.table, false);
	assert_int_equal(l.sets[LAYOUT_COLUMN].count, 1);
	assert_true(range_equal(&l.sets[LAYOUT_COLUMN].entries[0].remote, &r.list[0].local));
	assert_int_equal(l.sets[LAYOUT_COLUMNED].count, 1);
	assert_int_equal(l.sets[LAYOUT_COLUMN_POLICY].count, 5);
	assert_int_equal(l.sets[LAYOUT_POLICY].count, 2);
	assert_int_equal(l.sets[LAYOUT_COLUMN_ROWS].count, 5);
	assert_int_equal(l.sets[LAYOUT_COLUMN_PRIVATE].count, 1);
	assert_int_equal(l.sets[LAYOUT_COLUMN_INBOUND].count, 2);
	assert_int_equal(l.sets[LAYOUT_INBOUND].count, 0);
	layout_wipe(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_local_range_with_many_rows_has_a_column),
		cmocka_unit_test(those_with_most_rows_have_the_columns_in_order_of_address),
		cmocka_unit_test(a_row_is_in_its_column_and_in_no_set_of_two_ranges),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
