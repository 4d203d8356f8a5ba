#include "ike/two_ends_cases.h"

#include "ike/message.h"

static void used(enum side side, struct instant in, struct instant out)
{
	t.end[side].traffic = (struct ike_traffic){ in, out };
}

static struct instant seconds_ago(int s)
{
	return (struct instant){ t.now.ns - SECONDS(s).ns };
}

/* LIV-2: nothing was sent, so nothing is missed. */
static void a_peer_we_send_nothing_to_is_not_asked(void **state)
{
	bring_up(&t, WEST);
	t.end[WEST].sent = t.end[EAST].sent = 0;
	used(WEST, t.now, seconds_ago(1));
	used(EAST, seconds_ago(1), seconds_ago(1));
	live_ms(&t, 500000);
	assert_int_equal(t.end[WEST].sent + t.end[EAST].sent, 0);
}

/* LIV-2, INF-1 */
static void silence_after_traffic_is_asked_about(void **state)
{
	struct instant up;

	bring_up(&t, WEST);
	up = t.now;
	wait_ms(&t, 5000);
	used(WEST, up, t.now);
	wait_ms(&t, 24000);
	assert_int_equal(t.end[WEST].out_count, 0);
	wait_ms(&t, 1400);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	live_ms(&t, 20000);
	expect_tunnels(&t, 1);
	assert_int_equal(t.end[WEST].out_count, 0);
}

/* LIV-2: what came by a CHILD SA proves life, as does an answer. */
static void traffic_from_the_peer_proves_its_life(void **state)
{
	bring_up(&t, WEST);
	t.end[WEST].sent = 0;
	for (int i = 0; i < 20; i++) {
		live_ms(&t, 10000);
		used(WEST, seconds_ago(2), t.now);
	}
	assert_int_equal(t.end[WEST].sent, 0);
}

/* LIV-1, LIV-4: only all the silence ends it, and then without a word. */
static void a_silent_peer_is_dead_after_all_tries(void **state)
{
	bring_up(&t, WEST);
	used(WEST, t.now, instant_after(t.now, SECONDS(1)));
	t.end[WEST].sent = 0;
	wait_ms(&t, 30100);
	assert_int_equal(t.end[WEST].sent, 1);
	wait_ms(&t, 100000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	wait_ms(&t, 60000);
	assert_int_equal(t.end[WEST].sent, 8);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
	assert_int_equal(ike_count(t.end[WEST].ike), 0);
}

/* LIV-3 */
static void a_thousand_hints_ask_once_in_a_minute(void **state)
{
	bring_up(&t, WEST);
	t.end[WEST].sent = 0;
	for (int i = 0; i < 3000; i++) {
		ike_hint(t.end[WEST].ike, &t.end[EAST].address, t.now);
		ike_hint(t.end[WEST].ike, &t.end[WEST].inside, t.now);
		pass_all(&t);
		live_ms(&t, 39);
	}
	assert_int_equal(t.end[WEST].sent, 2); /* in 117 seconds */
	expect_tunnels(&t, 1);
}

/* LIV-3: while something is under way to the peer, that asks. */
static void a_hint_adds_nothing_to_a_request_under_way(void **state)
{
	const struct traffic_selector local = host_ts("10.1.0.6");
	const struct traffic_selector remote = host_ts("10.2.0.7");
	ike_handle sa = bring_up(&t, WEST);

	ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	ike_hint_sa(t.end[WEST].ike, sa, t.now);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(t.end[WEST].out_count, 0);
	ike_hint_sa(t.end[WEST].ike, sa + 1, t.now); /* nobody */
}

/* LIV-1, MID-7: replayed octets prove nothing. */
static void a_replayed_request_proves_no_life(void **state)
{
	struct buf request;

	bring_up(&t, WEST);
	ike_hint(t.end[EAST].ike, &t.end[WEST].address, t.now);
	request = buf_copy(buf_view(&first_out(&t, EAST)->datagram));
	pass_all(&t);
	used(WEST, (struct instant){ 0 }, t.now);
	t.end[WEST].sent = 0;
	for (int i = 0; i < 40; i++) {
		const struct path path = path_to(&t, WEST, EXCHANGE_INFORMATIONAL);

		wait_ms(&t, 1000);
		used(WEST, (struct instant){ 0 }, t.now);
		inject(&t, WEST, &path, buf_view(&request));
	}
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	wait_ms(&t, 160000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
	buf_free(&request);
}

/* MID-10 has seven more tries for it; a conn may say otherwise. */
static void a_profile_says_when_to_ask_and_when_to_give_up(void **state)
{
	struct ike_profile hasty = ike_profile_default;
	struct ike_wish wish = wish_of(&t, WEST);

	hasty.dpd_delay_s = 10;
	hasty.dpd_timeout_s = 25;
	wish.profile = &hasty;
	ike_set_peer_keys(t.end[WEST].ike, initiate_wish(&t, WEST, &wish), &t.end[WEST].trusted, 1,
	                  t.now);
	pass_all(&t);
	used(WEST, t.now, instant_after(t.now, SECONDS(1)));
	t.end[WEST].sent = 0;
	wait_ms(&t, 9900);
	assert_int_equal(t.end[WEST].sent, 0);
	wait_ms(&t, 15000);
	assert_true(t.end[WEST].sent > 2);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	wait_ms(&t, 200);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
}

/* IC-3 */
static void who_shares_a_name_says_nothing_of_initial_contact(void **state)
{
	struct ike_profile many = ike_profile_default;
	struct ike_wish wish = wish_of(&t, WEST);

	many.unique = false;
	wish.profile = &many;
	ike_set_peer_keys(t.end[WEST].ike, initiate_wish(&t, WEST, &wish), &t.end[WEST].trusted, 1,
	                  t.now);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	t.end[EAST].holds_answers = true;
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_false(t.end[EAST].questions[0].claim.initial_contact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_peer_we_send_nothing_to_is_not_asked),
		CASE(silence_after_traffic_is_asked_about),
		CASE(traffic_from_the_peer_proves_its_life),
		CASE(a_silent_peer_is_dead_after_all_tries),
		CASE(a_thousand_hints_ask_once_in_a_minute),
		CASE(a_hint_adds_nothing_to_a_request_under_way),
		CASE(a_replayed_request_proves_no_life),
		CASE(a_profile_says_when_to_ask_and_when_to_give_up),
		CASE(who_shares_a_name_says_nothing_of_initial_contact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
