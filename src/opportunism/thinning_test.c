#include "util/test.h"

#include "opportunism/thinning.h"

#include <stdio.h>

enum { MOST = 4096 };

static struct thinned hosts[MOST];
static size_t host_count;

static void add(const char *address, int64_t last_s)
{
	struct thinned host = { .last = { last_s * 1000000000 } };

	assert_true(host_count < MOST && ip_parse(address, &host.address));
	hosts[host_count++] = host;
}

/* `format` has one number in it. */
static void add_many(const char *format, unsigned count, int64_t last_s)
{
	char address[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (unsigned i = 0; i < count; i++) {
		snprintf(address, sizeof(address), format, i);
		add(address, last_s + i);
	}
#pragma GCC diagnostic pop
}

static size_t staying(const char *within)
{
	struct ip_range range;
	size_t count = 0;

	assert_true(range_parse(within, &range));
	for (size_t i = 0; i < host_count; i++)
		count += hosts[i].stays && range_contains(&range, &hosts[i].address);
	return count;
}

static int begin(void **state)
{
	host_count = 0;
	return 0;
}

static void all_stay_where_there_is_room(void **state)
{
	add_many("192.0.2.%u", 100, 0);
	thin_out(hosts, host_count, 100);
	assert_int_equal(staying("0.0.0.0/0"), 100);
}

static void exactly_so_many_stay(void **state)
{
	for (size_t places = 0; places <= 130; places++) {
		host_count = 0;
		add_many("192.0.2.%u", 40, 0);
		add_many("192.0.%u.1", 20, 0);
		add_many("198.%u.1.1", 30, 0);
		add_many("2001:db8:%x::1", 30, 0);
		add_many("2001:db8:7:1::%x", 10, 0);
		thin_out(hosts, host_count, places);
		assert_int_equal(staying("0.0.0.0/0") + staying("::/0"), places);
	}
}

/* SEC-1, TRU-9: whose networks have the most loses the most, however new they are. */
static void who_has_many_addresses_displaces_his_own(void **state)
{
	add("192.0.2.1", 1);
	add("203.0.113.9", 2);
	add("2001:db8::1", 3);        /* in the attacker's /32, of another /48 */
	add("2001:db8:aaaa:1::1", 4); /* in his /48, of another /64 */
	add_many("2001:db8:aaaa:2::%x", 1000, 100);
	add_many("2001:db8:aaaa:%x::2", 100, 100);
	add_many("2001:db8:bbbb:3::%x", 900, 100);
	add_many("2001:dc7:bbbb:3::%x", 4, 0);
	thin_out(hosts, host_count, 1000);
	assert_int_equal(staying("192.0.2.1"), 1);
	assert_int_equal(staying("203.0.113.9"), 1);
	assert_int_equal(staying("2001:db8::1"), 1);
	assert_int_equal(staying("2001:db8:aaaa:1::1"), 1);
	assert_int_equal(staying("2001:dc7::/32"), 4);
	assert_int_equal(staying("2001:db8::/32"), 994);
}

static void in_one_network_the_most_recent_stay(void **state)
{
	add_many("192.0.2.%u", 200, 0);
	add("192.0.2.250", 1000);
	thin_out(hosts, host_count, 50);
	assert_int_equal(staying("192.0.2.250"), 1);
	assert_int_equal(staying("192.0.2.151-192.0.2.199"), 49);
}

#define CASE(fn) cmocka_unit_test_setup(fn, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_stay_where_there_is_room),
		CASE(exactly_so_many_stay),
		CASE(who_has_many_addresses_displaces_his_own),
		CASE(in_one_network_the_most_recent_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
