/*
 * ipsec.conf: whatever the text, a configuration comes out exactly when no error was told, its
 * conns are whole, and messages are printable lines. The part behind a line `%%` is what includes
 * find.
 */
#include "config/conf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_included(void *ctx, const char *base, const char *pattern,
                          void (*add)(void *add_ctx, const char *name, struct bytes text),
                          void *add_ctx)
{
	const struct bytes *included = ctx;

	if (included->data == NULL)
		return false;
	add(add_ctx, pattern, *included);
	return true;
}

static void check_messages(const struct text *messages)
{
	for (size_t i = 0; i < messages->len; i++)
		assert(messages->s[i] == '\n' || (messages->s[i] >= ' ' && messages->s[i] <= '~'));
	assert(messages->len == 0 || messages->s[messages->len - 1] == '\n');
}

static void check_conn(const struct conn *c)
{
	struct ip own = ip_v4(192, 0, 2, 1);
	const struct conn_end *theirs;

	assert(c->name[0] != '\0' && c->file[0] != '\0' && c->line > 0);
	assert(conn_ours(c, &own, 1, &theirs) != theirs);
	if (c->auto_action == AUTO_IGNORE)
		return;
	assert(c->left.kind != END_UNSET && c->right.kind != END_UNSET);
	assert(c->left.kind == END_ADDRESS || c->left.kind != c->right.kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *mark = size > 0 ? memmem(data, size, "\n%%\n", 4) : NULL;
	struct bytes included = { 0 };
	struct conf_reader reader = { &included, read_included };
	struct conf_messages m = { 0 };
	struct conf conf;
	bool ok;

	if (mark != NULL) {
		included = BYTES(mark + 4, size - (size_t)(mark + 4 - data));
		size = (size_t)(mark + 1 - data);
	}
	ok = conf_parse(&conf, "ipsec.conf", BYTES(data, size), &reader, &m);
	assert(ok == (m.error_count == 0));
	assert(ok || (conf.conn_count == 0 && m.errors.len > 0));
	check_messages(&m.errors);
	check_messages(&m.warnings);
	assert(!ok || conf.setup.trust_anchor != NULL);
	for (size_t i = 0; i < conf.conn_count; i++)
		check_conn(&conf.conns[i]);
	conf_wipe(&conf);
	conf_messages_wipe(&m);
	return 0;
}
