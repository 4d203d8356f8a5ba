#include "util/test.h"

#include "ike/ike.h"
#include "ike/sk.h"
#include "util/vectors.h"

/* Each draw is of octets of its own number. */
static void draw_numbered(void *ctx, uint8_t *out, size_t len)
{
	static uint8_t draws;

	memset(out, ++draws, len);
	*(uint8_t *)ctx = draws;
}

static uint8_t last_draw;
static const struct ike_ports test_ports = { .ctx = &last_draw, .random = draw_numbered };

/* The keys of kdf-1, which seal the messages of the vectors. */
struct fixture {
	json_t *kdf;
	json_t *messages;
	struct ike_keys keys;
};

static struct secret secret_of(const json_t *v, const char *name)
{
	CLEANUP(buf_free) struct buf octets = vector_octets(v, name);

	return secret_copy(buf_view(&octets));
}

static int set_up(void **state)
{
	struct fixture *f = new_zeroed(sizeof(*f));
	const json_t *first;

	f->kdf = vectors_load("ike_kdf");
	f->messages = vectors_load("ike_messages");
	first = json_array_get(vector_member(f->kdf, "initial"), 0);
	f->keys.sk_ei = secret_of(first, "sk_ei");
	f->keys.sk_er = secret_of(first, "sk_er");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ike_keys_wipe(&f->keys);
	json_decref(f->kdf);
	json_decref(f->messages);
	free(f);
	return 0;
}

static void parse(struct bytes datagram, struct ike_header *h, struct payloads *p)
{
	assert_true(header_parse(datagram, h));
	assert_int_equal(message_parse(datagram, h, p), PAYLOADS_OK);
}

/* FRG-2, FRG-3: the same payloads whole and in pieces */
static void seals_and_opens_the_pieces_of_the_vectors(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_member(f->messages, "ike_auth_response_fragments");
	const json_t *whole = vector_member(f->messages, "ike_auth_response");
	const json_t *pieces = vector_member(v, "fragments");
	CLEANUP(buf_free) struct buf want = vector_octets(whole, "inner_payloads");
	size_t at = 0;

	assert_int_equal(json_array_size(pieces), 3);
	for (size_t i = 0; i < json_array_size(pieces); i++) {
		const json_t *one = json_array_get(pieces, i);
		CLEANUP(buf_free) struct buf message = vector_octets(one, "message");
		CLEANUP(buf_free) struct buf iv = vector_octets(one, "iv");
		CLEANUP(buf_free) struct buf sealed = { 0 };
		struct reader iv_reader = reader_of(buf_view(&iv));
		uint8_t plain[2048];
		struct ike_header h;
		struct payloads p;
		struct bytes inner;
		struct sk sk = { 0 };

		parse(buf_view(&message), &h, &p);
		assert_int_equal(p.piece.number, vector_number(one, "fragment_number"));
		assert_int_equal(p.piece.total, vector_number(one, "total_fragments"));
		assert_int_equal(p.sk_first, vector_number(one, "inner_first_payload"));
		assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, true, &test_ports));
		assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &inner), SK_OK);
		assert_true(bytes_equal(inner, BYTES(want.data + at, inner.len)));
		at += inner.len;
		sk_wipe(&sk);
		assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, false, &test_ports));
		sk.sealed = read_be64(&iv_reader);
		assert_true(sk_seal_piece(&sk, &h, p.piece, p.sk_first, inner, &sealed));
		assert_true(bytes_equal(buf_view(&sealed), buf_view(&message)));
		sk_wipe(&sk);
	}
	assert_int_equal(at, want.len);
}

static void check_vector(const struct fixture *f, const json_t *v, enum aead_id cipher,
                         const struct ike_keys *keys)
{
	CLEANUP(buf_free) struct buf message = vector_octets(v, "message");
	CLEANUP(buf_free) struct buf want = vector_octets(v, "inner_payloads");
	CLEANUP(buf_free) struct buf iv = vector_octets(v, "iv");
	CLEANUP(buf_free) struct buf sealed = { 0 };
	struct reader iv_reader = reader_of(buf_view(&iv));
	bool by_initiator = (vector_number(v, "flags") & IKE_FLAG_INITIATOR) != 0;
	uint8_t plain[2048];
	struct ike_header h;
	struct payloads p;
	struct bytes inner;
	struct sk sk = { 0 };

	parse(buf_view(&message), &h, &p);
	assert_true(sk_init(&sk, cipher, keys, !by_initiator, &test_ports));
	assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &inner), SK_OK);
	assert_true(bytes_equal(inner, buf_view(&want)));
	assert_int_equal(p.sk_first, vector_number(v, "inner_first_payload"));
	sk_wipe(&sk);

	assert_true(sk_init(&sk, cipher, keys, by_initiator, &test_ports));
	sk.sealed = read_be64(&iv_reader);
	assert_true(sk_seal(&sk, &h, p.sk_first, inner, &sealed));
	assert_true(bytes_equal(buf_view(&sealed), buf_view(&message)));
	sk_wipe(&sk);
}

/* SK-1, SK-3, SK-4, KDF-3, INF-1, DEL-3 */
static void opens_and_seals_the_messages_of_the_vectors(void **state)
{
	static const char *const names[] = {
		"ike_auth_request",    "ike_auth_response",  "liveness_request",
		"liveness_response",   "delete_ike_request", "delete_child_request_by_responder",
		"rekey_child_request",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_vector(f, vector_member(f->messages, names[i]), AEAD_AES_GCM_16_256,
		             &f->keys);
}

/* SK-3 */
static void seals_with_chacha20(void **state)
{
	struct fixture *f = *state;
	const json_t *v = json_array_get(vector_member(f->messages, "other_suites"), 0);
	struct ike_keys keys = { 0 };

	assert_string_equal(vector_string(v, "id"), "seal-chacha");
	keys.sk_ei = secret_of(v, "sk_e");
	keys.sk_er = secret_copy(secret_view(&keys.sk_ei));
	check_vector(f, v, AEAD_CHACHA20_POLY1305, &keys);
	ike_keys_wipe(&keys);
}

/* SK-1, SK-2 */
static void opens_the_message_of_the_vectors_with_cbc(void **state)
{
	struct fixture *f = *state;
	const json_t *v = json_array_get(vector_member(f->messages, "other_suites"), 1);
	CLEANUP(buf_free) struct buf message = vector_octets(v, "message");
	CLEANUP(buf_free) struct buf want = vector_octets(v, "inner_payloads");
	CLEANUP(buf_free) struct buf sk_e = vector_octets(v, "sk_e");
	CLEANUP(buf_free) struct buf sk_a = vector_octets(v, "sk_a");
	CLEANUP(buf_free) struct buf sealed = { 0 };
	struct ike_keys keys = { 0 };
	uint8_t plain[2048];
	struct ike_header h;
	struct payloads p;
	struct bytes inner;
	struct sk sk = { 0 };

	keys.sk_ei = secret_new(64);
	memcpy(keys.sk_ei.data, sk_e.data, 32);
	memcpy(keys.sk_ei.data + 32, sk_a.data, 32);
	keys.sk_er = secret_copy(secret_view(&keys.sk_ei));
	parse(buf_view(&message), &h, &p);
	assert_true(sk_init(&sk, AEAD_AES_CBC_256_SHA2_256, &keys, false, &test_ports));
	assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &inner), SK_OK);
	assert_true(bytes_equal(inner, buf_view(&want)));
	/* Ours differs by its IV only, which is what the random port gave for this message. */
	for (int i = 0; i < 2; i++) {
		uint8_t before = last_draw, iv[16];

		buf_free(&sealed);
		assert_true(sk_seal(&sk, &h, p.sk_first, buf_view(&want), &sealed));
		assert_int_equal(sealed.len, message.len);
		assert_memory_equal(sealed.data, message.data, p.sk_offset);
		memset(iv, before + 1, sizeof(iv));
		assert_memory_equal(sealed.data + p.sk_offset, iv, sizeof(iv));
	}
	parse(buf_view(&sealed), &h, &p);
	assert_int_equal(sk_open(&sk, buf_view(&sealed), &p, plain, &inner), SK_OK);
	assert_true(bytes_equal(inner, buf_view(&want)));
	sk_wipe(&sk);
	ike_keys_wipe(&keys);
}

/* SK-1: whole blocks, whatever the length; SK-6 for each bit of it */
static void cbc_fills_whole_blocks(void **state)
{
	static const enum aead_id ciphers[] = { AEAD_AES_CBC_128_SHA2_256,
		                                AEAD_AES_CBC_256_SHA2_384,
		                                AEAD_AES_CBC_128_SHA2_512 };
	const struct ike_header header = {
		.spi_i = 1, .spi_r = 2, .version = IKE_VERSION, .exchange = EXCHANGE_INFORMATIONAL
	};
	static const uint8_t text[64] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ciphers) * 40; i++) {
		const struct aead_shape *shape = aead_shape(ciphers[i / 40]);
		struct ike_keys keys = { .sk_ei = secret_new(shape->key_len),
			                 .sk_er = secret_new(shape->key_len) };
		CLEANUP(buf_free) struct buf sealed = { 0 };
		uint8_t plain[256];
		struct ike_header h;
		struct payloads p;
		struct bytes inner;
		struct sk sk = { 0 };

		assert_true(sk_init(&sk, shape->id, &keys, true, &test_ports));
		assert_true(sk_seal(&sk, &header, 0, BYTES(text, i % 40), &sealed));
		assert_int_equal(sealed.len, sk_sealed_len(&sk, i % 40));
		parse(buf_view(&sealed), &h, &p);
		assert_int_equal((p.sk.len - 16 - shape->tag_len) % 16, 0);
		assert_int_equal(sk_open(&sk, buf_view(&sealed), &p, plain, &inner), SK_OK);
		assert_int_equal(inner.len, i % 40);
		sealed.data[(i * 7) % sealed.len] ^= 0x10;
		assert_int_equal(sk_open(&sk, buf_view(&sealed), &p, plain, &inner), SK_INTEGRITY);
		sk_wipe(&sk);
		ike_keys_wipe(&keys);
	}
}

/* FRG-8: a piece is as long as it may be, and no longer */
static void a_piece_fills_its_datagram(void **state)
{
	static const enum aead_id ciphers[] = { AEAD_AES_GCM_16_256, AEAD_AES_CBC_256_SHA2_256 };
	const struct ike_header header = {
		.spi_i = 1, .spi_r = 2, .version = IKE_VERSION, .exchange = EXCHANGE_IKE_AUTH
	};
	static const uint8_t text[400] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ciphers) * 300; i++) {
		const struct aead_shape *shape = aead_shape(ciphers[i / 300]);
		struct ike_keys keys = { .sk_ei = secret_new(shape->key_len),
			                 .sk_er = secret_new(shape->key_len) };
		CLEANUP(buf_free) struct buf full = { 0 };
		CLEANUP(buf_free) struct buf more = { 0 };
		size_t limit = i % 300, room;
		struct sk sk = { 0 };

		assert_true(sk_init(&sk, shape->id, &keys, true, &test_ports));
		room = sk_piece_room(&sk, limit);
		assert_true(sk_seal_piece(&sk, &header, (struct piece){ 1, 2 }, 0,
		                          BYTES(text, room), &full));
		assert_true(sk_seal_piece(&sk, &header, (struct piece){ 1, 2 }, 0,
		                          BYTES(text, room + 1), &more));
		assert_true(more.len > limit);
		assert_true(room == 0 || full.len <= limit);
		sk_wipe(&sk);
		ike_keys_wipe(&keys);
	}
}

/* SK-4, SK-6 */
static void a_changed_bit_anywhere_spoils_it(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_free)
	struct buf message =
	    vector_octets(vector_member(f->messages, "liveness_request"), "message");
	uint8_t plain[2048];
	struct ike_header h;
	struct payloads p;
	struct bytes inner;
	struct sk sk = { 0 };

	parse(buf_view(&message), &h, &p);
	assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, false, &test_ports));
	for (size_t bit = 0; bit < message.len * 8; bit++) {
		message.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &inner), SK_INTEGRITY);
		message.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &inner), SK_OK);
	sk_wipe(&sk);
}

/* SK-5, SK-9 */
static void never_uses_an_iv_twice(void **state)
{
	struct fixture *f = *state;
	struct ike_header h = { .spi_i = 1, .spi_r = 2, .exchange = EXCHANGE_INFORMATIONAL };
	struct buf none = { 0 };
	struct sk sk = { 0 };

	assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, true, &test_ports));
	for (uint64_t i = 0; i < 300; i++) {
		CLEANUP(buf_free) struct buf sealed = { 0 };
		struct reader r;

		assert_true(sk_seal(&sk, &h, 0, (struct bytes){ 0 }, &sealed));
		r = reader_of(buf_view(&sealed));
		read_skip(&r, 32);
		assert_int_equal(read_be64(&r), i);
	}
	sk.sealed = SK_SEALED_MAX;
	assert_false(sk_seal(&sk, &h, 0, (struct bytes){ 0 }, &none));
	assert_null(none.data);
	sk_wipe(&sk);
}

/* A well sealed message whose text is `text`, padding and pad length included. */
static void seal_text(const struct fixture *f, struct bytes text, uint8_t *out, size_t *len)
{
	struct ike_header h = { .spi_i = 1, .exchange = 37, .flags = IKE_FLAG_INITIATOR };
	struct aead *aead = aead_new(AEAD_AES_GCM_16_256, secret_view(&f->keys.sk_ei));
	struct message_writer m;
	struct writer *w;

	message_start(&m, out, 1024, &h);
	w = payload_start(&m, PAYLOAD_SK);
	write_zeros(w, AEAD_IV_LEN);
	write_bytes(w, text);
	write_zeros(w, AEAD_TAG_LEN);
	payload_end_sk(&m, PAYLOAD_VENDOR_ID);
	*len = message_end(&m).len;
	assert_true(aead_seal(aead, out + 32, BYTES(out, 32), text, out + 40));
	aead_free(aead);
}

/* SK-1, SK-7 */
static void takes_any_padding_that_is_not_longer_than_the_text(void **state)
{
	static const struct {
		size_t text_len;
		uint8_t pad_len;
		enum sk_verdict verdict;
	} cases[] = {
		{ 1, 0, SK_OK },     { 1, 1, SK_SYNTAX },   { 5, 0, SK_OK },     { 5, 4, SK_OK },
		{ 5, 5, SK_SYNTAX }, { 5, 255, SK_SYNTAX }, { 256, 255, SK_OK },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t text[256] = { 0 }, message[1024], plain[1024];
		struct ike_header h;
		struct payloads p;
		struct bytes inner;
		struct sk sk = { 0 };
		size_t len;

		text[cases[i].text_len - 1] = cases[i].pad_len;
		seal_text(f, BYTES(text, cases[i].text_len), message, &len);
		parse(BYTES(message, len), &h, &p);
		assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, false, &test_ports));
		assert_int_equal(sk_open(&sk, BYTES(message, len), &p, plain, &inner),
		                 cases[i].verdict);
		if (cases[i].verdict == SK_OK)
			assert_int_equal(inner.len, cases[i].text_len - 1 - cases[i].pad_len);
		sk_wipe(&sk);
	}
}

/* SK-6 */
static void what_is_too_short_to_be_sealed_fails(void **state)
{
	struct fixture *f = *state;
	struct ike_header h = { .spi_i = 1, .exchange = 37 };
	struct sk sk = { 0 };

	assert_true(sk_init(&sk, AEAD_AES_GCM_16_256, &f->keys, false, &test_ports));
	for (size_t body = 0; body < AEAD_IV_LEN + 1 + AEAD_TAG_LEN; body++) {
		uint8_t message[128], plain[64];
		struct message_writer m;
		struct payloads p;
		struct bytes datagram, inner;

		message_start(&m, message, sizeof(message), &h);
		write_zeros(payload_start(&m, PAYLOAD_SK), body);
		payload_end_sk(&m, 0);
		datagram = message_end(&m);
		parse(datagram, &h, &p);
		assert_int_equal(sk_open(&sk, datagram, &p, plain, &inner), SK_INTEGRITY);
	}
	sk_wipe(&sk);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_and_seals_the_messages_of_the_vectors),
		cmocka_unit_test(seals_and_opens_the_pieces_of_the_vectors),
		cmocka_unit_test(seals_with_chacha20),
		cmocka_unit_test(opens_the_message_of_the_vectors_with_cbc),
		cmocka_unit_test(cbc_fills_whole_blocks),
		cmocka_unit_test(a_piece_fills_its_datagram),
		cmocka_unit_test(a_changed_bit_anywhere_spoils_it),
		cmocka_unit_test(never_uses_an_iv_twice),
		cmocka_unit_test(takes_any_padding_that_is_not_longer_than_the_text),
		cmocka_unit_test(what_is_too_short_to_be_sealed_fails),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
