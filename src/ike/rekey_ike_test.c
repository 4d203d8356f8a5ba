#include "ike/two_ends_cases.h"

#include "ike/children.h"
#include "ike/own_proposals.h"
#include "ike/request.h"

static void rekey(enum side side)
{
	ike_rekey(t.end[side].ike, live_sa(&t, side)->handle, t.now);
}

static void rekey_child(enum side side)
{
	assert_int_equal(live_sa(&t, side)->child_count, 1);
	ike_rekey_child(t.end[side].ike, live_sa(&t, side)->handle,
	                live_sa(&t, side)->children->spi_in, t.now);
}

/* The header of what `from` sends next. */
static struct ike_header next_header(enum side from)
{
	struct ike_header header;

	assert_true(header_parse(buf_view(&first_out(&t, from)->datagram), &header));
	return header;
}

/* The IKE SA at the receiving end of what `from` sends next. */
static struct ike_sa *receiver_of(enum side from)
{
	const struct ike_header header = next_header(from);
	uint64_t spi = header_from_initiator(&header) ? header.spi_r : header.spi_i;
	struct ike_sa *sa = ike_find_spi(t.end[peer_of(from)].ike, spi);

	assert_non_null(sa);
	return sa;
}

/* The error in what `from` sends next; 0: none. */
static uint16_t error_from(enum side from)
{
	struct bytes datagram = buf_view(&first_out(&t, from)->datagram);
	const struct ike_header header = next_header(from);
	uint8_t plain[2048];
	struct payloads outer, p;
	struct bytes text;
	struct notify n;

	assert_int_equal(message_parse(datagram, &header, &outer), PAYLOADS_OK);
	assert_true(outer.sk.len <= sizeof(plain));
	assert_int_equal(sk_open(&receiver_of(from)->sk, datagram, &outer, plain, &text), SK_OK);
	assert_int_equal(payloads_parse_inner(outer.sk_first, text, &p), PAYLOADS_OK);
	return payloads_find_error(&p, &n) ? n.type : 0;
}

/* The next thing that `from` sends arrives, whatever it is. */
static void pass_next(enum side from)
{
	pass(&t, from, next_header(from).exchange);
}

static void again(void)
{
	two_ends_wipe(&t);
	two_ends_init(&t, KEY_ED25519);
}

/*
 * Whatever happened: one IKE SA, the same at both ends, under the handles that the owners know,
 * and over it everything that can be done with one.
 */
static void expect_one_good_sa(ike_handle west)
{
	live_ms(&t, 200000); /* what was replaced is forgotten */
	assert_int_equal(live_sa(&t, WEST)->handle, west);
	assert_int_equal(only_sa(&t, WEST)->spi_i, only_sa(&t, EAST)->spi_i);
	assert_int_equal(only_sa(&t, WEST)->spi_r, only_sa(&t, EAST)->spi_r);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
	expect_tunnels(&t, 1);
	for (enum side side = WEST; side <= EAST; side++) {
		uint64_t spi = live_sa(&t, WEST)->spi_i;

		rekey_child(side);
		pass_all(&t);
		expect_tunnels(&t, 1);
		rekey(side);
		pass_all(&t);
		assert_true(live_sa(&t, WEST)->spi_i != spi);
		live_ms(&t, 100000);
		expect_tunnels(&t, 1);
	}
	assert_int_equal(live_sa(&t, WEST)->handle, west);
	ike_delete(t.end[WEST].ike, west, t.now);
	pass_all(&t);
	expect_tunnels(&t, 0);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	expect_nothing_left(&t);
}

/* RKY-4, KDF-7, MID-3, HDR-5 */
static void either_side_rekeys_the_ike_sa(void **state)
{
	for (enum side side = WEST; side <= EAST; side++) {
		enum side peer = peer_of(side);
		ike_handle west = bring_up(&t, WEST);
		uint64_t old = live_sa(&t, WEST)->spi_i;

		rekey(side);
		/* --> CREATE_CHILD_SA { SA, Ni, KEi } */
		pass(&t, side, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(live_sa(&t, peer)->child_count, 1);
		/* <-- CREATE_CHILD_SA { SA, Nr, KEr } */
		pass(&t, peer, EXCHANGE_CREATE_CHILD_SA);
		assert_true(live_sa(&t, WEST)->spi_i != old);
		assert_true(live_sa(&t, side)->is_initiator);
		assert_false(live_sa(&t, peer)->is_initiator);
		assert_int_equal(live_sa(&t, side)->own_next_id, 0);
		assert_int_equal(live_sa(&t, side)->peer_next_id, 0);
		assert_int_equal(live_sa(&t, side)->child_count, 1);
		/* --> INFORMATIONAL { D }, by the old one */
		assert_int_equal(next_header(side).spi_i, old);
		pass(&t, side, EXCHANGE_INFORMATIONAL);
		pass(&t, peer, EXCHANGE_INFORMATIONAL);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 0);
		assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 0);
		expect_one_good_sa(west);
		again();
	}
}

/* MID-9, MID-8: every one of its messages is lost once. */
static void a_rekey_survives_losses(void **state)
{
	for (int lost = 0; lost < 4; lost++) {
		ike_handle west = bring_up(&t, WEST);

		rekey(WEST);
		for (int i = 0; i < 4; i++) {
			enum side from = i % 2 == 0 ? WEST : EAST;

			if (i == lost) {
				lose(&t, from);
				wait_ms(&t, 600);
				if (from == EAST)
					pass_next(WEST);
			}
			pass_next(from);
		}
		expect_one_good_sa(west);
		again();
	}
}

/* What waits in the queue goes over the new one. */
static void what_waits_goes_over_the_new_sa(void **state)
{
	const struct traffic_selector west = host_ts("10.1.0.6"), east = host_ts("10.2.0.7");
	ike_handle sa = bring_up(&t, WEST);

	rekey(WEST);
	ike_create_child(t.end[WEST].ike, sa, &west, &east, 7, t.now);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 7);
	assert_int_equal(live_sa(&t, WEST)->child_count, 2);
	assert_true(live_sa(&t, WEST)->own_next_id > 0);
}

/* COL-8, COL-20, COL-21 */
static void two_rekeys_that_cross_leave_one_sa(void **state)
{
	unsigned wins[2] = { 0 };

	for (unsigned i = 0; i < 32; i++) {
		ike_handle west;
		enum side winner;

		t.end[WEST].random = 3000 + i;
		west = bring_up(&t, WEST);
		rekey(WEST);
		rekey(EAST);
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(ike_count(t.end[EAST].ike), 1);
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		winner = live_sa(&t, WEST)->is_initiator ? WEST : EAST;
		assert_int_equal(live_sa(&t, EAST)->is_initiator, winner == EAST);
		/* The winner deletes the old one, the loser what it made. */
		assert_int_equal(receiver_of(winner)->state, IKE_SA_REPLACED);
		assert_int_equal(receiver_of(peer_of(winner))->state, IKE_SA_REPLACED);
		pass_all(&t);
		expect_one_good_sa(west);
		wins[winner]++;
		again();
	}
	assert_true(wins[WEST] > 0 && wins[EAST] > 0);
}

/* The same in every order, with losses in between. */
static void crossed_rekeys_end_well_in_any_order(void **state)
{
	for (unsigned i = 0; i < 512; i++) {
		unsigned order = i * 2654435761u;
		ike_handle west;

		t.end[EAST].random = 7000 + i / 64;
		west = bring_up(&t, WEST);
		rekey(WEST);
		rekey(EAST);
		for (int steps = 0; steps < 12; steps++) {
			enum side from = order >> 31 ? WEST : EAST;
			bool is_lost = i >= 256 && (order >> 29 & 3) == 0;

			order = order * 1664525u + 1013904223u;
			if (t.end[from].out_count == 0)
				from = peer_of(from);
			if (t.end[from].out_count == 0) {
				wait_ms(&t, 600);
				continue;
			}
			if (is_lost)
				lose(&t, from);
			else
				pass_next(from);
		}
		expect_one_good_sa(west);
		again();
	}
}

/* COL-25: our request was lost; the peer is done with its own when it comes again. */
static void a_rekey_that_comes_too_late_is_forgotten(void **state)
{
	ike_handle west = bring_up(&t, WEST);

	rekey(WEST);
	rekey(EAST);
	lose(&t, WEST);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	lose(&t, EAST); /* its Delete */
	wait_ms(&t, 600);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	while (next_header(EAST).exchange != EXCHANGE_CREATE_CHILD_SA)
		lose(&t, EAST);
	assert_int_equal(error_from(EAST), NOTIFY_TEMPORARY_FAILURE);
	pass_all(&t);
	assert_false(live_sa(&t, WEST)->is_initiator);
	expect_one_good_sa(west);
}

/* COL-7, COL-12 */
static void a_change_of_children_and_a_rekey_keep_out_of_each_others_way(void **state)
{
	static const struct traffic_selector none;
	enum { CREATE, REKEY, DELETE, KINDS };

	for (int kind = 0; kind < KINDS; kind++) {
		struct traffic_selector west = none, east = none;
		ike_handle sa = bring_up(&t, WEST);

		west = host_ts("10.1.0.6");
		east = host_ts("10.2.0.7");
		if (kind == CREATE)
			ike_create_child(t.end[WEST].ike, sa, &west, &east, 7, t.now);
		else if (kind == REKEY)
			rekey_child(WEST);
		else
			ike_delete_child(t.end[WEST].ike, sa, live_sa(&t, WEST)->children->spi_in,
			                 t.now);
		rekey(EAST);
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		pass_next(WEST); /* the change of children */
		assert_int_equal(error_from(WEST), NOTIFY_TEMPORARY_FAILURE);
		/* COL-13: a Delete is always taken. */
		assert_int_equal(error_from(EAST), kind == DELETE ? 0 : NOTIFY_TEMPORARY_FAILURE);
		pass_all(&t);
		live_ms(&t, 10000);
		/* Both got what they wanted in the end, or were told that they do not. */
		assert_int_equal(live_sa(&t, EAST)->rekeyed.ns != 0, true);
		if (kind == CREATE)
			assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP) +
			                     count_news(&t.end[WEST], NEWS_CHILD_FAILED),
			                 2);
		if (kind == REKEY)
			expect_one_good_sa(sa);
		if (kind == DELETE)
			expect_tunnels(&t, 0);
		again();
	}
}

/* COL-9 */
static void what_is_being_deleted_is_not_rekeyed(void **state)
{
	ike_handle sa = bring_up(&t, WEST);

	ike_delete(t.end[WEST].ike, sa, t.now);
	rekey(EAST);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL); /* COL-10: and our rekey is forgotten */
	assert_int_equal(error_from(WEST), NOTIFY_TEMPORARY_FAILURE);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	expect_tunnels(&t, 0);
	expect_nothing_left(&t);
}

/* RKY-8 */
static void too_many_rekeys_are_refused(void **state)
{
	ike_handle west = bring_up(&t, WEST);

	rekey(WEST);
	pass_all(&t);
	rekey(WEST);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(error_from(EAST), NOTIFY_TEMPORARY_FAILURE);
	/* COL-24: it is granted some time later. */
	live_ms(&t, 30000);
	assert_int_equal(live_sa(&t, WEST)->rekeyed.ns > SECONDS(1009).ns, true);
	expect_one_good_sa(west);
}

/* SK-9, MID-13 */
static void counters_near_their_end_rekey_the_sa(void **state)
{
	for (int which = 0; which < 3; which++) {
		ike_handle west = bring_up(&t, WEST);

		if (which == 0)
			live_sa(&t, WEST)->sk.sealed = SK_SEALED_MAX / 2 - 1;
		else if (which == 1)
			live_sa(&t, EAST)->peer_next_id = live_sa(&t, WEST)->own_next_id =
			    (1u << 30) - 1;
		else
			live_sa(&t, WEST)->peer_next_id = live_sa(&t, EAST)->own_next_id =
			    (1u << 30) - 1;
		rekey_child(which == 2 ? EAST : WEST);
		live_ms(&t, 1000);
		assert_true(live_sa(&t, WEST)->rekeyed.ns != 0);
		assert_true(live_sa(&t, WEST)->own_next_id < 10 &&
		            live_sa(&t, WEST)->sk.sealed < 10);
		live_ms(&t, 20000);
		expect_one_good_sa(west);
		again();
	}
}

static ike_handle bring_up_for(unsigned ike_s, bool with_rekey)
{
	struct ike_profile profile = ike_profile_default;
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	profile.life.ike_s = ike_s;
	profile.life.margin_s = ike_s / 10;
	profile.life.rekey = with_rekey;
	profile.life.child_s = 1000000;
	wish.profile = &profile;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
	expect_tunnels(&t, 1);
	return sa;
}

/* RKY-5 */
static void time_rekeys_the_ike_sa_before_its_end(void **state)
{
	ike_handle west = bring_up_for(1000, true);

	live_ms(&t, 895000);
	assert_true(live_sa(&t, WEST)->rekeyed.ns == 0);
	live_ms(&t, 100000);
	assert_true(live_sa(&t, WEST)->rekeyed.ns != 0);
	assert_int_equal(live_sa(&t, WEST)->handle, west);
	for (int i = 0; i < 10; i++) {
		live_ms(&t, 1000000);
		expect_tunnels(&t, 1);
	}
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
}

/* TS-16: who wants no other SA is asked once; the owner is told, and the IKE SA lives to its end. */
static void an_ike_sa_that_cannot_be_rekeyed_lives_to_its_end(void **state)
{
	uint32_t asked;

	bring_up_for(1000, true);
	asked = live_sa(&t, EAST)->peer_next_id;
	t.end[EAST].ike->is_shutting_down = true;
	live_ms(&t, 995000);
	assert_int_equal(live_sa(&t, EAST)->peer_next_id, asked + 1);
	assert_in_range(t.end[WEST].unrenewed, 2, 9);
	expect_tunnels(&t, 1);
	live_ms(&t, 6000);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_EXPIRED);
}

/* RKY-6, LIFE-10 */
static void the_ike_sa_ends_with_its_time(void **state)
{
	bring_up_for(1000, false);
	live_ms(&t, 999000);
	expect_tunnels(&t, 1);
	live_ms(&t, 1100);
	expect_tunnels(&t, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_EXPIRED);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_PEER);
	expect_nothing_left(&t);
}

/* LIFE-7 */
static void an_idle_ike_sa_without_children_is_let_go(void **state)
{
	bring_up_for(4000, true);
	ike_delete_child(t.end[WEST].ike, live_sa(&t, WEST)->handle,
	                 live_sa(&t, WEST)->children->spi_in, t.now);
	live_ms(&t, 4000000);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_IDLE);
	expect_nothing_left(&t);
}

/* RKY-4: without a key exchange there is no rekey. */
static void a_rekey_without_a_key_exchange_is_refused(void **state)
{
	static const uint8_t nonce[32] = { 1 };
	struct proposal_list offer;
	uint8_t inner[1024];
	struct message_writer m;
	struct buf datagram;
	struct path path;

	bring_up(&t, WEST);
	message_start_inner(&m, inner, sizeof(inner));
	proposals_for_ike(&offer, 0x1122334455667788);
	proposals_write(payload_start(&m, PAYLOAD_SA), &offer);
	payload_end(&m);
	message_add(&m, PAYLOAD_NONCE, BYTES_OF(nonce));
	path = path_to(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	datagram = seal_as(live_sa(&t, WEST), EXCHANGE_CREATE_CHILD_SA, IKE_FLAG_INITIATOR, 2,
	                   m.first, message_end(&m));
	inject(&t, EAST, &path, buf_view(&datagram));
	buf_free(&datagram);
	assert_true(error_from(EAST) == NOTIFY_NO_PROPOSAL_CHOSEN ||
	            error_from(EAST) == NOTIFY_INVALID_KE_PAYLOAD);
	expect_tunnels(&t, 1);
	assert_true(live_sa(&t, EAST)->rekeyed.ns == 0);
}

/* Delete by the owner while both rekeys cross. */
static void a_delete_beats_crossed_rekeys(void **state)
{
	for (int passed = 0; passed < 5; passed++) {
		ike_handle west = bring_up(&t, WEST);

		rekey(WEST);
		rekey(EAST);
		for (int i = 0; i < passed; i++)
			pass_next(i % 2 == 0 ? WEST : EAST);
		ike_delete(t.end[WEST].ike, west, t.now);
		ike_delete(t.end[EAST].ike, live_sa(&t, EAST)->handle, t.now);
		assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
		assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
		expect_nothing_left(&t);
		again();
	}
}

/* EAST has answered WEST's rekey, has something to ask, and hears nothing of the new IKE SA. */
static void lose_sight_of_west(void)
{
	rekey(WEST);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_true(live_sa(&t, EAST)->is_unheard);
	t.end[EAST].traffic.last_out = instant_after(t.now, SECONDS(3600));
}

/* LIV-1: what we asked by the old IKE SA has no answer either, and is given up first. */
static void who_dies_while_it_rekeys_is_dead(void **state)
{
	bring_up(&t, WEST);
	ike_hint(t.end[EAST].ike, &t.end[WEST].address, t.now);
	wait_ms(&t, 80000);
	lose_sight_of_west();
	wait_ms(&t, 300000);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
}

/* The same where the old one ends before its time, by nonsense that is well sealed. */
static void who_breaks_the_old_sa_and_dies_is_dead(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_INFORMATIONAL);
	static const uint8_t nonsense[] = { 0, 0, 0, 2 };
	struct ike_sa *old;
	struct buf message;

	bring_up(&t, WEST);
	old = only_sa(&t, WEST);
	lose_sight_of_west();
	message = seal_as(old, EXCHANGE_INFORMATIONAL, IKE_FLAG_INITIATOR, old->own_next_id + 1,
	                  PAYLOAD_NOTIFY, BYTES_OF(nonsense));
	inject(&t, EAST, &path, buf_view(&message));
	buf_free(&message);
	wait_ms(&t, 300000);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_dies_while_it_rekeys_is_dead),
		CASE(who_breaks_the_old_sa_and_dies_is_dead),
		CASE(either_side_rekeys_the_ike_sa),
		CASE(a_rekey_survives_losses),
		CASE(what_waits_goes_over_the_new_sa),
		CASE(two_rekeys_that_cross_leave_one_sa),
		CASE(crossed_rekeys_end_well_in_any_order),
		CASE(a_rekey_that_comes_too_late_is_forgotten),
		CASE(a_change_of_children_and_a_rekey_keep_out_of_each_others_way),
		CASE(what_is_being_deleted_is_not_rekeyed),
		CASE(too_many_rekeys_are_refused),
		CASE(counters_near_their_end_rekey_the_sa),
		CASE(time_rekeys_the_ike_sa_before_its_end),
		CASE(an_ike_sa_that_cannot_be_rekeyed_lives_to_its_end),
		CASE(the_ike_sa_ends_with_its_time),
		CASE(an_idle_ike_sa_without_children_is_let_go),
		CASE(a_rekey_without_a_key_exchange_is_refused),
		CASE(a_delete_beats_crossed_rekeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
