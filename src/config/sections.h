#pragma once
/*
 * The lines of ipsec.conf and of the files it includes, as sections of parameters (ipsec.conf(5) of
 * FreeS/WAN): a section begins in the first column, its parameters are indented, `#` at the start
 * of a line or after white space begins a comment, a value with white space stands in quotes.
 *
 * Nothing is known here about which keys exist or what values mean.
 */
#include "config/message.h"

enum section_kind { SECTION_SETUP, SECTION_CONN };

struct param {
	char *key;
	char *value;
	struct place at;
	bool is_quoted;
};

struct section {
	enum section_kind kind;
	char *name; /* "setup", "west-east", "%default" */
	struct place at;
	struct param *params;
	size_t count;
	unsigned visit; /* for walks along also= */
};

struct sections {
	struct section *list;
	size_t count;
	char **files; /* names, which places point to */
	size_t file_count;
	size_t param_count;
};

/*
 * Reads `text` and what it includes. Errors go to `messages`; the lines that are right are in `out`
 * all the same, so that one run finds all that is wrong.
 */
void sections_read(struct sections *out, const char *file, struct bytes text,
                   const struct conf_reader *reader, struct conf_messages *messages);
void sections_wipe(struct sections *sections);
struct section *sections_find(const struct sections *sections, const char *conn_name);

/* "leftsubnet=10.0.0.0/8", for messages; the caller frees. */
struct text param_subject(const struct param *param);
