#include "util/test.h"

#include "engine/steering/steering.h"

static struct policy_row row(const char *local, const char *remote, enum policy_action action,
                             bool is_private)
{
	struct policy_row r = { .action = action, .is_private = is_private };

	assert_true(range_parse(local, &r.local));
	assert_true(range_parse(remote, &r.remote));
	return r;
}

static const uint32_t dns_uids[] = { 101, 923, 101 };

static struct steering_settings settings_with(const struct ip_range *inside, size_t count)
{
	return (struct steering_settings){
		.device = "ipsec0",
		.marks = engine_marks_of(ENGINE_MARK_MASK),
		.route_table = 220,
		.rule_priority = 220,
		.daemon_down_s = 30,
		.port = 500,
		.nat_port = 4500,
		.daemon_uid = 923,
		.dns_uids = dns_uids,
		.dns_uid_count = ARRAY_LEN(dns_uids),
		.inside = inside,
		.inside_count = count,
	};
}

struct example {
	struct policy_row rows[5];
	struct ip_range inside[2];
	struct policy_table table;
	struct steering_settings settings;
};

static void example_fill(struct example *x)
{
	x->rows[0] = row("10.1.0.0/16", "0.0.0.0-9.255.255.255", POLICY_TRAP, false);
	x->rows[1] = row("10.1.0.0/16", "198.51.100.0/24", POLICY_TRAP, true);
	x->rows[2] = row("10.1.0.0/16", "203.0.113.0/24", POLICY_PASS, false);
	x->rows[3] = row("192.0.2.1", "203.0.113.7", POLICY_REJECT, false);
	x->rows[4] = row("2001:db8:1::/48", "::/0", POLICY_DROP, false);
	x->table = (struct policy_table){ .flat = x->rows, .flat_count = ARRAY_LEN(x->rows) };
	assert_true(range_parse("10.1.0.0/16", &x->inside[0]));
	assert_true(range_parse("2001:db8:1::/48", &x->inside[1]));
	x->settings = settings_with(x->inside, ARRAY_LEN(x->inside));
}

static size_t count_of(const char *text, const char *piece)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, piece)) != NULL; at += strlen(piece))
		n++;
	return n;
}

static void shows_every_row_in_its_class(void **state)
{
	static const char *const pieces[] = {
		"10.1.0.0/16 . 0.0.0.0-9.255.255.255 : goto trap_open",
		"10.1.0.0/16 . 198.51.100.0/24 : goto trap_private",
		"10.1.0.0/16 . 203.0.113.0/24 : goto row_pass",
		"192.0.2.1/32 . 203.0.113.7/32 : goto row_reject",
		"2001:db8:1::/48 . ::/0 : goto row_drop",
	};
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_ruleset(&t, &x.settings, &x.table);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		assert_int_equal(count_of(t.s, pieces[i]), 1);
	/* The private row once more in the set that outlives the daemon, the counted ones in
	 * theirs; cleartext of neither comes in. */
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24"), 3);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24 : goto cleartext_private4"),
	                 1);
	assert_int_equal(count_of(t.s, "192.0.2.1/32 . 203.0.113.7/32"), 3);
	assert_int_equal(count_of(t.s, "192.0.2.1/32 . 203.0.113.7/32 : goto cleartext_blocked"),
	                 1);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 0.0.0.0-9.255.255.255"), 1);
	text_free(&t);
}

/* POL-2, CLR-1 */
static void sends_an_area_with_ports_to_the_sets_that_know_them(void **state)
{
	static const char *const pieces[] = {
		"10.1.0.0/16 . 198.51.100.0/24 : goto ports4",
		"10.1.0.0/16 . 198.51.100.0/24 : goto cleartext_ports4",
		"10.1.0.0/16 . 198.51.100.0/24 . 6 . 80 : goto row_pass",
		"10.1.0.0/16 . 198.51.100.0/24 . 6 . 81-65535 : goto trap_private",
		"10.1.0.0/16 . 198.51.100.0/24 . 7-255 . 0-65535 : goto trap_private",
	};
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	x.rows[2] = x.rows[1];
	x.rows[1].action = POLICY_PASS;
	x.rows[1].is_private = false;
	x.rows[1].traffic = (struct traffic){ 6, true, 80, 80 };
	steering_ruleset(&t, &x.settings, &x.table);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		assert_int_equal(count_of(t.s, pieces[i]), 1);
	/* The port in its policy, counted, and open both ways. */
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24 . 6 . 80"), 4);
	text_free(&t);
	steering_leftover(&t, &x.settings, &x.table);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24 . 6 . 80"), 1);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24"), 2);
	text_free(&t);
}

static void replaces_an_older_table_in_the_same_transaction(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_ruleset(&t, &x.settings, &x.table);
	assert_non_null(strstr(t.s, "table inet wildswan\ndelete table inet wildswan\n"
	                            "table inet wildswan {\n"));
	text_free(&t);
}

static void says_the_same_for_the_same_policy(void **state)
{
	struct example x;
	struct text a = { 0 };
	struct text b = { 0 };

	example_fill(&x);
	steering_ruleset(&a, &x.settings, &x.table);
	steering_ruleset(&b, &x.settings, &x.table);
	assert_string_equal(a.s, b.s);
	text_free(&a);
	text_free(&b);
}

static void replaces_every_name_of_a_setting(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_ruleset(&t, &x.settings, &x.table);
	assert_null(strchr(t.s, '$'));
	assert_non_null(strstr(t.s, "meta mark & 0x0f000000 == 0x05000000 meta skuid @daemon_uids "
	                            "accept"));
	assert_non_null(strstr(t.s, "timeout 30s"));
	text_free(&t);
}

static void names_a_user_once(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_ruleset(&t, &x.settings, &x.table);
	assert_non_null(strstr(t.s, "set dns_uids {\n\t\ttype uid\n\t\telements = {\n\t\t\t923,\n"
	                            "\t\t\t101\n\t\t}\n"));
	text_free(&t);
}

static void leaves_only_private_rows_behind(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_leftover(&t, &x.settings, &x.table);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24"), 1);
	assert_null(strstr(t.s, "203.0.113.0/24"));
	assert_null(strstr(t.s, "alive"));
	assert_null(strstr(t.s, "tunnel4"));
	text_free(&t);
}

static void leaves_nothing_where_nothing_is_private(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	x.rows[1].is_private = false;
	steering_leftover(&t, &x.settings, &x.table);
	assert_int_equal(t.len, 0);
	text_free(&t);
}

/* OEN-1 */
static void translates_a_source_in_tunnels_only_where_a_row_says_so(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	steering_ruleset(&t, &x.settings, &x.table);
	assert_null(strstr(t.s, " : 192.0.2.1"));
	text_free(&t);
	x.rows[0].nat = x.rows[1].nat = ip_v4(192, 0, 2, 1);
	x.rows[1].action = POLICY_TUNNEL; /* configured, and up */
	steering_ruleset(&t, &x.settings, &x.table);
	assert_int_equal(count_of(t.s, "10.1.0.0/16 . 198.51.100.0/24 : 192.0.2.1"), 1);
	assert_int_equal(count_of(t.s, " : 192.0.2.1"), 2);
	assert_int_equal(
	    count_of(t.s, "oifname \"ipsec0\" snat ip to ip saddr . ip daddr map @translate4\n"),
	    1);
	text_free(&t);
}

/* IN-12, TRU-7 */
static void marks_what_comes_out_of_a_tunnel_by_strength(void **state)
{
	struct example x;
	struct text t = { 0 };

	example_fill(&x);
	x.settings.marks = engine_marks_of(0x000000f0);
	steering_ruleset(&t, &x.settings, &x.table);
	assert_non_null(
	    strstr(t.s, "chain from_dnssec {\n"
	                "		meta mark set meta mark & 0xffffff0f | 0x000000b0\n"));
	assert_non_null(strstr(t.s, "ip6 daddr . ip6 saddr @from_rawkey6 goto from_rawkey\n"
	                            "		meta nfproto != @whole_strengths return\n"
	                            "		ip daddr . ip saddr vmap @carried4\n"
	                            "		ip6 daddr . ip6 saddr vmap @carried6\n"));
	assert_int_equal(count_of(t.s, "iifname \"ipsec0\" goto from_peer\n"), 1);
	text_free(&t);
}

/* No packet mark, saved with its connection, makes it an exempt one. */
static void no_mark_of_a_packet_is_that_of_an_exempt_connection(void **state)
{
	const struct engine_marks m = engine_marks_of(ENGINE_MARK_MASK);
	const uint32_t marks[] = { m.trap, m.own, m.release_pass, m.release_tunnel, m.released };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		assert_int_not_equal(marks[i], m.ct_exempt);
		assert_int_not_equal(marks[i], m.ct_tunnelled);
	}
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++) {
		assert_true(m.strength[i] > m.ct_exempt && m.strength[i] < m.mask);
		assert_true(m.strength[i] > m.strength[i - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_what_comes_out_of_a_tunnel_by_strength),
		cmocka_unit_test(no_mark_of_a_packet_is_that_of_an_exempt_connection),
		cmocka_unit_test(translates_a_source_in_tunnels_only_where_a_row_says_so),
		cmocka_unit_test(shows_every_row_in_its_class),
		cmocka_unit_test(sends_an_area_with_ports_to_the_sets_that_know_them),
		cmocka_unit_test(replaces_an_older_table_in_the_same_transaction),
		cmocka_unit_test(says_the_same_for_the_same_policy),
		cmocka_unit_test(replaces_every_name_of_a_setting),
		cmocka_unit_test(names_a_user_once),
		cmocka_unit_test(leaves_only_private_rows_behind),
		cmocka_unit_test(leaves_nothing_where_nothing_is_private),
	};

	return cmocka_run_group_tests_name("ruleset", tests, NULL, NULL);
}
