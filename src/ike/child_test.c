#include "ike/two_ends_cases.h"

#include "ike/children.h"
#include "ike/own_proposals.h"
#include "ike/request.h"

static const char *const west_hosts[] = { "10.1.0.6", "10.1.0.7", "10.1.0.8", "10.1.0.9" };

/* `side` asks for one more pair over its own IKE SA. */
static void ask_for(enum side side, const char *west_host, uint64_t tag)
{
	const struct traffic_selector west = host_ts(west_host);
	const struct traffic_selector east = host_ts("10.2.0.7");
	bool is_west = side == WEST;

	ike_create_child(t.end[side].ike, only_sa(&t, side)->handle, is_west ? &west : &east,
	                 is_west ? &east : &west, tag, t.now);
}

static void inject_inner(enum side to, uint8_t exchange, uint32_t message_id, uint8_t first,
                         struct bytes inner)
{
	enum side from = peer_of(to);
	struct ike_sa *sa = only_sa(&t, from);
	const struct path path = path_to(&t, to, exchange);
	struct buf datagram = seal_as(sa, exchange, sa->is_initiator ? IKE_FLAG_INITIATOR : 0,
	                              message_id, first, inner);

	inject(&t, to, &path, buf_view(&datagram));
	buf_free(&datagram);
}

/* The error in the first datagram from `from`, sealed on the one IKE SA; 0: none. */
static uint16_t error_from(enum side from)
{
	struct opened o;
	struct notify n;

	open_first(&t, from, only_sa(&t, peer_of(from)), &o);
	return payloads_find_error(&o.p, &n) ? n.type : 0;
}

/* TS-14, TS-15, KDF-5, MID-1: with either role */
static void either_side_adds_a_pair_over_the_same_sa(void **state)
{
	bring_up(&t, WEST);
	ask_for(WEST, "10.1.0.6", 7);
	/* --> CREATE_CHILD_SA { SA, Ni, KEi, TSi, TSr } */
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 2);
	/* <-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr } */
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	expect_tunnels(&t, 2);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 7);

	ask_for(EAST, "10.1.0.7", 8);
	/* <-- CREATE_CHILD_SA { SA, Ni, KEi, TSi, TSr } */
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	/* --> CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr } */
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	expect_tunnels(&t, 3);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_UP)->tag, 8);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
}

/* MID-4, REU-5 */
static void a_flood_of_wishes_leaves_one_by_one(void **state)
{
	bring_up(&t, WEST);
	for (size_t i = 0; i < ARRAY_LEN(west_hosts); i++)
		ask_for(WEST, west_hosts[i], 10 + i);
	assert_int_equal(t.end[WEST].out_count, 1);
	pass_all(&t);
	expect_tunnels(&t, 1 + ARRAY_LEN(west_hosts));
}

/* MID-5 */
static void both_may_ask_at_once(void **state)
{
	bring_up(&t, WEST);
	ask_for(WEST, "10.1.0.6", 7);
	ask_for(EAST, "10.1.0.7", 8);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	pass_all(&t);
	expect_tunnels(&t, 3);
}

/* REU-4, ERR-9 */
static void a_pair_that_is_refused_leaves_the_others(void **state)
{
	bring_up(&t, WEST);
	t.end[EAST].child_verdict = IKE_VERDICT_NO_CHILD;
	ask_for(WEST, "10.1.0.6", 7);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_TS_UNACCEPTABLE);
	assert_true(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->proven);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->tag, 7);
	expect_tunnels(&t, 1);
	/* The next wish is served. */
	t.end[EAST].child_verdict = IKE_VERDICT_ACCEPT;
	ask_for(WEST, "10.1.0.7", 8);
	pass_all(&t);
	expect_tunnels(&t, 2);
}

/* MID-15 */
static void a_wish_waits_for_the_owner_and_is_answered_once(void **state)
{
	bring_up(&t, WEST);
	t.end[EAST].holds_answers = true;
	ask_for(WEST, "10.1.0.6", 7);
	repeat(&t, WEST);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(t.end[EAST].question_count, 1);
	assert_int_equal(t.end[EAST].out_count, 0); /* nor is the answer before it sent again */
	assert_true(t.end[EAST].questions[0].is_child);
	assert_true(id_equal(&t.end[EAST].questions[0].claim.peer_id, &t.end[WEST].self.id));
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	expect_tunnels(&t, 2);
}

/* DEL-1, DEL-6 */
static void a_deleted_child_is_gone_at_both_ends(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		ike_handle sa;
		const struct news *child;

		bring_up(&t, WEST);
		ask_for(WEST, "10.1.0.6", 7);
		pass_all(&t);
		expect_tunnels(&t, 2);
		sa = only_sa(&t, (enum side)side)->handle;
		child = last_news(&t.end[side], NEWS_CHILD_UP);
		ike_delete_child(t.end[side].ike, sa, child->child.spi_in, t.now);
		assert_int_equal(last_news(&t.end[side], NEWS_CHILD_GONE)->reason,
		                 IKE_REASON_DELETED_BY_US);
		/* --> INFORMATIONAL { D } */
		pass(&t, (enum side)side, EXCHANGE_INFORMATIONAL);
		assert_int_equal(last_news(&t.end[1 - side], NEWS_CHILD_GONE)->reason,
		                 IKE_REASON_DELETED_BY_PEER);
		/* <-- INFORMATIONAL { D } */
		pass(&t, (enum side)(1 - side), EXCHANGE_INFORMATIONAL);
		expect_tunnels(&t, 1);
		assert_int_equal(only_sa(&t, WEST)->child_count, 1);
		assert_int_equal(only_sa(&t, EAST)->child_count, 1);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* DEL-5: until EAST has answered the Delete. */
static void the_spi_of_a_half_closed_child_is_not_drawn_again(void **state)
{
	ike_handle sa = bring_up(&t, WEST);
	uint32_t spi = last_news(&t.end[WEST], NEWS_CHILD_UP)->child.spi_in;

	ike_delete_child(t.end[WEST].ike, sa, spi, t.now);
	lose(&t, WEST);
	t.end[WEST].spi = spi - 1; /* what the engine would draw next */
	ask_for(EAST, "10.1.0.6", 7);
	pass(&t, EAST, EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->child.spi_in, spi + 1);
}

/* COL-4, DEL-2 */
static void both_may_delete_the_same_child_at_once(void **state)
{
	ike_handle sa = bring_up(&t, WEST);

	ike_delete_child(t.end[WEST].ike, sa, 0x1001, t.now);
	ike_delete_child(t.end[EAST].ike, only_sa(&t, EAST)->handle, 0x2001, t.now);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	assert_int_equal(only_sa(&t, WEST)->child_count, 0);
	assert_int_equal(only_sa(&t, EAST)->child_count, 0);
	/* LIFE-7: the IKE SA stays. */
	live_ms(&t, 600000);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
}

/* DEL-4, COL-6 */
static void a_delete_of_unknown_spis_is_answered_with_nothing(void **state)
{
	const uint32_t spis[] = { 0x9999, 0x8888 };
	uint8_t inner[64];
	struct message_writer m;

	bring_up(&t, WEST);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_delete_esp(&m, spis, 2);
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 2, m.first, message_end(&m));
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(t.end[EAST].out[0].datagram.len, SK_OVERHEAD);
	expect_tunnels(&t, 1);
}

/* DEL-3 */
static void a_deleted_sa_takes_its_children_along(void **state)
{
	ike_handle sa = bring_up(&t, WEST);

	ask_for(WEST, "10.1.0.6", 7);
	pass_all(&t);
	ike_delete(t.end[WEST].ike, sa, t.now);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 2);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_US);
	assert_int_equal(ike_count(t.end[WEST].ike), 0);
	/* --> INFORMATIONAL { D } */
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 2);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_PEER);
	/* <-- INFORMATIONAL { } */
	assert_int_equal(first_out(&t, EAST)->datagram.len, SK_OVERHEAD);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_true(ike_is_quiet(t.end[WEST].ike));
	expect_tunnels(&t, 0);
	expect_nothing_left(&t);
}

/* COL-11 */
static void both_may_delete_the_sa_at_once(void **state)
{
	ike_handle sa = bring_up(&t, WEST);

	ike_delete(t.end[WEST].ike, sa, t.now);
	ike_delete(t.end[EAST].ike, only_sa(&t, EAST)->handle, t.now);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	expect_nothing_left(&t);
}

/* A wish is under way, others wait: the owner hears of each. */
static void an_sa_deleted_with_wishes_open_fails_them(void **state)
{
	ike_handle sa = bring_up(&t, WEST);

	ask_for(WEST, "10.1.0.6", 7);
	ask_for(WEST, "10.1.0.7", 8);
	ike_delete(t.end[WEST].ike, sa, t.now);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 2);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	expect_tunnels(&t, 0);
	expect_nothing_left(&t);
}

static void a_wish_for_an_sa_that_is_gone_fails(void **state)
{
	const struct traffic_selector ts = host_ts("10.1.0.6");

	ike_create_child(t.end[WEST].ike, 4711, &ts, &ts, 9, t.now);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->tag, 9);
}

/* INF-1 */
static void a_sign_of_life_is_given(void **state)
{
	bring_up(&t, WEST);
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 2, 0, BYTES("", 0));
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(t.end[EAST].out[0].datagram.len, SK_OVERHEAD);
}

/* DEL-7 */
static void shutting_down_deletes_all_and_takes_nothing_new(void **state)
{
	bring_up(&t, WEST);
	ike_shutdown(t.end[WEST].ike, t.now);
	assert_false(ike_is_quiet(t.end[WEST].ike));
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_true(ike_is_quiet(t.end[WEST].ike));
	initiate(&t, EAST);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(t.end[WEST].out_count, 0);
	assert_int_equal(ike_dropped(t.end[WEST].ike, IKE_DROP_SHUTDOWN), 1);
}

static void shutting_down_waits_two_seconds_for_the_dead(void **state)
{
	bring_up(&t, WEST);
	ike_shutdown(t.end[WEST].ike, t.now);
	wait_ms(&t, 1900);
	assert_false(ike_is_quiet(t.end[WEST].ike));
	wait_ms(&t, 200);
	assert_true(ike_is_quiet(t.end[WEST].ike));
}

/* INVALID_KE_PAYLOAD in CREATE_CHILD_SA: again, with the method named and a new nonce (TS-14) */
static void another_key_exchange_is_tried_when_asked_for(void **state)
{
	struct ike_sa *west;
	uint8_t inner[32];
	struct message_writer m;
	struct buf answer;
	struct path path;

	bring_up(&t, WEST);
	ask_for(WEST, "10.1.0.6", 7);
	lose(&t, WEST);
	west = only_sa(&t, WEST);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_invalid_ke(&m, KEX_P256);
	/* <-- CREATE_CHILD_SA { N(INVALID_KE_PAYLOAD, 19) } */
	answer = seal_as(only_sa(&t, EAST), EXCHANGE_CREATE_CHILD_SA, IKE_FLAG_RESPONSE, 2, m.first,
	                 message_end(&m));
	path = path_to(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	only_sa(&t, EAST)->peer_next_id++; /* as if it had come */
	inject(&t, WEST, &path, buf_view(&answer));
	buf_free(&answer);
	assert_int_equal(west->current->method, KEX_P256);
	pass_all(&t);
	expect_tunnels(&t, 2);
}

static void start_create_child(struct message_writer *m, uint8_t *octets, size_t size)
{
	static const uint8_t nonce[32] = { 1 };
	struct proposal_list offer;

	message_start_inner(m, octets, size);
	proposals_for_esp(&offer, 0x3333, true);
	proposals_write(payload_start(m, PAYLOAD_SA), &offer);
	payload_end(m);
	message_add(m, PAYLOAD_NONCE, BYTES_OF(nonce));
}

/* A request by hand for one more pair, that wants an additional key exchange; `other`: or this. */
static void ask_with_addke(uint32_t message_id, int other)
{
	static const uint8_t nonce[32] = { 1 }, x25519[32] = { 9 };
	const struct traffic_selector west = host_ts("10.1.0.6"), east = host_ts("10.2.0.7");
	struct proposal_list offer;
	uint8_t inner[2048];
	struct message_writer m;

	proposals_for_esp(&offer, 0x3333, true);
	for (size_t i = 0; i < offer.count; i++) {
		proposal_add_transform(&offer.proposals[i], TRANSFORM_ADDKE1, KEX_ML_KEM_768, 0);
		if (other >= 0)
			proposal_add_transform(&offer.proposals[i], TRANSFORM_ADDKE1,
			                       (uint16_t)other, 0);
	}
	message_start_inner(&m, inner, sizeof(inner));
	proposals_write(payload_start(&m, PAYLOAD_SA), &offer);
	payload_end(&m);
	message_add(&m, PAYLOAD_NONCE, BYTES_OF(nonce));
	message_add_ke(&m, KEX_X25519, BYTES_OF(x25519));
	ts_write(payload_start(&m, PAYLOAD_TS_I), &west, 1);
	payload_end(&m);
	ts_write(payload_start(&m, PAYLOAD_TS_R), &east, 1);
	payload_end(&m);
	inject_inner(EAST, EXCHANGE_CREATE_CHILD_SA, message_id, m.first, message_end(&m));
}

/* MKE-1, MKE-8: without agreement none is chosen or followed up; who can do without gets its child.
 */
static void no_additional_key_exchange_is_chosen_for_a_child(void **state)
{
	static const uint8_t link[8] = { 1 };
	uint8_t inner[64];
	struct message_writer m;

	bring_up(&t, WEST);
	ask_with_addke(2, -1);
	assert_int_equal(error_from(EAST), NOTIFY_NO_PROPOSAL_CHOSEN);
	lose(&t, EAST);
	ask_with_addke(3, 0);
	assert_int_equal(error_from(EAST), 0);
	lose(&t, EAST);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 2);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_notify(&m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, BYTES_OF(link));
	inject_inner(EAST, EXCHANGE_IKE_FOLLOWUP_KE, 4, m.first, message_end(&m));
	assert_int_equal(error_from(EAST), NOTIFY_STATE_NOT_FOUND);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
}

/* TS-14, TS-15: the method we want is named; without any there is nothing to choose */
static void a_key_exchange_we_do_not_know_is_answered_with_ours(void **state)
{
	static const uint8_t modp[256] = { 2 };
	const struct traffic_selector west = host_ts("10.1.0.6");
	const struct traffic_selector east = host_ts("10.2.0.7");

	for (int with_ke = 0; with_ke < 2; with_ke++) {
		uint8_t inner[1024];
		struct message_writer m;

		bring_up(&t, WEST);
		start_create_child(&m, inner, sizeof(inner));
		if (with_ke)
			message_add_ke(&m, 14, BYTES_OF(modp));
		ts_write(payload_start(&m, PAYLOAD_TS_I), &west, 1);
		payload_end(&m);
		ts_write(payload_start(&m, PAYLOAD_TS_R), &east, 1);
		payload_end(&m);
		inject_inner(EAST, EXCHANGE_CREATE_CHILD_SA, 2, m.first, message_end(&m));
		assert_int_equal(error_from(EAST), NOTIFY_INVALID_KE_PAYLOAD);
		assert_int_equal(t.end[EAST].question_count, 0);
		assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* OIN-9 on a further pair: what is granted must be what was asked for */
static void a_further_pair_is_taken_whole_or_deleted(void **state)
{
	const struct traffic_selector west = host_ts("10.1.0.6");
	const struct traffic_selector east = host_ts("10.2.0.0/24");

	bring_up(&t, WEST);
	t.end[EAST].claims = t.end[EAST].inside;
	ike_create_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, &west, &east, 7, t.now);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_TS_UNACCEPTABLE);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
	expect_tunnels(&t, 1);
}

/* TS-4 */
static void a_further_pair_is_never_granted_wider(void **state)
{
	bring_up(&t, WEST);
	t.end[EAST].claims = ip_v4(10, 2, 0, 99);
	ask_for(WEST, "10.1.0.6", 7);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_TS_UNACCEPTABLE);
}

/* TS-6 */
static void an_answer_lies_inside_what_was_asked_for(void **state)
{
	const struct traffic_selector net = host_ts("10.2.0.0/24");
	const struct traffic_selector host = host_ts("10.2.0.7");
	const struct traffic_selector other = host_ts("10.3.0.0/24");
	const struct traffic_selector elsewhere = host_ts("10.4.0.7");
	const struct traffic_selector tcp = { net.range, 6, 0, 65535 };
	const struct traffic_selector port = { net.range, 6, 80, 80 };
	const struct selectors more = { &other, 1 };
	const struct {
		struct ts_list answer;
		bool is_exact;
		bool fits_one; /* asked for the net */
		bool fits_two; /* asked for the net and the other */
	} cases[] = {
		{ { 1, { net } }, true, true, false },
		{ { 1, { net } }, false, true, true },
		{ { 1, { host } }, true, false, false },
		{ { 1, { host } }, false, true, true },
		{ { 2, { other, net } }, true, false, true },
		{ { 2, { net, other } }, false, false, true },
		{ { 2, { host, other } }, false, false, true },
		{ { 2, { host, elsewhere } }, false, false, false },
		{ { 1, { net }, 1 }, false, false, false },
		{ { 0 }, false, false, false },
		{ { 1, { elsewhere } }, false, false, false },
		{ { 1, { tcp } }, false, false, false },
		{ { 1, { port } }, false, false, false },
		{ { 2, { port, net } }, false, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(children_ts_fit(&cases[i].answer, &net, (struct selectors){ 0 },
		                                 cases[i].is_exact),
		                 cases[i].fits_one);
		assert_int_equal(children_ts_fit(&cases[i].answer, &net, more, cases[i].is_exact),
		                 cases[i].fits_two);
	}
}

/* The same, sent as if EAST had got WEST's request with that message ID. */
static void inject_answer(uint8_t exchange, uint32_t message_id, uint8_t first, struct bytes inner)
{
	const struct path path = path_to(&t, WEST, exchange);
	struct buf answer =
	    seal_as(only_sa(&t, EAST), exchange, IKE_FLAG_RESPONSE, message_id, first, inner);

	inject(&t, WEST, &path, buf_view(&answer));
	buf_free(&answer);
}

/* MID-2: neither another ID nor another exchange */
static void an_answer_to_another_request_is_ignored(void **state)
{
	bring_up(&t, WEST);
	ask_for(WEST, "10.1.0.6", 7);
	inject_answer(EXCHANGE_INFORMATIONAL, 2, 0, BYTES("", 0));
	inject_answer(EXCHANGE_CREATE_CHILD_SA, 1, 0, BYTES("", 0));
	inject_answer(EXCHANGE_CREATE_CHILD_SA, 3, 0, BYTES("", 0));
	assert_int_equal(ike_dropped(t.end[WEST].ike, IKE_DROP_MESSAGE_ID), 3);
	pass_all(&t);
	expect_tunnels(&t, 2);
}

/* TS-14: once is enough */
static void a_second_invalid_ke_is_a_refusal(void **state)
{
	bring_up(&t, WEST);
	ask_for(WEST, "10.1.0.6", 7);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t inner[32];
		struct message_writer m;

		lose(&t, WEST);
		message_start_inner(&m, inner, sizeof(inner));
		message_add_invalid_ke(&m, i == 0 ? KEX_P256 : KEX_X25519);
		inject_answer(EXCHANGE_CREATE_CHILD_SA, 2 + i, m.first, message_end(&m));
	}
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_REFUSED);
	assert_true(ike_is_quiet(t.end[WEST].ike));
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
}

/* MID-4: a peer whose window is 1 asks for nothing while it waits */
static void a_second_request_before_the_first_is_answered_is_dropped(void **state)
{
	bring_up(&t, WEST);
	t.end[EAST].holds_answers = true;
	ask_for(WEST, "10.1.0.6", 7);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 3, 0, BYTES("", 0));
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_STATE), 1);
	assert_int_equal(t.end[EAST].out_count, 0);
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	expect_tunnels(&t, 2);
}

/* INI-13: a child the Responder makes is a use of the IKE SA too */
static void an_sa_without_a_child_is_kept_for_one_from_the_other_side(void **state)
{
	t.end[EAST].verdict = IKE_VERDICT_NO_CHILD;
	initiate(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 0);
	ask_for(EAST, "10.1.0.6", 7);
	pass_all(&t);
	live_ms(&t, 120000);
	expect_tunnels(&t, 1);
}

/* ERR-4 */
static void sealed_nonsense_ends_the_sa_on_both_sides(void **state)
{
	static const uint8_t nonsense[] = { 0, 0, 0, 99, 1 };

	bring_up(&t, WEST);
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 2, PAYLOAD_NOTIFY, BYTES_OF(nonsense));
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_PROTOCOL);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	assert_int_equal(ike_count(t.end[EAST].ike), 0);
	/* The request it answers was not WEST's own, so WEST ignores the answer. */
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
}

/* ERR-5, PLD-5 */
static void an_unknown_critical_payload_is_named_and_the_sa_lives(void **state)
{
	static const uint8_t critical[] = { 0, 0x80, 0, 4 };

	bring_up(&t, WEST);
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 2, 200, BYTES_OF(critical));
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
	/* The next message ID is taken as usual. */
	inject_inner(EAST, EXCHANGE_INFORMATIONAL, 3, 0, BYTES("", 0));
	assert_int_equal(t.end[EAST].out_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(either_side_adds_a_pair_over_the_same_sa),
		CASE(a_flood_of_wishes_leaves_one_by_one),
		CASE(both_may_ask_at_once),
		CASE(a_pair_that_is_refused_leaves_the_others),
		CASE(a_wish_waits_for_the_owner_and_is_answered_once),
		CASE(a_deleted_child_is_gone_at_both_ends),
		CASE(the_spi_of_a_half_closed_child_is_not_drawn_again),
		CASE(both_may_delete_the_same_child_at_once),
		CASE(a_delete_of_unknown_spis_is_answered_with_nothing),
		CASE(a_deleted_sa_takes_its_children_along),
		CASE(both_may_delete_the_sa_at_once),
		CASE(an_sa_deleted_with_wishes_open_fails_them),
		CASE(a_wish_for_an_sa_that_is_gone_fails),
		CASE(a_sign_of_life_is_given),
		CASE(shutting_down_deletes_all_and_takes_nothing_new),
		CASE(shutting_down_waits_two_seconds_for_the_dead),
		CASE(another_key_exchange_is_tried_when_asked_for),
		CASE(no_additional_key_exchange_is_chosen_for_a_child),
		CASE(a_key_exchange_we_do_not_know_is_answered_with_ours),
		CASE(a_further_pair_is_taken_whole_or_deleted),
		CASE(a_further_pair_is_never_granted_wider),
		CASE(an_answer_lies_inside_what_was_asked_for),
		CASE(an_answer_to_another_request_is_ignored),
		CASE(a_second_invalid_ke_is_a_refusal),
		CASE(a_second_request_before_the_first_is_answered_is_dropped),
		CASE(an_sa_without_a_child_is_kept_for_one_from_the_other_side),
		CASE(sealed_nonsense_ends_the_sa_on_both_sides),
		CASE(an_unknown_critical_payload_is_named_and_the_sa_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
