#include "config/sections.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	FILES_MAX = 1024,
	DEPTH_MAX = 10,
	PARAMS_MAX = 65536,
	SECTION_PARAMS_MAX = 256,
	LINE_LEN_MAX = 8191
};

/* What is being read: one per file, chained by includes. */
struct source {
	struct sections *out;
	const struct conf_reader *reader;
	struct conf_messages *messages;
	struct place at;
	unsigned depth;
	struct section *open; /* the section that indented lines belong to, or NULL */
	bool is_skipping;     /* its header was wrong: its lines are not looked at */
};

static void read_text(struct source *parent, const char *name, struct bytes text);

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Ends the line before its comment and trailing white space. */
static void strip(char *line)
{
	size_t len;

	for (char *c = line; *c != '\0'; c++) {
		if (*c == '#' && (c == line || is_blank(c[-1]))) {
			*c = '\0';
			break;
		}
	}
	len = strlen(line);
	while (len > 0 && (is_blank(line[len - 1]) || line[len - 1] == '\r'))
		line[--len] = '\0';
}

/* Cuts the first word off `*rest`; NULL if there is none. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");

	if (*word == '\0')
		return NULL;
	*rest = word + strcspn(word, " \t");
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return word;
}

static bool is_name(const char *s)
{
	const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(s);

	return len > 0 && len < 64 && strspn(s, letters) == len &&
	       strchr(".-", s[0]) == NULL; /* so that it can be no option and no path */
}

struct section *sections_find(const struct sections *sections, const char *conn_name)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct section *s = &sections->list[i];

		if (s->kind == SECTION_CONN && strcmp(s->name, conn_name) == 0)
			return s;
	}
	return NULL;
}

static const struct section *find_same(const struct sections *sections, enum section_kind kind,
                                       const char *name)
{
	for (size_t i = 0; i < sections->count; i++) {
		if (sections->list[i].kind == kind && strcmp(sections->list[i].name, name) == 0)
			return &sections->list[i];
	}
	return NULL;
}

static void open_section(struct source *s, enum section_kind kind, const char *name,
                         const char *header)
{
	const struct section *same = find_same(s->out, kind, name);

	s->is_skipping = true;
	if (same != NULL) {
		message_error(s->messages, s->at, header, "already at %s:%u; write it once",
		              same->at.file, same->at.line);
		return;
	}
	if (s->out->count == CONF_CONNS_MAX + 2) {
		message_error(s->messages, s->at, header,
		              "more than %d sections; policy for many peers needs fewer conns",
		              CONF_CONNS_MAX);
		return;
	}
	s->out->list = grow_array(s->out->list, s->out->count + 1, sizeof(*s->out->list));
	s->open = &s->out->list[s->out->count++];
	*s->open = (struct section){ .kind = kind, .name = new_string(name), .at = s->at };
	s->is_skipping = false;
}

static void read_include(struct source *s, char *rest, const char *header);

static void read_version(struct source *s, char *rest, const char *header)
{
	const char *number = next_word(&rest);

	if (number == NULL || (number[0] != '1' && number[0] != '2') ||
	    (number[1] != '\0' && number[1] != '.'))
		message_error(s->messages, s->at, header, "an unknown format; write version 2");
}

static void read_conn(struct source *s, char *rest, const char *header)
{
	const char *name = next_word(&rest);

	s->is_skipping = true;
	if (name == NULL)
		message_error(s->messages, s->at, header, "a conn without a name; write conn NAME");
	else if (next_word(&rest) != NULL)
		message_error(s->messages, s->at, header,
		              "a name is one word; write the parameters indented below it");
	else if (strcmp(name, "%default") != 0 && !is_name(name))
		message_error(s->messages, s->at, header,
		              "a name has up to 63 letters, digits, dots, hyphens and underscores "
		              "and begins with a letter or digit");
	else
		open_section(s, SECTION_CONN, name, header);
}

static void read_config(struct source *s, char *rest, const char *header)
{
	const char *name = next_word(&rest);

	s->is_skipping = true;
	if (name == NULL || strcmp(name, "setup") != 0)
		message_error(s->messages, s->at, header, "no such section; write config setup");
	else
		open_section(s, SECTION_SETUP, name, header);
}

static void refuse_header(struct source *s, const char *word, const char *header)
{
	static const char *const known[] = { "version", "include", "config", "conn", NULL };
	const char *near = word_meant(word, known);

	s->is_skipping = true;
	if (strchr(header, '=') != NULL)
		message_error(s->messages, s->at, header,
		              "a parameter stands indented below its section; begin the line with "
		              "white space");
	else if (near != NULL)
		message_error(s->messages, s->at, header, "no such section; write %s", near);
	else
		message_error(s->messages, s->at, header,
		              "no such section; write config setup, conn NAME or include FILE");
}

/* `line` has at least one word. */
static void read_header(struct source *s, char *line)
{
	static const struct {
		const char *word;
		void (*read)(struct source *s, char *rest, const char *header);
	} headers[] = {
		{ "version", read_version },
		{ "include", read_include },
		{ "config", read_config },
		{ "conn", read_conn },
	};
	char *header = new_string(line);
	char *rest = line;
	const char *word = next_word(&rest);
	bool is_known = false;

	assert(word != NULL);
	s->open = NULL;
	s->is_skipping = false;
	for (size_t i = 0; i < ARRAY_LEN(headers) && !is_known; i++) {
		is_known = strcmp(headers[i].word, word) == 0;
		if (is_known)
			headers[i].read(s, rest, header);
	}
	if (!is_known)
		refuse_header(s, word, header);
	free(header);
}

/* Takes the quotes off; false (and a message) if they do not match. */
static bool unquote(struct source *s, char **value, bool *is_quoted, const char *line)
{
	size_t len = strlen(*value);

	*is_quoted = (*value)[0] == '"';
	if (*is_quoted && len >= 2 && (*value)[len - 1] == '"') {
		(*value)[len - 1] = '\0';
		(*value)++;
	} else if (*is_quoted) {
		message_error(s->messages, s->at, line, "the quotation does not end on this line");
		return false;
	}
	if (strchr(*value, '"') != NULL) {
		message_error(s->messages, s->at, line, "a value cannot contain a quotation mark");
		return false;
	}
	return true;
}

static bool is_repeated(struct source *s, const char *key, const char *line)
{
	for (size_t i = 0; i < s->open->count; i++) {
		const struct param *p = &s->open->params[i];

		if (strcmp(p->key, key) == 0 && strcmp(key, "also") != 0) {
			message_error(s->messages, s->at, line,
			              "%s is already in line %u of this section; write it once",
			              key, p->at.line);
			return true;
		}
	}
	return false;
}

static void add_param(struct source *s, const char *key, const char *value, bool is_quoted,
                      const char *line)
{
	struct section *open = s->open;

	if (is_repeated(s, key, line))
		return;
	if (s->out->param_count == PARAMS_MAX || open->count == SECTION_PARAMS_MAX) {
		message_error(s->messages, s->at, line,
		              "more than %d parameters in a section, or %d in all",
		              SECTION_PARAMS_MAX, PARAMS_MAX);
		s->is_skipping = true;
		return;
	}
	s->out->param_count++;
	open->params = grow_array(open->params, open->count + 1, sizeof(*open->params));
	open->params[open->count++] = (struct param){ .key = new_string(key),
		                                      .value = new_string(value),
		                                      .at = s->at,
		                                      .is_quoted = is_quoted };
}

static void read_param(struct source *s, char *line)
{
	char *whole;
	char *equals;
	char *value;
	bool is_quoted;

	line += strspn(line, " \t");
	if (strncmp(line, "include", 7) == 0 && is_blank(line[7])) {
		read_header(s, line);
		return;
	}
	if (s->is_skipping)
		return;
	if (s->open == NULL) {
		message_error(s->messages, s->at, line,
		              "belongs to no section; write config setup or conn NAME above it");
		s->is_skipping = true;
		return;
	}
	equals = strchr(line, '=');
	if (equals == NULL || equals == line) {
		message_error(s->messages, s->at, line, "not a parameter; write KEY=VALUE");
		return;
	}
	whole = new_string(line);
	value = equals + 1 + strspn(equals + 1, " \t");
	*equals = '\0';
	strip(line);
	if (unquote(s, &value, &is_quoted, whole))
		add_param(s, line, value, is_quoted, whole);
	free(whole);
}

static void read_line(struct source *s, struct bytes line)
{
	char text[LINE_LEN_MAX + 1];

	if (line.len > LINE_LEN_MAX) {
		message_error(s->messages, s->at, NULL, "the line has more than %d characters",
		              LINE_LEN_MAX);
		return;
	}
	if (memchr(line.data, '\0', line.len) != NULL) {
		message_error(s->messages, s->at, NULL, "the line holds a NUL; this is no text");
		return;
	}
	memcpy(text, line.data, line.len);
	text[line.len] = '\0';
	strip(text);
	if (text[strspn(text, " \t")] == '\0')
		return;
	if (is_blank(text[0]))
		read_param(s, text);
	else
		read_header(s, text);
}

static const char *keep_name(struct sections *out, const char *name)
{
	out->files = grow_array(out->files, out->file_count + 1, sizeof(*out->files));
	out->files[out->file_count] = new_string(name);
	return out->files[out->file_count++];
}

static void read_text(struct source *parent, const char *name, struct bytes text)
{
	struct source s = { .out = parent->out,
		            .reader = parent->reader,
		            .messages = parent->messages,
		            .depth = parent->depth + 1,
		            .at.file = keep_name(parent->out, name) };

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.data);
		size_t taken = end == NULL ? len : len + 1;

		s.at.line++;
		read_line(&s, BYTES(text.data, len));
		text = BYTES(text.data + taken, text.len - taken);
	}
}

static void add_included(void *ctx, const char *name, struct bytes text)
{
	struct source *s = ctx;

	if (s->out->file_count < FILES_MAX)
		read_text(s, name, text);
	else if (s->out->file_count == FILES_MAX)
		message_error(s->messages, s->at, name, "more than %d files", FILES_MAX);
}

static void read_include(struct source *s, char *rest, const char *header)
{
	const char *pattern = next_word(&rest);
	const char *slash = strrchr(s->at.file, '/');
	char *base;

	if (pattern == NULL || next_word(&rest) != NULL) {
		message_error(s->messages, s->at, header, "one file name, please: include FILE");
		return;
	}
	if (s->depth == DEPTH_MAX) {
		message_error(s->messages, s->at, header,
		              "files include each other more than %d deep; is this a circle?",
		              DEPTH_MAX);
		return;
	}
	base = new_string(s->at.file);
	base[slash == NULL ? 0 : slash == s->at.file ? 1 : slash - s->at.file] = '\0';
	if (!s->reader->read(s->reader->ctx, base, pattern, add_included, s))
		message_error(s->messages, s->at, header,
		              "this file cannot be read; create it, or take the line out");
	free(base);
}

void sections_read(struct sections *out, const char *file, struct bytes text,
                   const struct conf_reader *reader, struct conf_messages *messages)
{
	struct source root = { .out = out, .reader = reader, .messages = messages };

	read_text(&root, file, text);
}

void sections_wipe(struct sections *sections)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct section *s = &sections->list[i];

		for (size_t j = 0; j < s->count; j++) {
			free(s->params[j].key);
			free(s->params[j].value);
		}
		free(s->params);
		free(s->name);
	}
	free(sections->list);
	for (size_t i = 0; i < sections->file_count; i++)
		free(sections->files[i]);
	free(sections->files);
	*sections = (struct sections){ 0 };
}

struct text param_subject(const struct param *param)
{
	struct text t = { 0 };
	const char *quote = param->is_quoted ? "\"" : "";

	text_add(&t, "%s=%s%s%s", param->key, quote, param->value, quote);
	return t;
}
