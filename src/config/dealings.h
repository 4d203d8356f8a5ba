#pragma once
/*
 * The keys of a conn that say how its peer is dealt with: lifetimes, rekeying, liveness, suites.
 */
#include "config/conf.h"

enum { LIFETIME_LEAST_S = 5, LIFETIME_MOST_S = 86400 };

/* Their names, with NULL at the end; those whose values are lists. */
extern const char *const dealings_keys[];
extern const char *const dealings_list_keys[];

/* `key` is one of them. False: `why` says what is wrong. */
MUST_USE bool dealings_set(struct conn_dealings *dealings, const char *key, const char *value,
                           struct text *why);
/* What is wrong between them; NULL if nothing is. */
const char *dealings_fault(const struct conn_dealings *dealings);
