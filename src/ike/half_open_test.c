#include "util/test.h"

#include "ike/half_open.h"

static const uint64_t seed[2] = { 1, 2 };
static char places[300];

/* The list only hands them back. */
static struct ike_sa *sa(size_t i)
{
	return (struct ike_sa *)(void *)&places[i];
}

static struct ip v6(uint8_t third, uint8_t fourth, uint8_t host)
{
	uint8_t octets[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, third, 0, fourth };

	octets[15] = host;
	return ip_from_octets(BYTES_OF(octets));
}

/* DOS-5 */
static void sources_and_networks_are_counted(void **state)
{
	struct half_open *opened[HALF_OPEN_PREFIX_MAX];
	const struct ip first = ip_v4(192, 0, 2, 0);
	const struct ip neighbour = ip_v4(192, 0, 2, 250);
	const struct ip stranger = ip_v4(192, 0, 3, 0);
	struct half_opens all;

	half_opens_init(&all, seed);
	for (size_t i = 0; i < ARRAY_LEN(opened); i++) {
		const struct ip source = ip_v4(192, 0, 2, (uint8_t)(i / HALF_OPEN_SOURCE_MAX));

		assert_true(half_opens_welcome(&all, &source));
		opened[i] = half_open_add(&all, sa(i), &source);
		assert_int_equal(half_opens_welcome(&all, &first), i + 1 < HALF_OPEN_SOURCE_MAX);
	}
	assert_false(half_opens_welcome(&all, &neighbour));
	assert_true(half_opens_welcome(&all, &stranger));
	for (size_t i = 0; i < ARRAY_LEN(opened); i++)
		half_open_remove(&all, opened[i]);
	assert_true(half_opens_welcome(&all, &first));
	assert_int_equal(all.origins.count, 0);
	half_opens_wipe(&all);
}

/* DOS-5: whoever has one IPv6 address has the /64 */
static void an_ipv6_source_is_a_prefix(void **state)
{
	struct half_open *opened[HALF_OPEN_SOURCE_MAX];
	const struct ip cases[] = { v6(1, 1, 200), v6(1, 2, 1), v6(2, 1, 1) };
	struct half_opens all;

	half_opens_init(&all, seed);
	for (size_t i = 0; i < ARRAY_LEN(opened); i++) {
		const struct ip source = v6(1, 1, (uint8_t)i);

		opened[i] = half_open_add(&all, sa(i), &source);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(half_opens_welcome(&all, &cases[i]), i != 0);
	for (size_t i = 0; i < ARRAY_LEN(opened); i++)
		half_open_remove(&all, opened[i]);
	half_opens_wipe(&all);
}

static void the_oldest_goes_first_unless_shielded(void **state)
{
	struct half_open *opened[3];
	const struct ip source = ip_v4(192, 0, 2, 1);
	struct half_opens all;

	half_opens_init(&all, seed);
	assert_null(half_opens_oldest(&all));
	for (size_t i = 0; i < ARRAY_LEN(opened); i++)
		opened[i] = half_open_add(&all, sa(i), &source);
	assert_ptr_equal(half_opens_oldest(&all), sa(0));
	half_open_shield(&all, opened[0]);
	assert_ptr_equal(half_opens_oldest(&all), sa(1));
	half_open_expose(&all, opened[0]);
	half_open_remove(&all, opened[1]);
	assert_ptr_equal(half_opens_oldest(&all), sa(2));
	half_open_remove(&all, opened[2]);
	assert_ptr_equal(half_opens_oldest(&all), sa(0));
	half_open_shield(&all, opened[0]);
	assert_null(half_opens_oldest(&all));
	assert_int_equal(all.count, 1);
	half_open_remove(&all, opened[0]);
	half_open_remove(&all, NULL);
	half_opens_wipe(&all);
}

/* DOS-5: what one network claims does not keep the others from being looked into */
static void the_last_places_are_for_networks_with_few(void **state)
{
	static struct half_open *opened[HALF_OPEN_SHIELDED_FREE];
	const struct ip stranger = ip_v4(192, 0, 3, 1);
	struct half_open *few[HALF_OPEN_SHIELDED_PREFIX + 1];
	struct half_open *same;
	struct half_opens all;

	half_opens_init(&all, seed);
	for (size_t i = 0; i < ARRAY_LEN(opened); i++) {
		const struct ip source = ip_v4(192, 0, 2, (uint8_t)i);

		opened[i] = half_open_add(&all, sa(i % ARRAY_LEN(places)), &source);
		assert_true(half_open_may_claim(&all, opened[i]));
		half_open_shield(&all, opened[i]);
	}
	same = half_open_add(&all, sa(0), &(struct ip){ IP_V4, { 192, 0, 2, 77 } });
	assert_false(half_open_may_claim(&all, same));
	for (size_t i = 0; i < ARRAY_LEN(few); i++) {
		few[i] = half_open_add(&all, sa(0), &stranger);
		assert_int_equal(half_open_may_claim(&all, few[i]), i < HALF_OPEN_SHIELDED_PREFIX);
		half_open_shield(&all, few[i]);
	}
	/* Room again. */
	for (size_t i = 0; i < ARRAY_LEN(few); i++)
		half_open_expose(&all, opened[i]);
	assert_false(half_open_may_claim(&all, same));
	half_open_expose(&all, few[0]);
	assert_true(half_open_may_claim(&all, same));
	for (size_t i = 0; i < ARRAY_LEN(few); i++)
		half_open_remove(&all, few[i]);
	for (size_t i = 0; i < ARRAY_LEN(opened); i++)
		half_open_remove(&all, opened[i]);
	half_open_remove(&all, same);
	assert_int_equal(all.shielded, 0);
	half_opens_wipe(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_and_networks_are_counted),
		cmocka_unit_test(an_ipv6_source_is_a_prefix),
		cmocka_unit_test(the_oldest_goes_first_unless_shielded),
		cmocka_unit_test(the_last_places_are_for_networks_with_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
