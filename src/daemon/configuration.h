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
	struct secrets secrets; /* described: whom they are for, and not the secrets */
	int secrets_token;      /* of those (control/handover.h); -1 once the signer has them */
	struct plan plan;
	struct ip servers[CONF_DNS_MAX];
	size_t server_count;
	char *anchor;   /* text of the trust anchor file, "" if there is none */
	char *warnings; /* lines for whoever asked, perhaps "" */
	char *trouble;  /* makeshift: what is wrong with the files, in lines; else "" */
};

/*
 * `json`: {"conf": BUNDLE, "secrets": their description}. Takes over `secrets_token`, which may be
 * -1. NULL: `error` says why, in lines.
 */
struct configuration *configuration_read(const json_t *json, int secrets_token, uid_t daemon_uid,
                                         struct text *error);
/*
 * Takes the conn of that name, and nothing else, from files read anew. `json`: {"conf": BUNDLE}.
 * False: `error` says why, in lines, and nothing has changed.
 */
MUST_USE bool configuration_take_conn(struct configuration *c, const json_t *json, const char *name,
                                      uid_t daemon_uid, struct text *error);
/*
 * What it means on this machine as it is now. False: `error` says why that cannot be said, and
 * nothing has changed. `has_changed`: the plan is another one.
 */
MUST_USE bool configuration_look(struct configuration *c, uid_t daemon_uid, bool *has_changed,
                                 struct text *error);
/*
 * Takes what files read anew say of policy groups, and nothing else; after a makeshift start all
 * conns, since some of them are not as they were written. The same contract.
 */
MUST_USE bool configuration_take_groups(struct configuration *c, const json_t *json,
                                        uid_t daemon_uid, bool *was_makeshift, struct text *error);
void configuration_free(struct configuration *c);
