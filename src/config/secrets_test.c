#include "util/test.h"

#include "config/secrets.h"

/* Two files a test can include or load: a PEM file beside, one in ipsec.d/private. */
static bool read_files(void *ctx, const char *base, const char *pattern,
                       void (*add)(void *add_ctx, const char *name, struct bytes text),
                       void *add_ctx)
{
	static const struct {
		const char *name;
		const char *text;
	} files[] = {
		{ "ipsec.d/private/west.pem",
		  "-----BEGIN PRIVATE KEY-----\nwest\n-----END PRIVATE KEY-----\n" },
		{ "ed.pem", "-----BEGIN PRIVATE KEY-----\ned\n-----END PRIVATE KEY-----\n" },
		{ "keys/text.pem", "hello\n" },
		{ "more.secrets", ": PSK \"more\"\n" },
		{ "circle", "include circle\n" },
	};
	char want[9000];

	snprintf(want, sizeof(want), "%s%s%s", base, base[0] == '\0' ? "" : "/", pattern);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strcmp(files[i].name, want) == 0) {
			add(add_ctx, files[i].name, BYTES_STR(files[i].text));
			return true;
		}
	}
	return false;
}

static const struct conf_reader reader = { NULL, read_files };

static void parse_good(struct secrets *secrets, const char *text)
{
	struct conf_messages m = { 0 };
	bool ok = secrets_parse(secrets, "ipsec.secrets", BYTES_STR(text), &reader, &m);

	if (!ok)
		print_error("%s", m.errors.s);
	assert_true(ok);
	conf_messages_wipe(&m);
}

#define FF16  "ffffffffffffffffffffffffffffffff"
#define FF64  FF16 FF16 FF16 FF16
#define FF256 FF64 FF64 FF64 FF64
#define RSA_BODY                                                                           \
	"\tModulus: 0x00" FF256 "\n"                                                       \
	"\tPublicExponent: 0x3\n"                                                          \
	"\t# everything after this point is secret\n"                                      \
	"\tPrivateExponent: 0x05\n\tPrime1: 0x0700\n\tPrime2: 0sCw==\n\tExponent1: 0x01\n" \
	"\tExponent2: 0x02\n\tCoefficient: 0x09\n"

static void the_inline_key_of_freeswan_is_read(void **state)
{
	struct secrets s;
	const struct rsa_numbers *rsa;

	parse_good(&s, "# made long ago\n: RSA\t{\n\t# RSA 2048 bits   west   Sat Apr 15 2000\n"
	               "\t#pubkey=0sAQ\n" RSA_BODY "\t}\n# do not change the indenting of that "
	               "\"}\"\n");
	assert_int_equal(s.count, 1);
	assert_int_equal(s.entries[0].kind, SECRET_RSA_INLINE);
	assert_false(s.entries[0].is_next);
	assert_int_equal(s.entries[0].id_count, 0);
	assert_int_equal(s.entries[0].line, 2);
	rsa = &s.entries[0].rsa;
	assert_int_equal(rsa->modulus.len, 256);
	assert_int_equal(rsa->modulus.data[0], 0xff);
	assert_int_equal(rsa->public_exponent.len, 1);
	assert_int_equal(rsa->public_exponent.data[0], 3);
	assert_int_equal(rsa->prime1.len, 2);
	assert_int_equal(rsa->prime2.data[0], 11);
	assert_int_equal(rsa->coefficient.data[0], 9);
	secrets_wipe(&s);
	assert_null(s.entries);
}

static void an_inline_key_may_stand_on_one_line_or_close_in_the_first_column(void **state)
{
	static const char *const texts[] = {
		": RSA {\n" RSA_BODY "}\n: PSK \"x\"\n",
		"@west.example.net : rsa\n {\n" RSA_BODY " }\n\n: PSK \"x\"",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct secrets s;

		parse_good(&s, texts[i]);
		assert_int_equal(s.count, 2);
		assert_int_equal(s.entries[0].kind, SECRET_RSA_INLINE);
		assert_int_equal(s.entries[1].kind, SECRET_PSK);
		secrets_wipe(&s);
	}
}

static void key_files_come_from_ipsec_d_private_or_beside(void **state)
{
	struct secrets s;

	parse_good(&s, ": RSA west.pem\n: ED25519 \"ed.pem\"\n: RSA-NEXT ipsec.d/private/west.pem\n"
	               ": ED25519-NEXT ed.pem # later\n"
	               ": ECDSA ed.pem\n: ECDSA-NEXT ed.pem\n");
	assert_int_equal(s.count, 6);
	assert_int_equal(s.entries[4].kind, SECRET_ECDSA_FILE);
	assert_false(s.entries[4].is_next);
	assert_int_equal(s.entries[5].kind, SECRET_ECDSA_FILE);
	assert_true(s.entries[5].is_next);
	assert_int_equal(s.entries[0].kind, SECRET_RSA_FILE);
	assert_string_equal(s.entries[0].file, "west.pem");
	assert_non_null(memmem(s.entries[0].pem.data, s.entries[0].pem.len, "west", 4));
	assert_int_equal(s.entries[1].kind, SECRET_ED25519_FILE);
	assert_false(s.entries[1].is_next);
	assert_int_equal(s.entries[2].kind, SECRET_RSA_FILE);
	assert_true(s.entries[2].is_next);
	assert_true(s.entries[3].is_next);
	secrets_wipe(&s);
}

static void shared_secrets_have_three_forms(void **state)
{
	struct secrets s;

	parse_good(&s, "192.0.2.1 @East.example.net : PSK \"so # secret\"\n"
	               "192.0.2.1: PSK 0x0102ff\n"
	               "2001:db8::1 %any : PSK\n\t0sAQI=\n"
	               "2001:db8:: : PSK 'x'\n"
	               "include more.secrets\n");
	assert_int_equal(s.count, 5);
	assert_int_equal(s.entries[0].id_count, 2);
	assert_string_equal(s.entries[0].ids[1].fqdn, "east.example.net");
	assert_int_equal(s.entries[0].psk.len, 11);
	assert_memory_equal(s.entries[0].psk.data, "so # secret", 11);
	assert_int_equal(s.entries[1].id_count, 1);
	assert_int_equal(s.entries[1].psk.len, 3);
	assert_int_equal(s.entries[1].psk.data[2], 0xff);
	assert_int_equal(s.entries[2].id_count, 1);
	assert_int_equal(s.entries[2].psk.len, 2);
	assert_int_equal(s.entries[3].ids[0].kind, CONF_ID_ADDRESS);
	assert_int_equal(s.entries[4].psk.len, 4);
	secrets_wipe(&s);
}

static void an_empty_file_has_no_secrets(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# x", "  # x\n\t\n", "\r\n" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct secrets s;

		parse_good(&s, texts[i]);
		assert_int_equal(s.count, 0);
		secrets_wipe(&s);
	}
}

static void a_wrong_entry_is_explained_without_its_secret(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "hush\n", "1: hush: names are not looked up here; write @hush" },
		{ "@a\n", "1: an entry is IDENTITIES : KIND SECRET; there is no colon here" },
		{ "\n: PSK \"hush\n", "2: the quotation does not end on this line" },
		{ ": PSK hush\n",
		  "1: PSK: write the secret in quotes, or 0x and hexadecimal digits, "
		  "or 0s and base64" },
		{ ": PSK \"\"\n",
		  "1: PSK: a secret has 1 to 1024 octets; 32 random ones are good" },
		{ ": PSK\n", "1: PSK: write the secret behind it, in quotes" },
		{ ": XAUTH \"hush\"\n",
		  "1: what follows the colon is not known; write RSA, ED25519, ECDSA, PSK or PPK" },
		{ ": PSK \"x\" \"hush\"\n", "1: something follows the secret; begin a new entry in "
		                            "the first column" },
		{ " : PSK \"hush\"\n",
		  "1: an entry begins in the first column; this line is indented" },
		{ ": RSA { Modulus: 0x05 }\n",
		  "1: RSA: the key is not complete; it has eight numbers" },
		{ ": RSA {\n Modulus: hush\n }\n",
		  "2: RSA: not a number; write 0x and hexadecimal digits" },
		{ ": RSA {\n Module: 0x05\n }\n",
		  "2: RSA: not one of the numbers of a key; copy the whole key anew" },
		{ ": RSA {\n Modulus: 0x05\n Modulus: 0x05 }\n",
		  "3: RSA: a number of the key stands there twice" },
		{ ": RSA {\n Modulus: 0x05 PublicExponent: 3 }\n",
		  "2: RSA: not a number; write 0x and hexadecimal digits" },
		{ ": RSA { Modulus: 0x05 PublicExponent: 0x3 PrivateExponent: 0x1 Prime1: 0x1 "
		  "Prime2: 0x1 Exponent1: 0x1 Exponent2: 0x1 Coefficient: 0x1 }\n",
		  "1: RSA: the key is too weak or damaged (2048 to 8192 bits); make one with ipsec "
		  "newhostkey" },
		{ ": RSA {\n Modulus: 0x05\n",
		  "2: RSA: the key has no end; write } behind it, indented" },
		{ ": RSA\n", "1: RSA: write { and the key, or a file name" },
		{ ": PPK west\n", "1: PPK: write its name in quotes behind it, then the secret" },
		{ ": PPK \"west\"\n", "1: PSK: write the secret behind it, in quotes" },
		{ ": ECDSA\n", "1: ECDSA: write the name of a PEM file behind it" },
		{ ": ED25519\n", "1: ED25519: write the name of a PEM file behind it" },
		{ ": RSA none.pem\n", "1: none.pem: this key file cannot be read; it belongs to "
		                      "root, mode 0600, in ipsec.d/private" },
		{ ": RSA *.pem\n", "1: *.pem: one key is one file; write its name" },
		{ ": RSA keys/text.pem\n",
		  "1: keys/text.pem: no private key in PEM form is in this file" },
		{ "include nothing\n",
		  "1: nothing: this file cannot be read; it belongs to root, mode 0600" },
		{ "include\n", "1: include: one file name, please: include FILE" },
		{ "@a @b @c @d @e @f @g @h @i : PSK \"x\"\n",
		  "1: @i: more than 8 identities; write several entries" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct secrets s;
		struct conf_messages m = { 0 };
		char want[256];

		assert_false(
		    secrets_parse(&s, "ipsec.secrets", BYTES_STR(cases[i].text), &reader, &m));
		snprintf(want, sizeof(want), "ipsec.secrets:%s\n", cases[i].want);
		assert_string_equal(m.errors.s, want);
		assert_int_equal(m.error_count, 1);
		assert_int_equal(s.count, 0);
		if (i > 0)
			assert_null(strstr(m.errors.s, "hush"));
		conf_messages_wipe(&m);
	}
}

static void one_wrong_entry_does_not_hide_the_next(void **state)
{
	struct secrets s;
	struct conf_messages m = { 0 };

	assert_false(secrets_parse(&s, "f",
	                           BYTES_STR(": RSA {\n Nonsense: 0x1\n\tPrime1: 0x3\n\t}\n"
	                                     ": PSK\n: WHAT x\n: PSK \"good\"\n"),
	                           &reader, &m));
	assert_int_equal(m.error_count, 3);
	conf_messages_wipe(&m);
}

static void a_circle_of_includes_ends(void **state)
{
	struct secrets s;
	struct conf_messages m = { 0 };

	assert_false(secrets_parse(&s, "f", BYTES_STR("include circle\n"), &reader, &m));
	assert_non_null(strstr(m.errors.s, "is this a circle?"));
	conf_messages_wipe(&m);
}

static void the_secret_that_names_most_is_found(void **state)
{
	static const struct {
		const char *ours;
		const char *theirs;
		long want;
	} cases[] = {
		{ "192.0.2.1", "198.51.100.1", 2 },      { "192.0.2.1", "198.51.100.2", 1 },
		{ "192.0.2.1", "203.0.113.1", 4 },       { "192.0.2.9", "203.0.113.1", 3 },
		{ "192.0.2.9", "198.51.100.1", 3 },      { "192.0.2.9", "@east.example.net", 5 },
		{ "@east.example.net", "192.0.2.9", 5 },
	};
	struct secrets s;

	parse_good(&s, ": RSA west.pem\n"
	               "198.51.100.2 %any : PSK \"peer\"\n"
	               "198.51.100.1 192.0.2.1 : PSK \"both\"\n"
	               ": PSK \"any\"\n"
	               "192.0.2.1 : PSK \"ours\"\n"
	               "@EAST.example.net 192.0.2.9 : PSK \"names\"\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_id id[2] = { 0 };
		const char *words[2] = { cases[i].ours, cases[i].theirs };

		for (size_t k = 0; k < 2; k++) {
			id[k].kind = words[k][0] == '@' ? CONF_ID_FQDN : CONF_ID_ADDRESS;
			if (words[k][0] == '@')
				strcpy(id[k].fqdn, words[k] + 1);
			else
				assert_true(ip_parse(words[k], &id[k].address));
		}
		assert_int_equal(secrets_find_psk(&s, &id[0], &id[1]), cases[i].want);
	}
	secrets_wipe(&s);
}

static void no_secret_is_found_where_none_fits(void **state)
{
	struct secrets s;
	struct conf_id a = { .kind = CONF_ID_ADDRESS, .address = ip_v4(192, 0, 2, 1) };
	struct conf_id b = { .kind = CONF_ID_FQDN, .fqdn = "b.example" };

	parse_good(&s, "192.0.2.1 192.0.2.2 : PSK \"others\"\n: RSA west.pem\n");
	assert_int_equal(secrets_find_psk(&s, &a, &b), -1);
	secrets_wipe(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_inline_key_of_freeswan_is_read),
		cmocka_unit_test(an_inline_key_may_stand_on_one_line_or_close_in_the_first_column),
		cmocka_unit_test(key_files_come_from_ipsec_d_private_or_beside),
		cmocka_unit_test(shared_secrets_have_three_forms),
		cmocka_unit_test(an_empty_file_has_no_secrets),
		cmocka_unit_test(a_wrong_entry_is_explained_without_its_secret),
		cmocka_unit_test(one_wrong_entry_does_not_hide_the_next),
		cmocka_unit_test(a_circle_of_includes_ends),
		cmocka_unit_test(the_secret_that_names_most_is_found),
		cmocka_unit_test(no_secret_is_found_where_none_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
