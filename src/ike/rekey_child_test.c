#include "ike/two_ends_cases.h"

#include "ike/children.h"
#include "ike/request.h"

/* The one child of an end, by what it receives with. */
static uint32_t only_child(enum side side)
{
	const struct ike_sa *sa = only_sa(&t, side);

	assert_int_equal(sa->child_count, 1);
	return sa->children->spi_in;
}

static void rekey(enum side side, uint32_t spi_in)
{
	ike_rekey_child(t.end[side].ike, only_sa(&t, side)->handle, spi_in, t.now);
}

static void delete_child(enum side side, uint32_t spi_in)
{
	ike_delete_child(t.end[side].ike, only_sa(&t, side)->handle, spi_in, t.now);
}

/* Whatever happened: one tunnel, the same at both ends, that is rekeyed and closed like any. */
static void expect_one_good_tunnel(void)
{
	expect_tunnels(&t, 1);
	rekey(EAST, only_child(EAST));
	pass_all(&t);
	expect_tunnels(&t, 1);
	rekey(WEST, only_child(WEST));
	pass_all(&t);
	expect_tunnels(&t, 1);
	(void)only_child(EAST);
	delete_child(WEST, only_child(WEST));
	pass_all(&t);
	expect_tunnels(&t, 0);
}

static void again(void)
{
	two_ends_wipe(&t);
	two_ends_init(&t, KEY_ED25519);
}

/* RKY-1, RKY-2, RKY-3, KDF-5, TS-8: by either side, old and new beside each other in between. */
static void a_child_is_replaced_before_it_goes(void **state)
{
	for (enum side side = WEST; side <= EAST; side++) {
		enum side peer = peer_of(side);
		const struct news *news;
		uint32_t old, old_at_peer;

		bring_up(&t, WEST);
		old = only_child(side);
		old_at_peer = only_child(peer);
		rekey(side, old);
		assert_int_equal(first_notify(&t, side), NOTIFY_REKEY_SA);
		/* --> CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr } */
		pass(&t, side, EXCHANGE_CREATE_CHILD_SA);
		news = last_news(&t.end[peer], NEWS_CHILD_UP);
		assert_int_equal(news->child.replaces, old_at_peer);
		assert_int_equal(news->child.start, CHILD_SENDS_LATER);
		/* <-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr } */
		pass(&t, peer, EXCHANGE_CREATE_CHILD_SA);
		news = last_news(&t.end[side], NEWS_CHILD_UP);
		assert_int_equal(news->child.replaces, old);
		assert_int_equal(news->child.start, CHILD_SENDS_NOW);
		expect_tunnels(&t, 2);
		/* --> INFORMATIONAL { D(old) } */
		pass(&t, side, EXCHANGE_INFORMATIONAL);
		assert_int_equal(last_news(&t.end[peer], NEWS_CHILD_GONE)->child.spi_in,
		                 old_at_peer);
		assert_int_equal(count_news(&t.end[side], NEWS_CHILD_GONE), 0);
		/* <-- INFORMATIONAL { D(old) } */
		pass(&t, peer, EXCHANGE_INFORMATIONAL);
		assert_int_equal(last_news(&t.end[side], NEWS_CHILD_GONE)->child.spi_in, old);
		assert_int_equal(count_news(&t.end[side], NEWS_CHILD_GONE), 1);
		expect_one_good_tunnel();
		again();
	}
}

/* KDF-5: the same without a key exchange of its own. */
static void a_child_is_rekeyed_without_pfs_where_policy_says_so(void **state)
{
	struct ike_profile profile = ike_profile_default;
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	profile.pfs = false;
	wish.profile = &profile;
	t.end[EAST].peer_profile = &profile;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
	expect_one_good_tunnel();
}

/* COL-1 */
static void what_is_being_deleted_is_not_rekeyed(void **state)
{
	bring_up(&t, WEST);
	delete_child(EAST, only_child(EAST));
	rekey(WEST, only_child(WEST));
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA); /* crosses the Delete */
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_TEMPORARY_FAILURE);
	pass_all(&t);
	expect_tunnels(&t, 0);
	live_ms(&t, 60000);
	expect_tunnels(&t, 0);
}

/* COL-2, COL-20, COL-22, COL-23: the nonces decide, and both come to the same end. */
static void two_rekeys_that_cross_leave_one_child(void **state)
{
	unsigned wins[2] = { 0 };

	for (unsigned i = 0; i < 32; i++) {
		uint32_t old[2], spare[2];
		enum side winner;

		t.end[WEST].random = 1000 + i;
		bring_up(&t, WEST);
		old[WEST] = only_child(WEST);
		old[EAST] = only_child(EAST);
		rekey(WEST, old[WEST]);
		rekey(EAST, old[EAST]);
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		/* All three receive; one of the new ones is never sent by. */
		expect_tunnels(&t, 3);
		winner = last_news(&t.end[WEST], NEWS_CHILD_UP)->child.start == CHILD_SENDS_NOW
		             ? WEST
		             : EAST;
		assert_int_equal(last_news(&t.end[peer_of(winner)], NEWS_CHILD_UP)->child.start,
		                 CHILD_SENDS_NEVER);
		assert_int_equal(last_news(&t.end[winner], NEWS_CHILD_UP)->child.start,
		                 CHILD_SENDS_NOW);
		spare[winner] = last_news(&t.end[winner], NEWS_CHILD_UP)->child.replaces;
		spare[peer_of(winner)] =
		    last_news(&t.end[peer_of(winner)], NEWS_CHILD_UP)->child.spi_in;
		/* The winner deletes the old one, the loser what it made. */
		pass(&t, winner, EXCHANGE_INFORMATIONAL);
		assert_int_equal(last_news(&t.end[peer_of(winner)], NEWS_CHILD_GONE)->child.spi_in,
		                 old[peer_of(winner)]);
		pass(&t, peer_of(winner), EXCHANGE_INFORMATIONAL);
		assert_int_equal(last_news(&t.end[winner], NEWS_CHILD_GONE)->child.spi_in,
		                 spare[winner]);
		pass_all(&t);
		assert_int_equal(last_news(&t.end[peer_of(winner)], NEWS_CHILD_GONE)->child.spi_in,
		                 spare[peer_of(winner)]);
		expect_one_good_tunnel();
		wins[winner]++;
		again();
	}
	assert_true(wins[WEST] > 0 && wins[EAST] > 0);
}

/* The same with the answers and Deletes in every order that a network may make of them. */
static void crossed_rekeys_end_well_in_any_order(void **state)
{
	for (unsigned i = 0; i < 256; i++) {
		unsigned order = i;

		t.end[EAST].random = 5000 + i / 16;
		bring_up(&t, WEST);
		rekey(WEST, only_child(WEST));
		rekey(EAST, only_child(EAST));
		while (t.end[WEST].out_count + t.end[EAST].out_count > 0) {
			enum side from = order % 2 == 0 ? WEST : EAST;
			struct ike_header header;

			order = order / 2 + (i << 7);
			if (t.end[from].out_count == 0)
				from = peer_of(from);
			assert_true(
			    header_parse(buf_view(&first_out(&t, from)->datagram), &header));
			pass(&t, from, header.exchange);
		}
		expect_one_good_tunnel();
		again();
	}
}

/* COL-3 */
static void a_child_that_is_not_there_is_not_found(void **state)
{
	bring_up(&t, WEST);
	children_find_in(only_sa(&t, EAST), only_child(EAST))->spi_out ^= 0x5555;
	rekey(WEST, only_child(WEST));
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_CHILD_SA_NOT_FOUND);
	/* COL-26: forgotten without a Delete. */
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
	assert_int_equal(only_sa(&t, WEST)->child_count, 0);
	assert_int_equal(t.end[WEST].out_count, 0);
}

/* COL-5, COL-26 */
static void a_child_deleted_while_we_rekey_it_is_gone(void **state)
{
	bring_up(&t, WEST);
	rekey(WEST, only_child(WEST));
	delete_child(EAST, only_child(EAST));
	/* <-- INFORMATIONAL { D }, answered with D */
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
	lose(&t, WEST); /* the request; it comes after the answer */
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	wait_ms(&t, 700);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_CHILD_SA_NOT_FOUND);
	pass_all(&t);
	expect_tunnels(&t, 0);
	assert_int_equal(only_sa(&t, WEST)->child_count, 0);
	assert_int_equal(only_sa(&t, EAST)->child_count, 0);
}

/* The same by us: the new one comes and nobody wants it. */
static void a_child_deleted_by_us_while_we_rekey_it_is_gone(void **state)
{
	bring_up(&t, WEST);
	rekey(WEST, only_child(WEST));
	delete_child(WEST, only_child(WEST));
	pass_all(&t);
	expect_tunnels(&t, 0);
	assert_int_equal(only_sa(&t, WEST)->child_count, 0);
	assert_int_equal(only_sa(&t, EAST)->child_count, 0);
}

/* COL-25: our request was lost; the peer is done when it comes again. */
static void a_rekey_that_comes_too_late_is_forgotten(void **state)
{
	for (int deleted = 0; deleted <= 1; deleted++) {
		bring_up(&t, WEST);
		rekey(WEST, only_child(WEST));
		rekey(EAST, only_child(EAST));
		lose(&t, WEST);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		if (deleted) {
			pass(&t, EAST, EXCHANGE_INFORMATIONAL);
			pass(&t, WEST, EXCHANGE_INFORMATIONAL);
		}
		wait_ms(&t, 700);
		while (t.end[EAST].out_count > 0 && !deleted)
			lose(&t, EAST); /* its Delete is late, too */
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(first_notify(&t, EAST),
		                 deleted ? NOTIFY_CHILD_SA_NOT_FOUND : NOTIFY_TEMPORARY_FAILURE);
		live_ms(&t, 10000);
		expect_one_good_tunnel();
		again();
	}
}

/* TS-8 */
static void a_rekey_may_not_narrow(void **state)
{
	struct child *child;

	bring_up(&t, WEST);
	child = children_find_in(only_sa(&t, WEST), only_child(WEST));
	child->local.port_last = 80;
	rekey(WEST, child->spi_in);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_TS_UNACCEPTABLE);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	expect_tunnels(&t, 1);
}

static ike_handle bring_up_for(unsigned child_s, bool with_rekey)
{
	struct ike_profile profile = ike_profile_default;
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	profile.life.child_s = child_s;
	profile.life.margin_s = child_s / 10;
	profile.life.rekey = with_rekey;
	wish.profile = &profile;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
	expect_tunnels(&t, 1);
	return sa;
}

/* RKY-5, TS-18: by time; the other end has longer lifetimes and goes along. */
static void time_rekeys_a_child_before_its_end(void **state)
{
	bring_up_for(1000, true);
	live_ms(&t, 895000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	live_ms(&t, 100000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 2);
	expect_tunnels(&t, 1);
	for (int i = 0; i < 10; i++) {
		live_ms(&t, 1000000);
		expect_tunnels(&t, 1);
	}
	assert_true(count_news(&t.end[WEST], NEWS_CHILD_UP) >= 11);
}

/* RKY-6: not rekeyed, it is over at its end and not before. */
static void a_child_ends_with_its_time(void **state)
{
	bring_up_for(1000, false);
	live_ms(&t, 999000);
	expect_tunnels(&t, 1);
	live_ms(&t, 1100);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_EXPIRED);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
}

/* A Delete of what East receives with, instead of the one that East says. */
static void east_deletes_instead(uint32_t spi)
{
	const uint8_t delete[] = { 0, 0, 0, 12, PROTOCOL_ESP, 4, 0, 1,
		                   (uint8_t)(spi >> 24), (uint8_t)(spi >> 16),
		                   (uint8_t)(spi >> 8), (uint8_t)spi };
	struct path path = path_to(&t, WEST, EXCHANGE_INFORMATIONAL);
	struct opened said;
	struct buf datagram;

	open_first(&t, EAST, only_sa(&t, WEST), &said);
	datagram = seal_as(only_sa(&t, EAST), EXCHANGE_INFORMATIONAL, said.header.flags,
	                   said.header.message_id, said.first, BYTES_OF(delete));
	lose(&t, EAST);
	inject(&t, WEST, &path, buf_view(&datagram));
	buf_free(&datagram);
}

/* A peer that cannot use what it made takes that back, and keeps the old one. */
static void a_child_whose_heir_is_taken_back_is_rekeyed_again(void **state)
{
	uint32_t old;

	bring_up_for(1000, true);
	old = only_child(WEST);
	rekey(EAST, only_child(EAST));
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	east_deletes_instead(only_sa(&t, WEST)->children->spi_out);
	assert_int_equal(only_child(WEST), old);
	lose(&t, WEST); /* the answer */
	wait_ms(&t, 5000);
	assert_int_equal(first_notify(&t, WEST), NOTIFY_REKEY_SA);
}

/* OUT-5: the same when it has sent all it may; the IKE SA stays, for the next one. */
static void a_child_ends_with_its_octets(void **state)
{
	bring_up(&t, WEST);
	ike_expire_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, only_child(WEST), t.now);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_EXPIRED);
	pass_all(&t);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	ike_expire_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, 0x1001, t.now);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
}

/* RKY-7 */
static void an_idle_child_is_let_go(void **state)
{
	bring_up_for(1000, true);
	t.end[WEST].lets_go = true;
	live_ms(&t, 1000000);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_IDLE);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
}

/* COL-24: not at once, then less and less often; after five minutes it is given up. */
static void a_refused_rekey_is_put_off_and_given_up(void **state)
{
	struct instant first;
	unsigned tries = 0;

	bring_up(&t, WEST);
	only_sa(&t, EAST)->children->heir = 1; /* refuses */
	rekey(WEST, only_child(WEST));
	first = t.now;
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_TEMPORARY_FAILURE);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	wait_ms(&t, 1990);
	assert_int_equal(t.end[WEST].out_count, 0);
	wait_ms(&t, 3020);
	assert_true(t.end[WEST].out_count > 0);
	t.end[WEST].sent = 0;
	while (count_news(&t.end[WEST], NEWS_CHILD_GONE) == 0) {
		live_ms(&t, 1000);
		assert_true(++tries < 400);
	}
	assert_true(t.end[WEST].sent <= 10);
	assert_true(instant_since(t.now, first).ns >= SECONDS(295).ns);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_EXPIRED);
	live_ms(&t, 1000);
	expect_tunnels(&t, 0);
}

/* TS-16: a peer that allows one child only is asked once. The owner is told, a few times while it
 * does nothing about it, and the child lives to its end. */
static void a_child_that_cannot_be_rekeyed_lives_to_its_end(void **state)
{
	struct ike_sa *east;
	uint32_t asked;

	bring_up_for(1000, true);
	east = only_sa(&t, EAST);
	asked = east->peer_next_id;
	east->child_count += 2 * IKE_SA_CHILDREN_MAX; /* no room */
	live_ms(&t, 990000);
	assert_in_range(t.end[WEST].unrenewed, 2, 9);
	assert_int_equal(east->peer_next_id, asked + 1);
	assert_int_equal(t.end[EAST].unrenewed, 0);
	east->child_count -= 2 * IKE_SA_CHILDREN_MAX;
	expect_tunnels(&t, 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	live_ms(&t, 11000);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_EXPIRED);
}

/* The rekey that waits in the queue has nothing to do any more when its turn comes. */
static void a_rekey_waits_its_turn_and_may_be_too_late(void **state)
{
	const struct traffic_selector west = host_ts("10.1.0.6"), east = host_ts("10.2.0.7");
	uint32_t old;

	bring_up(&t, WEST);
	old = only_child(WEST);
	t.end[EAST].holds_answers = true;
	ike_create_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, &west, &east, 7, t.now);
	rekey(WEST, old);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	delete_child(EAST, only_child(EAST));
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 2);
	expect_one_good_tunnel();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_child_is_replaced_before_it_goes),
		CASE(a_child_is_rekeyed_without_pfs_where_policy_says_so),
		CASE(what_is_being_deleted_is_not_rekeyed),
		CASE(two_rekeys_that_cross_leave_one_child),
		CASE(crossed_rekeys_end_well_in_any_order),
		CASE(a_child_that_is_not_there_is_not_found),
		CASE(a_child_deleted_while_we_rekey_it_is_gone),
		CASE(a_child_deleted_by_us_while_we_rekey_it_is_gone),
		CASE(a_rekey_that_comes_too_late_is_forgotten),
		CASE(a_rekey_may_not_narrow),
		CASE(time_rekeys_a_child_before_its_end),
		CASE(a_child_ends_with_its_time),
		CASE(a_child_whose_heir_is_taken_back_is_rekeyed_again),
		CASE(a_child_ends_with_its_octets),
		CASE(an_idle_child_is_let_go),
		CASE(a_refused_rekey_is_put_off_and_given_up),
		CASE(a_child_that_cannot_be_rekeyed_lives_to_its_end),
		CASE(a_rekey_waits_its_turn_and_may_be_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
