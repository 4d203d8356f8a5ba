#include "util/test.h"

#include "opportunism/askers.h"

static const uint64_t seed[2] = { 5, 6 };

static struct ip address(unsigned i)
{
	return ip_v4(192, 0, (uint8_t)(i >> 8), (uint8_t)i);
}

static struct instant at(int seconds)
{
	return (struct instant){ SECONDS(1000 + seconds).ns };
}

/* SEC-7 */
static void two_names_at_a_time(void **state)
{
	struct ip one = address(1), two = address(2);
	struct askers askers;

	askers_init(&askers, seed);
	assert_int_equal(asker_ask(&askers, &one, 2, at(0)), ASKER_GO);
	assert_int_equal(asker_ask(&askers, &one, 1, at(0)), ASKER_WAIT);
	assert_int_equal(asker_ask(&askers, &two, 1, at(0)), ASKER_GO);
	assert_int_equal(asker_ask(&askers, &two, 1, at(0)), ASKER_GO);
	assert_int_equal(asker_ask(&askers, &two, 1, at(0)), ASKER_WAIT);
	asker_done(&askers, &one, 2);
	assert_int_equal(asker_ask(&askers, &one, 1, at(0)), ASKER_GO);
	askers_wipe(&askers);
}

/* SEC-7 */
static void twenty_names_a_minute(void **state)
{
	struct ip from = address(1);
	struct askers askers;
	unsigned granted = 0;

	askers_init(&askers, seed);
	for (int second = 0; second < 10; second++) {
		for (int i = 0; i < 5; i++) {
			if (asker_ask(&askers, &from, 1, at(second)) != ASKER_GO)
				continue;
			asker_done(&askers, &from, 1);
			granted++;
		}
	}
	assert_in_range(granted, 20, 23);
	assert_int_equal(asker_ask(&askers, &from, 2, at(10)), ASKER_NEVER);
	assert_int_equal(asker_ask(&askers, &from, 2, at(20)), ASKER_GO);
	askers_wipe(&askers);
}

static void a_bounded_number_is_remembered_for_a_minute(void **state)
{
	struct ip more = address(ASKERS_MAX);
	struct askers askers;

	askers_init(&askers, seed);
	for (unsigned i = 0; i < ASKERS_MAX; i++) {
		struct ip from = address(i);

		assert_int_equal(asker_ask(&askers, &from, 1, at(0)), ASKER_GO);
		if (i > 0)
			asker_done(&askers, &from, 1);
	}
	assert_int_equal(asker_ask(&askers, &more, 1, at(30)), ASKER_NEVER);
	assert_int_equal(asker_ask(&askers, &more, 1, at(61)), ASKER_GO);
	assert_int_equal(askers.by_address.count, 2); /* the one with a question open, and it */
	askers_wipe(&askers);
}

static struct ip address6(uint16_t net, uint16_t host)
{
	return (struct ip){ .family = IP_V6,
		            .octets = { 0x20, 1, 0xd, 0xb8, 0, 0, net >> 8, net & 0xff, host >> 8,
		                        0, 0, 0, 0, 0, 0, host & 0xff } };
}

/* SEC-7 */
static void the_addresses_of_a_64_ask_together(void **state)
{
	struct ip one = address6(1, 0x0101), neighbour = address6(1, 0x0202);
	struct ip other = address6(2, 0x0101);
	struct askers askers;
	unsigned granted = 0;

	askers_init(&askers, seed);
	assert_int_equal(asker_ask(&askers, &one, 2, at(0)), ASKER_GO);
	assert_int_equal(asker_ask(&askers, &neighbour, 1, at(0)), ASKER_WAIT);
	asker_done(&askers, &one, 2);
	for (unsigned i = 0; i < 1000; i++) {
		struct ip from = address6(1, (uint16_t)i);

		if (asker_ask(&askers, &from, 1, at(0)) != ASKER_GO)
			continue;
		asker_done(&askers, &from, 1);
		granted++;
	}
	assert_int_equal(granted, 18);
	assert_int_equal(askers.by_address.count, 1);
	assert_int_equal(asker_ask(&askers, &other, 2, at(0)), ASKER_GO);
	askers_wipe(&askers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_names_at_a_time),
		cmocka_unit_test(twenty_names_a_minute),
		cmocka_unit_test(the_addresses_of_a_64_ask_together),
		cmocka_unit_test(a_bounded_number_is_remembered_for_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
