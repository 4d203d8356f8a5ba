/*
 * CHILD SAs of several selectors a side: as asked for, as the peer narrows them.
 */
#include "ike/two_ends_cases.h"

static struct traffic_selector west_more[2], east_more[1];

/* 10.1.0.0/24, 10.11.0.0/24, 10.12.0.0/24 towards 10.2.0.0/24, 10.21.0.0/24 */
static struct ike_wish wide_wish(void)
{
	struct ike_wish wish = wish_of(&t, WEST);

	west_more[0] = host_ts("10.11.0.0/24");
	west_more[1] = host_ts("10.12.0.0/24");
	east_more[0] = host_ts("10.21.0.0/24");
	wish.local = host_ts("10.1.0.0/24");
	wish.remote = host_ts("10.2.0.0/24");
	wish.more_local = (struct selectors){ west_more, 2 };
	wish.more_remote = (struct selectors){ east_more, 1 };
	wish.is_opportunistic = false;
	return wish;
}

static const struct child_sa *child_of(enum side side)
{
	return &last_news(&t.end[side], NEWS_CHILD_UP)->child;
}

static void assert_wide(enum side side, bool is_swapped)
{
	const struct child_sa *child = child_of(side);
	const struct selectors *three = is_swapped ? &child->more_remote : &child->more_local;
	const struct selectors *two = is_swapped ? &child->more_local : &child->more_remote;

	assert_int_equal(three->count, 2);
	assert_string_equal(range_text(&three->list[0].range).s, "10.11.0.0/24");
	assert_string_equal(range_text(&three->list[1].range).s, "10.12.0.0/24");
	assert_int_equal(two->count, 1);
	assert_string_equal(range_text(&two->list[0].range).s, "10.21.0.0/24");
}

static void bring_up_wide(void)
{
	struct ike_wish wish = wide_wish();
	ike_handle sa = initiate_wish(&t, WEST, &wish);

	memset(west_more, 0, sizeof(west_more)); /* the endpoint has its own copy */
	memset(east_more, 0, sizeof(east_more));
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
}

/* TS-4 */
static void all_of_several_selectors_are_granted(void **state)
{
	bring_up_wide();
	expect_tunnels(&t, 1);
	assert_wide(WEST, false);
	assert_wide(EAST, true);
}

/* TS-4, TS-6 */
static void the_peer_may_take_one_of_them(void **state)
{
	t.end[EAST].claims = ip_v4(10, 21, 0, 9);
	bring_up_wide();
	expect_tunnels(&t, 1);
	assert_int_equal(child_of(WEST)->more_remote.count, 0);
	assert_string_equal(range_text(&child_of(WEST)->remote.range).s, "10.21.0.9/32");
	assert_int_equal(child_of(WEST)->more_local.count, 2);
}

/* The same in CREATE_CHILD_SA, from either side. */
static void further_children_have_several_selectors_too(void **state)
{
	const struct ike_wish wish = wide_wish();
	const struct more_selectors more = { wish.more_local, wish.more_remote };
	ike_handle sa = bring_up(&t, WEST);

	ike_create_wide_child(t.end[WEST].ike, sa, &wish.local, &wish.remote, &more, 7, t.now);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_wide(WEST, false);
	assert_wide(EAST, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_of_several_selectors_are_granted),
		CASE(the_peer_may_take_one_of_them),
		CASE(further_children_have_several_selectors_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
