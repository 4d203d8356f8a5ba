#include "util/test.h"

#include "config/groups.h"

/* Files of a test: name, text, ..., NULL; a text of NULL cannot be read. */
static bool read_files(void *ctx, const char *base, const char *pattern,
                       void (*add)(void *add_ctx, const char *name, struct bytes text),
                       void *add_ctx)
{
	const char *const *files = ctx;
	const char *bracket = strchr(pattern, '[');
	char want[128];

	if (bracket == NULL)
		return strchr(pattern, '*') != NULL;
	snprintf(want, sizeof(want), "%c%s", bracket[1], bracket + 3);
	for (; files != NULL && *files != NULL; files += 2) {
		char path[160];

		if (strcmp(files[0], want) != 0)
			continue;
		if (files[1] == NULL)
			return false;
		snprintf(path, sizeof(path), "ipsec.d/policies/%s", want);
		add(add_ctx, path, BYTES_STR(files[1]));
	}
	return true;
}

struct outcome {
	struct conf conf;
	struct conf_messages messages;
	bool ok;
};

static struct outcome parse(const char *text, const char *const *files, bool is_start)
{
	struct conf_reader reader = { (void *)(uintptr_t)files, read_files };
	struct outcome o = { 0 };

	o.ok = (is_start ? conf_parse_to_start : conf_parse)(&o.conf, "ipsec.conf", BYTES_STR(text),
	                                                     &reader, &o.messages);
	return o;
}

static void wipe(struct outcome *o)
{
	conf_wipe(&o->conf);
	conf_messages_wipe(&o->messages);
}

static const struct conn *find(const struct outcome *o, const char *name)
{
	for (size_t i = 0; i < o->conf.conn_count; i++)
		if (strcmp(o->conf.conns[i].name, name) == 0)
			return &o->conf.conns[i];
	return NULL;
}

/* POL-1: the five, without a word in ipsec.conf */
static void each_file_makes_its_group(void **state)
{
	static const struct {
		const char *name;
		enum conn_type type;
		enum end_kind kind;
		enum shunt_choice failure;
	} cases[] = {
		{ "private", CONN_TUNNEL, END_OPPORTUNISTIC, SHUNT_DROP },
		{ "private-or-clear", CONN_TUNNEL, END_OPPORTUNISTIC, SHUNT_PASSTHROUGH },
		{ "clear-or-private", CONN_PASSTHROUGH, END_OPPORTUNISTIC, SHUNT_PASSTHROUGH },
		{ "clear", CONN_PASSTHROUGH, END_ANY, SHUNT_PASSTHROUGH },
		{ "block", CONN_DROP, END_ANY, SHUNT_DROP },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const files[] = { cases[i].name, "198.51.100.0/24\n", NULL };
		struct outcome o = parse("conn %default\n", files, false);
		const struct conn *c = find(&o, cases[i].name);

		assert_true(o.ok);
		assert_int_equal(o.conf.conn_count, 1);
		assert_int_equal(c->type, cases[i].type);
		assert_int_equal(c->right.kind, cases[i].kind);
		assert_true(c->right.is_group);
		assert_int_equal(c->left.kind, END_DEFAULTROUTE);
		assert_int_equal(c->failure, cases[i].failure);
		assert_int_equal(c->auto_action, AUTO_ROUTE);
		assert_int_equal(c->entries.count, 1);
		assert_int_equal(c->entries.list[0].line, 1);
		wipe(&o);
	}
}

/* POL-4: and an empty file, or a conn, says that it is not wanted so */
static void with_no_conn_written_everything_is_private_or_clear(void **state)
{
	static const char *const empty[] = { "private-or-clear", "", NULL };
	static const char *const other[] = { "private", "198.51.100.1\n", NULL };
	struct outcome o = parse("config setup\n", NULL, false);

	assert_int_equal(o.conf.conn_count, 1);
	assert_string_equal(policy_entry_text(&o.conf.conns[0].entries.list[0]).s, "0.0.0.0/0");
	assert_string_equal(policy_entry_text(&o.conf.conns[0].entries.list[1]).s, "::/0");
	wipe(&o);
	o = parse("config setup\n", other, false);
	assert_int_equal(find(&o, "private-or-clear")->entries.count, 2);
	assert_int_equal(find(&o, "private")->entries.count, 1);
	wipe(&o);
	o = parse("config setup\n", empty, false);
	assert_int_equal(o.conf.conn_count, 0);
	wipe(&o);
	o = parse("conn a\n left=192.0.2.1\n right=192.0.2.2\n", NULL, false);
	assert_int_equal(o.conf.conn_count, 1);
	wipe(&o);
}

static void a_section_of_that_name_changes_words_and_leaves_the_rest(void **state)
{
	static const char *const files[] = { "private", "198.51.100.1\n", "block", "::1\n", NULL };
	struct outcome o = parse("conn private\n failureshunt=reject\n"
	                         "conn block\n type=reject\n leftsubnet=10.0.0.0/8\n"
	                         "conn clear\n left=192.0.2.1\n right=192.0.2.2\n auto=add\n",
	                         files, false);

	assert_true(o.ok);
	assert_int_equal(o.conf.conn_count, 3);
	assert_int_equal(find(&o, "private")->failure, SHUNT_REJECT);
	assert_int_equal(find(&o, "private")->right.kind, END_OPPORTUNISTIC);
	assert_int_equal(find(&o, "private")->auto_action, AUTO_ROUTE);
	assert_int_equal(find(&o, "block")->type, CONN_REJECT);
	assert_int_equal(find(&o, "block")->left.subnet_count, 1);
	assert_int_equal(find(&o, "block")->entries.count, 1);
	assert_false(conn_is_group(find(&o, "clear"))); /* a conn like any other */
	assert_int_equal(find(&o, "clear")->auto_action, AUTO_ADD);
	wipe(&o);
}

/* POL-7 */
static void groups_of_ones_own_are_conns(void **state)
{
	static const char *const files[] = { "mine", "198.51.100.1\nhost.example tcp 22\n", NULL };
	struct outcome o = parse("conn mine\n left=%defaultroute\n right=%opportunisticgroup\n"
	                         " leftsubnet=10.2.1.0/24\n failureshunt=none\n auto=route\n",
	                         files, false);
	const struct conn *mine = find(&o, "mine");

	assert_true(o.ok);
	assert_int_equal(mine->failure, SHUNT_NONE);
	assert_int_equal(mine->entries.count, 2);
	assert_string_equal(mine->policy_file, "ipsec.d/policies/mine");
	wipe(&o);
}

static void what_makes_no_sense_for_a_group_is_refused(void **state)
{
	static const struct {
		const char *words, *told;
	} cases[] = {
		{ " right=%group\n", "nobody says who the gateways" },
		{ " right=%opportunisticgroup\n type=drop\n", "write right=%group" },
		{ " right=%opportunisticgroup\n rightsubnet=10.0.0.0/8\n", "take the subnet out" },
		{ " right=%opportunisticgroup\n negotiationshunt=passthrough\n failureshunt=drop\n",
		  "may not pass before" },
		{ " right=192.0.2.2\n negotiationshunt=passthrough\n", "is for opportunism" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct outcome o;

		snprintf(text, sizeof(text), "conn mine\n left=%%defaultroute\n auto=route\n%s",
		         cases[i].words);
		o = parse(text, NULL, false);
		assert_false(o.ok);
		assert_non_null(strstr(o.messages.errors.s, cases[i].told));
		wipe(&o);
	}
}

/* POL-2 */
static void two_groups_for_the_same_are_refused_with_both_lines(void **state)
{
	static const char *const files[] = {
		"private", "# x\n198.51.100.0/24 tcp 80\nhost.example\n",
		"clear",   "198.51.100.0/24 TCP 80-80\n",
		"block",   "198.51.100.0/24 tcp\nHOST.example.\n",
		NULL
	};
	struct outcome o = parse("conn %default\n", files, false);

	assert_false(o.ok);
	assert_int_equal(o.messages.error_count, 2);
	assert_non_null(strstr(o.messages.errors.s,
	                       "ipsec.d/policies/clear:1: 198.51.100.0/24 tcp 80: also in "
	                       "ipsec.d/policies/private:2"));
	assert_non_null(strstr(o.messages.errors.s,
	                       "ipsec.d/policies/block:2: host.example: also in "
	                       "ipsec.d/policies/private:3"));
	wipe(&o);
}

static void the_same_for_other_local_addresses_is_no_clash(void **state)
{
	static const char *const files[] = { "private", "198.51.100.0/24\n198.51.100.0/24\n", "net",
		                             "198.51.100.0/24\n", NULL };
	struct outcome o = parse("conn net\n left=%defaultroute\n right=%group\n type=passthrough\n"
	                         " leftsubnet=10.2.1.0/24\n auto=route\n",
	                         files, false);

	assert_true(o.ok);
	wipe(&o);
}

static void a_bad_file_refuses_all_but_the_start(void **state)
{
	static const char *const files[] = { "private",     "198.51.100.0/24\nx y\n", "clear",
		                             "192.0.2.9\n", "private-or-clear",       "0.0.0.0/0\n",
		                             NULL };
	struct outcome o = parse("conn %default\n", files, false);

	assert_false(o.ok);
	assert_int_equal(o.conf.conn_count, 0);
	wipe(&o);
	o = parse("conn %default\n", files, true);
	assert_true(o.ok);
	assert_true(o.conf.is_makeshift);
	assert_non_null(strstr(o.messages.errors.s, "ipsec.d/policies/private:2: "));
	assert_int_equal(find(&o, "private")->entries.count, 1);
	assert_int_equal(find(&o, "clear")->entries.count, 1); /* nobody is locked out */
	assert_int_equal(find(&o, "private-or-clear")->entries.count, 0);
	assert_true(o.conf.conns[3].is_makeshift);
	assert_string_equal(o.conf.conns[3].file, "ipsec.d/policies/private");
	assert_int_equal(o.conf.conns[3].line, 2); /* what is to be mended, not ipsec.conf */
	assert_int_equal(o.conf.conn_count, 4);
	wipe(&o);
}

static void what_a_file_that_cannot_be_read_says_nobody_knows(void **state)
{
	static const char *const files[] = { "private", NULL,          "clear", "192.0.2.9\n",
		                             "block",   "192.0.2.7\n", NULL };
	struct outcome o = parse("conn %default\n", files, true);

	assert_true(o.ok && o.conf.is_makeshift);
	assert_int_equal(find(&o, "clear")->entries.count, 0);
	assert_int_equal(find(&o, "block")->entries.count, 1);
	wipe(&o);
}

static void a_clash_at_the_start_keeps_the_strict_line(void **state)
{
	static const char *const files[] = { "clear", "192.0.2.9\n192.0.2.8\n", "private",
		                             "192.0.2.9\n", NULL };
	struct outcome o = parse("conn %default\n", files, true);
	const struct policy_entry *clear = find(&o, "clear")->entries.list;

	assert_true(o.ok && o.conf.is_makeshift);
	assert_int_equal(clear[0].range.first.family, IP_NONE);
	assert_int_equal(clear[1].range.first.family, IP_V4);
	assert_int_equal(find(&o, "private")->entries.list[0].range.first.family, IP_V4);
	wipe(&o);
}

static void conns_stay_at_a_bad_start_unless_they_open_everything(void **state)
{
	static const char *const files[] = { "private", "x y\n", NULL };
	struct outcome o = parse("conn site\n left=%defaultroute\n right=192.0.2.2\n auto=route\n"
	                         "conn howto\n left=%defaultroute\n right=%opportunistic\n"
	                         " leftsubnet=10.2.1.0/24\n auto=route\n",
	                         files, true);

	assert_true(o.ok && o.conf.is_makeshift);
	assert_int_equal(find(&o, "site")->auto_action, AUTO_ROUTE);
	assert_int_equal(find(&o, "howto")->auto_action, AUTO_IGNORE);
	assert_int_equal(o.conf.conn_count, 5); /* private, and makeshift for both sides of us */
	wipe(&o);
}

/* POL-4 */
static void name_servers_are_clear_unless_more_is_said(void **state)
{
	static const struct {
		const char *text;
		const char *const files[5];
		size_t clear;
	} cases[] = {
		{ "config setup\n", { NULL }, 1 },
		{ "conn %default\n", { "private", "0.0.0.0/0\n" }, 0 },
		{ "config setup\n", { "private", "192.0.2.0/24\n" }, 0 },
		{ "config setup\n", { "clear", "192.0.2.53\n" }, 1 },
		{ "conn a\n left=%defaultroute\n right=%opportunistic\n auto=route\n",
		  { NULL },
		  1 },
		{ "conn a\n left=%defaultroute\n right=192.0.2.53\n auto=route\n", { NULL }, 0 },
	};
	struct ip server = ip_v4(192, 0, 2, 53);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct outcome o = parse(cases[i].text, cases[i].files, false);
		const struct conn *clear;

		assert_true(o.ok);
		groups_add_name_servers(&o.conf, &server, 1);
		clear = find(&o, "clear");
		assert_int_equal(clear == NULL ? 0 : clear->entries.count, cases[i].clear);
		wipe(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_makes_its_group),
		cmocka_unit_test(with_no_conn_written_everything_is_private_or_clear),
		cmocka_unit_test(a_section_of_that_name_changes_words_and_leaves_the_rest),
		cmocka_unit_test(groups_of_ones_own_are_conns),
		cmocka_unit_test(what_makes_no_sense_for_a_group_is_refused),
		cmocka_unit_test(two_groups_for_the_same_are_refused_with_both_lines),
		cmocka_unit_test(the_same_for_other_local_addresses_is_no_clash),
		cmocka_unit_test(a_bad_file_refuses_all_but_the_start),
		cmocka_unit_test(what_a_file_that_cannot_be_read_says_nobody_knows),
		cmocka_unit_test(a_clash_at_the_start_keeps_the_strict_line),
		cmocka_unit_test(conns_stay_at_a_bad_start_unless_they_open_everything),
		cmocka_unit_test(name_servers_are_clear_unless_more_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
