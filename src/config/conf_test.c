#include "util/test.h"

#include "config/conf.h"

/* Included files of a test: name, text, name, text, NULL. */
struct files {
	const char *const *list;
};

static bool read_files(void *ctx, const char *base, const char *pattern,
                       void (*add)(void *add_ctx, const char *name, struct bytes text),
                       void *add_ctx)
{
	struct files *files = ctx;
	size_t len = strcspn(pattern, "*");
	char want[256];
	const char *bracket = strchr(pattern, '['); /* [p]rivate: that file, if it is there */
	bool found = pattern[len] == '*' || bracket != NULL;

	snprintf(want, sizeof(want), "%s%s%.*s", base, base[0] == '\0' ? "" : "/", (int)len,
	         pattern);
	if (bracket != NULL)
		snprintf(want, sizeof(want), "%s%s%.*s%c%s", base, base[0] == '\0' ? "" : "/",
		         (int)(bracket - pattern), pattern, bracket[1], bracket + 3);
	for (size_t i = 0; files->list != NULL && files->list[i] != NULL; i += 2) {
		if (pattern[len] == '*' ? strncmp(files->list[i], want, strlen(want)) != 0
		                        : strcmp(files->list[i], want) != 0)
			continue;
		found = true;
		add(add_ctx, files->list[i], BYTES_STR(files->list[i + 1]));
	}
	return found;
}

/* Parses `text` with `list` as the files it may include. */
static bool parse(struct conf *conf, const char *text, const char *const *list,
                  struct conf_messages *m)
{
	struct files files = { list };
	struct conf_reader reader = { &files, read_files };

	*m = (struct conf_messages){ 0 };
	return conf_parse(conf, "ipsec.conf", BYTES_STR(text), &reader, m);
}

/* Parses what must be right. */
static void parse_good(struct conf *conf, const char *text)
{
	struct conf_messages m;
	bool ok = parse(conf, text, NULL, &m);

	if (!ok)
		print_error("%s", m.errors.s);
	assert_true(ok);
	assert_int_equal(m.error_count, 0);
	assert_null(m.warnings.s);
	conf_messages_wipe(&m);
}

static void assert_errors(const char *text, const char *want)
{
	struct conf conf;
	struct conf_messages m;

	assert_false(parse(&conf, text, NULL, &m));
	assert_string_equal(m.errors.s, want);
	assert_int_equal(conf.conn_count, 0);
	assert_null(conf.conns);
	conf_messages_wipe(&m);
}

#define HOWTO(subnet)                                                      \
	"conn client-to-anyone\t# for our client subnet\n"                 \
	"\tleftsubnet=" subnet "\t# any single client in our subnet\n"     \
	"\talso=sg-to-anyone\t# rest is same as for SG\n"                  \
	"\n"                                                               \
	"conn sg-to-anyone\t# for our Security Gateway\n"                  \
	"\tleft=%defaultroute\t# our SG (defaults leftnexthop too)\n"      \
	"\tright=%opportunistic\n"                                         \
	"\tauthby=rsasig\t# almost always the right choice\n"              \
	"\tkeyingtries=2\t# don't be persistent -- peer might disappear\n" \
	"\tauto=route\t# enable at ipsec startup\n"

static void the_two_conns_of_the_howto_work_as_written(void **state)
{
	struct conf conf;

	parse_good(&conf, HOWTO("10.3.2.0/24"));
	assert_int_equal(conf.conn_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct conn *c = &conf.conns[i];

		assert_string_equal(c->name, i == 0 ? "client-to-anyone" : "sg-to-anyone");
		assert_int_equal(c->left.kind, END_DEFAULTROUTE);
		assert_int_equal(c->left.subnet_count, i == 0);
		assert_int_equal(c->right.kind, END_OPPORTUNISTIC);
		assert_int_equal(c->auth, CONN_RSASIG);
		assert_int_equal(c->keyingtries, 2);
		assert_int_equal(c->auto_action, AUTO_ROUTE);
		assert_int_equal(c->type, CONN_TUNNEL);
		assert_int_equal(c->failure, SHUNT_PASSTHROUGH);
		assert_string_equal(c->file, "ipsec.conf");
		assert_int_equal(c->line, i == 0 ? 1 : 5);
	}
	assert_string_equal(range_text(&conf.conns[0].left.subnets[0]).s, "10.3.2.0/24");
	assert_true(conf.setup.uses_defaultroute);
	conf_wipe(&conf);
}

static void the_misprint_of_the_howto_is_explained(void **state)
{
	assert_errors(
	    "version 2\n\nconfig setup\n\tinterfaces=%defaultroute\n\n\n\n" HOWTO("10.3.2.1.0/24"),
	    "ipsec.conf:9: leftsubnet=10.3.2.1.0/24: an IPv4 address has four numbers; "
	    "write 10.3.2.0/24\n");
}

static void every_key_of_setup_is_read(void **state)
{
	struct conf conf;

	parse_good(&conf, "version 2.0\n"
	                  "config setup\n"
	                  "  interfaces=\"ipsec0=eth0 ipsec1=ppp0\"\n"
	                  "  dns = 192.0.2.53, 2001:db8::53\n"
	                  "  dns-users=unbound bind\n"
	                  "  dnssec=require\n"
	                  "  trust-anchor=/etc/anchor\n"
	                  "  shunt-idle=10m\n"
	                  "  tunnel-idle=5m\n"
	                  "  daemon-down=0\n"
	                  "  mark-mask=0x000f0000\n"
	                  "  route-bypass=yes\n"
	                  "  seccomp=no\n"
	                  "  log=\"/var/log/wild swan\"\n"
	                  "  overload=passthrough\n"
	                  "  x-mine=whatever\n");
	assert_false(conf.setup.uses_defaultroute);
	assert_int_equal(conf.setup.interface_count, 2);
	assert_string_equal(conf.setup.interfaces[0], "eth0");
	assert_string_equal(conf.setup.interfaces[1], "ppp0");
	assert_int_equal(conf.setup.dns_count, 2);
	assert_string_equal(ip_text(&conf.setup.dns[1]).s, "2001:db8::53");
	assert_true(conf.setup.has_dns_users);
	assert_int_equal(conf.setup.dns_user_count, 2);
	assert_string_equal(conf.setup.dns_users[1], "bind");
	assert_int_equal(conf.setup.dnssec, DNSSEC_REQUIRE);
	assert_string_equal(conf.setup.trust_anchor, "/etc/anchor");
	assert_int_equal(conf.setup.shunt_idle_s, 600);
	assert_true(conf.setup.overload_passes);
	assert_int_equal(conf.setup.tunnel_idle_s, 300);
	assert_int_equal(conf.setup.daemon_down_s, 0);
	assert_int_equal(conf.setup.mark_mask, 0x000f0000);
	assert_true(conf.setup.route_bypass);
	assert_false(conf.setup.seccomp);
	assert_string_equal(conf.setup.log, "/var/log/wild swan");
	conf_wipe(&conf);
}

static void an_empty_file_means_the_defaults(void **state)
{
	static const char *const texts[] = {
		"",
		"# nothing\n",
		"config setup\n",
		"config setup\n\tdnssec=\n\tshunt-idle=\n",
		"\r\n  # x\r\nconfig setup\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf conf;

		parse_good(&conf, texts[i]);
		assert_true(conf.setup.uses_defaultroute);
		assert_int_equal(conf.setup.dns_count, 0);
		assert_false(conf.setup.has_dns_users);
		assert_int_equal(conf.setup.dnssec, DNSSEC_PREFER);
		assert_string_equal(conf.setup.trust_anchor, "/usr/share/dns/root.key");
		assert_int_equal(conf.setup.shunt_idle_s, 900);
		assert_int_equal(conf.setup.daemon_down_s, 30);
		assert_int_equal(conf.setup.mark_mask, 0x0f000000);
		assert_false(conf.setup.route_bypass);
		assert_true(conf.setup.seccomp);
		assert_null(conf.setup.log);
		/* Out of the box: private-or-clear, to everywhere (POL-4). */
		assert_int_equal(conf.conn_count, 1);
		assert_string_equal(conf.conns[0].name, "private-or-clear");
		assert_int_equal(conf.conns[0].entries.count, 2);
		conf_wipe(&conf);
	}
}

static void every_key_of_a_conn_is_read_on_both_sides(void **state)
{
	struct conf conf;
	const struct conn *c;

	parse_good(&conf, "conn west-east\n"
	                  " left=192.0.2.1\n"
	                  " leftsubnet=10.1.0.0/255.255.0.0\n"
	                  " leftid=@West.Example.NET\n"
	                  " leftnexthop=192.0.2.254\n"
	                  " leftnat=192.0.2.7\n"
	                  " right=198.51.100.1\n"
	                  " rightsubnet=2001:db8:2::/48\n"
	                  " rightid=198.51.100.1\n"
	                  " rightnexthop=%direct\n"
	                  " rightrsasigkey=%dns\n"
	                  " authby=secret\n"
	                  " type=tunnel\n"
	                  " failureshunt=reject\n"
	                  " keyingtries=%forever\n"
	                  " auto=start\n");
	assert_int_equal(conf.conn_count, 1);
	c = &conf.conns[0];
	assert_string_equal(c->name, "west-east");
	assert_int_equal(c->left.kind, END_ADDRESS);
	assert_string_equal(ip_text(&c->left.address).s, "192.0.2.1");
	assert_string_equal(range_text(&c->left.subnets[0]).s, "10.1.0.0/16");
	assert_int_equal(c->left.id.kind, CONF_ID_FQDN);
	assert_string_equal(c->left.id.fqdn, "west.example.net");
	assert_string_equal(ip_text(&c->left.nat).s, "192.0.2.7");
	assert_string_equal(range_text(&c->right.subnets[0]).s, "2001:db8:2::/48");
	assert_int_equal(c->right.id.kind, CONF_ID_ADDRESS);
	assert_false(c->right.has_key);
	assert_int_equal(c->auth, CONN_SECRET);
	assert_int_equal(c->failure, SHUNT_REJECT);
	assert_int_equal(c->keyingtries, 0);
	assert_int_equal(c->auto_action, AUTO_START);
	conf_wipe(&conf);
}

/* AUT-12; leftpubkey= is another word for leftsigkey= */
static void a_key_may_be_a_subject_public_key_info(void **state)
{
	static const char text[] =
	    "conn c\n left=192.0.2.1\n right=192.0.2.2\n"
	    " leftsigkey=0sMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    " rightpubkey=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n";
	struct conf conf;

	parse_good(&conf, text);
	assert_true(conf.conns[0].left.has_key && conf.conns[0].right.has_key);
	assert_int_equal(conf.conns[0].left.key.type, PUBKEY_ED25519);
	assert_true(pubkey_equal(&conf.conns[0].left.key, &conf.conns[0].right.key));
	conf_wipe(&conf);
}

/* AUT-10 */
static void identities_have_four_forms(void **state)
{
	static const struct {
		const char *value;
		enum conf_id_kind kind;
		const char *name;
	} cases[] = {
		{ "192.0.2.7", CONF_ID_ADDRESS, "" },
		{ "@West.Example.net", CONF_ID_FQDN, "west.example.net" },
		{ "Ann@Example.net", CONF_ID_MAIL, "Ann@example.net" },
		{ "@#0aff", CONF_ID_KEY, "" },
		{ "@#0x0aff", CONF_ID_KEY, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct conf conf;

		snprintf(text, sizeof(text), "conn c\n left=192.0.2.1\n right=%%any\n leftid=%s\n",
		         cases[i].value);
		parse_good(&conf, text);
		assert_int_equal(conf.conns[0].left.id.kind, cases[i].kind);
		assert_string_equal(conf.conns[0].left.id.fqdn, cases[i].name);
		if (cases[i].kind == CONF_ID_KEY)
			assert_true(bytes_equal(
			    BYTES(conf.conns[0].left.id.octets, conf.conns[0].left.id.len),
			    BYTES("\x0a\xff", 2)));
		conf_wipe(&conf);
	}
}

static void a_key_in_the_file_is_read_as_rfc_3110_has_it(void **state)
{
	/* Exponent 3 and a modulus of 2048 bits, all ones. */
	char text[1024] = "conn c\n left=192.0.2.1\n right=192.0.2.2\n rightrsasigkey=0x0103";
	struct conf conf;

	for (size_t i = 0; i < 256; i++)
		strcat(text, "ff");
	parse_good(&conf, text);
	assert_true(conf.conns[0].right.has_key);
	assert_int_equal(conf.conns[0].right.key.type, PUBKEY_RSA);
	assert_int_equal(conf.conns[0].right.key.len, 258);
	assert_false(conf.conns[0].left.has_key);
	conf_wipe(&conf);
}

static void only_what_was_meant_to_be_opportunistic_fails_into_the_clear(void **state)
{
	static const struct {
		const char *text;
		enum shunt_choice want;
	} cases[] = {
		{ "conn a\n left=%defaultroute\n right=%opportunistic\n", SHUNT_PASSTHROUGH },
		{ "conn a\n left=%opportunistic\n right=192.0.2.1\n", SHUNT_PASSTHROUGH },
		{ "conn a\n left=%defaultroute\n right=%opportunistic\n failureshunt=drop\n",
		  SHUNT_DROP },
		{ "conn a\n left=%defaultroute\n right=198.51.100.1\n", SHUNT_DROP },
		{ "conn a\n left=%defaultroute\n right=198.51.100.1\n failureshunt=passthrough\n",
		  SHUNT_PASSTHROUGH },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf conf;

		parse_good(&conf, cases[i].text);
		assert_int_equal(conf.conns[0].failure, cases[i].want);
		conf_wipe(&conf);
	}
}

static void a_sections_own_value_wins_over_also_and_also_over_default(void **state)
{
	struct conf conf;

	parse_good(&conf, "conn a\n keyingtries=7\n also=b\n"
	                  "conn b\n left=192.0.2.1\n right=192.0.2.2\n keyingtries=8\n also=c\n"
	                  "conn c\n keyingtries=9\n type=drop\n also=a\n" /* a circle is no harm */
	                  "conn %default\n type=reject\n auto=add\n keyingtries=5\n");
	assert_int_equal(conf.conn_count, 3);
	assert_int_equal(conf.conns[0].keyingtries, 7);
	assert_int_equal(conf.conns[1].keyingtries, 8);
	assert_int_equal(conf.conns[2].keyingtries, 9);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(conf.conns[i].type, CONN_DROP);
		assert_int_equal(conf.conns[i].auto_action, AUTO_ADD);
		assert_string_equal(ip_text(&conf.conns[i].right.address).s, "192.0.2.2");
	}
	conf_wipe(&conf);
}

static void includes_are_relative_and_nest(void **state)
{
	static const char *const files[] = {
		"ipsec.d/a.conf",
		"conn a\n left=192.0.2.1\n right=192.0.2.2\n\ninclude sub/c.conf\n",
		"ipsec.d/b.conf",
		"conn b\n left=192.0.2.1\n right=192.0.2.3\n",
		"ipsec.d/sub/c.conf",
		"\n\nconn c\n left=192.0.2.1\n right=192.0.2.4\n",
		NULL,
	};
	struct conf conf;
	struct conf_messages m;

	assert_true(parse(&conf,
	                  "include ipsec.d/a.conf # one\ninclude ipsec.d/b*\ninclude none/*.conf\n",
	                  files, &m));
	assert_int_equal(conf.conn_count, 3);
	assert_string_equal(conf.conns[1].name, "c");
	assert_string_equal(conf.conns[1].file, "ipsec.d/sub/c.conf");
	assert_int_equal(conf.conns[1].line, 3);
	conf_wipe(&conf);
	conf_messages_wipe(&m);
}

static void an_include_that_includes_itself_ends(void **state)
{
	static const char *const files[] = { "a", "include a\n", NULL };
	struct conf conf;
	struct conf_messages m;

	assert_false(parse(&conf, "include a\n", files, &m));
	assert_string_equal(m.errors.s, "a:1: include a: files include each other more than 10 "
	                                "deep; is this a circle?\n");
	conf_messages_wipe(&m);
}

static void an_included_file_does_not_go_on_with_the_section_before(void **state)
{
	static const char *const files[] = { "a", " type=drop\n", NULL };
	struct conf conf;
	struct conf_messages m;

	assert_false(
	    parse(&conf, "conn x\n left=192.0.2.1\n include a\n right=192.0.2.2\n", files, &m));
	assert_string_equal(m.errors.s,
	                    "a:1: type=drop: belongs to no section; write config setup or conn "
	                    "NAME above it\n"
	                    "ipsec.conf:4: right=192.0.2.2: belongs to no section; write config "
	                    "setup or conn NAME above it\n");
	conf_messages_wipe(&m);
}

static void keys_without_a_meaning_here_are_warned_of_once_each(void **state)
{
	static const char *const setup[] = { "klipsdebug", "plutodebug",    "plutoload",
		                             "plutostart", "plutowait",     "forwardcontrol",
		                             "dumpdir",    "hidetos",       "overridemtu",
		                             "fragicmp",   "packetdefault", "prepluto",
		                             "postpluto",  "syslog" };
	static const char *const conn[] = { "auth",        "ah",           "compress",
		                            "keyexchange", "leftfirewall", "rightfirewall",
		                            "leftupdown",  "rightupdown" };
	struct text text = { 0 };
	struct conf conf;
	struct conf_messages m;

	text_add(&text, "config setup\n");
	for (size_t i = 0; i < ARRAY_LEN(setup); i++)
		text_add(&text, "\t%s=none\n", setup[i]);
	for (unsigned section = 0; section < 2; section++) {
		text_add(&text, "conn c%u\n\tleft=192.0.2.1\n\tright=192.0.2.2\n", section);
		for (size_t i = 0; i < ARRAY_LEN(conn); i++)
			text_add(&text, "\t%s=\"a b\"\n", conn[i]);
	}
	assert_true(parse(&conf, text.s, NULL, &m));
	assert_int_equal(m.warning_count, ARRAY_LEN(setup) + ARRAY_LEN(conn));
	assert_ptr_equal(strstr(m.warnings.s,
	                        "ipsec.conf:2: klipsdebug=none: means nothing here and is ignored; "
	                        "take it out\n"),
	                 m.warnings.s);
	assert_non_null(strstr(m.warnings.s, "ipsec.conf:26: rightupdown=\"a b\": means"));
	conf_wipe(&conf);
	conf_messages_wipe(&m);
	text_free(&text);
}

/* One wrong line below `conn c`, and what is said of it. */
static void a_wrong_value_in_a_conn_is_explained(void **state)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "leftsubent=10.0.0.0/8", "unknown key; the nearest known one is leftsubnet" },
		{ "rightsubent=10.0.0.0/8", "unknown key; the nearest known one is rightsubnet" },
		{ "typ=tunnel", "unknown key; the nearest known one is type" },
		{ "esq=aes", "unknown key; the nearest known one is esp" },
		{ "ldpaction=clear", "unknown key; the nearest known one is dpdaction" },
		{ "leftprotoport=tcp/80", "a tunnel is for all protocols and ports; policy groups have "
		                          "rules with them, see policies(5)" },
		{ "shunt-idle=5", "this key belongs in config setup; move it there" },
		{ "dnssec=off", "no such value; write prefer or require" },
		{ "unsigned-delegation=none", "no such value; write any or self" },
		{ "leftsubnet=10.3.2/24", "an IPv4 address has four numbers; write 10.3.2.0/24" },
		{ "leftsubnet=10.3.2.0/33",
		  "an IPv4 address has 32 bits; write a number up to 32 after the slash" },
		{ "leftsubnet=10.3.256.0/24", "no number of an IPv4 address is above 255, 256 is" },
		{ "leftsubnet=10.03.2.0/24",
		  "an IPv4 address has no leading zeros; write 10.3.2.0/24" },
		{ "leftsubnet=inside", "not a subnet; write one as 10.3.2.0/24 or 2001:db8::/48" },
		{ "leftsubnet=10.0.0.0/255.0.255.0",
		  "not a subnet; write one as 10.3.2.0/24 or 2001:db8::/48" },
		{ "left=192.0.2.1.7", "an IPv4 address has four numbers; write 192.0.2.1" },
		{ "left=west.example.net",
		  "not an address; write one, or %defaultroute, %opportunistic or %any" },
		{ "right=%oportunistic",
		  "not an address; write one, or %defaultroute, %opportunistic or %any" },
		{ "right=127.0.0.1",
		  "this address cannot be a gateway's; write a unicast address" },
		{ "leftid=west.example.net",
		  "names are not looked up here; write @west.example.net" },
		{ "leftid=@", "not a domain name; write @host.example.net" },
		{ "leftid=west/east",
		  "an identity is an address or a name; write 192.0.2.1, "
		  "@host.example.net, user@host.example.net or \"C=CH, O=..., CN=...\"" },
		{ "leftid=ann@", "not a mail address; write user@host.example.net" },
		{ "leftid=@#123", "not a key identity; write @# and an even number of hexadecimal "
		                  "digits, 510 at most" },
		{ "leftsigkey=AQO",
		  "not a key; write 0s and what stands in a PEM file between BEGIN "
		  "PUBLIC KEY and END PUBLIC KEY, on one line" },
		{ "leftsigkey=0sMCow",
		  "not a public key of RSA (2048 to 8192 bits), Ed25519, ECDSA P-256, P-384 or "
		  "P-521; ipsec showhostkey --left prints one" },
		{ "leftnexthop=router", "not an address; write one as 192.0.2.1 or 2001:db8::1" },
		{ "leftrsasigkey=AQO", "not a key; write 0s and what follows the gateway in the "
		                       "output of ipsec showhostkey --txt" },
		{ "rightrsasigkey=0sAQOF8g==", "not an RSA key of 2048 to 8192 bits; copy it anew "
		                               "from ipsec showhostkey --txt" },
		{ "authby=rsasi", "no such value; write rsasig" },
		{ "authby=certificate",
		  "no such value; write rsasig, secret, null, pubkey or psk" },
		{ "leftauth=nul", "no such value; write null" },
		{ "type=trunk",
		  "no such value; write tunnel, passthrough, drop, reject or transport" },
		{ "auto=rout", "no such value; write route" },
		{ "failureshunt=pass", "no such value; write passthrough, drop, reject or none" },
		{ "keyingtries=two", "not a number; write one from 0 to 1000" },
		{ "keyingtries=5000000000", "not a number; write one from 0 to 1000" },
		{ "also=nobody", "there is no such conn; write the name of one" },
		{ "also=%default", "there is no such conn; write the name of one" },
		{ "type=tun nel",
		  "a value with white space stands in quotes; write type=\"tun nel\"" },
		{ "type=\"drop", "the quotation does not end on this line" },
		{ "type=dr\"op", "a value cannot contain a quotation mark" },
		{ "left", "not a parameter; write KEY=VALUE" },
		{ "=x", "not a parameter; write KEY=VALUE" },
		{ "include /nowhere/x",
		  "this file cannot be read; create it, or take the line out" },
		{ "include a b", "one file name, please: include FILE" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		char want[512];

		snprintf(text, sizeof(text), "conn c\n\t%s\n", cases[i].line);
		snprintf(want, sizeof(want), "ipsec.conf:2: %s: %s\n", cases[i].line, cases[i].why);
		assert_errors(text, want);
	}
}

static void a_wrong_value_in_setup_is_explained(void **state)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "interface=%none", "unknown key; the nearest known one is interfaces" },
		{ "left=192.0.2.1", "this key belongs in a conn; move it there" },
		{ "interfaces=eth0",
		  "not understood; write %defaultroute, %none or \"ipsec0=eth0\"" },
		{ "interfaces=ipsec0=eth0/1", "no device has such a name; write \"ipsec0=eth0\"" },
		{ "interfaces=ipsec0=abcdefghijklmnop",
		  "no device has such a name; write \"ipsec0=eth0\"" },
		{ "dns=192.0.2.1 ns.example",
		  "not an address; write one as 192.0.2.1 or 2001:db8::1" },
		{ "dns=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9",
		  "more than 8 name servers" },
		{ "dns-users=abcdefghijklmnopqrstuvwxyz0123456", "no user has such a long name" },
		{ "dnssec=yes", "no such value; write prefer, require or off" },
		{ "dnssec=requir", "no such value; write require" },
		{ "trust-anchor=root.key",
		  "a daemon has no directory of its own; write the whole path, /etc/..." },
		{ "log=x", "a daemon has no directory of its own; write the whole path, /etc/..." },
		{ "shunt-idle=0", "a shunt lives for some time; write 1 or more" },
		{ "tunnel-idle=39", "tunnels need some time to be used; write 40 or more" },
		{ "shunt-idle=2w",
		  "not a time; write seconds from 0 to 86400, or a number with s, m, h or d" },
		{ "mark-mask=0x07000000",
		  "not four bits side by side; write 0x0f000000 or the like" },
		{ "mark-mask=15", "not four bits side by side; write 0x0f000000 or the like" },
		{ "mark-mask=0xf00000000",
		  "not four bits side by side; write 0x0f000000 or the like" },
		{ "daemon-down=2d",
		  "not a time; write seconds from 0 to 86400, or a number with s, m, h or d" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		char want[512];

		snprintf(text, sizeof(text), "config setup\n\t%s\n", cases[i].line);
		snprintf(want, sizeof(want), "ipsec.conf:2: %s: %s\n", cases[i].line, cases[i].why);
		assert_errors(text, want);
	}
}

static void a_wrong_header_is_explained(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "con c\n left=x\n", "ipsec.conf:1: con c: no such section; write conn\n" },
		{ "certificate x\n", "ipsec.conf:1: certificate x: no such section; write config "
		                     "setup, conn NAME or include FILE\n" },
		{ "config\n", "ipsec.conf:1: config: no such section; write config setup\n" },
		{ "config all\n",
		  "ipsec.conf:1: config all: no such section; write config setup\n" },
		{ "version 3\n", "ipsec.conf:1: version 3: an unknown format; write version 2\n" },
		{ "conn\n", "ipsec.conf:1: conn: a conn without a name; write conn NAME\n" },
		{ "conn a left=%any\n", "ipsec.conf:1: conn a left=%any: a name is one word; write "
		                        "the parameters indented below it\n" },
		{ "conn -a\n",
		  "ipsec.conf:1: conn -a: a name has up to 63 letters, digits, dots, hyphens and "
		  "underscores and begins with a letter or digit\n" },
		{ "conn a\nleft=%any\n",
		  "ipsec.conf:2: left=%any: a parameter stands indented below its section; begin "
		  "the line with white space\n" },
		{ "\tleft=%any\n\tright=%any\n",
		  "ipsec.conf:1: left=%any: belongs to no section; write config setup or conn NAME "
		  "above it\n" },
		{ "conn a\n left=1.2.3.4\n left=1.2.3.5\n",
		  "ipsec.conf:3: left=1.2.3.5: left is already in line 2 of this section; write it "
		  "once\n" },
		{ "config setup\nconfig setup\n",
		  "ipsec.conf:2: config setup: already at ipsec.conf:1; write it once\n" },
		{ "include nowhere\n", "ipsec.conf:1: include nowhere: this file cannot be read; "
		                       "create it, or take the line out\n" },
		{ "\x1b[2Jx\n", "ipsec.conf:1: ?[2Jx: no such section; write config setup, conn "
		                "NAME or include FILE\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_errors(cases[i].text, cases[i].want);
}

static void a_conn_that_makes_no_sense_is_explained(void **state)
{
	static const struct {
		const char *body;
		const char *why;
	} cases[] = {
		{ " right=%opportunistic\n",
		  "left= is missing; write left=%defaultroute or this gateway's address" },
		{ " left=%defaultroute\n",
		  "right= is missing; write right=%opportunistic or the other gateway's address" },
		{ " left=%any\n right=%any\n",
		  "left and right are of the same kind; one of them is this gateway" },
		{ " left=192.0.2.1\n right=192.0.2.1\n",
		  "left and right have one address; write the other gateway's" },
		{ " left=192.0.2.1\n right=2001:db8::1\n",
		  "left and right are of two address families; write both as IPv4 or as IPv6" },
		{ " left=%any\n right=%opportunistic\n",
		  "%any says nothing beside %opportunistic; write %defaultroute" },
		{ " left=%defaultroute\n right=%opportunistic\n authby=secret\n",
		  "strangers share no secret; write authby=rsasig" },
		{ " left=192.0.2.1\n leftsubnet=10.0.0.0/8\n right=192.0.2.2\n type=transport\n",
		  "transport mode is for the two gateways themselves; write type=tunnel" },
		{ " left=%defaultroute\n right=%opportunistic\n type=transport\n",
		  "transport mode is for the two gateways themselves; write type=tunnel" },
		{ " left=%defaultroute\n right=%opportunistic\n type=drop\n",
		  "with type=passthrough, drop or reject nothing is negotiated; write %any in "
		  "place of %opportunistic" },
		{ " left=%defaultroute\n right=%any\n auto=start\n",
		  "a tunnel to %any cannot be started from here; write auto=add" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		char want[512];

		snprintf(text, sizeof(text), "\nconn c\n auto=add\n%s", cases[i].body);
		if (strstr(cases[i].body, "auto=") != NULL)
			snprintf(text, sizeof(text), "\nconn c\n%s", cases[i].body);
		snprintf(want, sizeof(want), "ipsec.conf:2: conn c: %s\n", cases[i].why);
		assert_errors(text, want);
	}
}

static void a_conn_to_ignore_may_be_incomplete(void **state)
{
	struct conf conf;

	parse_good(&conf, "conn part\n left=192.0.2.1\nconn whole\n also=part\n right=192.0.2.2\n"
	                  " auto=add\n");
	assert_int_equal(conf.conn_count, 2);
	conf_wipe(&conf);
}

static void all_mistakes_are_told_in_one_go_and_bounded(void **state)
{
	struct text text = { 0 };
	struct conf conf;
	struct conf_messages m;
	unsigned lines = 0;

	assert_errors("config setup\n dnssec=x\nconn a\n also=b\nconn b\n type=x\n",
	              "ipsec.conf:2: dnssec=x: no such value; write prefer, require or off\n"
	              "ipsec.conf:6: type=x: no such value; write tunnel, passthrough, drop, "
	              "reject or transport\n");
	for (unsigned i = 0; i < 200; i++)
		text_add(&text, "nonsense%u\n", i);
	assert_false(parse(&conf, text.s, NULL, &m));
	assert_int_equal(m.error_count, 200);
	for (const char *c = m.errors.s; *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, CONF_ERRORS_SHOWN);
	conf_messages_wipe(&m);
	text_free(&text);
}

static void too_much_of_anything_is_refused(void **state)
{
	struct text text = { 0 };
	struct conf conf;
	struct conf_messages m;

	text_add(&text, "#");
	for (unsigned i = 0; i < 9000; i++)
		text_add(&text, "x");
	assert_errors(text.s, "ipsec.conf:1: the line has more than 8191 characters\n");
	text_free(&text);
	for (unsigned i = 0; i < CONF_CONNS_MAX + 3; i++)
		text_add(&text, "conn c%u\n", i);
	assert_false(parse(&conf, text.s, NULL, &m));
	assert_non_null(strstr(m.errors.s, "more than 4096 sections"));
	conf_messages_wipe(&m);
	text_free(&text);
	text_add(&text, "conn c\n");
	for (unsigned i = 0; i < 257; i++)
		text_add(&text, " x-%u=y\n", i);
	assert_false(parse(&conf, text.s, NULL, &m));
	assert_non_null(strstr(m.errors.s, "more than 256 parameters in a section"));
	conf_messages_wipe(&m);
	text_free(&text);
}

static void our_side_of_a_conn_is_found_by_address(void **state)
{
	static const struct {
		const char *left;
		const char *right;
		bool is_left;
	} cases[] = {
		{ "192.0.2.1", "198.51.100.1", true },
		{ "198.51.100.1", "192.0.2.1", false },
		{ "%defaultroute", "198.51.100.1", true },
		{ "198.51.100.1", "%defaultroute", false },
		{ "%opportunistic", "%defaultroute", false },
		{ "%opportunistic", "203.0.113.9", false },
		{ "203.0.113.9", "%opportunistic", true },
		{ "203.0.113.9", "198.51.100.1", true },
		{ "%any", "192.0.2.1", false },
	};
	struct ip own[] = { ip_v4(10, 0, 0, 1), ip_v4(192, 0, 2, 1) };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf conf;
		const struct conn *c;
		const struct conn_end *theirs;
		char text[256];

		snprintf(text, sizeof(text), "conn c\n left=%s\n right=%s\n", cases[i].left,
		         cases[i].right);
		parse_good(&conf, text);
		c = &conf.conns[0];
		assert_ptr_equal(conn_ours(c, own, ARRAY_LEN(own), &theirs),
		                 cases[i].is_left ? &c->left : &c->right);
		assert_ptr_equal(theirs, cases[i].is_left ? &c->right : &c->left);
		assert_ptr_equal(conn_ours(c, own, ARRAY_LEN(own), NULL),
		                 cases[i].is_left ? &c->left : &c->right);
		conf_wipe(&conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_conns_of_the_howto_work_as_written),
		cmocka_unit_test(the_misprint_of_the_howto_is_explained),
		cmocka_unit_test(every_key_of_setup_is_read),
		cmocka_unit_test(an_empty_file_means_the_defaults),
		cmocka_unit_test(every_key_of_a_conn_is_read_on_both_sides),
		cmocka_unit_test(a_key_may_be_a_subject_public_key_info),
		cmocka_unit_test(identities_have_four_forms),
		cmocka_unit_test(a_key_in_the_file_is_read_as_rfc_3110_has_it),
		cmocka_unit_test(only_what_was_meant_to_be_opportunistic_fails_into_the_clear),
		cmocka_unit_test(a_sections_own_value_wins_over_also_and_also_over_default),
		cmocka_unit_test(includes_are_relative_and_nest),
		cmocka_unit_test(an_include_that_includes_itself_ends),
		cmocka_unit_test(an_included_file_does_not_go_on_with_the_section_before),
		cmocka_unit_test(keys_without_a_meaning_here_are_warned_of_once_each),
		cmocka_unit_test(a_wrong_value_in_a_conn_is_explained),
		cmocka_unit_test(a_wrong_value_in_setup_is_explained),
		cmocka_unit_test(a_wrong_header_is_explained),
		cmocka_unit_test(a_conn_that_makes_no_sense_is_explained),
		cmocka_unit_test(a_conn_to_ignore_may_be_incomplete),
		cmocka_unit_test(all_mistakes_are_told_in_one_go_and_bounded),
		cmocka_unit_test(too_much_of_anything_is_refused),
		cmocka_unit_test(our_side_of_a_conn_is_found_by_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
