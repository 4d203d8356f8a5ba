#include "util/test.h"

#include <stdlib.h>

#include "config/message.h"

struct outcome {
	struct policy_entries entries;
	struct conf_messages messages;
	bool ok;
};

static struct outcome parse(const char *text)
{
	struct outcome o = { 0 };

	o.ok = policies_parse(&o.entries, "policies/private", BYTES_STR(text), &o.messages);
	return o;
}

static void wipe(struct outcome *o)
{
	policy_entries_wipe(&o->entries);
	conf_messages_wipe(&o->messages);
}

/* POL-1 */
static void every_form_of_an_entry_is_read(void **state)
{
	static const struct {
		const char *line, *meant;
	} cases[] = {
		{ "198.51.100.0/24", "198.51.100.0/24" },
		{ "  198.51.100.7\t# one host", "198.51.100.7/32" },
		{ "198.51.100.0/255.255.255.0", "198.51.100.0/24" },
		{ "198.51.100.3-198.51.100.9", "198.51.100.3-198.51.100.9" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "::/0", "::/0" },
		{ "2001:db8::/32 tcp", "2001:db8::/32 tcp" },
		{ "2001:db8::1-2001:db8::9 udp 53", "2001:db8::1-2001:db8::9 udp 53" },
		{ "198.51.100.0/24 TCP 80-443", "198.51.100.0/24 tcp 80-443" },
		{ "198.51.100.0/24 6 80-80", "198.51.100.0/24 tcp 80" },
		{ "198.51.100.0/24 ipv6-icmp", "198.51.100.0/24 icmpv6" },
		{ "198.51.100.0/24 99", "198.51.100.0/24 99" },
		{ "Host.Example.COM", "host.example.com" },
		{ "host.example.com. tcp 1-65535", "host.example.com tcp 1-65535" },
		{ "7-host.example tcp 22\r", "7-host.example tcp 22" },
		{ "localdomain", "localdomain" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct outcome o = parse(cases[i].line);

		assert_string_equal(o.messages.errors.s == NULL ? "" : o.messages.errors.s, "");
		assert_true(o.ok);
		assert_int_equal(o.entries.count, 1);
		assert_string_equal(policy_entry_text(&o.entries.list[0]).s, cases[i].meant);
		wipe(&o);
	}
}

static void lines_are_counted_and_empty_ones_mean_nothing(void **state)
{
	struct outcome o = parse("# policy\n\n198.51.100.1\n   \t\n#x\n198.51.100.2 udp # y\n");

	assert_true(o.ok);
	assert_int_equal(o.entries.count, 2);
	assert_int_equal(o.entries.list[0].line, 3);
	assert_int_equal(o.entries.list[1].line, 6);
	wipe(&o);
	o = parse("");
	assert_true(o.ok);
	assert_int_equal(o.entries.count, 0);
	wipe(&o);
}

static void every_mistake_is_told_with_its_line(void **state)
{
	static const struct {
		const char *line, *told;
	} cases[] = {
		{ "198.51.100.300", "198.51.100.300" },
		{ "198.51.100", "an IPv4 address has four numbers" },
		{ "198.51.100.0/33", "32 bits" },
		{ "198.51.100.9-198.51.100.1", "not a subnet" },
		{ "198.51.100.1-2001:db8::1", "not a subnet" },
		{ "198.51.100.1-host", "not a subnet" },
		{ "2001:db8::/129", "not a subnet" },
		{ "2001:db8::x", "not a subnet" },
		{ "198.51.100.0/24x", "not a subnet" },
		{ "bad..example", "neither an address nor a name" },
		{ "198.51.100.1 tpc", "tpc is no protocol" },
		{ "198.51.100.1 0", "0 is no protocol" },
		{ "198.51.100.1 256", "256 is no protocol" },
		{ "198.51.100.1 80", NULL },
		{ "198.51.100.1 tcp 0", "0 is no port" },
		{ "198.51.100.1 tcp 65536", "65536 is no port" },
		{ "198.51.100.1 tcp 90-80", "90-80 is no port" },
		{ "198.51.100.1 tcp 80-", "80- is no port" },
		{ "198.51.100.1 tcp http", "http is no port" },
		{ "198.51.100.1 tcp 99999999999", "is no port" },
		{ "198.51.100.1 icmp 8", "this protocol has no ports" },
		{ "198.51.100.1 tcp 80 81", "too many words" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct outcome o;

		snprintf(text, sizeof(text), "192.0.2.1\n%s\n192.0.2.2\n", cases[i].line);
		o = parse(text);
		if (cases[i].told == NULL) {
			assert_true(o.ok); /* protocol 80 */
		} else {
			assert_false(o.ok);
			assert_int_equal(o.messages.error_count, 1);
			assert_int_equal(strncmp(o.messages.errors.s, "policies/private:2: ", 20),
			                 0);
			if (strstr(o.messages.errors.s, cases[i].told) == NULL)
				fail_msg("%s: %s", cases[i].line, o.messages.errors.s);
			assert_int_equal(o.entries.count, 2); /* the others are there */
		}
		wipe(&o);
	}
}

static void what_is_no_text_is_refused(void **state)
{
	struct conf_messages messages = { 0 };
	struct policy_entries entries = { 0 };
	struct bytes nul = BYTES("192.0.2.1\0", 10);
	char *line = new_zeroed(9001);

	memset(line, '1', 9000);
	assert_false(policies_parse(&entries, "f", nul, &messages));
	assert_false(policies_parse(&entries, "f", BYTES_STR(line), &messages));
	assert_int_equal(messages.error_count, 2);
	assert_int_equal(entries.count, 0);
	free(line);
	conf_messages_wipe(&messages);
	policy_entries_wipe(&entries);
}

static void copies_own_their_names(void **state)
{
	struct outcome o = parse("a.example\n192.0.2.1 tcp\n");
	struct policy_entries copy;

	policy_entries_copy(&copy, &o.entries);
	wipe(&o);
	assert_int_equal(copy.count, 2);
	assert_string_equal(copy.list[0].name, "a.example");
	assert_string_equal(policy_entry_text(&copy.list[1]).s, "192.0.2.1/32 tcp");
	policy_entries_wipe(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_an_entry_is_read),
		cmocka_unit_test(lines_are_counted_and_empty_ones_mean_nothing),
		cmocka_unit_test(every_mistake_is_told_with_its_line),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(copies_own_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
