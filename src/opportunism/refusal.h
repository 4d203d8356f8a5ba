#pragma once
/*
 * Peers that came and were refused, the last of them: nothing else is left of them here, and it
 * is here that somebody can say why their packets do not come through a tunnel.
 *
 * A ring of REFUSALS_MAX; the oldest goes. Whoever floods it hides others' refusals, no more.
 */
#include "ike/ike.h"
#include "opportunism/limits.h"

enum { REFUSAL_WHY_MAX = 128 };

struct refusal {
	struct instant at;
	struct ip gateway; /* who came */
	struct ip source;  /* for whom; the first address of ranges */
	struct ip ours;    /* to talk to whom */
	char why[REFUSAL_WHY_MAX];
};

struct refusals {
	struct refusal *ring; /* NULL before the first */
	size_t next;
};

void refusals_wipe(struct refusals *refusals);
void refusals_add(struct refusals *refusals, const struct ike_claim *said, const char *why,
                  struct instant now);
/* The newest of a claim to speak for `remote`, or of the gateway `remote` itself, towards `ours`
 * (IP_NONE: anybody); or NULL. */
const struct refusal *refusals_find(const struct refusals *refusals, const struct ip *ours,
                                    const struct ip *remote);
