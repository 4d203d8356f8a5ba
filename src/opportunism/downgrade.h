#pragma once
/*
 * Downgrades: an unsigned answer that takes away a protection there was (TRU-8, TRU-9).
 */
#include "opportunism/flow.h"

/* The flow's answers are in and `outcome` is what they say. Counts and warns; with sticky=yes what
 * was protected is denied. */
enum discovery_outcome downgrade_weigh(struct flow *flow, enum discovery_outcome outcome);
/*
 * The keys that count for a gateway of `address`, by answers of that trust. True: it was protected
 * by none of them before, and the conn is sticky.
 */
bool downgrade_forbids(struct opportunism *opp, const struct conn_state *conn,
                       const struct ip *address, const struct gateway *gateway);
/* Of those keys the ones that are remembered, where no others may protect it. */
void downgrade_keep_known(struct opportunism *opp, const struct conn_state *conn,
                          const struct ip *address, struct gateway *gateway);
/* Its Destination was protected, and the conn is sticky: nothing that was not found out opens it.
 */
bool downgrade_forbids_clear(const struct flow *flow);
/* The same of a failure: an unsigned record names whomever a forger likes, one who is silent too.
 * Says so. */
bool downgrade_forbids_failure(const struct flow *flow);
/* The flow's verdict rests on an absence that nobody signed (TRU-8). */
bool downgrade_is_possible(const struct flow *flow);
/* The same, of the key that the peer proved: one that is remembered may be published beside it by
 * whoever forges the records. */
bool downgrade_forbids_tunnel(struct opportunism *opp, const struct flow *flow,
                              const struct peer_sa *sa, enum strength strength);
/* A tunnel to the flow's Destination is up. */
void downgrade_note_tunnel(struct opportunism *opp, const struct flow *flow,
                           const struct peer_sa *sa, enum strength strength);
