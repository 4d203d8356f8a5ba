#include "util/test.h"
#include "dns/record.h"
#include "util/vectors.h"

/* RDATA of a text in one record, split at 255. */
static struct buf txt_rdata(const char *text)
{
	size_t len = strlen(text);
	struct buf b = { .data = new_array(len + len / 255 + 2, 1) };

	do {
		size_t part = len < 255 ? len : 255;

		b.data[b.len++] = (uint8_t)part;
		memcpy(b.data + b.len, text, part);
		b.len += part;
		text += part;
		len -= part;
	} while (len > 0);
	return b;
}

/* What is written reads back as the same delegation. */
static void check_round_trip(const struct delegation *d,
                             bool (*write)(const struct delegation *, struct writer *),
                             enum record_verdict (*parse)(struct bytes, struct delegation *))
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct delegation again = { 0 };

	assert_true(write(d, &w));
	assert_int_equal(parse(writer_view(&w), &again), RECORD_OK);
	assert_int_equal(again.precedence, d->precedence);
	assert_int_equal(again.kind, d->kind);
	assert_true(ip_equal(&again.address, &d->address));
	assert_string_equal(again.name, d->name);
	assert_int_equal(again.has_key, d->has_key);
	assert_true(pubkey_equal(&again.key, &d->key));
}

static void check_gateway(const struct delegation *d, const char *gateway)
{
	if (gateway[0] == '@') {
		assert_int_equal(d->kind, GATEWAY_NAME);
		assert_string_equal(d->name, gateway + 1);
	} else {
		assert_int_equal(d->kind, GATEWAY_ADDRESS);
		assert_string_equal(ip_text(&d->address).s, gateway);
	}
}

/* TXT-2, TXT-3, TXT-4, TXT-5, TXT-7 */
static void reads_each_txt_as_the_vectors_say(void **state)
{
	json_t *root = vectors_load("dns");
	CLEANUP(buf_free)
	struct buf key = vector_octets(vector_member(root, "rsa_key_rfc3110"), "octets");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "txt_parse"), i, v)
	{
		CLEANUP(buf_free) struct buf rdata = txt_rdata(vector_string(v, "text"));
		const json_t *result = vector_member(v, "result");
		struct delegation d = { .precedence = 4711 };
		enum record_verdict verdict = txt_parse(buf_view(&rdata), &d);

		if (json_is_object(result)) {
			assert_int_equal(verdict, RECORD_OK);
			assert_int_equal(d.precedence, vector_number(result, "precedence"));
			check_gateway(&d, vector_string(result, "gateway"));
			assert_int_equal(d.has_key, json_is_true(vector_member(result, "has_key")));
			if (d.has_key)
				assert_true(bytes_equal(pubkey_octets(&d.key), buf_view(&key)));
			check_round_trip(&d, txt_write, txt_parse);
		} else {
			assert_int_equal(verdict,
			                 json_is_null(result) ? RECORD_FOREIGN : RECORD_MALFORMED);
			assert_int_equal(d.precedence, 4711); /* untouched */
		}
	}
	assert_int_equal(i, 20);
	json_decref(root);
}

/* TXT-1 */
static void joins_the_strings_of_one_record(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v = vector_member(root, "txt");
	CLEANUP(buf_free) struct buf at_255 = vector_octets(v, "rdata_split_at_255");
	CLEANUP(buf_free) struct buf by_hand = vector_octets(v, "rdata_split_by_hand");
	uint8_t written[RDATA_MAX];
	struct writer w = writer_on(written, sizeof(written));
	struct delegation a;
	struct delegation b;

	assert_int_equal(txt_parse(buf_view(&at_255), &a), RECORD_OK);
	assert_int_equal(txt_parse(buf_view(&by_hand), &b), RECORD_OK);
	assert_true(pubkey_equal(&a.key, &b.key));
	assert_true(txt_write(&a, &w));
	assert_true(bytes_equal(writer_view(&w), buf_view(&at_255)));
	json_decref(root);
}

/* TXT-4, TXT-5, TXT-9 */
static void tells_a_near_miss_from_a_foreign_txt(void **state)
{
	static const struct {
		const char *text;
		enum record_verdict verdict;
	} cases[] = {
		{ "", RECORD_FOREIGN },
		{ "X-IPsec", RECORD_FOREIGN },
		{ "X-IPsec-Server", RECORD_MALFORMED },
		{ "X-IPsec-Server()=192.0.2.1", RECORD_MALFORMED },
		{ "X-IPsec-Server(10=192.0.2.1", RECORD_MALFORMED },
		{ "X-IPsec-Server(99999999999999999999)=192.0.2.1", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=@", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=@a..b", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=@a b", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=127.0.0.1", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=255.255.255.255", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=::", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=ff02::1", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=192.0.2.1 AQOF",
		  RECORD_MALFORMED }, /* no modulus to speak of */
		{ "X-IPsec-Server(10)=192.0.2.1 AQOF== more", RECORD_MALFORMED },
		{ "X-IPsec-Server(10)=192.0.2.1   ", RECORD_OK },
		{ "\tX-IPSEC-GATEWAY\t( 10 )\t=\t@SG.Example.NET.", RECORD_OK },
		{ "Y X-IPsec-Server(10)=192.0.2.1", RECORD_FOREIGN },
	};
	struct delegation d;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf rdata = txt_rdata(cases[i].text);

		assert_int_equal(txt_parse(buf_view(&rdata), &d), cases[i].verdict);
	}
}

static void a_zero_octet_ends_no_address(void **state)
{
	static const char text[] = "\x1fX-IPsec-Server(10)=192.0.2.1\0xx";
	struct delegation d;

	assert_int_equal(txt_parse(BYTES(text, sizeof(text) - 1), &d), RECORD_MALFORMED);
}

/* TXT-9 */
static void a_broken_or_endless_txt_is_malformed_if_it_is_ours(void **state)
{
	static const char cut[] = "\x1cX-IPsec-Server(10)=192.0.2.1\x09"
				  "AwEAA";
	static const char foreign[] = "\x05hello\x09"
				      "AwEAA";
	struct buf long_one = { .data = new_array(70000, 1) };
	struct delegation d;

	assert_int_equal(txt_parse(BYTES(cut, sizeof(cut) - 1), &d), RECORD_MALFORMED);
	assert_int_equal(txt_parse(BYTES(foreign, sizeof(foreign) - 1), &d), RECORD_FOREIGN);
	for (size_t at = 0; at + 256 < 65536; at += 256) {
		long_one.data[at] = 255;
		memset(long_one.data + at + 1, ' ', 255);
		long_one.len = at + 256;
	}
	memcpy(long_one.data + 1, "X-IPsec-Server(10)=192.0.2.1", 28);
	assert_int_equal(txt_parse(buf_view(&long_one), &d), RECORD_MALFORMED);
	memcpy(long_one.data + 1, "Y", 1);
	assert_int_equal(txt_parse(buf_view(&long_one), &d), RECORD_FOREIGN);
	buf_free(&long_one);
}

/* IPK-1, IPK-4, IPK-5 */
static void reads_and_writes_the_ipseckeys_of_the_vectors(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "ipseckey"), i, v)
	{
		CLEANUP(buf_free) struct buf rdata = vector_octets(v, "rdata");
		CLEANUP(buf_free) struct buf key = vector_octets(v, "key");
		uint8_t written[RDATA_MAX];
		struct writer w = writer_on(written, sizeof(written));
		char gateway[DNS_NAME_MAX + 2] = "";
		struct delegation d;

		assert_int_equal(ipseckey_parse(buf_view(&rdata), &d), RECORD_OK);
		assert_int_equal(d.precedence, vector_number(v, "precedence"));
		assert_int_equal(d.has_key, key.len > 0);
		if (d.has_key)
			assert_true(bytes_equal(pubkey_octets(&d.key), buf_view(&key)));
		if (d.kind != GATEWAY_ADDRESS)
			snprintf(gateway, sizeof(gateway), "%s.",
			         d.kind == GATEWAY_NAME ? d.name : "");
		assert_string_equal(d.kind == GATEWAY_ADDRESS ? ip_text(&d.address).s : gateway,
		                    vector_string(v, "gateway"));
		assert_true(ipseckey_write(&d, &w));
		assert_true(bytes_equal(writer_view(&w), buf_view(&rdata)));
	}
	assert_int_equal(i, 6);
	json_decref(root);
}

/* IPK-1 */
static void refuses_malformed_ipseckeys(void **state)
{
	static const char *more[] = {
		"",
		"0a",
		"0a0304",                                         /* no name */
		"0a030400d75a",                                   /* the root as gateway */
		"0a030403612e6200",                               /* a dot inside a label */
		"0a03040361006200",                               /* a zero inside a label */
		"0a010400000000",                                 /* 0.0.0.0 */
		"0a0104e0000001",                                 /* multicast */
		"0a02040000000000000000000000000000000000000001", /* ::1 */
		"0a0100c000020100",                               /* no algorithm, but a key */
		"0a0004",                                         /* Ed25519 without a key */
	};
	json_t *root = vectors_load("dns");
	struct delegation d = { .precedence = 4711 };
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "ipseckey_malformed"), i, v)
	{
		CLEANUP(buf_free) struct buf rdata = vector_octets(v, "rdata");

		assert_int_equal(ipseckey_parse(buf_view(&rdata), &d), RECORD_MALFORMED);
	}
	assert_int_equal(i, 6);
	for (i = 0; i < ARRAY_LEN(more); i++) {
		CLEANUP(buf_free) struct buf rdata = vector_octets_of(more[i]);

		assert_int_equal(ipseckey_parse(buf_view(&rdata), &d), RECORD_MALFORMED);
	}
	assert_int_equal(d.precedence, 4711);
	json_decref(root);
}

/* IPK-4 */
static void skips_other_algorithms_in_silence(void **state)
{
	uint8_t rdata[4 + 3 + 64] = { 10, 1, 3, 192, 0, 2, 1 };
	struct delegation d;

	assert_int_equal(ipseckey_parse(BYTES(rdata, 7 + 40), &d), RECORD_FOREIGN); /* its curve */
	rdata[2] = 1;
	assert_int_equal(ipseckey_parse(BYTES_OF(rdata), &d), RECORD_FOREIGN); /* DSA */
	rdata[2] = 4;
	assert_int_equal(ipseckey_parse(BYTES(rdata, 7 + 57), &d), RECORD_FOREIGN); /* Ed448 */
	assert_int_equal(ipseckey_parse(BYTES("\x0a\0\0", 3), &d), RECORD_FOREIGN); /* nothing */
}

/* IPK-4 */
static void reads_and_writes_ecdsa_keys_of_both_curves(void **state)
{
	static const size_t lens[] = { 64, 96 }; /* P-256, P-384 */
	uint8_t rdata[7 + 96] = { 10, 1, 3, 192, 0, 2, 1 };

	memset(rdata + 7, 0x5a, sizeof(rdata) - 7);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		uint8_t written[RDATA_MAX];
		struct writer w = writer_on(written, sizeof(written));
		struct delegation d;

		assert_int_equal(ipseckey_parse(BYTES(rdata, 7 + lens[i]), &d), RECORD_OK);
		assert_int_equal(d.key.type, lens[i] == 64 ? PUBKEY_ECDSA_P256 : PUBKEY_ECDSA_P384);
		assert_true(ipseckey_write(&d, &w));
		assert_true(bytes_equal(writer_view(&w), BYTES(rdata, 7 + lens[i])));
	}
	assert_int_equal(ipseckey_parse(BYTES(rdata, 7), &(struct delegation){ 0 }),
	                 RECORD_MALFORMED);
}

/* KEY-1 */
static void uses_the_host_keys_of_freeswan_only(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "key_rr"), i, v)
	{
		CLEANUP(buf_free) struct buf rdata = vector_octets(v, "rdata");
		uint8_t written[RDATA_MAX];
		struct writer w = writer_on(written, sizeof(written));
		struct delegation d;
		bool use = json_is_true(vector_member(v, "use"));

		assert_int_equal(key_parse(buf_view(&rdata), &d), use ? RECORD_OK : RECORD_FOREIGN);
		if (!use)
			continue;
		assert_int_equal(d.kind, GATEWAY_NONE);
		assert_true(key_write(&d.key, &w));
		rdata.data[3] = 1; /* we write algorithm 1 */
		assert_true(bytes_equal(writer_view(&w), buf_view(&rdata)));
	}
	assert_int_equal(i, 6);
	json_decref(root);
}

static void a_key_that_is_ours_but_cut_is_malformed(void **state)
{
	struct delegation d;

	assert_int_equal(key_parse(BYTES("\x42\0\x04\x01", 4), &d), RECORD_MALFORMED);
	assert_int_equal(key_parse(BYTES("\x42\0\x04", 3), &d), RECORD_MALFORMED);
	assert_int_equal(key_parse(BYTES("\x42\0\x04\x01\x01\x03\x55", 7), &d), RECORD_MALFORMED);
}

static void a_writer_refuses_what_its_record_cannot_say(void **state)
{
	static const uint8_t octets[32] = { 1 };
	struct delegation d = { .precedence = 256, .kind = GATEWAY_NONE, .has_key = true };
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct writer small = writer_on(rdata, 20);

	assert_true(pubkey_from_ed25519(BYTES_OF(octets), &d.key));
	assert_false(ipseckey_write(&d, &w)); /* 8 bits of precedence */
	assert_false(key_write(&d.key, &w));  /* KEY has RSA only */
	assert_false(txt_write(&d, &w));      /* no gateway */
	d.kind = GATEWAY_ADDRESS;
	d.address = ip_v4(192, 0, 2, 1);
	assert_false(txt_write(&d, &w)); /* TXT has RSA only */
	assert_int_equal(w.len, 0);
	d.precedence = 255;
	assert_false(ipseckey_write(&d, &small));
	assert_true(ipseckey_write(&d, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_txt_as_the_vectors_say),
		cmocka_unit_test(joins_the_strings_of_one_record),
		cmocka_unit_test(tells_a_near_miss_from_a_foreign_txt),
		cmocka_unit_test(a_zero_octet_ends_no_address),
		cmocka_unit_test(a_broken_or_endless_txt_is_malformed_if_it_is_ours),
		cmocka_unit_test(reads_and_writes_the_ipseckeys_of_the_vectors),
		cmocka_unit_test(refuses_malformed_ipseckeys),
		cmocka_unit_test(skips_other_algorithms_in_silence),
		cmocka_unit_test(reads_and_writes_ecdsa_keys_of_both_curves),
		cmocka_unit_test(uses_the_host_keys_of_freeswan_only),
		cmocka_unit_test(a_key_that_is_ours_but_cut_is_malformed),
		cmocka_unit_test(a_writer_refuses_what_its_record_cannot_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
