#include "util/test.h"
#include "util/address.h"

static struct ip ip_of(const char *text)
{
	struct ip a;

	assert_true(ip_parse(text, &a));
	return a;
}

static struct ip_range range_of(const char *text)
{
	struct ip_range r;

	assert_true(range_parse(text, &r));
	return r;
}

static void parses_and_prints_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "::", "::" },
		{ "::ffff:192.0.2.1", "192.0.2.1" }, /* one host, one name */
		{ "192.0.2", NULL },
		{ "192.0.2.256", NULL },
		{ "192.0.2.1.0", NULL },
		{ "192.0.2.01x", NULL },
		{ " 192.0.2.1", NULL },
		{ "2001:db8::1%eth0", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip a;

		assert_int_equal(ip_parse(cases[i].text, &a), cases[i].printed != NULL);
		if (cases[i].printed != NULL)
			assert_string_equal(ip_text(&a).s, cases[i].printed);
	}
}

static void takes_octets_of_4_and_16_only(void **state)
{
	static const uint8_t octets[17] = { 192, 0, 2, 1, 5 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct ip a = ip_from_octets(BYTES(octets, 4));

	assert_string_equal(ip_text(&a).s, "192.0.2.1");
	assert_true(bytes_equal(ip_octets(&a), BYTES(octets, 4)));
	assert_int_equal(ip_from_octets(BYTES(octets, 16)).family, IP_V6);
	for (size_t len = 0; len <= 17; len++) {
		if (len != 4 && len != 16)
			assert_int_equal(ip_from_octets(BYTES(octets, len)).family, IP_NONE);
	}
	a = ip_from_octets(BYTES_OF(mapped));
	assert_string_equal(ip_text(&a).s, "192.0.2.1");
}

static void orders_by_family_then_number(void **state)
{
	static const char *rising[] = { "0.0.0.0", "9.255.0.1", "10.0.0.0",   "255.255.255.255",
		                        "::",      "::1",       "2001:db8::", "ffff::" };

	for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
		for (size_t j = 0; j < ARRAY_LEN(rising); j++) {
			struct ip a = ip_of(rising[i]);
			struct ip b = ip_of(rising[j]);
			int order = ip_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(ip_equal(&a, &b), i == j);
		}
	}
}

static void steps_to_the_neighbours_and_not_past_the_end(void **state)
{
	static const struct {
		const char *address;
		const char *next; /* NULL: there is none */
	} cases[] = {
		{ "192.0.2.1", "192.0.2.2" },
		{ "192.0.2.255", "192.0.3.0" },
		{ "10.255.255.255", "11.0.0.0" },
		{ "255.255.255.255", NULL },
		{ "2001:db8::ffff", "2001:db8::1:0" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
	};
	struct ip first = ip_of("0.0.0.0");
	struct ip out;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip a = ip_of(cases[i].address);

		assert_int_equal(ip_next(&a, &out), cases[i].next != NULL);
		if (cases[i].next == NULL)
			continue;
		assert_string_equal(ip_text(&out).s, cases[i].next);
		assert_true(ip_previous(&out, &out));
		assert_true(ip_equal(&out, &a));
	}
	assert_false(ip_previous(&first, &out));
	first = ip_of("::");
	assert_false(ip_previous(&first, &out));
}

static void knows_who_is_never_a_peer(void **state)
{
	static const struct {
		const char *address;
		bool is_never;
	} cases[] = {
		{ "192.0.2.1", false },
		{ "10.0.0.1", false },
		{ "223.255.255.255", false },
		{ "2001:db8::1", false },
		{ "fd00::1", false },
		{ "fec0::1", false },
		{ "0.0.0.0", true },
		{ "0.1.2.3", true },
		{ "127.0.0.1", true },
		{ "127.255.0.1", true },
		{ "169.254.0.1", true },
		{ "224.0.0.1", true },
		{ "239.255.255.255", true },
		{ "240.0.0.1", true },
		{ "255.255.255.255", true },
		{ "::", true },
		{ "::1", true },
		{ "fe80::1", true },
		{ "febf::1", true },
		{ "ff02::1", true },
		{ "128.0.0.1", false },
		{ "169.253.255.255", false },
		{ "169.255.0.0", false },
	};
	struct ip none = { .family = IP_NONE };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip a = ip_of(cases[i].address);

		assert_int_equal(ip_is_never_peer(&a), cases[i].is_never);
	}
	assert_true(ip_is_never_peer(&none));
	assert_true(ip_is_unspecified(&none));
}

static void parses_and_prints_ranges(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
		int bits;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", 8 },
		{ "10.2.3.4/8", "10.0.0.0/8", 8 }, /* host bits cleared */
		{ "192.0.2.129/25", "192.0.2.128/25", 25 },
		{ "192.0.2.1", "192.0.2.1/32", 32 },
		{ "0.0.0.0/0", "0.0.0.0/0", 0 },
		{ "2001:db8::1", "2001:db8::1/128", 128 },
		{ "2001:db8:ffff::/33", "2001:db8:8000::/33", 33 },
		{ "::/0", "::/0", 0 },
		{ "10.1.1.1-10.1.1.9", "10.1.1.1-10.1.1.9", -1 },
		{ "10.1.1.0-10.1.1.255", "10.1.1.0/24", 24 },
		{ "10.1.1.1-10.1.1.1", "10.1.1.1/32", 32 },
		{ "2001:db8::1-2001:db8::5", "2001:db8::1-2001:db8::5", -1 },
		{ "10.0.0.0/33", NULL, 0 },
		{ "10.0.0.0/", NULL, 0 },
		{ "10.0.0.0/-1", NULL, 0 },
		{ "10.0.0.0/ 8", NULL, 0 },
		{ "10.0.0.0/8x", NULL, 0 },
		{ "10.0.0.0/99999999999999999999", NULL, 0 },
		{ "::/129", NULL, 0 },
		{ "10.1.1.9-10.1.1.1", NULL, 0 },
		{ "10.1.1.9-2001:db8::1", NULL, 0 },
		{ "10.3.2.1.0/24", NULL, 0 }, /* the HowTo's misprint */
		{ "/24", NULL, 0 },
		{ "", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_range r;

		assert_int_equal(range_parse(cases[i].text, &r), cases[i].printed != NULL);
		if (cases[i].printed == NULL)
			continue;
		assert_string_equal(range_text(&r).s, cases[i].printed);
		assert_int_equal(range_prefix_bits(&r), cases[i].bits);
	}
}

static void ranges_contain_overlap_and_compare(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_within_b, b_within_a, overlap;
		int size; /* of a against b */
	} cases[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", false, true, true, 1 },
		{ "10.0.0.0/8", "10.0.0.0/8", true, true, true, 0 },
		{ "10.0.0.0/9", "10.128.0.0/9", false, false, false, 0 },
		{ "10.0.0.0-10.0.0.5", "10.0.0.5-10.0.0.6", false, false, true, 1 },
		{ "0.0.0.0/0", "::/0", false, false, false, -1 },
		{ "192.0.2.1", "192.0.2.0/24", true, false, true, -1 },
		{ "2001:db8::/32", "2001:db8:1::/48", false, true, true, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_range a = range_of(cases[i].a);
		struct ip_range b = range_of(cases[i].b);

		assert_int_equal(range_within(&a, &b), cases[i].a_within_b);
		assert_int_equal(range_within(&b, &a), cases[i].b_within_a);
		assert_int_equal(range_overlaps(&a, &b), cases[i].overlap);
		assert_int_equal(range_overlaps(&b, &a), cases[i].overlap);
		assert_int_equal(range_compare_size(&a, &b), cases[i].size);
		assert_int_equal(range_compare_size(&b, &a), -cases[i].size);
	}
}

static void any_is_the_whole_family(void **state)
{
	struct ip_range v4 = range_any(IP_V4);
	struct ip_range v6 = range_any(IP_V6);

	assert_string_equal(range_text(&v4).s, "0.0.0.0/0");
	assert_string_equal(range_text(&v6).s, "::/0");
	assert_false(range_is_single(&v4));
}

static void endpoints_print_with_their_port(void **state)
{
	struct endpoint v4 = { ip_of("192.0.2.1"), 500 };
	struct endpoint v6 = { ip_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535 };
	struct endpoint other = { ip_of("192.0.2.1"), 4500 };

	assert_string_equal(endpoint_text(&v4).s, "192.0.2.1:500");
	assert_string_equal(endpoint_text(&v6).s,
	                    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	assert_true(endpoint_equal(&v4, &v4));
	assert_false(endpoint_equal(&v4, &other));
	assert_false(endpoint_equal(&v4, &v6));
}

static void pairs_have_a_direction(void **state)
{
	struct ip_pair there = { ip_of("10.0.0.1"), ip_of("10.0.0.2") };
	struct ip_pair back = { ip_of("10.0.0.2"), ip_of("10.0.0.1") };

	assert_true(pair_equal(&there, &there));
	assert_false(pair_equal(&there, &back));
}

static void traffic_is_told_by_protocol_and_remote_port(void **state)
{
	const struct traffic any = { 0 };
	const struct traffic tcp = { .protocol = 6 };
	const struct traffic web = { 6, 1, 80, 80 };
	const struct traffic low = { 6, 1, 1, 1023 };
	struct ip_pair pair = { ip_of("10.0.0.1"), ip_of("10.0.0.2") };
	struct ip_pair of_web = { pair.source, pair.destination, web };

	assert_true(traffic_contains(&any, 47, -1));
	assert_true(traffic_contains(&tcp, 6, -1));
	assert_false(traffic_contains(&tcp, 17, 80));
	assert_true(traffic_contains(&low, 6, 80) && traffic_contains(&low, 6, 1023));
	assert_false(traffic_contains(&low, 6, 1024) || traffic_contains(&low, 6, 0));
	assert_false(traffic_contains(&web, 6, -1));
	assert_true(traffic_compare(&web, &low) < 0 && traffic_compare(&low, &tcp) < 0);
	assert_true(traffic_compare(&tcp, &any) < 0 && traffic_compare(&any, &any) == 0);
	assert_false(pair_equal(&pair, &of_web));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_prints_addresses),
		cmocka_unit_test(takes_octets_of_4_and_16_only),
		cmocka_unit_test(orders_by_family_then_number),
		cmocka_unit_test(steps_to_the_neighbours_and_not_past_the_end),
		cmocka_unit_test(knows_who_is_never_a_peer),
		cmocka_unit_test(parses_and_prints_ranges),
		cmocka_unit_test(ranges_contain_overlap_and_compare),
		cmocka_unit_test(any_is_the_whole_family),
		cmocka_unit_test(endpoints_print_with_their_port),
		cmocka_unit_test(pairs_have_a_direction),
		cmocka_unit_test(traffic_is_told_by_protocol_and_remote_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
