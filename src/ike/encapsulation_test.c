#include "ike/two_ends_cases.h"

/* As far as IKE_SA_INIT; then WEST and EAST are to believe that the other is of another make. */
static void meet_strangers(const struct ike_profile *profile)
{
	struct ike_wish wish = wish_of(&t, WEST);

	wish.profile = profile;
	wish.is_opportunistic = false;
	ike_set_peer_keys(t.end[WEST].ike, initiate_wish(&t, WEST, &wish), &t.end[WEST].trusted, 1,
	                  t.now);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	only_sa(&t, WEST)->peer_is_wildswan = false;
	only_sa(&t, EAST)->peer_is_wildswan = false;
}

static bool is_udp(enum side side)
{
	return last_news(&t.end[side], NEWS_CHILD_UP)->child.udp_encapsulation;
}

/* NAT-12 */
static void gateways_like_us_have_udp_around_esp(void **state)
{
	bring_up(&t, WEST);
	assert_true(is_udp(WEST));
	assert_true(is_udp(EAST));
}

/* NAT-12 */
static void another_make_without_a_nat_gets_plain_esp(void **state)
{
	meet_strangers(NULL);
	assert_int_equal(first_out(&t, WEST)->path.remote.port, 4500);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_false(is_udp(WEST));
	assert_false(is_udp(EAST));
}

/* NAT-8: whichever ports IKE_AUTH came by. */
static void no_esp_goes_between_the_ports_of_ike(void **state)
{
	const struct child_sa *child;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	first_out(&t, WEST)->path.local.port = first_out(&t, WEST)->path.remote.port = 500;
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	child = &last_news(&t.end[EAST], NEWS_CHILD_UP)->child;
	assert_true(child->udp_encapsulation);
	assert_int_equal(child->path.local.port, 4500);
	assert_int_equal(child->path.remote.port, 4500);
}

/* NAT-6, NAT-12 */
static void another_make_behind_a_nat_gets_udp(void **state)
{
	meet_strangers(NULL);
	only_sa(&t, WEST)->nat.we_behind_nat = true;
	only_sa(&t, EAST)->nat.peer_behind_nat = true;
	pass_all(&t);
	assert_true(is_udp(WEST));
	assert_true(is_udp(EAST));
}

/* NAT-13: whoever says encapsulation=yes feigns a NAT, and the other believes in it. */
static void udp_may_be_forced_on_both(void **state)
{
	struct ike_profile profile = ike_profile_default;

	profile.encapsulation = true;
	meet_strangers(&profile);
	assert_true(only_sa(&t, EAST)->nat.peer_behind_nat);
	assert_false(only_sa(&t, WEST)->nat.we_behind_nat);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_true(is_udp(WEST));
	assert_true(is_udp(EAST));
}

/* NAT-13, as Responder */
static void a_responder_may_force_udp(void **state)
{
	struct ike_profile profile = ike_profile_default;

	profile.encapsulation = true;
	t.end[EAST].profile = &profile;
	meet_strangers(NULL);
	assert_true(only_sa(&t, WEST)->nat.peer_behind_nat);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_true(is_udp(WEST));
	assert_true(is_udp(EAST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(gateways_like_us_have_udp_around_esp),
		CASE(another_make_without_a_nat_gets_plain_esp),
		CASE(no_esp_goes_between_the_ports_of_ike),
		CASE(another_make_behind_a_nat_gets_udp),
		CASE(udp_may_be_forced_on_both),
		CASE(a_responder_may_force_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
