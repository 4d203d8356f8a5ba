#include "config/secrets.h"

#include <stdlib.h>

#include "config/secret_kinds.h"
#include "config/value.h"

enum { DEPTH_MAX = 10, FILES_MAX = 256 };

/* Identities up to the colon */

static bool add_id(struct scan *s, struct secret_entry *e, const char *word)
{
	struct text why = { 0 };
	struct conf_id id;
	bool ok = value_id(word, true, &id, &why);

	if (!ok)
		scan_fail(s, word, why.s);
	else if (e->id_count == SECRET_IDS_MAX && id.kind != CONF_ID_NONE)
		ok = scan_fail(s, word, "more than 8 identities; write several entries");
	else if (id.kind != CONF_ID_NONE)
		e->ids[e->id_count++] = id;
	text_free(&why);
	return ok;
}

/* `token` is the first one. */
static bool read_ids(struct scan *s, struct secret_entry *e, enum token token)
{
	struct ip ignored;
	size_t len;

	for (; token == TOKEN_WORD; token = scan_next(s)) {
		if (strcmp(s->word, ":") == 0)
			return true;
		len = strlen(s->word);
		if (s->word[len - 1] == ':' && !ip_parse(s->word, &ignored)) {
			s->word[len - 1] = '\0';
			return add_id(s, e, s->word);
		}
		if (!add_id(s, e, s->word))
			return false;
	}
	return token != TOKEN_WRONG &&
	       scan_fail(s, NULL, "an entry is IDENTITIES : KIND SECRET; there is no colon here");
}

static bool read_rest_is_empty(struct scan *s)
{
	enum token token = scan_next(s);

	return token == TOKEN_END_OF_ENTRY ||
	       (token != TOKEN_WRONG &&
	        scan_fail(s, NULL,
	                  "something follows the secret; begin a new entry in the first "
	                  "column"));
}

static void read_text(struct scan *parent, const char *name, struct bytes text);

static void add_included(void *ctx, const char *name, struct bytes text)
{
	read_text(ctx, name, text);
}

static bool read_include(struct scan *s)
{
	char *base;
	bool ok;

	if (scan_next(s) != TOKEN_WORD)
		return scan_fail(s, "include", "one file name, please: include FILE");
	if (s->depth == DEPTH_MAX)
		return scan_fail(s, "include",
		                 "files include each other more than 10 deep; is this a "
		                 "circle?");
	base = scan_directory(s);
	ok = s->reader->read(s->reader->ctx, base, s->word, add_included, s) ||
	     scan_fail(s, s->word, "this file cannot be read; it belongs to root, mode 0600");
	free(base);
	return ok && read_rest_is_empty(s);
}

/* Reads one entry; false if it is wrong, and where the scan stands then is unknown. */
static bool read_entry(struct scan *s, struct secret_entry *e)
{
	enum token token = scan_next(s);

	e->line = s->place.line;
	if (token == TOKEN_WORD && strcmp(s->word, "include") == 0)
		return read_include(s);
	return read_ids(s, e, token) && secret_read(s, e) && read_rest_is_empty(s);
}

static void keep(struct scan *s, struct secret_entry *e)
{
	if (s->out->count == SECRETS_MAX) {
		scan_fail(s, NULL, "more than 4096 secrets");
		secret_entry_wipe(e);
		return;
	}
	s->out->entries = grow_array(s->out->entries, s->out->count + 1, sizeof(*e));
	s->out->entries[s->out->count++] = *e;
}

static bool is_empty(const struct secret_entry *e)
{
	return e->psk.data == NULL && e->file == NULL && e->rsa.modulus.data == NULL;
}

static void read_entries(struct scan *s)
{
	/* As if an empty line stood before: the first entry is found like any other. */
	while (s->at < s->end) {
		struct secret_entry e = { 0 };

		s->in_braces = false;
		if (scan_is_blank(*s->at) || *s->at == '#' || *s->at == '\n') {
			if (scan_to_word(s)) {
				s->word_line = s->place.line;
				scan_fail(s, NULL,
				          "an entry begins in the first column; this line is "
				          "indented");
				scan_skip_entry(s);
			}
			continue;
		}
		if (!read_entry(s, &e)) {
			secret_entry_wipe(&e);
			scan_skip_entry(s);
		} else if (!is_empty(&e)) {
			keep(s, &e);
		}
	}
}

static void read_text(struct scan *parent, const char *name, struct bytes text)
{
	struct secret word = { 0 };
	struct scan s = { .out = parent->out,
		          .reader = parent->reader,
		          .messages = parent->messages,
		          .files = parent->files,
		          .depth = parent->depth + 1,
		          .at = text.data,
		          .end = text.data + text.len,
		          .place = { name, 1 } };

	if (++*s.files > FILES_MAX) {
		if (*s.files == FILES_MAX + 1)
			message_error(s.messages, s.place, NULL, "more than %d files", FILES_MAX);
		return;
	}
	word = secret_new(WORD_LEN_MAX + 1);
	s.word = (char *)word.data;
	read_entries(&s);
	secret_free(&word);
}

bool secrets_parse(struct secrets *out, const char *file, struct bytes text,
                   const struct conf_reader *reader, struct conf_messages *messages)
{
	unsigned errors_before = messages->error_count;
	unsigned files = 0;
	struct scan root = { .out = out, .reader = reader, .messages = messages, .files = &files };

	*out = (struct secrets){ 0 };
	read_text(&root, file, text);
	if (messages->error_count == errors_before)
		return true;
	secrets_wipe(out);
	return false;
}

void secrets_wipe(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		secret_entry_wipe(&secrets->entries[i]);
	free(secrets->entries);
	*secrets = (struct secrets){ 0 };
}

static bool names(const struct secret_entry *e, const struct conf_id *id)
{
	for (size_t i = 0; i < e->id_count; i++) {
		if (conf_id_equal(&e->ids[i], id))
			return true;
	}
	return false;
}

/* How well the entry fits: 0 not at all. */
static unsigned shared_rank(const struct secret_entry *e, const struct conf_id *ours,
                            const struct conf_id *theirs)
{
	if (e->id_count == 0)
		return 1;
	if (names(e, ours) && names(e, theirs))
		return 4;
	if (e->id_count > 1)
		return 0; /* a secret between others */
	return names(e, theirs) ? 3 : names(e, ours) ? 2 : 0;
}

static long find(const struct secrets *secrets, enum secret_kind kind, const char *name,
                 const struct conf_id *ours, const struct conf_id *theirs)
{
	unsigned best_rank = 0;
	long best = -1;

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret_entry *e = &secrets->entries[i];
		unsigned rank = shared_rank(e, ours, theirs);

		if (e->kind != kind || (name != NULL && strcmp(name, e->ppk_id) != 0))
			continue;
		if (rank > best_rank) {
			best_rank = rank;
			best = (long)i;
		}
	}
	return best;
}

long secrets_find_psk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs)
{
	return find(secrets, SECRET_PSK, NULL, ours, theirs);
}

long secrets_find_ppk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs, const char *name)
{
	return find(secrets, SECRET_PPK, name, ours, theirs);
}
