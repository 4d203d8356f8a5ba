#include "util/test.h"

#include "config/conf.h"

static bool read_nothing(void *ctx, const char *base, const char *pattern,
                         void (*add)(void *add_ctx, const char *name, struct bytes text),
                         void *add_ctx)
{
	return strpbrk(pattern, "*[") != NULL; /* globs that match nothing */
}

/* A conn of two gateways with these lines in it. */
static bool parse(struct conf *conf, struct conf_messages *m, const char *lines)
{
	const struct conf_reader reader = { NULL, read_nothing };
	CLEANUP(text_free) struct text text = { 0 };

	*m = (struct conf_messages){ 0 };
	text_add(&text, "conn a\n\tleft=192.0.2.1\n\tright=192.0.2.2\n\tauto=add\n%s", lines);
	return conf_parse(conf, "ipsec.conf", BYTES(text.s, text.len), &reader, m);
}

static void every_word_about_the_peer_is_read(void **state)
{
	struct conf_messages m;
	struct conf conf;
	const struct conn_dealings *d;

	assert_true(parse(&conf, &m,
	                  "\tikelifetime=3h\n\tkeylife=20m\n\trekey=no\n\trekeymargin=90\n"
	                  "\trekeyfuzz=50%\n\tpfs=no\n\tdpddelay=10\n\tdpdtimeout=1.5m\n"
	                  "\tdpdaction=restart\n\tencapsulation=yes\n"
	                  "\tcopy-dscp=yes\n"
	                  "\tike=aes256-sha2_256;modp2048, aes128gcm16-sha256-x25519\n"
	                  "\tlifebytes=20G\n\tlifepackets=1000000\n"
	                  "\tesp=aes128gcm16\n\trightca=\"C=CH, CN=Root\"\n"
	                  "\tleftsendcert=always\n"
	                  "config setup\n\tuniqueids=no\n"));
	d = &conf.conns[0].dealings;
	assert_int_equal(d->ikelifetime_s, 3 * 3600);
	assert_int_equal(d->keylife_s, 20 * 60);
	assert_true(d->life_octets == 20000000000);
	assert_true(d->life_packets == 1000000);
	assert_true(d->has_no_rekey);
	assert_int_equal(d->rekeymargin_s, 90);
	assert_true(d->has_rekeyfuzz);
	assert_int_equal(d->rekeyfuzz_percent, 50);
	assert_true(d->has_no_pfs);
	assert_int_equal(d->dpddelay_s, 10);
	assert_int_equal(d->dpdtimeout_s, 90);
	assert_int_equal(d->dpdaction, DPD_RESTART);
	assert_true(d->encapsulation);
	assert_true(d->copies_dscp);
	assert_string_equal(d->ike, "aes256-sha2_256;modp2048, aes128gcm16-sha256-x25519");
	assert_string_equal(d->esp, "aes128gcm16");
	assert_string_equal(conf.conns[0].right.ca, "C=CH, CN=Root");
	assert_true(conf.conns[0].right.takes_cert);
	assert_int_equal(conf.conns[0].left.send_cert, SEND_CERT_ALWAYS);
	assert_true(conf.setup.has_shared_ids);
	conf_wipe(&conf);
	conf_messages_wipe(&m);
}

static void what_is_not_said_is_left_to_the_defaults(void **state)
{
	static const struct conn_dealings none = { .dpdaction = DPD_HOLD };
	struct conf_messages m;
	struct conf conf;

	assert_true(parse(&conf, &m, ""));
	assert_memory_equal(&conf.conns[0].dealings, &none, sizeof(none));
	assert_int_equal(conf.conns[0].left.send_cert, SEND_CERT_ASKED);
	assert_false(conf.setup.has_shared_ids);
	conf_wipe(&conf);
}

static void several_subnets_of_one_end(void **state)
{
	struct conf_messages m;
	struct conf conf;
	const struct conn_end *left;
	struct ip in = ip_v4(10, 2, 3, 4), out = ip_v4(10, 3, 0, 0);

	assert_true(parse(&conf, &m, "\tleftsubnet=10.1.0.0/16, 10.2.0.0/16 2001:db8::/48\n"));
	left = &conf.conns[0].left;
	assert_int_equal(left->subnet_count, 3);
	assert_string_equal(range_text(&left->subnets[1]).s, "10.2.0.0/16");
	assert_string_equal(range_text(&left->subnets[2]).s, "2001:db8::/48");
	assert_true(conn_end_contains(left, &in));
	assert_false(conn_end_contains(left, &out));
	conf_wipe(&conf);
}

static void mistakes_are_told_with_what_to_write(void **state)
{
	static const struct {
		const char *line;
		const char *want;
	} cases[] = {
		{ "keylife=4", "too short; write 5 or more" },
		{ "lifebytes=999k", "too few; write 1000000 or more" },
		{ "lifebytes=1Gb", "not an amount" },
		{ "lifebytes=999999999T", "not an amount" },
		{ "lifepackets=k", "not an amount" },
		{ "keylife=25h", "not a time; write seconds from 0 to 86400, or a number with s, "
		                 "m, h or d" },
		{ "keylife=1.5", "not a time; write seconds from 0 to 86400, or a number with s, "
		                 "m, h or d" },
		{ "lifetime=1h", "unknown key; the nearest known one is keylife" },
		{ "salifetime=1h", "unknown key; the nearest known one is keylife" },
		{ "ikelifetim=1h", "unknown key; the nearest known one is ikelifetime" },
		{ "dpdactoin=hold", "unknown key; the nearest known one is dpdaction" },
		{ "rekey=maybe", "no such value; write no or yes" },
		{ "rekeyfuzz=50%%", "not a percentage; write one from 0% to 1000%" },
		{ "rekeyfuzz=1001%", "not a number; write one from 0 to 1000" },
		{ "dpdaction=restrat", "no such value; write restart" },
		{ "uniqueids=no", "this key belongs in config setup; move it there" },
		{ "leftsubnet=10.0.0.0/8,10.1.0.0/16",
		  "10.1.0.0/16 is in it twice; write it once" },
		{ "leftsubnet=\"10.1.0.0/24 10.1.1.0/24 10.1.2.0/24 10.1.3.0/24 10.1.4.0/24 "
		  "10.1.5.0/24 10.1.6.0/24 10.1.7.0/24 10.1.8.0/24\"",
		  "more than 8 subnets; write another conn for the rest" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_messages m;
		struct conf conf;
		CLEANUP(text_free) struct text line = { 0 };

		text_add(&line, "\t%s\n", cases[i].line);
		assert_false(parse(&conf, &m, line.s));
		if (strstr(m.errors.s, cases[i].want) == NULL)
			print_error("%s: %s", cases[i].line, m.errors.s);
		assert_non_null(strstr(m.errors.s, cases[i].want));
		assert_int_equal(m.error_count, 1);
		conf_messages_wipe(&m);
	}
}

static void words_that_contradict_each_other_are_told(void **state)
{
	static const char *const lines[] = {
		"\tkeylife=10m\n\trekeymargin=6m\n",
		"\tikelifetime=10m\n\trekeymargin=5m\n\trekeyfuzz=100%\n",
		"\tdpddelay=30\n\tdpdtimeout=20\n",
		"\tleftnat=192.0.2.1\n\tleftsubnet=10.1.0.0/24,10.2.0.0/24\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct conf_messages m;
		struct conf conf;

		assert_false(parse(&conf, &m, lines[i]));
		assert_non_null(strstr(m.errors.s, "ipsec.conf:1: conn a: "));
		assert_int_equal(m.error_count, 1);
		conf_messages_wipe(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_about_the_peer_is_read),
		cmocka_unit_test(what_is_not_said_is_left_to_the_defaults),
		cmocka_unit_test(several_subnets_of_one_end),
		cmocka_unit_test(mistakes_are_told_with_what_to_write),
		cmocka_unit_test(words_that_contradict_each_other_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
