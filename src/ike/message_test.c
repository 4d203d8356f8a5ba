#include "util/test.h"
#include "ike/message.h"
#include "util/vectors.h"

static enum payloads_verdict parse(struct bytes datagram, struct ike_header *h, struct payloads *p)
{
	assert_true(header_parse(datagram, h));
	return message_parse(datagram, h, p);
}

/* A message of the `unprotected` table of the vectors. */
static struct buf unprotected(json_t *root, const char *name)
{
	return vector_octets(vector_member(vector_member(root, "unprotected"), name), "message");
}

/* HDR-1, HDR-2 */
static void takes_a_header_that_says_its_true_length(void **state)
{
	static const struct {
		size_t len;
		uint32_t says;
		bool ok;
	} cases[] = {
		{ 28, 28, true },  { 27, 27, false }, { 28, 29, false },    { 28, 27, false },
		{ 29, 28, false }, { 0, 0, false },   { 1280, 1280, true }, { 3000, 3000, true },
	};
	uint8_t octets[3000] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct writer w = writer_on(octets, sizeof(octets));
		struct ike_header h;

		write_zeros(&w, 24);
		write_be32(&w, cases[i].says);
		assert_int_equal(header_parse(BYTES(octets, cases[i].len), &h), cases[i].ok);
	}
}

/* HDR-3, HDR-4, PLD-3 */
static void writes_version_two_and_no_flag_it_does_not_know(void **state)
{
	struct ike_header h = { .spi_i = 1,
		                .spi_r = 2,
		                .exchange = 37,
		                .flags = 0xff,
		                .version = 0x3f,
		                .message_id = 7 };
	uint8_t octets[64];
	struct message_writer m;
	struct bytes out;

	message_start(&m, octets, sizeof(octets), &h);
	message_add(&m, PAYLOAD_NONCE, BYTES_STR("0123456789abcdef"));
	out = message_end(&m);
	assert_int_equal(out.len, 28 + 4 + 16);
	assert_int_equal(out.data[16], PAYLOAD_NONCE);
	assert_int_equal(out.data[17], 0x20);
	assert_int_equal(out.data[19], IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
	assert_int_equal(out.data[29], 0);
	for (int bit = 0; bit < 8; bit++) {
		struct ike_header again;
		struct payloads p;

		octets[19] = (uint8_t)(1 << bit);
		assert_int_equal(parse(out, &again, &p), PAYLOADS_OK);
		assert_int_equal(header_is_response(&again), bit == 5);
		assert_int_equal(header_from_initiator(&again), bit == 3);
	}
}

/* HDR-1, PLD-2 */
static void finds_the_payloads_of_an_ike_sa_init_request(void **state)
{
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free) struct buf message = vector_octets(root, "ike_sa_init_request");
	struct ike_header h;
	struct payloads p;
	struct notify n;
	struct ke ke;

	assert_int_equal(parse(buf_view(&message), &h, &p), PAYLOADS_OK);
	assert_int_equal(h.spi_i, 0x1122334455667788);
	assert_int_equal(h.spi_r, 0);
	assert_int_equal(h.exchange, EXCHANGE_IKE_SA_INIT);
	assert_non_null(p.sa.data);
	assert_true(ke_parse(p.ke, &ke));
	assert_int_equal(ke.method, 31);
	assert_int_equal(ke.value.len, 32);
	assert_true(nonce_is_valid(p.nonce));
	assert_int_equal(p.nonce.len, 32);
	assert_true(payloads_find_notify(&p, NOTIFY_NAT_DETECTION_SOURCE_IP, &n));
	assert_int_equal(n.data.len, 20);
	assert_true(payloads_find_notify(&p, NOTIFY_SIGNATURE_HASH_ALGORITHMS, &n));
	assert_false(payloads_find_notify(&p, NOTIFY_COOKIE, &n));
	assert_false(payloads_find_error(&p, &n));
	assert_null(p.auth.data);
	json_decref(root);
}

/* PLD-4, PLD-5 */
static void rejects_an_unknown_payload_only_if_it_is_critical(void **state)
{
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free) struct buf bad = unprotected(root, "unknown_critical_payload_request");
	CLEANUP(buf_free)
	struct buf good = unprotected(root, "unknown_noncritical_payload_request");
	struct ike_header h;
	struct payloads p;

	assert_int_equal(parse(buf_view(&bad), &h, &p), PAYLOADS_CRITICAL);
	assert_int_equal(p.critical, 200);
	assert_int_equal(parse(buf_view(&good), &h, &p), PAYLOADS_OK);
	assert_non_null(p.sa.data);
	json_decref(root);
}

/* PLD-4, PLD-6 */
static void ignores_the_critical_bit_of_every_type_it_knows(void **state)
{
	for (unsigned type = 1; type < 256; type++) {
		uint8_t octets[] = { 0, 0x80, 0, 8, 0, 0, 0, 0 };
		bool is_known = (type >= 33 && type <= 48);
		enum payloads_verdict verdict;
		struct payloads p;

		if (type == PAYLOAD_SK || type == PAYLOAD_SKF || type == PAYLOAD_DELETE)
			continue;
		verdict = payloads_parse_inner((uint8_t)type, BYTES_OF(octets), &p);
		assert_int_equal(verdict, is_known ? PAYLOADS_OK : PAYLOADS_CRITICAL);
	}
}

/* PLD-1, PLD-8, PLD-10, PLD-24 */
static void refuses_chains_that_do_not_add_up(void **state)
{
	static const struct {
		uint8_t first;
		const char *hex;
		enum payloads_verdict verdict;
	} cases[] = {
		{ 0, "", PAYLOADS_OK },
		{ 0, "00", PAYLOADS_SYNTAX },             /* octets behind the end */
		{ 40, "00000003", PAYLOADS_SYNTAX },      /* below 4 */
		{ 40, "000000", PAYLOADS_SYNTAX },        /* half a header */
		{ 40, "00000008 0000", PAYLOADS_SYNTAX }, /* past the end */
		{ 40, "00000006 0000", PAYLOADS_OK },
		{ 40, "28000004", PAYLOADS_SYNTAX },          /* another one announced */
		{ 40, "28000004 00000004", PAYLOADS_SYNTAX }, /* two nonces */
		{ 43, "2b000004 00000004", PAYLOADS_OK },     /* two vendor IDs */
		{ 46, "00000004", PAYLOADS_SYNTAX },          /* SK inside */
		{ 41, "00000008 00000007", PAYLOADS_OK },
		{ 41, "00000007 000000", PAYLOADS_SYNTAX },   /* runt notify */
		{ 41, "00000008 03040009", PAYLOADS_SYNTAX }, /* SPI missing */
		{ 41, "0000000c 03044009 0a0b0c01", PAYLOADS_OK },
		{ 42, "00000008 01000000", PAYLOADS_OK }, /* Delete of the IKE SA */
		{ 42, "00000008 01000001", PAYLOADS_SYNTAX },
		{ 42, "00000010 01080001 0102030405060708", PAYLOADS_SYNTAX },
		{ 42, "0000000c 03040001 0a0b0c02", PAYLOADS_OK },
		{ 42, "0000000c 03040002 0a0b0c02", PAYLOADS_SYNTAX },
		{ 42, "00000008 03000000", PAYLOADS_SYNTAX }, /* ESP without SPI size */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf octets = vector_octets_of(cases[i].hex);
		struct payloads p;

		if (payloads_parse_inner(cases[i].first, buf_view(&octets), &p) != cases[i].verdict)
			fail_msg("case %zu: %s", i, cases[i].hex);
	}
}

/* PLD-10 */
static void takes_sixty_four_payloads_and_not_one_more(void **state)
{
	for (int count = 63; count <= 66; count++) {
		uint8_t octets[66 * 4];
		struct message_writer m;
		struct payloads p;
		struct bytes inner;

		message_start_inner(&m, octets, sizeof(octets));
		for (int i = 0; i < count; i++)
			message_add(&m, PAYLOAD_VENDOR_ID, BYTES("", 0));
		inner = message_end(&m);
		assert_int_equal(payloads_parse_inner(m.first, inner, &p),
		                 count <= 64 ? PAYLOADS_OK : PAYLOADS_SYNTAX);
	}
}

/* PLD-7, PLD-10 */
static void takes_payloads_in_any_order_but_each_once(void **state)
{
	static const uint8_t singles[] = { 33, 34, 35, 36, 39, 40, 44, 45 };

	for (size_t shift = 0; shift < ARRAY_LEN(singles); shift++) {
		uint8_t octets[128];
		struct message_writer m;
		struct payloads p;

		message_start_inner(&m, octets, sizeof(octets));
		for (size_t i = 0; i < ARRAY_LEN(singles); i++)
			message_add(&m, singles[(i + shift) % ARRAY_LEN(singles)], BYTES("x", 1));
		assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p), PAYLOADS_OK);
		assert_true(p.sa.len == 1 && p.ts_r.len == 1 && p.auth.len == 1);
		message_add(&m, singles[shift], BYTES("x", 1));
		assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p),
		                 PAYLOADS_SYNTAX);
	}
}

/* PLD-8, SK-4 */
static void ends_the_chain_at_sk(void **state)
{
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free)
	struct buf message = vector_octets(vector_member(root, "ike_auth_request"), "message");
	struct ike_header h;
	struct payloads p;

	assert_int_equal(parse(buf_view(&message), &h, &p), PAYLOADS_OK);
	assert_int_equal(p.sk_offset, 32);
	assert_int_equal(p.sk.len, message.len - 32);
	assert_int_equal(p.sk_first, PAYLOAD_ID_I);
	message.data[30]--; /* SK ends before the message does */
	assert_int_equal(message_parse(buf_view(&message), &h, &p), PAYLOADS_SYNTAX);
	json_decref(root);
}

/* PLD-22 */
static void takes_nonces_of_16_to_256_octets(void **state)
{
	static const uint8_t octets[257];

	assert_false(nonce_is_valid(BYTES(octets, 15)));
	assert_true(nonce_is_valid(BYTES(octets, 16)));
	assert_true(nonce_is_valid(BYTES(octets, 256)));
	assert_false(nonce_is_valid(BYTES(octets, 257)));
	assert_false(nonce_is_valid((struct bytes){ 0 }));
}

/* PLD-20 */
static void refuses_a_key_exchange_without_data(void **state)
{
	static const uint8_t octets[] = { 0, 31, 0xff, 0xff, 1 };
	struct ke ke;

	assert_false(ke_parse(BYTES(octets, 3), &ke));
	assert_false(ke_parse(BYTES(octets, 4), &ke));
	assert_true(ke_parse(BYTES(octets, 5), &ke));
	assert_int_equal(ke.method, 31);
	assert_int_equal(ke.value.len, 1);
}

/* PLD-23, HDR-10, INI-2, ERR-13 */
static void writes_the_unprotected_answers_octet_for_octet(void **state)
{
	json_t *root = vectors_load("ike_messages");
	static const struct {
		const char *name;
		uint16_t type;
		struct ike_header h;
	} cases[] = {
		{ "no_proposal_chosen_response",
		  NOTIFY_NO_PROPOSAL_CHOSEN,
		  { .spi_i = 0x1122334455667788, .exchange = 34, .flags = 0x20 } },
		{ "invalid_ke_payload_response",
		  NOTIFY_INVALID_KE_PAYLOAD,
		  { .spi_i = 0x1122334455667788, .exchange = 34, .flags = 0x20 } },
		{ "invalid_ike_spi_reply",
		  NOTIFY_INVALID_IKE_SPI,
		  { .spi_i = 0x1122334455667788,
		    .spi_r = 0x99aabbccddeeff01,
		    .exchange = 35,
		    .flags = 0x20,
		    .message_id = 1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf want = unprotected(root, cases[i].name);
		uint8_t octets[128];
		struct message_writer m;
		struct bytes got;

		message_start(&m, octets, sizeof(octets), &cases[i].h);
		if (cases[i].type == NOTIFY_INVALID_KE_PAYLOAD)
			message_add_invalid_ke(&m, 19);
		else
			message_add_notify(&m, cases[i].type, BYTES("", 0));
		got = message_end(&m);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
	json_decref(root);
}

/* INI-2, INI-4 */
static void reads_what_the_responder_asks_for(void **state)
{
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free) struct buf cookie = unprotected(root, "cookie_response");
	CLEANUP(buf_free) struct buf group = unprotected(root, "invalid_ke_payload_response");
	struct ike_header h;
	struct payloads p;
	struct notify n;
	uint16_t method = 0;

	assert_int_equal(parse(buf_view(&cookie), &h, &p), PAYLOADS_OK);
	assert_true(payloads_find_notify(&p, NOTIFY_COOKIE, &n));
	assert_in_range(n.data.len, 1, COOKIE_MAX);
	assert_int_equal(parse(buf_view(&group), &h, &p), PAYLOADS_OK);
	assert_true(payloads_find_error(&p, &n));
	assert_int_equal(n.type, NOTIFY_INVALID_KE_PAYLOAD);
	assert_true(invalid_ke_parse(n.data, &method));
	assert_int_equal(method, 19);
	assert_false(invalid_ke_parse(BYTES(n.data.data, 1), &method));
	json_decref(root);
}

/* PLD-24, DEL-1, RKY-1 */
static void reads_deletes_and_notifies_back_as_written(void **state)
{
	static const uint32_t spis[] = { 0x0a0b0c01, 0xfffffffe };
	uint8_t octets[128];
	struct message_writer m;
	struct payloads p;
	struct delete d;
	struct notify n;
	size_t at = 0;

	message_start_inner(&m, octets, sizeof(octets));
	message_add_delete_ike(&m);
	message_add_notify_spi(&m, NOTIFY_REKEY_SA, 0x01020304, BYTES("ab", 2));
	message_add_delete_esp(&m, spis, 2);
	assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p), PAYLOADS_OK);
	assert_true(payloads_next_delete(&p, &at, &d));
	assert_int_equal(d.protocol, PROTOCOL_IKE);
	assert_int_equal(delete_count(&d), 0);
	assert_true(payloads_next_delete(&p, &at, &d));
	assert_int_equal(delete_count(&d), 2);
	assert_int_equal(delete_spi(&d, 1), 0xfffffffe);
	assert_false(payloads_next_delete(&p, &at, &d));
	assert_true(payloads_find_notify(&p, NOTIFY_REKEY_SA, &n));
	assert_int_equal(n.spi, 0x01020304);
	assert_int_equal(n.protocol, PROTOCOL_ESP);
	assert_int_equal(n.data.len, 2);
}

/* A writer without room says so and never writes behind its end. */
static void a_message_without_room_is_empty(void **state)
{
	struct ike_header h = { .spi_i = 1 };
	uint8_t octets[64];

	for (size_t room = 0; room < 28 + 4 + 8; room++) {
		struct message_writer m;

		memset(octets, 0xaa, sizeof(octets));
		message_start(&m, octets, room, &h);
		message_add(&m, PAYLOAD_NONCE, BYTES_STR("12345678"));
		assert_int_equal(message_end(&m).len, 0);
		assert_int_equal(octets[room], 0xaa);
	}
}

static void knows_its_numbers_by_name(void **state)
{
	assert_string_equal(exchange_name(34), "IKE_SA_INIT");
	assert_string_equal(payload_name(44), "TS_I");
	assert_string_equal(notify_name(14), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(notify_name(9999), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_header_that_says_its_true_length),
		cmocka_unit_test(writes_version_two_and_no_flag_it_does_not_know),
		cmocka_unit_test(finds_the_payloads_of_an_ike_sa_init_request),
		cmocka_unit_test(rejects_an_unknown_payload_only_if_it_is_critical),
		cmocka_unit_test(ignores_the_critical_bit_of_every_type_it_knows),
		cmocka_unit_test(refuses_chains_that_do_not_add_up),
		cmocka_unit_test(takes_sixty_four_payloads_and_not_one_more),
		cmocka_unit_test(takes_payloads_in_any_order_but_each_once),
		cmocka_unit_test(ends_the_chain_at_sk),
		cmocka_unit_test(takes_nonces_of_16_to_256_octets),
		cmocka_unit_test(refuses_a_key_exchange_without_data),
		cmocka_unit_test(writes_the_unprotected_answers_octet_for_octet),
		cmocka_unit_test(reads_what_the_responder_asks_for),
		cmocka_unit_test(reads_deletes_and_notifies_back_as_written),
		cmocka_unit_test(a_message_without_room_is_empty),
		cmocka_unit_test(knows_its_numbers_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
