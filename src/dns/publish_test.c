#include "util/test.h"
#include "dns/publish.h"
#include "util/vectors.h"

static struct pubkey rsa_key(const char **base64)
{
	static char text[1024];
	json_t *root = vectors_load("dns");
	const json_t *v = vector_member(root, "rsa_key_rfc3110");
	CLEANUP(buf_free) struct buf octets = vector_octets(v, "octets");
	struct pubkey key;

	assert_true(pubkey_from_rfc3110(buf_view(&octets), &key));
	snprintf(text, sizeof(text), "%s", vector_string(v, "base64"));
	*base64 = text;
	json_decref(root);
	return key;
}

/* RFC 8032 section 7.1, test 1. */
static struct pubkey ed25519_key(void)
{
	CLEANUP(buf_free)
	struct buf octets =
	    vector_octets_of("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	struct pubkey key;

	assert_true(pubkey_from_ed25519(buf_view(&octets), &key));
	return key;
}

#define ED25519_TEXT "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

/* PUB-1 */
static void prints_a_key_record_below_its_comment(void **state)
{
	struct text out = { 0 };
	char expected[2048];
	const char *base64;
	struct pubkey key = rsa_key(&base64);

	publish_comment(&out, &key, "xy.example.com", "Sat Apr 15 13:53:22 2000");
	assert_true(publish_key(&out, NULL, &key));
	snprintf(expected, sizeof(expected),
	         "; RSA 2048 bits   xy.example.com   Sat Apr 15 13:53:22 2000\n"
	         "\tIN KEY 16896 4 1 %s\n",
	         base64);
	assert_string_equal(out.s, expected);
	text_free(&out);
}

/* PUB-1 */
static void splits_a_txt_into_strings_of_255(void **state)
{
	const char *base64;
	struct delegation d = { .precedence = 10, .kind = GATEWAY_ADDRESS, .has_key = true };
	struct text out = { 0 };
	char expected[2048];
	char joined[1024];

	d.address = ip_v4(10, 11, 12, 13);
	d.key = rsa_key(&base64);
	snprintf(joined, sizeof(joined), "X-IPsec-Server(10)=10.11.12.13 %s", base64);
	snprintf(expected, sizeof(expected), "west.example.net.\tIN TXT \"%.255s\" \"%s\"\n",
	         joined, joined + 255);
	assert_true(publish_txt(&out, "west.example.net.", &d));
	assert_string_equal(out.s, expected);
	text_free(&out);
}

/* PUB-1 */
static void prints_a_txt_without_key_and_for_a_name(void **state)
{
	struct delegation d = { .precedence = 20,
		                .kind = GATEWAY_NAME,
		                .name = "road.example.net" };
	struct text out = { 0 };

	assert_true(publish_txt(&out, NULL, &d));
	assert_string_equal(out.s, "\tIN TXT \"X-IPsec-Server(20)=@road.example.net\"\n");
	text_free(&out);
}

/* PUB-1 */
static void prints_an_ipseckey_for_each_kind_of_gateway(void **state)
{
	static const struct {
		enum gateway_kind kind;
		const char *address;
		const char *line;
	} cases[] = {
		{ GATEWAY_NONE, "192.0.2.1", "\tIN IPSECKEY 10 0 4 . " ED25519_TEXT "\n" },
		{ GATEWAY_ADDRESS, "192.0.2.1",
		  "\tIN IPSECKEY 10 1 4 192.0.2.1 " ED25519_TEXT "\n" },
		{ GATEWAY_ADDRESS, "2001:db8::1",
		  "\tIN IPSECKEY 10 2 4 2001:db8::1 " ED25519_TEXT "\n" },
		{ GATEWAY_NAME, "192.0.2.1",
		  "\tIN IPSECKEY 10 3 4 sg.example.net. " ED25519_TEXT "\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delegation d = { .precedence = 10,
			                .kind = cases[i].kind,
			                .has_key = true,
			                .key = ed25519_key() };
		struct text out = { 0 };

		if (d.kind == GATEWAY_NAME)
			strcpy(d.name, "sg.example.net");
		assert_true(ip_parse(cases[i].address, &d.address));
		assert_true(publish_ipseckey(&out, NULL, &d));
		assert_string_equal(out.s, cases[i].line);
		text_free(&out);
	}
}

/* PUB-1: what the servers make of it, tests/e2e/test_zones.py shows. */
static void prints_records_in_the_form_of_rfc_3597(void **state)
{
	struct delegation d = { .precedence = 10, .kind = GATEWAY_ADDRESS, .has_key = true };
	struct text out = { 0 };

	d.address = ip_v4(192, 0, 2, 1);
	d.key = ed25519_key();
	assert_true(publish_generic(&out, "west.", DNS_TYPE_IPSECKEY, &d));
	assert_string_equal(
	    out.s, "west.\tIN TYPE45 \\# 39 0a0104c0000201"
	           "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n");
	assert_false(publish_generic(&out, NULL, DNS_TYPE_TXT, &d));
	assert_false(publish_generic(&out, NULL, DNS_TYPE_KEY, &d));
	assert_false(publish_generic(&out, NULL, DNS_TYPE_A, &d));
	text_free(&out);
	d.has_key = false;
	out = (struct text){ 0 };
	assert_true(publish_generic(&out, NULL, DNS_TYPE_TXT, &d));
	assert_string_equal(out.s, "\tIN TYPE16 \\# 29 1c"
	                           "582d49507365632d536572766572283130293d3139322e302e322e31\n");
	text_free(&out);
}

static void an_rsa_ipseckey_has_algorithm_2_and_no_key_has_0(void **state)
{
	const char *base64;
	struct delegation d = { .precedence = 5, .kind = GATEWAY_NONE, .has_key = true };
	struct text out = { 0 };
	char expected[2048];

	d.key = rsa_key(&base64);
	snprintf(expected, sizeof(expected), "@\tIN IPSECKEY 5 0 2 . %s\n", base64);
	assert_true(publish_ipseckey(&out, "@", &d));
	assert_string_equal(out.s, expected);
	text_free(&out);
	d = (struct delegation){ .kind = GATEWAY_ADDRESS, .address = ip_v4(192, 0, 2, 1) };
	assert_true(publish_ipseckey(&out, NULL, &d));
	assert_string_equal(out.s, "\tIN IPSECKEY 0 1 0 192.0.2.1\n");
	text_free(&out);
}

static void appends_nothing_for_what_a_record_cannot_say(void **state)
{
	struct delegation d = {
		.precedence = 300, .kind = GATEWAY_NONE, .has_key = true, .key = ed25519_key()
	};
	struct text out = { 0 };

	assert_false(publish_key(&out, NULL, &d.key));
	assert_false(publish_txt(&out, NULL, &d));
	assert_false(publish_ipseckey(&out, NULL, &d));
	assert_int_equal(out.len, 0);
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_a_key_record_below_its_comment),
		cmocka_unit_test(splits_a_txt_into_strings_of_255),
		cmocka_unit_test(prints_a_txt_without_key_and_for_a_name),
		cmocka_unit_test(prints_an_ipseckey_for_each_kind_of_gateway),
		cmocka_unit_test(prints_records_in_the_form_of_rfc_3597),
		cmocka_unit_test(an_rsa_ipseckey_has_algorithm_2_and_no_key_has_0),
		cmocka_unit_test(appends_nothing_for_what_a_record_cannot_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
