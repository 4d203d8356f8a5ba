#include "util/test.h"

#include "opportunism/claim.h"

static struct ip_range range(const char *text)
{
	struct ip_range r;

	assert_true(range_parse(text, &r));
	return r;
}

static struct traffic_selector ts(const char *text)
{
	return (struct traffic_selector){ .range = range(text), .port_last = 65535 };
}

/* "10.1.0.0/16 10.2.0.0/16", and what is on the other side. */
static struct reach reach(const char *local, const char *remote)
{
	struct reach r = { 0 };
	char item[64];
	int used;

	for (; sscanf(local, "%63s%n", item, &used) == 1; local += used)
		r.local[r.local_count++] = range(item);
	for (; sscanf(remote, "%63s%n", item, &used) == 1; remote += used)
		r.remote[r.remote_count++] = range(item);
	return r;
}

/* TS-4: what both take, in every combination, and never more. */
static void a_claim_is_narrowed_to_what_the_conn_joins(void **state)
{
	static const struct {
		const char *ours[2], *peer[2]; /* as asked for */
		const char *local, *remote;    /* as the conn has it */
		const char *want;              /* NULL: nothing */
	} cases[] = {
		{ { "10.1.0.0/16" },
		  { "10.2.0.0/16" },
		  "10.1.0.0/16",
		  "10.2.0.0/16",
		  "10.1.0.0/16 > 10.2.0.0/16" },
		{ { "0.0.0.0/0" },
		  { "0.0.0.0/0" },
		  "10.1.0.0/16",
		  "10.2.0.0/16",
		  "10.1.0.0/16 > 10.2.0.0/16" },
		{ { "10.1.2.0/24" },
		  { "10.2.0.7" },
		  "10.1.0.0/16",
		  "10.2.0.0/16",
		  "10.1.2.0/24 > 10.2.0.7/32" },
		{ { "10.1.0.0/16" },
		  { "10.2.0.0/16", "10.3.0.0/16" },
		  "10.1.0.0/16",
		  "10.3.0.0/16",
		  "10.1.0.0/16 > 10.3.0.0/16" },
		{ { "10.1.0.0/16" },
		  { "10.2.0.0/15" },
		  "10.1.0.0/16",
		  "10.2.0.0/16 10.3.0.0/16",
		  "10.1.0.0/16 > 10.2.0.0/16 and 1 more" },
		/* One packet's selector first, the range behind it. */
		{ { "10.1.0.5", "10.1.0.0/16" },
		  { "10.2.0.7", "10.2.0.0/16" },
		  "10.1.0.0/16",
		  "10.2.0.0/16",
		  "10.1.0.0/16 > 10.2.0.0/16" },
		{ { "10.9.0.0/16" }, { "10.2.0.0/16" }, "10.1.0.0/16", "10.2.0.0/16", NULL },
		{ { "2001:db8::/32" },
		  { "10.2.0.0/16" },
		  "2001:db8::/32 10.1.0.0/16",
		  "10.2.0.0/16",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reach allowed = reach(cases[i].local, cases[i].remote), got;
		struct ike_claim said = { .ours = ts(cases[i].ours[0]),
			                  .peer = ts(cases[i].peer[0]) };
		struct traffic_selector more_ours = { 0 }, more_peer = { 0 };

		if (cases[i].ours[1] != NULL) {
			more_ours = ts(cases[i].ours[1]);
			said.more_ours = (struct selectors){ &more_ours, 1 };
		}
		if (cases[i].peer[1] != NULL) {
			more_peer = ts(cases[i].peer[1]);
			said.more_peer = (struct selectors){ &more_peer, 1 };
		}
		assert_int_equal(reach_narrow(&got, &said, &allowed), cases[i].want != NULL);
		if (cases[i].want == NULL)
			continue;
		assert_string_equal(reach_text(&got).s, cases[i].want);
		assert_true(reach_within(&got, &allowed));
	}
}

/* Our rows know addresses only: a tunnel for one protocol would get all the traffic. */
static void single_protocols_and_ports_are_not_taken(void **state)
{
	struct reach allowed = reach("10.1.0.0/16", "10.2.0.0/16"), got;
	struct ike_claim said = { .ours = ts("10.1.0.0/16"), .peer = ts("10.2.0.0/16") };

	said.peer.protocol = 6;
	assert_false(reach_narrow(&got, &said, &allowed));
	said.peer.protocol = 0;
	said.ours.port_last = 80;
	assert_false(reach_narrow(&got, &said, &allowed));
}

static void what_lies_in_what(void **state)
{
	struct reach all = reach("10.1.0.0/16 10.11.0.0/16", "10.2.0.0/16");
	struct reach part = reach("10.11.3.0/24", "10.2.0.0/16");
	struct reach other = reach("10.12.0.0/16", "10.2.0.0/16");
	struct reach pair = reach("10.1.0.1", "10.2.0.1");
	struct ip_pair in = { ip_v4(10, 11, 0, 9), ip_v4(10, 2, 9, 9) };
	struct ip_pair out = { ip_v4(10, 2, 9, 9), ip_v4(10, 11, 0, 9) };

	assert_true(reach_within(&part, &all) && !reach_within(&all, &part));
	assert_true(reach_overlaps(&part, &all) && !reach_overlaps(&other, &all));
	assert_true(reach_equal(&all, &all) && !reach_equal(&part, &all));
	assert_true(reach_covers(&all, &in) && !reach_covers(&all, &out));
	assert_true(reach_is_pair(&pair) && !reach_is_pair(&part));
}

/* A view in a view: what IKE asks for has all of it, in order. */
static void ike_asks_for_all_of_it(void **state)
{
	struct reach all = reach("10.1.0.0/16 10.11.0.0/16", "10.2.0.0/16");
	struct reach_selectors wanted;
	struct child_sa child;
	struct reach back;

	reach_selectors(&wanted, &all);
	child = (struct child_sa){ .local = wanted.local[0],
		                   .remote = wanted.remote[0],
		                   .more_local = wanted.more.local,
		                   .more_remote = wanted.more.remote };
	reach_of_child(&back, &child);
	assert_true(reach_equal(&all, &back));
	assert_int_equal(back.local_count, 2);
	assert_int_equal(back.remote_count, 1);
}

static void a_conn_joins_its_subnets_or_its_gateways(void **state)
{
	struct conn_state conn = { .theirs = { .kind = END_ADDRESS } };
	struct own_addresses own = { .own4 = ip_v4(192, 0, 2, 1) };
	struct ip peer = ip_v4(192, 0, 2, 2), peer6;
	struct reach got;

	conn.ours.kind = END_DEFAULTROUTE;
	assert_true(reach_of_conn(&got, &conn, &peer, &own));
	assert_string_equal(reach_text(&got).s, "192.0.2.1/32 > 192.0.2.2/32");
	assert_true(ip_parse("2001:db8::2", &peer6));
	assert_false(reach_of_conn(&got, &conn, &peer6, &own)); /* we have none of that family */
	conn.ours.subnets[0] = range("10.1.0.0/16");
	conn.ours.subnets[1] = range("2001:db8:1::/48");
	conn.ours.subnet_count = 2;
	conn.theirs.subnets[0] = range("10.2.0.0/16");
	conn.theirs.subnet_count = 1;
	assert_true(reach_of_conn(&got, &conn, &peer, &own));
	assert_int_equal(got.local_count, 2);
	assert_string_equal(reach_text(&got).s, "10.1.0.0/16 > 10.2.0.0/16 and 1 more");
}

/* OEN-1 */
static void translated_networks_are_one_address_to_the_peer(void **state)
{
	struct conn_state conn = { .theirs = { .kind = END_ADDRESS } };
	struct own_addresses own = { .own4 = ip_v4(192, 0, 2, 1) };
	struct ip peer = ip_v4(192, 0, 2, 2);
	struct reach got;

	conn.ours.nat = ip_v4(192, 0, 2, 1);
	conn.ours.subnets[0] = range("10.1.0.0/16");
	conn.ours.subnets[1] = range("10.3.0.0/16");
	conn.ours.subnet_count = 2;
	conn.theirs.subnets[0] = range("10.2.0.0/16");
	conn.theirs.subnet_count = 1;
	assert_true(reach_of_conn(&got, &conn, &peer, &own));
	assert_string_equal(reach_text(&got).s, "192.0.2.1/32 > 10.2.0.0/16");
	conn.ours.subnets[1] = range("2001:db8:1::/48"); /* of the other family: as it is */
	assert_true(reach_of_conn(&got, &conn, &peer, &own));
	assert_string_equal(reach_text(&got).s, "192.0.2.1/32 > 10.2.0.0/16 and 1 more");
}

static void road_warriors_speak_for_where_they_come_from(void **state)
{
	static const struct {
		const char *from, *says;
		bool behind_nat;
		bool good;
	} cases[] = {
		{ "198.51.100.7", "198.51.100.7", false, true },
		{ "198.51.100.7", "198.51.100.8", false, false },
		{ "198.51.100.7", "10.0.0.8", false, false },
		{ "198.51.100.7", "10.0.0.8", true, true },
		{ "198.51.100.7", "100.64.9.8", true, true },
		{ "198.51.100.7", "192.0.2.8", true, false }, /* somebody else's */
		{ "198.51.100.7", "10.0.0.0/24", true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_claim said = { .peer = ts(cases[i].says),
			                  .peer_behind_nat = cases[i].behind_nat };

		assert_true(ip_parse(cases[i].from, &said.path.remote.address));
		assert_int_equal(warrior_objection(&said) == NULL, cases[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_is_narrowed_to_what_the_conn_joins),
		cmocka_unit_test(single_protocols_and_ports_are_not_taken),
		cmocka_unit_test(what_lies_in_what),
		cmocka_unit_test(ike_asks_for_all_of_it),
		cmocka_unit_test(a_conn_joins_its_subnets_or_its_gateways),
		cmocka_unit_test(translated_networks_are_one_address_to_the_peer),
		cmocka_unit_test(road_warriors_speak_for_where_they_come_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
