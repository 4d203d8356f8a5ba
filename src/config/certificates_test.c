#include "crypto/pki_bed.h"

#include "config/conf.h"
#include "crypto/pkey.h"
#include "crypto/x509.h"

/* Files beside ipsec.conf. */
static struct file {
	const char *path;
	struct buf text;
} files[4];

static struct authority root;
static X509 *west;

static bool read_files(void *ctx, const char *base, const char *pattern,
                       void (*add)(void *add_ctx, const char *name, struct bytes text),
                       void *add_ctx)
{
	size_t len = strcspn(pattern, "*");
	bool is_glob = pattern[len] == '*';
	bool found = is_glob || strchr(pattern, '[') != NULL;

	assert_string_equal(base, "");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i].path == NULL ||
		    strncmp(files[i].path, pattern, is_glob ? len : len + 1) != 0)
			continue;
		add(add_ctx, files[i].path, buf_view(&files[i].text));
		found = true;
	}
	return found;
}

static int set_up(void **state)
{
	const struct leaf_wish wish = { .subject = "west", .san = "DNS:west.example.net" };

	root = authority_new("Root", NULL, 100);
	west = leaf_new(&root, &wish);
	files[0] = (struct file){ "ipsec.d/certs/west.pem", certificate_pem(west) };
	files[1] = (struct file){ "ipsec.d/cacerts/root.pem", certificate_pem(root.certificate) };
	files[2] = (struct file){ "ipsec.d/certs/empty.pem", buf_copy(BYTES_STR("nothing")) };
	return 0;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		buf_free(&files[i].text);
	X509_free(west);
	authority_wipe(&root);
	return 0;
}

static bool parse(struct conf *conf, struct conf_messages *m, const char *lines)
{
	const struct conf_reader reader = { NULL, read_files };
	CLEANUP(text_free) struct text text = { 0 };

	*m = (struct conf_messages){ 0 };
	text_add(&text, "conn a\n\tleft=192.0.2.1\n\tright=192.0.2.2\n\tauto=add\n%s", lines);
	return conf_parse(conf, "ipsec.conf", BYTES(text.s, text.len), &reader, m);
}

static void a_certificate_brings_key_and_name(void **state)
{
	struct conf_messages m;
	struct conf conf;
	struct pubkey key;
	char name[128];

	assert_true(pkey_public(X509_get0_pubkey(west), &key));
	assert_true(parse(&conf, &m, "\tleftcert=west.pem\n\trightca=%same\n"));
	assert_int_equal(m.warning_count, 0);
	assert_true(conf.conns[0].left.has_key);
	assert_true(pubkey_equal(&conf.conns[0].left.key, &key));
	assert_int_equal(conf.conns[0].left.id.kind, CONF_ID_DN);
	dn_text(BYTES(conf.conns[0].left.id.octets, conf.conns[0].left.id.len), name, sizeof(name));
	assert_string_equal(name, "C=CH, O=Example\\, Ltd, CN=west");
	assert_false(conf.conns[0].left.takes_cert);
	assert_true(conf.conns[0].right.takes_cert);
	dn_text(buf_view(&conf.conns[0].right.issuer), name, sizeof(name));
	assert_string_equal(name, "C=CH, O=Example\\, Ltd, CN=Root");
	assert_int_equal(x509_trust_cas(conf.trust), 1);
	conf_wipe(&conf);
}

/* Of which peers a certificate is taken. */
static void what_is_said_of_the_peers_key_comes_first(void **state)
{
	static const struct {
		const char *lines;
		bool takes;
	} cases[] = {
		{ "", false },
		{ "\tleftcert=west.pem\n", true },
		{ "\tleftcert=west.pem\n\trightsigkey=%dns\n", false },
		{ "\tleftcert=west.pem\n\trightsigkey="
		  "0sMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
		  false },
		{ "\tleftcert=west.pem\n\tauthby=secret\n", false },
		{ "\trightsigkey=%cert\n", true },
		{ "\trightca=\"C=CH, CN=Root\"\n", true },
		{ "\trightcert=west.pem\n", false }, /* its key is known */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_messages m;
		struct conf conf;

		assert_true(parse(&conf, &m, cases[i].lines));
		assert_int_equal(conf.conns[0].right.takes_cert, cases[i].takes);
		conf_wipe(&conf);
		conf_messages_wipe(&m);
	}
}

static void what_is_wrong_with_a_certificate_is_told(void **state)
{
	static const struct {
		const char *lines;
		const char *error;
	} cases[] = {
		{ "\tleftcert=east.pem\n",
		  "leftcert=east.pem: this file cannot be read; put it into ipsec.d/certs" },
		{ "\tleftcert=*.pem\n", "this file cannot be read" },
		{ "\tleftcert=empty.pem\n", "no certificate is in this file" },
		{ "\tleftcert=west.pem\n\tleftsigkey="
		  "0sMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n",
		  "the certificate is of another key" },
		{ "\tleftca=Root\n", "not a distinguished name" },
		{ "\tleftid=\"C=Switzerland\"\n", "not a distinguished name" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_messages m;
		struct conf conf;

		assert_false(parse(&conf, &m, cases[i].lines));
		assert_non_null(strstr(m.errors.s, cases[i].error));
		conf_messages_wipe(&m);
	}
}

static void a_broken_ca_is_left_out(void **state)
{
	struct conf_messages m;
	struct conf conf;

	files[3] = (struct file){ "ipsec.d/cacerts/west.pem", certificate_pem(west) };
	assert_true(parse(&conf, &m, "\tleftcert=west.pem\n"));
	assert_non_null(strstr(m.warnings.s, "ipsec.d/cacerts/west.pem:1: left out"));
	assert_int_equal(x509_trust_cas(conf.trust), 1);
	conf_wipe(&conf);
	conf_messages_wipe(&m);
	buf_free(&files[3].text);
	files[3] = (struct file){ 0 };
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_brings_key_and_name),
		cmocka_unit_test(what_is_said_of_the_peers_key_comes_first),
		cmocka_unit_test(what_is_wrong_with_a_certificate_is_told),
		cmocka_unit_test(a_broken_ca_is_left_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
