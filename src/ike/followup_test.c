#include "ike/two_ends_cases.h"

#include "crypto/kem_bed.h"
#include "ike/children.h"
#include "ike/followup.h"
#include "ike/request.h"

static int set_up_both(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	two_ends_give_kem(&t, WEST, kem_bed());
	two_ends_give_kem(&t, EAST, kem_bed());
	bring_up(&t, WEST);
	return 0;
}

/* The oldest: the peer may not have heard yet of one that is just made. */
static void rekey_child(enum side side)
{
	const struct child *child = live_sa(&t, side)->children;

	assert_non_null(child);
	while (child->next != NULL)
		child = child->next;
	ike_rekey_child(t.end[side].ike, live_sa(&t, side)->handle, child->spi_in, t.now);
}

static void rekey(enum side side)
{
	ike_rekey(t.end[side].ike, live_sa(&t, side)->handle, t.now);
}

static void ask_for(enum side side, const char *local, const char *remote, uint64_t tag)
{
	const struct traffic_selector ours = host_ts(local), theirs = host_ts(remote);

	ike_create_child(t.end[side].ike, live_sa(&t, side)->handle, &ours, &theirs, tag, t.now);
}

/* Nothing of any exchange is left beside the SAs themselves. */
static void expect_settled(void)
{
	for (int side = WEST; side <= EAST; side++) {
		const struct ike_sa *sa = live_sa(&t, (enum side)side);

		assert_null(sa->followup);
		assert_null(sa->current);
		assert_null(sa->queue);
		assert_true(ike_is_quiet(t.end[side].ike));
	}
}

/* Whatever happened: one tunnel, rekeyed and closed like any, with the additional key exchange. */
static void expect_one_good_tunnel(void)
{
	for (int side = WEST; side <= EAST; side++) {
		expect_tunnels(&t, 1);
		expect_settled();
		rekey_child((enum side)side);
		pass_all(&t);
		expect_tunnels(&t, 1);
		wait_ms(&t, 11000);
		rekey((enum side)side);
		pass_all(&t);
		expect_tunnels(&t, 1);
		expect_settled();
		assert_int_equal(live_sa(&t, (enum side)side)->suite.addke, KEX_ML_KEM_768);
		assert_int_equal(live_sa(&t, (enum side)side)->child_count, 1);
	}
	ike_shutdown(t.end[WEST].ike, t.now);
	pass_all(&t);
	expect_nothing_left(&t);
}

/*
 * What is made
 */

/* MKE-8: whoever begins; nothing is up before the last message */
static void a_further_pair_has_a_second_key_exchange(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		enum side us = (enum side)side, peer = peer_of(us);

		ask_for(us, us == WEST ? "10.1.0.6" : "10.2.0.8",
		        us == WEST ? "10.2.0.7" : "10.1.0.5", 7);
		/* --> SA, Ni, KEi, TSi, TSr */
		pass_whole(&t, us, EXCHANGE_CREATE_CHILD_SA);
		/* <-- SA, Nr, KEr, TSi, TSr, N(ADDITIONAL_KEY_EXCHANGE) */
		assert_int_equal(first_notify(&t, peer), NOTIFY_ADDITIONAL_KEY_EXCHANGE);
		pass_whole(&t, peer, EXCHANGE_CREATE_CHILD_SA);
		expect_tunnels(&t, 1 + (size_t)side);
		/* --> KEi(1), N(ADDITIONAL_KEY_EXCHANGE) */
		pass_whole(&t, us, EXCHANGE_IKE_FOLLOWUP_KE);
		assert_int_equal(count_news(&t.end[peer], NEWS_CHILD_UP), 2 + (size_t)side);
		/* <-- KEr(1) */
		pass_whole(&t, peer, EXCHANGE_IKE_FOLLOWUP_KE);
		expect_tunnels(&t, 2 + (size_t)side);
		assert_int_equal(last_news(&t.end[us], NEWS_CHILD_UP)->tag, 7);
		expect_settled();
	}
}

/* MKE-8 */
static void a_child_is_rekeyed_with_it(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		enum side us = (enum side)side, peer = peer_of(us);

		rekey_child(us);
		pass_whole(&t, us, EXCHANGE_CREATE_CHILD_SA);
		pass_whole(&t, peer, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(live_sa(&t, us)->child_count, 1);
		pass_whole(&t, us, EXCHANGE_IKE_FOLLOWUP_KE);
		pass_whole(&t, peer, EXCHANGE_IKE_FOLLOWUP_KE);
		pass(&t, us, EXCHANGE_INFORMATIONAL);
		pass(&t, peer, EXCHANGE_INFORMATIONAL);
		expect_tunnels(&t, 1);
		expect_settled();
	}
	expect_one_good_tunnel();
}

/* MKE-8; the successor's successor has it, too */
static void an_ike_sa_is_rekeyed_with_it(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		enum side us = (enum side)side, peer = peer_of(us);
		uint64_t before = live_sa(&t, us)->spi_i;

		wait_ms(&t, 11000);
		rekey(us);
		pass_whole(&t, us, EXCHANGE_CREATE_CHILD_SA);
		pass_whole(&t, peer, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(live_sa(&t, peer)->spi_i, before);
		pass_whole(&t, us, EXCHANGE_IKE_FOLLOWUP_KE);
		pass_whole(&t, peer, EXCHANGE_IKE_FOLLOWUP_KE);
		assert_int_not_equal(live_sa(&t, us)->spi_i, before);
		assert_int_equal(live_sa(&t, us)->spi_i, live_sa(&t, peer)->spi_i);
		pass_all(&t);
		assert_int_equal(live_sa(&t, us)->suite.addke, KEX_ML_KEM_768);
		assert_int_equal(live_sa(&t, peer)->suite.addke, KEX_ML_KEM_768);
		expect_tunnels(&t, 1);
		expect_settled();
	}
	expect_one_good_tunnel();
}

/*
 * Loss, and what crosses
 */

enum { PAIR, CHILD, IKE_SA, KINDS };

static void order(enum side side, int kind)
{
	if (kind == PAIR)
		ask_for(side, side == WEST ? "10.1.0.6" : "10.2.0.8",
		        side == WEST ? "10.2.0.7" : "10.1.0.5", 7);
	else if (kind == CHILD)
		rekey_child(side);
	else
		rekey(side);
}

/* The two parts of it, in order. */
static const struct {
	enum side from;
	uint8_t exchange;
} story[] = {
	{ WEST, EXCHANGE_CREATE_CHILD_SA },
	{ EAST, EXCHANGE_CREATE_CHILD_SA },
	{ WEST, EXCHANGE_IKE_FOLLOWUP_KE },
	{ EAST, EXCHANGE_IKE_FOLLOWUP_KE },
};

static void start_over(void)
{
	two_ends_wipe(&t);
	set_up_both(NULL);
}

/* MID-6, MID-8, MID-9 */
static void a_message_lost_at_any_place_is_made_good(void **state)
{
	for (int kind = PAIR; kind < KINDS; kind++) {
		for (size_t lost = 0; lost < ARRAY_LEN(story); lost++) {
			order(WEST, kind);
			for (size_t i = 0; i < lost; i++)
				pass_whole(&t, story[i].from, story[i].exchange);
			lose_whole(&t, story[lost].from);
			live_ms(&t, 1500);
			expect_tunnels(&t, kind == PAIR ? 2 : 1);
			expect_settled();
			if (kind != PAIR)
				expect_one_good_tunnel();
			start_over();
		}
	}
}

static void a_message_that_comes_twice_counts_once(void **state)
{
	for (int kind = PAIR; kind < KINDS; kind++) {
		order(WEST, kind);
		for (size_t i = 0; i < ARRAY_LEN(story); i++) {
			repeat(&t, story[i].from);
			pass_whole(&t, story[i].from, story[i].exchange);
		}
		pass_all(&t);
		expect_tunnels(&t, kind == PAIR ? 2 : 1);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), kind == IKE_SA ? 1 : 2);
		assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), kind == IKE_SA ? 1 : 2);
		expect_settled();
		start_over();
	}
}

/* The Initiator of the exchange is never heard of again. */
static void what_is_not_followed_up_is_dropped(void **state)
{
	for (int kind = PAIR; kind < KINDS; kind++) {
		order(WEST, kind);
		pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		assert_non_null(live_sa(&t, EAST)->followup);
		lose_whole(&t, EAST);
		for (int i = 0; i < 42; i++) {
			wait_ms(&t, 500);
			if (t.end[WEST].out_count > 0)
				lose_whole(&t, WEST);
		}
		assert_null(live_sa(&t, EAST)->followup);
		/* West asks again, and gets the same answer, whose link nobody knows any more. */
		live_ms(&t, 60000);
		expect_tunnels(&t, kind == PAIR ? 2 : 1);
		expect_settled();
		start_over();
	}
}

/* RFC 9370 section 2.2.4: it came too late */
static void what_came_too_late_is_begun_anew(void **state)
{
	for (int kind = PAIR; kind < KINDS; kind++) {
		order(WEST, kind);
		pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		followup_forget(live_sa(&t, EAST));
		pass_whole(&t, WEST, EXCHANGE_IKE_FOLLOWUP_KE);
		assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
		live_ms(&t, 6000);
		expect_tunnels(&t, kind == PAIR ? 2 : 1);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
		assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
		expect_settled();
		start_over();
	}
}

static unsigned followups;

static void pass_any(enum side from)
{
	struct ike_header header;

	assert_true(header_parse(buf_view(&first_out(&t, from)->datagram), &header));
	followups += header.exchange == EXCHANGE_IKE_FOLLOWUP_KE && header_is_response(&header);
	pass(&t, from, header.exchange);
}

/* RFC 9370 section 2.2.4, COL-2, COL-8, COL-20: of two that cross only one is followed up */
static void of_two_that_cross_one_is_followed_up(void **state)
{
	for (int kind = CHILD; kind < KINDS; kind++) {
		order(WEST, kind);
		order(EAST, kind);
		followups = 0;
		while (t.end[WEST].out_count + t.end[EAST].out_count > 0) {
			for (int side = WEST; side <= EAST; side++) {
				if (t.end[side].out_count > 0)
					pass_any((enum side)side);
			}
		}
		assert_int_equal(followups, 1);
		expect_one_good_tunnel();
		start_over();
	}
}

/* RFC 9370 section 2.2.4 */
static void what_is_being_followed_up_is_not_rekeyed_by_the_other(void **state)
{
	for (int kind = CHILD; kind < KINDS; kind++) {
		order(EAST, kind);
		lose_whole(&t, EAST);
		order(WEST, kind);
		pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		lose_whole(&t, EAST);
		wait_ms(&t, 600); /* both again */
		pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		while (t.end[EAST].out_count > 1)
			lose(&t, EAST); /* but the answer */
		pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(live_sa(&t, WEST)->sent_exchange, EXCHANGE_IKE_FOLLOWUP_KE);
		lose_whole(&t, WEST);
		for (int i = 0; i < 12 && t.end[EAST].out_count == 0; i++) {
			wait_ms(&t, 100);
			if (t.end[WEST].out_count > 0)
				lose_whole(&t, WEST);
		}
		pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(first_notify(&t, WEST), NOTIFY_TEMPORARY_FAILURE);
		live_ms(&t, 30000);
		expect_one_good_tunnel();
		start_over();
	}
}

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* In any order, with losses. */
static void whatever_crosses_one_good_tunnel_is_left(void **state)
{
	for (uint32_t run = 0; run < 300; run++) {
		uint32_t seed = run * 7919 + 1;

		order(WEST, CHILD + draw(&seed) % 2);
		for (int step = 0, begun = 0; step < 24; step++) {
			enum side side = draw(&seed) % 2 == 0 ? WEST : EAST;

			if (!begun && (step == 8 || draw(&seed) % 5 == 0)) {
				order(EAST, CHILD + (int)(draw(&seed) % 2));
				begun = 1;
			}
			if (t.end[side].out_count == 0)
				wait_ms(&t, draw(&seed) % 300);
			else if (draw(&seed) % 8 == 0)
				lose(&t, side);
			else
				pass_any(side);
			settle(&t);
		}
		live_ms(&t, 60000);
		expect_one_good_tunnel();
		start_over();
	}
}

/* COL-5, COL-10 and what the owner takes back meanwhile */
static void what_is_deleted_meanwhile_is_not_made(void **state)
{
	for (int by_east = 0; by_east < 2; by_east++) {
		for (int whole_sa = 0; whole_sa < 2; whole_sa++) {
			enum side who = by_east ? EAST : WEST;
			uint32_t spi = live_sa(&t, who)->children->spi_in;

			order(WEST, CHILD);
			pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
			if (!by_east)
				pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
			if (whole_sa)
				ike_delete(t.end[who].ike, live_sa(&t, who)->handle, t.now);
			else
				ike_delete_child(t.end[who].ike, live_sa(&t, who)->handle, spi,
				                 t.now);
			pass_all(&t);
			live_ms(&t, 30000);
			if (!whole_sa)
				expect_settled();
			for (int side = WEST; side <= EAST; side++)
				assert_int_equal(count_news(&t.end[side], NEWS_CHILD_GONE),
				                 count_news(&t.end[side], NEWS_CHILD_UP));
			start_over();
		}
	}
}

/*
 * Peers that do it wrong
 */

/* West has begun and its second request never comes; what is said instead is made by hand. */
static void begin_by_hand(void)
{
	ask_for(WEST, "10.1.0.6", "10.2.0.7", 7);
	pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	lose_whole(&t, WEST);
}

/* `ahead` of the message ID that is due. */
static void follow_up_by_hand(struct bytes link, uint16_t method, size_t key_len, uint32_t ahead)
{
	static const uint8_t key[KEM_MESSAGE_MAX + 1] = { 1 };
	struct ike_sa *west = live_sa(&t, WEST);
	uint8_t inner[4096];
	CLEANUP(buf_free) struct buf message = { 0 };
	struct message_writer m;
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_FOLLOWUP_KE);

	message_start_inner(&m, inner, sizeof(inner));
	if (key_len > 0)
		message_add_ke(&m, method, BYTES(key, key_len));
	message_add_notify(&m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, link);
	message = seal_as(west, EXCHANGE_IKE_FOLLOWUP_KE, IKE_FLAG_INITIATOR,
	                  live_sa(&t, EAST)->peer_next_id + ahead, m.first, message_end(&m));
	inject(&t, EAST, &path, buf_view(&message));
	settle(&t);
}

enum { FITS = 1184 };

/* MKE-8 */
static void a_followup_out_of_nowhere_finds_nothing(void **state)
{
	static const uint8_t link[FOLLOWUP_LINK_LEN] = { 0 };

	for (size_t len = 0; len <= sizeof(link); len += sizeof(link)) {
		follow_up_by_hand(BYTES(link, len), KEX_ML_KEM_768, FITS, 0);
		assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
		lose_whole(&t, EAST);
	}
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
}

/* MKE-8: another link leaves the true one alone, which counts once */
static void a_link_fits_once_and_as_a_whole(void **state)
{
	CLEANUP(buf_free) struct buf link = { 0 };

	begin_by_hand();
	link = buf_copy(buf_view(&live_sa(&t, EAST)->followup->link));
	assert_int_equal(link.len, FOLLOWUP_LINK_LEN);
	link.data[link.len - 1] ^= 1;
	follow_up_by_hand(buf_view(&link), KEX_ML_KEM_768, FITS, 0);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
	lose_whole(&t, EAST);
	link.data[link.len - 1] ^= 1;
	follow_up_by_hand(BYTES(link.data, link.len - 1), KEX_ML_KEM_768, FITS, 0);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
	lose_whole(&t, EAST);
	/* Not its turn. */
	follow_up_by_hand(buf_view(&link), KEX_ML_KEM_768, FITS, 1);
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_MESSAGE_ID), 1);
	lose_whole(&t, EAST); /* INVALID_MESSAGE_ID */
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
	follow_up_by_hand(buf_view(&link), KEX_ML_KEM_768, FITS, 0);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 2);
	lose_whole(&t, EAST);
	follow_up_by_hand(buf_view(&link), KEX_ML_KEM_768, FITS, 0);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 2);
}

/* MKE-10, ERR-4 */
static void a_key_that_is_none_ends_the_ike_sa(void **state)
{
	static const struct {
		uint16_t method;
		size_t len;
	} cases[] = {
		{ KEX_ML_KEM_768, 0 },        { KEX_ML_KEM_768, 1 },
		{ KEX_ML_KEM_768, FITS - 1 }, { KEX_ML_KEM_768, FITS + 1 },
		{ KEX_ML_KEM_768 + 1, FITS }, { KEX_X25519, 32 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf link = { 0 };

		begin_by_hand();
		link = buf_copy(buf_view(&live_sa(&t, EAST)->followup->link));
		follow_up_by_hand(buf_view(&link), cases[i].method, cases[i].len, 0);
		assert_int_equal(first_notify(&t, EAST), NOTIFY_INVALID_SYNTAX);
		assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
		assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason,
		                 IKE_REASON_PROTOCOL);
		start_over();
	}
}

/* One waits for an IKE SA, whatever the peer asks for. */
static void the_last_one_begun_is_the_one_that_waits(void **state)
{
	CLEANUP(buf_free) struct buf first = { 0 };

	begin_by_hand();
	first = buf_copy(buf_view(&live_sa(&t, EAST)->followup->link));
	/* As if it had thought better of it. */
	live_sa(&t, WEST)->own_next_id = live_sa(&t, EAST)->peer_next_id;
	buf_free(&live_sa(&t, WEST)->sent);
	request_drop_all(live_sa(&t, WEST));
	ask_for(WEST, "10.1.0.8", "10.2.0.7", 8);
	pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	lose_whole(&t, WEST);
	follow_up_by_hand(buf_view(&first), KEX_ML_KEM_768, FITS, 0);
	assert_int_equal(first_notify(&t, EAST), NOTIFY_STATE_NOT_FOUND);
	assert_non_null(live_sa(&t, EAST)->followup);
}

/* What comes back to West is made by hand: the exchange is that of its request. */
static void answer_by_hand(uint8_t exchange, const struct message_writer *m, struct bytes inner)
{
	struct path path = path_to(&t, WEST, exchange);
	CLEANUP(buf_free)
	struct buf message = seal_as(live_sa(&t, EAST), exchange, IKE_FLAG_RESPONSE,
	                             live_sa(&t, WEST)->own_next_id, m->first, inner);

	inject(&t, WEST, &path, buf_view(&message));
	settle(&t);
}

/* MKE-10 */
static void a_ciphertext_that_is_none_ends_it(void **state)
{
	static const struct {
		uint16_t method;
		size_t len;
	} cases[] = {
		{ KEX_ML_KEM_768, 0 },
		{ KEX_ML_KEM_768, 1087 },
		{ KEX_ML_KEM_768, 1089 },
		{ KEX_X25519, 1088 },
	};
	static const uint8_t value[KEM_MESSAGE_MAX] = { 1 };

	for (int kind = PAIR; kind < KINDS; kind++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			uint8_t inner[2048];
			struct message_writer m;

			order(WEST, kind);
			pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
			pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
			lose_whole(&t, WEST);
			message_start_inner(&m, inner, sizeof(inner));
			if (cases[i].len > 0)
				message_add_ke(&m, cases[i].method, BYTES(value, cases[i].len));
			answer_by_hand(EXCHANGE_IKE_FOLLOWUP_KE, &m, message_end(&m));
			assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
			assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason,
			                 IKE_REASON_PROTOCOL);
			assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), kind == PAIR);
			start_over();
		}
	}
}

/* An error in its place is like any: the IKE SA lives */
static void a_refused_second_part_makes_nothing(void **state)
{
	static const uint16_t errors[] = { NOTIFY_TEMPORARY_FAILURE, NOTIFY_NO_ADDITIONAL_SAS,
		                           NOTIFY_INVALID_KE_PAYLOAD, NOTIFY_SINGLE_PAIR_REQUIRED };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		static const uint8_t method[2] = { 0, KEX_P256 };
		uint8_t inner[64];
		struct message_writer m;

		begin_by_hand();
		live_sa(&t, WEST)->current->packet =
		    (struct ike_packet){ ip_v4(10, 1, 0, 6), ip_v4(10, 2, 0, 7) };
		message_start_inner(&m, inner, sizeof(inner));
		message_add_notify(&m, errors[i], BYTES_OF(method));
		answer_by_hand(EXCHANGE_IKE_FOLLOWUP_KE, &m, message_end(&m));
		assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->tag, 7);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
		assert_null(live_sa(&t, WEST)->current);
		start_over();
	}
}

/* As if West had thought better of what it is at. */
static void give_up_west(void)
{
	live_sa(&t, WEST)->own_next_id = live_sa(&t, EAST)->peer_next_id;
	buf_free(&live_sa(&t, WEST)->sent);
	request_drop_all(live_sa(&t, WEST));
	while (t.end[WEST].out_count > 0)
		lose(&t, WEST);
}

/* What has to be said on an IKE SA waits for its rekey, but not for one after the other. */
static void rekeys_that_are_never_followed_up_stop_nothing(void **state)
{
	order(WEST, IKE_SA);
	pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	lose_whole(&t, EAST);
	ask_for(EAST, "10.2.0.8", "10.1.0.6", 9);
	for (int s = 0; s < 40 && t.end[EAST].out_count == 0; s++) {
		give_up_west();
		if (s % 8 == 7) {
			order(WEST, IKE_SA);
			pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
			lose_whole(&t, EAST);
		}
		wait_ms(&t, 1000);
	}
	assert_true(t.end[EAST].out_count > 0);
	give_up_west();
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_UP)->tag, 9);
}

/* MKE-1, MKE-7: who has none, or names its algorithms */
static void without_agreement_there_is_none(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
		two_ends_give_kem(&t, (enum side)side, kem_bed());
		bring_up(&t, WEST);
		order(WEST, CHILD);
		pass_whole(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(first_notify(&t, EAST), 0);
		pass_all(&t);
		expect_tunnels(&t, 1);
		wait_ms(&t, 11000);
		order(EAST, IKE_SA);
		pass_whole(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(first_notify(&t, WEST), 0);
		pass_all(&t);
		expect_tunnels(&t, 1);
		assert_int_equal(live_sa(&t, EAST)->suite.addke, 0);
	}
}

int main(void)
{
#define BOTH(name) cmocka_unit_test_setup_teardown(name, set_up_both, tear_down)
	const struct CMUnitTest tests[] = {
		BOTH(a_further_pair_has_a_second_key_exchange),
		BOTH(a_child_is_rekeyed_with_it),
		BOTH(an_ike_sa_is_rekeyed_with_it),
		BOTH(a_message_lost_at_any_place_is_made_good),
		BOTH(a_message_that_comes_twice_counts_once),
		BOTH(what_is_not_followed_up_is_dropped),
		BOTH(what_came_too_late_is_begun_anew),
		BOTH(of_two_that_cross_one_is_followed_up),
		BOTH(what_is_being_followed_up_is_not_rekeyed_by_the_other),
		BOTH(whatever_crosses_one_good_tunnel_is_left),
		BOTH(what_is_deleted_meanwhile_is_not_made),
		BOTH(a_followup_out_of_nowhere_finds_nothing),
		BOTH(a_link_fits_once_and_as_a_whole),
		BOTH(a_key_that_is_none_ends_the_ike_sa),
		BOTH(the_last_one_begun_is_the_one_that_waits),
		BOTH(a_ciphertext_that_is_none_ends_it),
		BOTH(a_refused_second_part_makes_nothing),
		BOTH(rekeys_that_are_never_followed_up_stop_nothing),
		BOTH(without_agreement_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
