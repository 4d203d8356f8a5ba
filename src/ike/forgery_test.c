#include "ike/two_ends_cases.h"

/* An unprotected IKE_SA_INIT response to what `to` sent first. */
static void forge_init_response(enum side to, uint16_t notify, struct bytes data)
{
	const struct path path = path_to(&t, to, EXCHANGE_IKE_SA_INIT);
	struct ike_header header;
	uint8_t octets[256];
	struct message_writer m;

	assert_true(header_parse(buf_view(&first_out(&t, to)->datagram), &header));
	header.flags = IKE_FLAG_RESPONSE;
	header.spi_r = 0;
	message_start(&m, octets, sizeof(octets), &header);
	message_add_notify(&m, notify, data);
	inject(&t, to, &path, message_end(&m));
}

/* INI-7 */
static void unprotected_errors_do_not_end_the_attempt(void **state)
{
	static const uint16_t errors[] = { NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_AUTHENTICATION_FAILED,
		                           NOTIFY_INVALID_MAJOR_VERSION, NOTIFY_INVALID_SYNTAX,
		                           NOTIFY_REDIRECT };

	initiate(&t, WEST);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		forge_init_response(WEST, errors[i], BYTES("", 0));
	assert_int_equal(count_news(&t.end[WEST], NEWS_REFUSED_UNPROVEN), 1); /* told once */
	assert_int_equal(t.end[WEST].news_count, 1);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* RDR-1: we never said that we would follow one, and follow none, whoever wrote it. */
static void a_redirect_leads_nowhere(void **state)
{
	static const uint8_t elsewhere[] = { 1, 4, 192, 0, 2, 99 };
	enum { REDIRECT_SUPPORTED = 16406 };
	struct ike_header header;
	struct payloads p;
	struct notify n;

	initiate(&t, WEST);
	assert_true(header_parse(buf_view(&first_out(&t, WEST)->datagram), &header));
	assert_int_equal(message_parse(buf_view(&first_out(&t, WEST)->datagram), &header, &p),
	                 PAYLOADS_OK);
	assert_false(payloads_find_notify(&p, REDIRECT_SUPPORTED, &n));
	forge_init_response(WEST, NOTIFY_REDIRECT, BYTES_OF(elsewhere));
	wait_ms(&t, 600);
	assert_int_equal(t.end[WEST].out_count, 2); /* the same again */
	for (size_t i = 0; i < t.end[WEST].out_count; i++)
		assert_true(
		    ip_equal(&t.end[WEST].out[i].path.remote.address, &t.end[EAST].address));
	pass_all(&t);
	expect_tunnels(&t, 1);
}

static void an_unprotected_error_is_the_reason_if_nothing_better_comes(void **state)
{
	initiate(&t, WEST);
	forge_init_response(WEST, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES("", 0));
	wait_ms(&t, 20000);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_UNPROTECTED_NO_PROPOSAL);
	assert_int_equal(t.end[WEST].out_count, 5);
}

/* HDR-10: nobody's SPI stands in an answer that begins no IKE SA */
static void the_spi_of_an_unprotected_notify_is_ignored(void **state)
{
	static const uint8_t cookie[] = "crumbs";
	const struct path path = path_to(&t, WEST, EXCHANGE_IKE_SA_INIT);
	struct ike_header header;
	uint8_t octets[256];
	struct message_writer m;

	initiate(&t, WEST);
	assert_true(header_parse(buf_view(&first_out(&t, WEST)->datagram), &header));
	header.flags = IKE_FLAG_RESPONSE;
	header.spi_r = 0x123456789abcdef0;
	message_start(&m, octets, sizeof(octets), &header);
	message_add_notify(&m, NOTIFY_COOKIE, BYTES_OF(cookie));
	/* A puzzle with it is not solved: the cookie comes back alone (DOS-7). */
	message_add_notify(&m, NOTIFY_PUZZLE, BYTES("\0\5\20", 3));
	inject(&t, WEST, &path, message_end(&m));
	assert_int_equal(t.end[WEST].out_count, 2);
	lose(&t, WEST);
	assert_true(header_parse(buf_view(&first_out(&t, WEST)->datagram), &header));
	assert_int_equal(header.spi_r, 0);
	assert_int_equal(header.next_payload, PAYLOAD_NOTIFY);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* PLD-11, PLD-25: what fills a request up is skipped */
static void a_request_of_3000_octets_is_served(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);
	struct buf plain, large = { 0 };
	struct writer w;

	initiate(&t, WEST);
	plain = first_out(&t, WEST)->datagram;
	large = (struct buf){ .data = new_array(3000, 1), .len = 3000 };
	w = writer_on(large.data, large.len);
	write_bytes(&w, BYTES(plain.data, IKE_HEADER_LEN));
	write_u8(&w, plain.data[16]);
	write_u8(&w, 0);
	write_be16(&w, (uint16_t)(3000 - plain.len));
	write_zeros(&w, 3000 - plain.len - PAYLOAD_HEADER_LEN);
	write_bytes(&w, BYTES(plain.data + IKE_HEADER_LEN, plain.len - IKE_HEADER_LEN));
	large.data[16] = PAYLOAD_VENDOR_ID;
	write_patch_be32(&w, 24, 3000);
	inject(&t, EAST, &path, buf_view(&large));
	buf_free(&large);
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(t.end[EAST].ike->by_handle.count, 1);
}

/* MID-11 */
static void a_responder_speaks_only_when_asked(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
	assert_int_equal(t.end[EAST].out_count, 1);
	wait_ms(&t, 60000);
	assert_int_equal(t.end[EAST].out_count, 1);
}

/* INI-4, INI-6, HDR-8 */
static void a_cookie_is_given_back_and_nothing_else_changes(void **state)
{
	static const uint8_t cookie[] = "a cookie of octets";
	/* The Notify payload in front: header, protocol, SPI size, type, data. */
	size_t added = PAYLOAD_HEADER_LEN + 4 + sizeof(cookie);
	struct bytes before;
	struct bytes after;

	initiate(&t, WEST);
	forge_init_response(WEST, NOTIFY_COOKIE, BYTES_OF(cookie));
	assert_int_equal(t.end[WEST].out_count, 2);
	before = buf_view(&t.end[WEST].out[0].datagram);
	after = buf_view(&t.end[WEST].out[1].datagram);
	assert_int_equal(after.len, before.len + added);
	assert_memory_equal(after.data, before.data, 16);
	assert_int_equal(after.data[16], PAYLOAD_NOTIFY);
	assert_memory_equal(after.data + IKE_HEADER_LEN + 8, cookie, sizeof(cookie));
	assert_true(bytes_equal(
	    BYTES(before.data + IKE_HEADER_LEN, before.len - IKE_HEADER_LEN),
	    BYTES(after.data + IKE_HEADER_LEN + added, after.len - IKE_HEADER_LEN - added)));
	/* The same cookie again changes nothing; the first request is lost. */
	forge_init_response(WEST, NOTIFY_COOKIE, BYTES_OF(cookie));
	assert_int_equal(t.end[WEST].out_count, 2);
	lose(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

static void cookies_are_given_back_a_bounded_number_of_times(void **state)
{
	initiate(&t, WEST);
	for (uint8_t i = 0; i < 20; i++) {
		const uint8_t cookie[2] = { 1, i };

		forge_init_response(WEST, NOTIFY_COOKIE, BYTES_OF(cookie));
	}
	assert_int_equal(t.end[WEST].out_count, 4);
	while (t.end[WEST].out_count > 1)
		lose(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

static const uint8_t p256[2] = { 0, KEX_P256 };

/* INI-2, INI-3 */
static void the_other_key_exchange_is_used_when_asked_for(void **state)
{
	static const uint8_t not_offered[2] = { 0, 2 };
	static const uint8_t x25519[2] = { 0, KEX_X25519 };

	initiate(&t, WEST);
	forge_init_response(WEST, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(not_offered));
	assert_int_equal(t.end[WEST].out_count, 1);
	forge_init_response(WEST, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(p256));
	assert_int_equal(t.end[WEST].out_count, 2);
	/* Back and forth is not played. */
	forge_init_response(WEST, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(x25519));
	forge_init_response(WEST, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(p256));
	assert_int_equal(t.end[WEST].out_count, 2);
	lose(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* INI-5 */
static void the_cookie_stays_when_the_key_exchange_changes(void **state)
{
	static const uint8_t cookie[] = "crumbs";
	const uint8_t *last;

	initiate(&t, WEST);
	forge_init_response(WEST, NOTIFY_COOKIE, BYTES_OF(cookie));
	forge_init_response(WEST, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(p256));
	assert_int_equal(t.end[WEST].out_count, 3);
	last = t.end[WEST].out[2].datagram.data;
	assert_int_equal(last[16], PAYLOAD_NOTIFY);
	assert_memory_equal(last + IKE_HEADER_LEN + 8, cookie, sizeof(cookie));
	lose(&t, WEST);
	lose(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* Offset of the KE payload in an IKE_SA_INIT message of ours: it follows SA. */
static size_t ke_offset(struct bytes datagram)
{
	return IKE_HEADER_LEN +
	       (size_t)(datagram.data[IKE_HEADER_LEN + 2] << 8 | datagram.data[IKE_HEADER_LEN + 3]);
}

static uint16_t init_answer(void)
{
	struct ike_header header;
	struct payloads p;
	struct notify n;
	struct out *out = first_out(&t, EAST);

	assert_int_equal(t.end[EAST].out_count, 1);
	assert_true(header_parse(buf_view(&out->datagram), &header));
	assert_int_equal(header.spi_r, 0);
	assert_true(header_is_response(&header));
	assert_int_equal(message_parse(buf_view(&out->datagram), &header, &p), PAYLOADS_OK);
	assert_true(payloads_find_error(&p, &n));
	return n.type;
}

/* ERR-2, ERR-3: an answer without protection, and no state */
static void a_request_that_cannot_be_served_leaves_no_state(void **state)
{
	/* What is written where in the KE payload, and what comes of it. */
	static const struct {
		size_t offset;
		uint8_t octet;
		uint16_t answer;
	} cases[] = {
		{ 5, 15, NOTIFY_INVALID_KE_PAYLOAD }, /* method: MODP 3072 */
		{ 5, 19, NOTIFY_INVALID_SYNTAX },     /* method: P-256, of another length */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf *datagram;

		initiate(&t, WEST);
		datagram = &first_out(&t, WEST)->datagram;
		datagram->data[ke_offset(buf_view(datagram)) + cases[i].offset] = cases[i].octet;
		pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
		assert_int_equal(init_answer(), cases[i].answer);
		assert_int_equal(t.end[EAST].ike->by_handle.count, 0);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* KDF-9: a public value that gives a secret of zeros */
static void a_small_order_point_is_refused(void **state)
{
	struct buf *datagram;

	initiate(&t, WEST);
	datagram = &first_out(&t, WEST)->datagram;
	memset(datagram->data + ke_offset(buf_view(datagram)) + 8, 0, 32);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(init_answer(), NOTIFY_INVALID_SYNTAX);
	assert_int_equal(t.end[EAST].ike->by_handle.count, 0);
}

/* ERR-18 */
static void unprotected_answers_are_rationed(void **state)
{
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);
	struct buf request;
	size_t answers = 0;

	initiate(&t, WEST);
	request = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	request.data[17] = 0x30; /* a version nobody has yet */
	for (unsigned i = 0; i < 300; i++) {
		path.remote.port = (uint16_t)(1000 + i);
		inject(&t, EAST, &path, buf_view(&request));
		answers += t.end[EAST].out_count;
		if (t.end[EAST].out_count > 0)
			lose(&t, EAST);
	}
	assert_int_equal(answers, IKE_UNPROTECTED_ANSWERS_PER_SECOND);
	buf_free(&request);
}

/* INI-8: two clients behind one NAT, or one with another port, are two */
static void the_same_request_from_elsewhere_is_another_one(void **state)
{
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);

	initiate(&t, WEST);
	inject(&t, EAST, &path, buf_view(&first_out(&t, WEST)->datagram));
	inject(&t, EAST, &path, buf_view(&first_out(&t, WEST)->datagram));
	assert_int_equal(t.end[EAST].ike->by_handle.count, 1);
	path.remote.port = 1024;
	inject(&t, EAST, &path, buf_view(&first_out(&t, WEST)->datagram));
	assert_int_equal(t.end[EAST].ike->by_handle.count, 2);
}

/* VER-1, VER-2, VER-3 */
static void versions(void **state)
{
	static const struct {
		uint8_t version;
		bool is_answered;
	} cases[] = {
		{ 0x30, true }, { 0xf2, true }, { 0x10, false }, { 0x00, false }, { 0x21, true }
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		initiate(&t, WEST);
		first_out(&t, WEST)->datagram.data[17] = cases[i].version;
		pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
		assert_int_equal(t.end[EAST].out_count, cases[i].is_answered);
		if (cases[i].version >> 4 > 2) {
			assert_int_equal(init_answer(), NOTIFY_INVALID_MAJOR_VERSION);
			assert_int_equal(t.end[EAST].out[0].datagram.data[17], IKE_VERSION);
		}
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* Every datagram of a first contact, cut short and with each octet changed in turn, arrives before
 * the real one: nothing of it matters. IKE_SA_INIT apart, which nothing protects. SK-6, DOS-6 */
static void garbage_at_every_state_changes_nothing(void **state)
{
	static const struct {
		enum side from;
		uint8_t exchange;
	} steps[] = {
		{ WEST, EXCHANGE_IKE_SA_INIT },
		{ EAST, EXCHANGE_IKE_SA_INIT },
		{ WEST, EXCHANGE_IKE_AUTH },
		{ EAST, EXCHANGE_IKE_AUTH },
	};

	initiate(&t, WEST);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		enum side to = peer_of(steps[i].from);
		struct path path = path_to(&t, to, steps[i].exchange);
		struct buf copy = buf_copy(buf_view(&first_out(&t, steps[i].from)->datagram));

		for (size_t cut = 0; cut < copy.len; cut += 7)
			inject(&t, to, &path, BYTES(copy.data, cut));
		/* Fewer than a half-open SA bears. */
		for (size_t at = 0; i >= 2 && at < copy.len; at += copy.len / 4 + 1) {
			copy.data[at] ^= 0x55;
			inject(&t, to, &path, buf_view(&copy));
			copy.data[at] ^= 0x55;
		}
		buf_free(&copy);
		pass(&t, steps[i].from, steps[i].exchange);
	}
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(ike_count(t.end[EAST].ike), 1);
}

/* DOS-6 */
static void a_half_open_sa_bears_five_forgeries(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf forged;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	forged = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	forged.data[forged.len - 1] ^= 1;
	for (int i = 1; i <= IKE_SA_FORGERIES_MAX; i++) {
		assert_int_equal(t.end[EAST].ike->by_handle.count, 1);
		inject(&t, EAST, &path, buf_view(&forged));
		assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_INTEGRITY), i);
	}
	assert_int_equal(t.end[EAST].ike->by_handle.count, 0);
	buf_free(&forged);
}

/* SK-6, MID-7: on an SA that is up, any number */
static void forgeries_do_not_touch_an_sa_that_is_up(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf forged;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	forged = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	pass_all(&t);
	forged.data[forged.len - 1] ^= 1;
	for (int i = 0; i < 100; i++) {
		/* The message ID of the last request, and the next one. */
		forged.data[23] = (uint8_t)(1 + i % 2);
		forged.data[18] = i % 3 == 0 ? EXCHANGE_INFORMATIONAL : EXCHANGE_IKE_AUTH;
		inject(&t, EAST, &path, buf_view(&forged));
	}
	assert_int_equal(t.end[EAST].out_count, 0);
	expect_tunnels(&t, 1);
	buf_free(&forged);
}

/* HDR-9: our SPI with another peer's, or the wrong direction flag */
static void both_spis_must_fit(void **state)
{
	static const struct {
		size_t offset;
		uint8_t bits;
	} cases[] = { { 0, 1 }, { 8, 1 }, { 19, IKE_FLAG_INITIATOR } };
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf changed;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		changed = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
		changed.data[cases[i].offset] ^= cases[i].bits;
		inject(&t, EAST, &path, buf_view(&changed));
		buf_free(&changed);
		assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_NO_SA), i + 1);
	}
	/* One answer a minute, and that is INVALID_IKE_SPI (ERR-13). */
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(t.end[EAST].out[0].datagram.len, 36);
}

/* HDR-6, MID-12, ERR-14 */
static void responses_to_nothing_are_not_answered(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_INFORMATIONAL);
	struct buf response;

	bring_up(&t, WEST);
	response = seal_as(only_sa(&t, WEST), EXCHANGE_INFORMATIONAL,
	                   IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE, 0, 0, BYTES("", 0));
	inject(&t, EAST, &path, buf_view(&response));
	buf_free(&response);
	assert_int_equal(t.end[EAST].out_count, 0);
	expect_tunnels(&t, 1);
}

/* PLD-9: only what came out of SK counts, also if the clear part is covered by the ICV */
static void a_delete_beside_sk_deletes_nothing(void **state)
{
	static const uint8_t clear[] = { PAYLOAD_SK, 0, 0, 8, PROTOCOL_IKE, 0, 0, 0 };
	static const uint8_t iv[AEAD_IV_LEN] = { 9 };
	const struct path path = path_to(&t, EAST, EXCHANGE_INFORMATIONAL);
	uint8_t octets[128];
	struct writer w = writer_on(octets, sizeof(octets));
	struct ike_sa *sa;

	bring_up(&t, WEST);
	sa = only_sa(&t, WEST);
	write_be64(&w, sa->spi_i);
	write_be64(&w, sa->spi_r);
	write_u8(&w, PAYLOAD_DELETE);
	write_u8(&w, IKE_VERSION);
	write_u8(&w, EXCHANGE_INFORMATIONAL);
	write_u8(&w, IKE_FLAG_INITIATOR);
	write_be32(&w, 2);
	write_be32(&w, sizeof(clear) + SK_OVERHEAD);
	write_bytes(&w, BYTES_OF(clear));
	write_be16(&w, 0); /* nothing inside */
	write_be16(&w, SK_OVERHEAD - IKE_HEADER_LEN);
	assert_true(
	    aead_seal(sa->sk.out, iv, writer_view(&w), BYTES("", 1), octets + w.len + AEAD_IV_LEN));
	write_bytes(&w, BYTES_OF(iv));
	w.len += 1 + AEAD_TAG_LEN;
	inject(&t, EAST, &path, writer_view(&w));
	/* Well sealed, so it is answered. */
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
	expect_tunnels(&t, 1);
}

/* INI-1: nothing but IKE_AUTH before IKE_AUTH is through */
static void later_exchanges_wait_for_ike_auth(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_CREATE_CHILD_SA, EXCHANGE_INFORMATIONAL };
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf early;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		early = seal_as(only_sa(&t, WEST), exchanges[i], IKE_FLAG_INITIATOR, 1, 0,
		                BYTES("", 0));
		inject(&t, EAST, &path, buf_view(&early));
		buf_free(&early);
	}
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_STATE), 2);
	assert_int_equal(t.end[EAST].out_count, 0);
	/* The other way: the Responder is up before the Initiator is. */
	t.end[WEST].holds_jobs = true;
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	early = seal_as(only_sa(&t, EAST), EXCHANGE_INFORMATIONAL, 0, 0, 0, BYTES("", 0));
	path = path_to(&t, WEST, EXCHANGE_IKE_AUTH);
	inject(&t, WEST, &path, buf_view(&early));
	buf_free(&early);
	assert_int_equal(ike_dropped(t.end[WEST].ike, IKE_DROP_STATE), 1);
	t.end[WEST].holds_jobs = false;
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* INI-11, ERR-6, AUT-13 */
static void an_ike_auth_request_with_holes_makes_no_sa(void **state)
{
	static const uint8_t id[] = { ID_IPV4_ADDR, 0, 0, 0, 192, 0, 2, 1 };
	static const uint8_t critical[] = { 0, 0x80, 0, 4 };
	uint8_t octets[64];
	struct message_writer m;
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);

	for (int i = 0; i < 3; i++) {
		struct buf request;

		initiate(&t, WEST);
		pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
		pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
		settle(&t);
		lose(&t, WEST);
		message_start_inner(&m, octets, sizeof(octets));
		if (i == 1)
			message_add(&m, PAYLOAD_ID_I, BYTES_OF(id));
		request = i == 2 ? seal_as(only_sa(&t, WEST), EXCHANGE_IKE_AUTH, IKE_FLAG_INITIATOR,
		                           1, 200, BYTES_OF(critical))
		                 : seal_as(only_sa(&t, WEST), EXCHANGE_IKE_AUTH, IKE_FLAG_INITIATOR,
		                           1, m.first, message_end(&m));
		inject(&t, EAST, &path, buf_view(&request));
		buf_free(&request);
		assert_int_equal(t.end[EAST].news_count, 0);
		assert_int_equal(ike_count(t.end[EAST].ike), 0);
		pass(&t, EAST, EXCHANGE_IKE_AUTH);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 1);
		expect_nothing_left(&t);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* AUT-13 */
static void an_ike_auth_response_with_holes_ends_the_attempt(void **state)
{
	struct path path = path_to(&t, WEST, EXCHANGE_IKE_AUTH);
	struct buf response;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
	lose(&t, WEST);
	response =
	    seal_as(only_sa(&t, EAST), EXCHANGE_IKE_AUTH, IKE_FLAG_RESPONSE, 1, 0, BYTES("", 0));
	inject(&t, WEST, &path, buf_view(&response));
	buf_free(&response);
	wait_ms(&t, 2100); /* nobody answers our report */
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_PROTOCOL);
	expect_nothing_left(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unprotected_errors_do_not_end_the_attempt),
		CASE(a_redirect_leads_nowhere),
		CASE(an_unprotected_error_is_the_reason_if_nothing_better_comes),
		CASE(the_spi_of_an_unprotected_notify_is_ignored),
		CASE(a_request_of_3000_octets_is_served),
		CASE(a_responder_speaks_only_when_asked),
		CASE(a_cookie_is_given_back_and_nothing_else_changes),
		CASE(cookies_are_given_back_a_bounded_number_of_times),
		CASE(the_other_key_exchange_is_used_when_asked_for),
		CASE(the_cookie_stays_when_the_key_exchange_changes),
		CASE(a_request_that_cannot_be_served_leaves_no_state),
		CASE(a_small_order_point_is_refused),
		CASE(unprotected_answers_are_rationed),
		CASE(the_same_request_from_elsewhere_is_another_one),
		CASE(versions),
		CASE(garbage_at_every_state_changes_nothing),
		CASE(a_half_open_sa_bears_five_forgeries),
		CASE(forgeries_do_not_touch_an_sa_that_is_up),
		CASE(both_spis_must_fit),
		CASE(responses_to_nothing_are_not_answered),
		CASE(a_delete_beside_sk_deletes_nothing),
		CASE(later_exchanges_wait_for_ike_auth),
		CASE(an_ike_auth_request_with_holes_makes_no_sa),
		CASE(an_ike_auth_response_with_holes_ends_the_attempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
