#pragma once
/*
 * The keys of `config setup` and of conns: what each is called and what its value does.
 */
#include "config/sections.h"

enum key_verdict {
	KEY_SET,     /* the value is in the struct */
	KEY_WRONG,   /* `why` says so */
	KEY_IGNORED, /* of FreeS/WAN, without a meaning here */
	KEY_UNKNOWN, /* `why` names the nearest */
};

/* Room for every key of a conn, to say which were seen. */
enum { CONN_KEYS_MAX = 64 };

enum key_verdict setup_set(struct conf_setup *setup, const struct param *param, struct text *why);
enum key_verdict conn_set(struct conn *conn, const struct param *param, struct text *why);
