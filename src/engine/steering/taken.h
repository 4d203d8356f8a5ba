#pragma once
/*
 * What a daemon finds in the table that it takes over. `ipsec start` loaded the same policy a moment
 * ago; to put it in again would take the kernel as long, with some of it missing meanwhile.
 */
#include "engine/steering/state.h"

/* Has the set just the elements that `wanted` puts into it? */
bool taken_has(struct steering *s, const char *set, const struct batch *wanted);
