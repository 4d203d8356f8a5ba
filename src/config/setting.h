#pragma once
/*
 * One value on its way into one of the structs, and the keys that put it there: setup_keys.c,
 * conn_keys.c, end_keys.c. For keys.c.
 */
#include "config/sections.h"

struct setting {
	struct conf_setup *setup;
	struct conn *conn;
	struct conn_end *end; /* left* and right* keys */
	const char *key;
	const char *value;
	struct text *why;
};

struct key {
	const char *name; /* of an end: behind left or right */
	bool is_list;     /* white space need not stand in quotes */
	bool (*set)(struct setting *s);
};

/* Each ends with a NULL name. */
extern const struct key setup_keys[];
extern const struct key conn_keys[];
extern const struct key end_keys[];

bool setting_word(struct setting *s, const char *const *words, unsigned *out);
bool setting_auth(struct setting *s, enum conn_auth *out);
