#pragma once
/*
 * Why a pair is treated as it is, and what comes next (promise 6). Asking touches nothing: no
 * packet is held, no question asked, no gateway called.
 *
 * For a pair that nothing was decided about yet, it says what would be done with its first packet.
 */
#include "ike/id.h"
#include "opportunism/evidence.h"
#include "opportunism/opportunism.h"
#include "opportunism/refusal.h"

struct why_request {
	struct ip source; /* IP_NONE: whoever talks to it now, else this gateway */
	struct ip destination;
	uint8_t protocol; /* 0: any */
	int32_t port;     /* remote; -1: any */
};

enum { WHY_NEXT_MAX = 240 };

struct why {
	struct ip_pair pair; /* the source is IP_NONE if we have none in that family */
	bool is_hypothetical;
	bool is_decided; /* no packet waits */
	bool has_rule;
	char rule[CONN_NAME_MAX]; /* conn or group */
	const char *file;         /* borrowed, as all pointers here, until the next event */
	unsigned line;
	const struct evidence_log *evidence;
	struct id_text identity; /* the peer proved it; "": there is no tunnel */
	struct evidence_key key; /* with this key; "": without one */
	const struct refusal *refused; /* a peer that came for this pair, since the eroute stands */
	bool has_eroute;
	struct eroute_view eroute;
	struct instant began;    /* of the first packet; INSTANT_NEVER while hypothetical */
	char next[WHY_NEXT_MAX]; /* what happens next */
	struct instant next_at;  /* at the latest; INSTANT_NEVER: when something makes it so */

	struct evidence_log would; /* owned */
};

void opportunism_why(struct opportunism *opp, const struct why_request *request, struct why *why);
void why_wipe(struct why *why);

/*
 * Decides now, as if a packet had come; a tunnel stays, and a shunt too until there is an answer.
 * False: `error` says why there is nothing to find out.
 */
MUST_USE bool opportunism_try(struct opportunism *opp, const struct why_request *request,
                              struct ip_pair *pair, struct text *error, struct instant now);
