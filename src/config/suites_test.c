#include "util/test.h"

#include "config/suites.h"

/* "1/20/256 2/5 4/31 | ..." */
static void write_suites(const struct suites *suites, struct text *out)
{
	for (size_t i = 0; i < suites->count; i++) {
		if (i > 0)
			text_add(out, " |");
		for (size_t j = 0; j < suites->list[i].count; j++) {
			const struct suite_transform *t = &suites->list[i].transforms[j];

			text_add(out, "%s%u/%u", i + j > 0 ? " " : "", t->type, t->id);
			if (t->key_bits != 0)
				text_add(out, "/%u", t->key_bits);
		}
	}
}

static void check(const char *value, enum suites_use use, const char *want)
{
	CLEANUP(text_free) struct text why = { 0 };
	CLEANUP(text_free) struct text got = { 0 };
	struct suites suites;

	if (!suites_parse(value, use, &suites, &why))
		fail_msg("%s: %s", value, why.s);
	write_suites(&suites, &got);
	if (strcmp(got.s, want) != 0)
		fail_msg("%s: got %s, not %s", value, got.s, want);
}

/* SA-14 */
static void reads_what_ike_is_to_use(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "aes256gcm16-sha256-x25519", "1/20/256 2/5 4/31" },
		{ "aes256-sha256-modp2048", "1/12/256 3/12 2/5 4/14" },
		{ "aes128gcm16-sha512-ecp256, aes256-sha512-dh19",
		  "1/20/128 2/7 4/19 | 1/12/256 3/14 2/7 4/19" },
		{ "aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519-ecp384",
		  "1/20/256 1/20/128 2/6 2/5 4/31 4/20" },
		{ "chacha20poly1305-sha384-modp3072-modp4096", "1/28 2/6 4/15 4/16" },
		{ "aes256-sha256-prfsha512-x25519", "1/12/256 3/12 2/7 4/31" },
		{ "aes_gcm256-sha2_512+sha2_256-dh14+dh31", "1/20/256 2/7 2/5 4/14 4/31" },
		{ "aes-sha2;modp2048", "1/12/128 3/12 2/5 4/14" },
		{ "aes256gcm16", "1/20/256 2/5 2/7 2/6 4/31 4/19 4/14" },
		{ "aes256-aes256-sha256-x25519-x25519", "1/12/256 3/12 2/5 4/31" },
		{ " aes256gcm16-sha256-x25519 , ", "1/20/256 2/5 4/31" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].value, SUITES_IKE, cases[i].want);
}

/* SA-13, SA-14 */
static void reads_what_esp_is_to_use(void **state)
{
	static const struct {
		const char *value, *want;
	} cases[] = {
		{ "aes256gcm16", "1/20/256 5/1 5/0" },
		{ "aes128gcm16-x25519", "1/20/128 4/31 5/1 5/0" },
		{ "aes256-sha256-modp2048", "1/12/256 3/12 4/14 5/1 5/0" },
		{ "chacha20poly1305-noesn", "1/28 5/0" },
		{ "aes256gcm16-esn", "1/20/256 5/1" },
		{ "aes256gcm16-noesn-esn", "1/20/256 5/0 5/1" },
		{ "aes128-sha512,aes256gcm16", "1/12/128 3/14 5/1 5/0 | 1/20/256 5/1 5/0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].value, SUITES_ESP, cases[i].want);
}

/* ALG-1, SA-6, SK-8 */
static void says_what_is_wrong_and_what_to_write(void **state)
{
	static const struct {
		const char *value;
		enum suites_use use;
		const char *why;
	} cases[] = {
		{ "aes265gcm16-sha256-x25519", SUITES_IKE,
		  "no algorithm \"aes265gcm16\"; write aes256gcm16" },
		{ "aes256-sha25-modp2048", SUITES_IKE, "no algorithm \"sha25\"; write sha256" },
		{ "serpent-sha256", SUITES_IKE,
		  "no algorithm \"serpent\"; write one as in "
		  "aes256gcm16-sha256-x25519,aes256-sha256-modp2048" },
		{ "3des-sha256-modp2048", SUITES_IKE,
		  "3des is broken or too weak, and not in this program" },
		{ "aes256-sha1-modp2048", SUITES_IKE,
		  "sha1 is broken or too weak, and not in this program" },
		{ "aes256-md5", SUITES_ESP, "md5 is broken or too weak, and not in this program" },
		{ "null-sha256", SUITES_ESP,
		  "null is broken or too weak, and not in this program" },
		{ "aes256-sha256-modp1024", SUITES_IKE,
		  "modp1024 is broken or too weak, and not in this program" },
		{ "aes256-modp2048", SUITES_IKE,
		  "a cipher without integrity of its own; write a hash behind it, such as "
		  "aes256-sha256" },
		{ "aes256-prfsha256", SUITES_IKE,
		  "a cipher without integrity of its own; write a hash behind it, such as "
		  "aes256-sha256" },
		{ "aes256gcm16-aes256-sha256", SUITES_IKE,
		  "ciphers with and without integrity of their own; write them as two proposals "
		  "with a comma between" },
		{ "sha256-x25519", SUITES_IKE,
		  "a proposal without a cipher; write one, such as aes256gcm16" },
		{ "-", SUITES_IKE, "a proposal without a cipher; write one, such as aes256gcm16" },
		{ "aes256gcm16-sha256", SUITES_ESP,
		  "a hash beside a cipher with integrity of its own; leave the hash out" },
		{ "aes256gcm16-prfsha256", SUITES_ESP, "a PRF is for ike=; leave it out" },
		{ "aes256gcm16-esn", SUITES_IKE, "esn and noesn are for esp=; leave them out" },
		{ "", SUITES_IKE, "nothing in it; write one as in aes256gcm16-sha256-x25519" },
		{ ",,", SUITES_IKE, "nothing in it; write one as in aes256gcm16-sha256-x25519" },
		{ "aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,aes256gcm16,"
		  "aes256gcm16,aes256gcm16,aes256gcm16",
		  SUITES_IKE, "too many proposals; write 8 at most" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(text_free) struct text why = { 0 };
		struct suites suites = { .count = 77 };

		if (suites_parse(cases[i].value, cases[i].use, &suites, &why))
			fail_msg("taken: %s", cases[i].value);
		assert_string_equal(why.s, cases[i].why);
		assert_int_equal(suites.count, 77);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_ike_is_to_use),
		cmocka_unit_test(reads_what_esp_is_to_use),
		cmocka_unit_test(says_what_is_wrong_and_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
