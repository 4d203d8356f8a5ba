#include "util/test.h"

#include <stdio.h>

#include "opportunism/refusal.h"

static struct ike_claim claim_of(uint8_t gateway, uint8_t source, uint8_t ours)
{
	struct ip from = ip_v4(192, 0, 2, gateway), who = ip_v4(10, 0, 0, source),
		  whom = ip_v4(10, 1, 0, ours);

	return (struct ike_claim){ .path.remote.address = from,
		                   .peer.range = range_of_ip(&who),
		                   .ours.range = range_of_ip(&whom) };
}

/* Promise 6. */
static void the_newest_that_is_about_it_is_found(void **state)
{
	const struct ip none = { .family = IP_NONE }, us = ip_v4(10, 1, 0, 1);
	const struct ip source = ip_v4(10, 0, 0, 1), gateway = ip_v4(192, 0, 2, 1);
	const struct ip stranger = ip_v4(10, 0, 0, 9), other = ip_v4(10, 1, 0, 9);
	struct ike_claim first = claim_of(1, 1, 1), second = claim_of(1, 2, 1);
	struct refusals refusals = { 0 };

	assert_null(refusals_find(&refusals, &none, &source));
	refusals_add(&refusals, &first, "first", (struct instant){ 1 });
	refusals_add(&refusals, &second, "second", (struct instant){ 2 });
	assert_string_equal(refusals_find(&refusals, &none, &source)->why, "first");
	assert_string_equal(refusals_find(&refusals, &us, &source)->why, "first");
	assert_string_equal(refusals_find(&refusals, &us, &gateway)->why, "second");
	assert_null(refusals_find(&refusals, &none, &stranger));
	assert_null(refusals_find(&refusals, &other, &source));
	refusals_wipe(&refusals);
}

static void the_oldest_goes(void **state)
{
	const struct ip none = { .family = IP_NONE }, source = ip_v4(10, 0, 0, 1);
	struct ike_claim first = claim_of(1, 1, 1), second = claim_of(1, 2, 1);
	struct refusals refusals = { 0 };

	refusals_add(&refusals, &first, "first", (struct instant){ 1 });
	for (int i = 1; i < REFUSALS_MAX; i++)
		refusals_add(&refusals, &second, "second", (struct instant){ 2 });
	assert_non_null(refusals_find(&refusals, &none, &source));
	refusals_add(&refusals, &second, "second", (struct instant){ 2 });
	assert_null(refusals_find(&refusals, &none, &source));
	refusals_wipe(&refusals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_that_is_about_it_is_found),
		cmocka_unit_test(the_oldest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
