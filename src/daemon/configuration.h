#pragma once
/*
 * What one start or reload brought: the files' meaning, and what they mean on this machine.
 */
#include "config/secrets.h"
#include "control/bundle.h"
#include "control/plan.h"

/* Settled when configuration_read() returns. */
struct configuration {
	struct conf conf;
	struct secrets secrets; /* until configuration_forget_secrets(): with their octets */
	struct plan plan;
	struct ip servers[CONF_DNS_MAX];
	size_t server_count;
	char *anchor;   /* text of the trust anchor file, "" if there is none */
	char *warnings; /* lines for whoever asked, perhaps "" */
};

/* `json`: {"conf": BUNDLE, "secrets": BUNDLE}. NULL: `error` says why, in lines. */
struct configuration *configuration_read(const json_t *json, uid_t daemon_uid, struct text *error);
/*
 * Takes the conn of that name, and nothing else, from files read anew. `json`: {"conf": BUNDLE}.
 * False: `error` says why, in lines, and nothing has changed.
 */
MUST_USE bool configuration_take_conn(struct configuration *c, const json_t *json, const char *name,
                                      uid_t daemon_uid, struct text *error);
/* The octets are wiped, the identities stay. */
void configuration_forget_secrets(struct configuration *c);
void configuration_free(struct configuration *c);
