/*
 * A hostile peer: in every state of either role come messages that are out of order, repeated, cut
 * short, too long, wrongly keyed, wrongly typed.
 *
 * Without the keys nothing may come of it: the handshake goes on. With the keys the peer may spoil
 * what is its own; but nothing breaks, every wish ends once, what comes up goes away, and in the
 * end nothing is left.
 */
#include "ike/nonsense.h"
#include "ike/pieces.h"
#include "ike/two_ends_cases.h"

/* What the owner of the victim heard, since set-up. */
static struct tally {
	size_t children;
	size_t children_gone;
	size_t failed;
	size_t sas_gone;
	size_t sas_up;
} tally;

static enum side victim, attacker;

static void take_news(void)
{
	tally.children += count_news(&t.end[victim], NEWS_CHILD_UP);
	tally.children_gone += count_news(&t.end[victim], NEWS_CHILD_GONE);
	tally.failed += count_news(&t.end[victim], NEWS_CHILD_FAILED);
	tally.sas_gone += count_news(&t.end[victim], NEWS_SA_GONE);
	tally.sas_up += count_news(&t.end[victim], NEWS_SA_UP);
	forget_news(&t);
}

static void hush(void)
{
	for (int side = WEST; side <= EAST; side++) {
		while (t.end[side].out_count > 0)
			lose(&t, (enum side)side);
	}
}

/*
 * States
 */

static void pass_init(void)
{
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
}

static void pass_auth(void)
{
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
}

static void reach_init_sent(void)
{
	initiate(&t, WEST);
}

static void reach_auth_making(void)
{
	t.end[WEST].holds_jobs = true;
	initiate(&t, WEST);
	pass_init();
}

static void reach_auth_sent(void)
{
	initiate(&t, WEST);
	pass_init();
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
}

static void reach_keys_wanted(void)
{
	t.end[WEST].knows_no_keys = true;
	initiate(&t, WEST);
	pass_init();
	pass_auth();
}

static void reach_response_checking(void)
{
	initiate(&t, WEST);
	pass_init();
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	settle(&t);
	t.end[WEST].holds_jobs = true;
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
}

static void reach_init_answered(void)
{
	initiate(&t, WEST);
	pass_init();
	settle(&t);
}

static void reach_auth_wanted(void)
{
	t.end[EAST].holds_answers = true;
	initiate(&t, WEST);
	pass_init();
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
}

static void reach_request_checking(void)
{
	initiate(&t, WEST);
	pass_init();
	settle(&t);
	t.end[EAST].holds_jobs = true;
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
}

static void reach_up(void)
{
	initiate(&t, WEST);
	pass_all(&t);
}

static void reach_closing(void)
{
	reach_up();
	ike_delete(t.end[victim].ike, only_sa(&t, victim)->handle, t.now);
}

static void reach_lingering(void)
{
	t.end[EAST].verdict = IKE_VERDICT_UNAUTHENTICATED;
	initiate(&t, WEST);
	pass_init();
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	settle(&t);
}

static const struct place {
	enum side victim;
	enum ike_sa_state state;
	void (*reach)(void);
	bool goes_on; /* undisturbed it ends in a tunnel */
} places[] = {
	{ WEST, IKE_SA_INIT_SENT, reach_init_sent, true },
	{ WEST, IKE_SA_AUTH_MAKING, reach_auth_making, true },
	{ WEST, IKE_SA_AUTH_SENT, reach_auth_sent, true },
	{ WEST, IKE_SA_KEYS_WANTED, reach_keys_wanted, false },
	{ WEST, IKE_SA_RESPONSE_CHECKING, reach_response_checking, true },
	{ WEST, IKE_SA_UP, reach_up, true },
	{ WEST, IKE_SA_CLOSING, reach_closing, false },
	{ EAST, IKE_SA_INIT_ANSWERED, reach_init_answered, true },
	{ EAST, IKE_SA_AUTH_WANTED, reach_auth_wanted, true },
	{ EAST, IKE_SA_REQUEST_CHECKING, reach_request_checking, true },
	{ EAST, IKE_SA_UP, reach_up, true },
	{ EAST, IKE_SA_CLOSING, reach_closing, false },
	{ EAST, IKE_SA_LINGERING, reach_lingering, false },
};

static void begin(const struct place *place)
{
	two_ends_init(&t, KEY_ED25519);
	t.end[WEST].self.auth = IKE_AUTH_PSK;
	t.end[EAST].self.auth =
	    place->state == IKE_SA_KEYS_WANTED ? IKE_AUTH_SIGNATURE : IKE_AUTH_PSK;
	tally = (struct tally){ 0 };
	victim = place->victim;
	attacker = peer_of(victim);
	place->reach();
	settle(&t);
	if (only_sa(&t, victim)->state != place->state) {
		print_error("%s instead of %s\n", ike_sa_state_name(only_sa(&t, victim)->state),
		            ike_sa_state_name(place->state));
		fail();
	}
}

static void let_go(void)
{
	for (int side = WEST; side <= EAST; side++) {
		t.end[side].holds_jobs = false;
		t.end[side].holds_answers = false;
	}
	settle(&t);
}

/* Nothing is stuck, nothing is told twice. */
static void check_the_end(void)
{
	size_t wishes = victim == WEST ? 1 : 0;

	let_go();
	take_news();
	ike_shutdown(t.end[WEST].ike, t.now);
	ike_shutdown(t.end[EAST].ike, t.now);
	for (int i = 0; i < 100; i++) {
		live_ms(&t, 1000);
		take_news();
	}
	expect_nothing_left(&t);
	take_news();
	assert_int_equal(tally.children, tally.children_gone);
	assert_true(tally.failed <= wishes);
	assert_true(tally.failed + tally.children >= wishes);
	assert_true(tally.sas_gone >= tally.sas_up);
	assert_int_equal(t.end[victim].ike->by_handle.count, 0);
	assert_int_equal(t.end[victim].ike->half_opens.count, 0);
	assert_int_equal(t.end[victim].ike->joins.octets, 0);
	two_ends_wipe(&t);
}

/*
 * Messages
 */

static const uint32_t message_ids[] = { 0, 1, 2, 3, UINT32_MAX };

static void inject_at_victim(uint8_t exchange, struct bytes datagram)
{
	const struct path path = path_to(&t, victim, exchange);

	inject(&t, victim, &path, datagram);
}

/* The SA of the attacker with the victim; NULL while it has no keys, or no more. */
static struct ike_sa *attackers_sa(void)
{
	struct hash_node *node = hash_walk(&t.end[attacker].ike->by_handle, NULL);
	struct ike_sa *sa = node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, handle_node);

	return sa == NULL || sa->sk.out == NULL ? NULL : sa;
}

static struct ike_header header_of(const struct ike_sa *sa, uint8_t exchange, uint8_t flags,
                                   uint32_t id)
{
	return (struct ike_header){ .spi_i = sa->spi_i,
		                    .spi_r = sa->spi_r,
		                    .exchange = exchange,
		                    .flags = flags,
		                    .message_id = id };
}

/*
 * Without keys
 */

/* The octets of a message with that header in front of `body`. */
static void send_clear(const struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t id,
                       uint8_t first, struct bytes body)
{
	static uint8_t octets[IKE_MESSAGE_MAX];
	struct writer w = writer_on(octets, sizeof(octets));

	write_be64(&w, sa->spi_i);
	write_be64(&w, sa->spi_r);
	write_u8(&w, first);
	write_u8(&w, IKE_VERSION);
	write_u8(&w, exchange);
	write_u8(&w, flags);
	write_be32(&w, id);
	write_be32(&w, (uint32_t)(IKE_HEADER_LEN + body.len));
	write_bytes(&w, body);
	inject_at_victim(exchange, writer_view(&w));
}

static uint8_t flags_of(unsigned kind)
{
	return (uint8_t)((kind & 1 ? IKE_FLAG_RESPONSE : 0) | (kind & 2 ? IKE_FLAG_INITIATOR : 0));
}

/* Everything that needs no key: payloads in the clear, also those that only SK may hold. */
static void bombard_in_the_clear(void)
{
	const struct ike_sa *sa = only_sa(&t, victim);

	for (size_t e = 0; e < ARRAY_LEN(exchanges); e++) {
		for (unsigned kind = 0; kind < 4; kind++) {
			for (size_t i = 0; i < ARRAY_LEN(inners); i++) {
				/* A cookie is what an IKE_SA_INIT response may ask for. */
				if (exchanges[e] == EXCHANGE_IKE_SA_INIT &&
				    sa->state == IKE_SA_INIT_SENT)
					continue;
				send_clear(sa, exchanges[e], flags_of(kind),
				           message_ids[i % ARRAY_LEN(message_ids)], inners[i].first,
				           inners[i].text);
			}
			hush();
		}
	}
}

/* Too short, too long, with a length that lies. */
static void bombard_with_sizes(void)
{
	static uint8_t large[IKE_MESSAGE_MAX - IKE_HEADER_LEN];
	const struct ike_sa *sa = only_sa(&t, victim);

	for (size_t len = 0; len < 200; len++)
		inject_at_victim(EXCHANGE_IKE_AUTH, BYTES(large, len));
	write_patch_be16(&(struct writer){ .start = large, .len = 4, .size = 4 }, 2, UINT16_MAX);
	send_clear(sa, EXCHANGE_INFORMATIONAL, 0, 7, PAYLOAD_VENDOR_ID, BYTES_OF(large));
	send_clear(sa, EXCHANGE_IKE_AUTH, IKE_FLAG_INITIATOR, 7, PAYLOAD_SK, BYTES_OF(large));
	hush();
}

/* Sealed, with the keys of somebody else. As a half-open IKE SA bears it: four times (DOS-6). */
static void bombard_with_wrong_keys(void)
{
	struct ike_sa *sa = attackers_sa();
	struct buf datagram;

	for (unsigned kind = 0; sa != NULL && kind < 4; kind++) {
		datagram = seal_as(sa, EXCHANGE_IKE_AUTH, flags_of(kind), 1, 0, BYTES("", 0));
		datagram.data[datagram.len - 1] ^= 1;
		inject_at_victim(EXCHANGE_IKE_AUTH, buf_view(&datagram));
		buf_free(&datagram);
	}
	hush();
}

/* SK-6, MID-7, ERR-1, ERR-14, HDR-2, INI-1 */
static void without_keys_nothing_comes_of_it(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		begin(&places[i]);
		hush();
		bombard_in_the_clear();
		bombard_with_sizes();
		bombard_with_wrong_keys();
		assert_int_equal(only_sa(&t, victim)->state, places[i].state);
		let_go();
		if (places[i].goes_on) {
			/* What was lost in the noise is sent again. */
			live_ms(&t, 20000);
			expect_tunnels(&t, 1);
		}
		check_the_end();
	}
}

/*
 * With keys
 */

static void send_sealed(struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t id,
                        const struct inner *inner)
{
	struct buf datagram = seal_as(sa, exchange, flags, id, inner->first, inner->text);

	inject_at_victim(exchange, buf_view(&datagram));
	inject_at_victim(exchange, buf_view(&datagram)); /* repeated */
	buf_free(&datagram);
}

static void send_piece(struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t id,
                       struct piece piece, const struct inner *inner)
{
	const struct ike_header header = header_of(sa, exchange, flags, id);
	struct buf datagram;

	assert_true(sk_seal_piece(&sa->sk, &header, piece, inner->first, inner->text, &datagram));
	inject_at_victim(exchange, buf_view(&datagram));
	buf_free(&datagram);
}

/* The victim's SA that the attacker speaks of; NULL: gone. */
static struct ike_sa *victims_sa(void)
{
	struct ike_sa *sa = attackers_sa();

	if (sa == NULL)
		return NULL;
	return ike_find_spi(t.end[victim].ike, sa->is_initiator ? sa->spi_r : sa->spi_i);
}

static void go_on(const struct place *place)
{
	const struct ike_sa *sa = victims_sa();

	hush();
	take_news();
	if (sa != NULL && sa->state == place->state)
		return;
	check_the_end();
	begin(place);
	hush();
}

/* The one that would be right, or beside it. */
static uint32_t message_id(uint8_t flags, int offset)
{
	const struct ike_sa *sa = victims_sa();

	return (flags & IKE_FLAG_RESPONSE ? sa->own_next_id : sa->peer_next_id) + (uint32_t)offset;
}

static void bombard_sealed(const struct place *place, uint8_t exchange, uint8_t flags, int offset)
{
	for (size_t i = 0; i < ARRAY_LEN(inners); i++) {
		send_sealed(attackers_sa(), exchange, flags, message_id(flags, offset), &inners[i]);
		go_on(place);
	}
}

static void bombard_with_pieces(const struct place *place, uint8_t exchange, uint8_t flags,
                                int offset)
{
	static const struct piece pieces[] = { { 2, 3 }, { 1, 2 },   { 2, 2 },
		                               { 1, 1 }, { 65, 65 }, { 64, 64 } };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		send_piece(attackers_sa(), exchange, flags, message_id(flags, offset), pieces[i],
		           &inners[i]);
		go_on(place);
	}
}

static void bombard_with_keys(const struct place *place)
{
	const uint8_t from = attackers_sa()->is_initiator ? IKE_FLAG_INITIATOR : 0;
	const uint8_t flags[] = { from, from | IKE_FLAG_RESPONSE };
	static const int offsets[] = { 0, -1, 1, -2, 1000 };

	for (size_t e = 0; e < ARRAY_LEN(exchanges); e++) {
		for (size_t i = 0; i < ARRAY_LEN(flags) * ARRAY_LEN(offsets); i++) {
			uint8_t flag = flags[i % 2];

			bombard_sealed(place, exchanges[e], flag, offsets[i / 2]);
			bombard_with_pieces(place, exchanges[e], flag, offsets[i / 2]);
		}
	}
}

/* ERR-4, ERR-5, ERR-6, ERR-10, ERR-11, ERR-12, INI-1, MID-6, MID-12, FRG-9 */
static void with_keys_it_spoils_only_what_is_its_own(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		begin(&places[i]);
		hush();
		if (attackers_sa() != NULL)
			bombard_with_keys(&places[i]);
		check_the_end();
	}
}

/*
 * What is said about it
 */

/* The first error in the sealed answer of the victim; 0: an answer without one. */
static uint16_t answered_error(void)
{
	struct out *out = first_out(&t, victim);
	static uint8_t plain[IKE_MESSAGE_MAX];
	struct payloads outer, inner;
	struct ike_header header;
	struct notify n;
	struct bytes text;

	assert_true(header_parse(buf_view(&out->datagram), &header));
	assert_true(header_is_response(&header));
	assert_int_equal(message_parse(buf_view(&out->datagram), &header, &outer), PAYLOADS_OK);
	assert_int_equal(
	    sk_open(&attackers_sa()->sk, buf_view(&out->datagram), &outer, plain, &text), SK_OK);
	assert_int_equal(payloads_parse_inner(outer.sk_first, text, &inner), PAYLOADS_OK);
	return payloads_find_error(&inner, &n) ? n.type : 0;
}

static const struct {
	const char *name;
	uint8_t exchange;
	struct inner inner;
	uint16_t error;
	bool lives;
} questions[] = {
	{ "nothing", EXCHANGE_INFORMATIONAL, { 0, TEXT("") }, 0, true },
	{ "octets behind the end",
	  EXCHANGE_INFORMATIONAL,
	  { 0, TEXT("left over") },
	  NOTIFY_INVALID_SYNTAX,
	  false },
	{ "a payload shorter than its header",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_NOTIFY, TEXT("\0\0\0\3") },
	  NOTIFY_INVALID_SYNTAX,
	  false },
	{ "a Delete whose number of SPIs lies",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_DELETE, TEXT("\0\0\0\x0c\3\4\0\2\0\0\0\0") },
	  NOTIFY_INVALID_SYNTAX,
	  false },
	{ "SK in SK",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_SK, TEXT("\0\0\0\4") },
	  NOTIFY_INVALID_SYNTAX,
	  false },
	{ "CREATE_CHILD_SA without anything",
	  EXCHANGE_CREATE_CHILD_SA,
	  { 0, TEXT("") },
	  NOTIFY_INVALID_SYNTAX,
	  false },
	{ "an unknown critical payload",
	  EXCHANGE_INFORMATIONAL,
	  { 200, TEXT("\0\x80\0\4") },
	  NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
	  true },
	{ "an error nobody knows, in a request",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\x1f\xff") },
	  0,
	  true },
	{ "a status nobody knows",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\x7f\xff") },
	  0,
	  true },
	{ "a Vendor ID nobody knows",
	  EXCHANGE_INFORMATIONAL,
	  { PAYLOAD_VENDOR_ID, TEXT("\0\0\0\x08nobo") },
	  0,
	  true },
};

/* ERR-4, ERR-5, ERR-11, ERR-12, PLD-25 */
static void what_is_wrong_is_named(void **state)
{
	static const struct place up = { EAST, IKE_SA_UP, reach_up, true };

	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		struct ike_sa *sa;

		begin(&up);
		hush();
		sa = only_sa(&t, attacker);
		send_sealed(sa, questions[i].exchange, IKE_FLAG_INITIATOR,
		            message_id(IKE_FLAG_INITIATOR, 0), &questions[i].inner);
		if (answered_error() != questions[i].error)
			print_error("%s\n", questions[i].name);
		assert_int_equal(answered_error(), questions[i].error);
		assert_int_equal(only_sa(&t, victim)->state == IKE_SA_UP, questions[i].lives);
		check_the_end();
	}
}

/* ERR-10 */
static void an_error_nobody_knows_is_a_refusal(void **state)
{
	static const struct place asked = { WEST, IKE_SA_AUTH_SENT, reach_auth_sent, true };
	static const struct inner unknown = { PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\x1f\xff") };

	begin(&asked);
	hush();
	send_sealed(attackers_sa(), EXCHANGE_IKE_AUTH, IKE_FLAG_RESPONSE, 1, &unknown);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_REFUSED);
	check_the_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_keys_nothing_comes_of_it),
		cmocka_unit_test(with_keys_it_spoils_only_what_is_its_own),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(an_error_nobody_knows_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
