/*
 * A file of a policy group: what is read, written as an entry says it and read again, is the same;
 * messages are printable lines.
 */
#include "config/conf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_messages(const struct text *messages)
{
	for (size_t i = 0; i < messages->len; i++)
		assert(messages->s[i] == '\n' || (messages->s[i] >= ' ' && messages->s[i] <= '~'));
	assert(messages->len == 0 || messages->s[messages->len - 1] == '\n');
}

static void check_entry(const struct policy_entry *entry)
{
	struct policy_entry_text text = policy_entry_text(entry);
	struct policy_entries again = { 0 };
	struct conf_messages m = { 0 };
	bool ok = policies_parse(&again, "again", BYTES_STR(text.s), &m);

	assert(ok && again.count == 1);
	assert(traffic_equal(&entry->traffic, &again.list[0].traffic));
	if (entry->name != NULL)
		assert(strcmp(entry->name, again.list[0].name) == 0);
	else
		assert(range_equal(&entry->range, &again.list[0].range));
	policy_entries_wipe(&again);
	conf_messages_wipe(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_entries entries = { 0 };
	struct conf_messages m = { 0 };
	bool ok = policies_parse(&entries, "private", BYTES(data, size), &m);

	assert(ok == (m.error_count == 0));
	check_messages(&m.errors);
	for (size_t i = 0; i < entries.count; i++)
		check_entry(&entries.list[i]);
	policy_entries_wipe(&entries);
	conf_messages_wipe(&m);
	return 0;
}
