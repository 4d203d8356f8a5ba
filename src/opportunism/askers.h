#pragma once
/*
 * Who makes us ask the DNS by an IKE_AUTH, by outer source address (SEC-7).
 *
 * Before its proof is checked a stranger decides what names we look up: its own, and that of the
 * Source it wants to speak for. Two names at a time and twenty a minute are enough for who means
 * it. Peers that have proven who they are do not count. An IPv6 source is its /64.
 *
 * Bound: ASKERS_MAX sources are remembered, each for a minute; a further one is refused.
 */
#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

enum { ASKERS_MAX = 16384, ASKER_NAMES_MAX = 2, ASKER_NAMES_PER_MINUTE = 20 };

struct askers {
	struct hash by_address;
};

enum asker_answer { ASKER_GO, ASKER_WAIT, ASKER_NEVER };

void askers_init(struct askers *askers, const uint64_t seed[2]);
void askers_wipe(struct askers *askers);
/* May so many names be looked up for it now? GO counts them, until asker_done(). */
enum asker_answer asker_ask(struct askers *askers, const struct ip *from, unsigned names,
                            struct instant now);
void asker_done(struct askers *askers, const struct ip *from, unsigned names);
