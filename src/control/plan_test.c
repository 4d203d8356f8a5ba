#include "util/test.h"

#include "control/plan.h"

static bool read_nothing(void *ctx, const char *base, const char *pattern,
                         void (*add)(void *add_ctx, const char *name, struct bytes text),
                         void *add_ctx)
{
	return strpbrk(pattern, "*[") != NULL; /* globs that match nothing */
}

/* A gateway with two devices: wan 192.0.2.1 (default route), lan 10.1.0.1 and 2001:db8:1::1. */
static void make_network(struct network *n)
{
	static const struct {
		const char *address;
		const char *device;
	} addresses[] = {
		{ "127.0.0.1", "lo" },   { "192.0.2.1", "wan" }, { "10.1.0.1", "lan" },
		{ "192.0.2.77", "wan" }, { "fe80::1", "lan" },   { "2001:db8:1::1", "lan" },
	};

	*n = (struct network){ .source4 = ip_v4(192, 0, 2, 1), .device4 = "wan", .mtu4 = 1400 };
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct network_address *a = &n->addresses[n->address_count++];

		assert_true(ip_parse(addresses[i].address, &a->address));
		strcpy(a->device, addresses[i].device);
	}
}

/* False: what is wrong is in `error`. */
static bool plan_of(const char *text, struct plan *plan, char *error, size_t size)
{
	struct conf_reader reader = { NULL, read_nothing };
	struct conf_messages messages = { 0 };
	struct network *network = new_zeroed(sizeof(*network));
	struct conf conf;
	bool ok = conf_parse(&conf, "ipsec.conf", BYTES_STR(text), &reader, &messages);

	if (!ok)
		print_error("%s", messages.errors.s);
	assert_true(ok);
	make_network(network);
	ok = plan_make(plan, &conf, network, 64937, error, size);
	conf_wipe(&conf);
	conf_messages_wipe(&messages);
	free(network);
	return ok;
}

#define SG " left=%defaultroute\n right=%opportunistic\n auto=route\n"

static void our_outer_address_is_the_default_routes_or_a_named_devices(void **state)
{
	static const struct {
		const char *interfaces;
		const char *own4;
		const char *own6;
		unsigned mtu;
	} cases[] = {
		{ "%defaultroute", "192.0.2.1", "(none)", 1400 },
		{ "%none", "(none)", "(none)", 1500 },
		{ "ipsec0=lan", "10.1.0.1", "2001:db8:1::1", 1500 },
		{ "\"ipsec0=lan %defaultroute\"", "10.1.0.1", "2001:db8:1::1", 1400 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan plan;
		char text[256];
		char error[256];

		snprintf(text, sizeof(text), "config setup\n interfaces=%s\n", cases[i].interfaces);
		assert_true(plan_of(text, &plan, error, sizeof(error)));
		assert_string_equal(ip_text(&plan.own4).s, cases[i].own4);
		assert_string_equal(ip_text(&plan.engine.outer6).s, cases[i].own6);
		assert_int_equal(plan.engine.mtu, cases[i].mtu);
		assert_int_equal(plan.own_count, 5);
		plan_wipe(&plan);
	}
}

static void inside_ranges_are_disjoint_and_no_address_of_ours(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("conn %default\n" SG "conn a\n leftsubnet=10.1.2.0/24\n"
	                    "conn b\n leftsubnet=10.1.0.0/16\n auto=add\n"
	                    "conn c\n leftsubnet=2001:db8:1::/64\n"
	                    "conn d\n leftsubnet=192.0.2.1/32\n auto=add\n"
	                    "conn e\n leftsubnet=10.9.0.0/16\n auto=ignore\n",
	                    &plan, error, sizeof(error)));
	assert_int_equal(plan.inside_count, 2);
	assert_string_equal(range_text(&plan.inside[0]).s, "10.1.0.0/16");
	assert_string_equal(range_text(&plan.inside[1]).s, "2001:db8:1::/64");
	assert_ptr_equal(plan.steering.inside, plan.inside);
	assert_int_equal(plan.engine.inside_count, 2);
	plan_wipe(&plan);
}

/* What a tunnel brings for them does not follow the default route out again. */
static void the_inside_is_not_behind_the_default_route(void **state)
{
	static const struct {
		const char *interfaces, *subnet;
		size_t routed;
	} cases[] = {
		{ "%defaultroute", "10.1.0.0/16", 1 },
		{ "%defaultroute", "0.0.0.0/0", 0 },  /* everybody is inside */
		{ "ipsec0=lan", "10.2.0.0/16", 0 },   /* the default route may lead inside */
		{ "ipsec0=lan", "2001:db8::/32", 1 }, /* none */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan plan;
		char text[512];
		char error[256];

		snprintf(text, sizeof(text),
		         "config setup\n interfaces=%s\nconn a\n%s leftsubnet=%s\n",
		         cases[i].interfaces, SG, cases[i].subnet);
		assert_true(plan_of(text, &plan, error, sizeof(error)));
		assert_int_equal(plan.inside_count, 1);
		assert_int_equal(plan.routed_count, cases[i].routed);
		plan_wipe(&plan);
	}
}

/* One file for all gateways: what is behind another one is not inside here, or its traffic would
 * not be trapped. */
static void what_is_behind_another_gateway_is_not_inside(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("conn here\n left=192.0.2.1\n leftsubnet=10.1.0.0/16\n"
	                    " right=198.51.100.2\n rightsubnet=10.2.0.0/16\n authby=secret\n"
	                    " auto=route\n"
	                    "conn there\n left=198.51.100.2\n leftsubnet=10.2.0.0/16\n"
	                    " right=203.0.113.3\n rightsubnet=10.3.0.0/16\n authby=secret\n"
	                    " auto=add\n"
	                    "conn unknown\n left=203.0.113.9\n leftsubnet=10.4.0.0/16\n"
	                    " right=203.0.113.3\n rightsubnet=10.3.0.0/16\n authby=secret\n"
	                    " auto=add\n",
	                    &plan, error, sizeof(error)));
	assert_int_equal(plan.inside_count, 2);
	assert_string_equal(range_text(&plan.inside[0]).s, "10.1.0.0/16");
	assert_string_equal(range_text(&plan.inside[1]).s, "10.4.0.0/16");
	plan_wipe(&plan);
}

static void settings_of_steering_and_engine_agree(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("config setup\n daemon-down=7\n dns-users=root\nconn sg\n" SG, &plan,
	                    error, sizeof(error)));
	assert_int_equal(plan.steering.daemon_down_s, 7);
	assert_int_equal(plan.engine.daemon_down_s, 7);
	assert_int_equal(plan.steering.daemon_uid, 64937);
	assert_int_equal(plan.engine.daemon_uid, 64937);
	assert_int_equal(plan.steering.route_table, plan.engine.route_table);
	assert_memory_equal(&plan.steering.marks, &plan.engine.marks, sizeof(plan.engine.marks));
	assert_int_equal(plan.dns_uid_count, 1);
	assert_int_equal(plan.steering.dns_uids[0], 0);
	assert_int_equal(plan.policy.row_count, 2);
	assert_true(plan.policy.rows[0].is_own_address);
	plan_wipe(&plan);
}

static void what_does_not_fit_this_machine_is_told(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "config setup\n dns-users=no-such-user-here\n", "no user no-such-user-here" },
		{ "conn a\n" SG "conn b\n" SG, "conn a is for the same addresses" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan plan;
		char error[256] = "";

		assert_false(plan_of(cases[i].text, &plan, error, sizeof(error)));
		assert_non_null(strstr(error, cases[i].why));
	}
}

static void an_outer_address_that_is_not_there_yet_is_waited_for(void **state)
{
	static const char text[] = "config setup\n interfaces=ipsec0=eth7\nconn sg\n" SG;
	struct conf conf = { .setup = { .interface_count = 1, .interfaces = { "eth7" } } };
	struct text what = { 0 };
	struct plan plan;
	char error[256];

	assert_true(plan_of(text, &plan, error, sizeof(error)));
	assert_int_equal(plan.outer_count, 0);
	assert_int_equal(plan.policy.row_count, 0);
	assert_true(plan_lacks(&plan, &conf, &what));
	assert_string_equal(what.s,
	                    "interfaces: the device eth7 is not there, or has no address yet "
	                    "(ip address lists them); it is waited for");
	text_free(&what);
	plan_wipe(&plan);
}

/* What is sent from a second address of the outer device is sent by this gateway, too. */
static void every_address_of_the_outer_device_is_covered(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("conn sg\n" SG, &plan, error, sizeof(error)));
	assert_int_equal(plan.outer_count, 1);
	assert_int_equal(plan.covered_count, 2);
	assert_string_equal(ip_text(&plan.covered[1]).s, "192.0.2.77");
	assert_int_equal(plan.policy.row_count, 2);
	plan_wipe(&plan);
	assert_true(plan_of("conn site\n left=%defaultroute\n right=198.51.100.2\n auto=route\n",
	                    &plan, error, sizeof(error)));
	assert_int_equal(plan.policy.row_count, 1);
	plan_wipe(&plan);
}

static void several_outer_devices_have_a_row_each(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("config setup\n interfaces=\"ipsec0=wan ipsec1=lan\"\nconn sg\n" SG,
	                    &plan, error, sizeof(error)));
	assert_int_equal(plan.outer_count, 3);
	assert_string_equal(ip_text(&plan.own4).s, "192.0.2.1");
	assert_int_equal(plan.policy.row_count, 4);
	plan_wipe(&plan);
}

/* RST-8 */
static void an_address_is_known_once_the_policy_is_made_with_it(void **state)
{
	struct plan plan;
	char error[256];

	assert_true(plan_of("conn sg\n" SG, &plan, error, sizeof(error)));
	assert_int_equal(plan.known_count, 5);
	plan_wipe(&plan);
	assert_true(plan_of("conn lan\n leftsubnet=10.1.0.0/16\n" SG, &plan, error, sizeof(error)));
	assert_int_equal(plan.known_count, 2);
	assert_string_equal(range_text(&plan.known[0]).s, "0.0.0.0/0");
	plan_wipe(&plan);
}

/* More addresses than are read: the others are none that anything may be sent from. */
static void addresses_that_were_not_read_are_not_known(void **state)
{
	struct network *network = new_zeroed(sizeof(*network));
	struct conf conf = { .setup = { .uses_defaultroute = true } };
	struct conn conn = { .name = (char *)"sg", .auto_action = AUTO_ROUTE };
	struct ip extra = ip_v4(198, 51, 100, 1);
	struct text what = { 0 };
	struct plan plan;
	char error[256];

	conn.left.kind = END_DEFAULTROUTE;
	conn.right.kind = END_OPPORTUNISTIC;
	conf.conns = &conn;
	conf.conn_count = 1;
	make_network(network);
	while (network->address_count < NETWORK_ADDRESSES_MAX) {
		network->addresses[network->address_count++] =
		    (struct network_address){ .address = extra, .device = "lan" };
		assert_true(ip_next(&extra, &extra));
	}
	network->has_more_addresses = true;
	assert_true(plan_make(&plan, &conf, network, 64937, error, sizeof(error)));
	assert_true(plan.known_count > NETWORK_ADDRESSES_MAX / 2);
	for (size_t i = 0; i < plan.known_count; i++)
		assert_true(range_is_single(&plan.known[i]));
	assert_true(plan_lacks(&plan, &conf, &what));
	assert_non_null(strstr(what.s, "more than 1024 addresses"));
	text_free(&what);
	plan_wipe(&plan);
	free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_outer_address_is_the_default_routes_or_a_named_devices),
		cmocka_unit_test(inside_ranges_are_disjoint_and_no_address_of_ours),
		cmocka_unit_test(the_inside_is_not_behind_the_default_route),
		cmocka_unit_test(what_is_behind_another_gateway_is_not_inside),
		cmocka_unit_test(settings_of_steering_and_engine_agree),
		cmocka_unit_test(what_does_not_fit_this_machine_is_told),
		cmocka_unit_test(an_outer_address_that_is_not_there_yet_is_waited_for),
		cmocka_unit_test(every_address_of_the_outer_device_is_covered),
		cmocka_unit_test(several_outer_devices_have_a_row_each),
		cmocka_unit_test(an_address_is_known_once_the_policy_is_made_with_it),
		cmocka_unit_test(addresses_that_were_not_read_are_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
