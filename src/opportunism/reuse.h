#pragma once
/*
 * The IKE SAs there are with the gateway that is being tried, whoever began them: one of them may
 * carry this flow too (REU-1, REU-3).
 */
#include "opportunism/flow.h"

/* One with room, made from where we would make it, whose peer knows us as it should and has proven
 * a key that the Destination's records hold for it; or NULL. */
struct peer_sa *reuse_find(const struct attempt *attempt);
/* Would there be any to reuse, if only the gateway's keys were known? */
bool reuse_any_up(const struct attempt *attempt);
/* SEC-13: as many as one peer can have, and no room on them. */
bool reuse_are_all_full(const struct attempt *attempt);
