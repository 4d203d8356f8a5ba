#pragma once
/*
 * Reach: the ranges that a configured tunnel joins, on our side and on the peer's.
 *
 * What a conn allows, what a peer asks for, and what both take are values of this type. Opportunism
 * needs none: there it is always one pair of addresses.
 */
#include "ike/ike.h"
#include "opportunism/conns.h"

enum { REACH_MAX = CONF_SUBNETS_MAX }; /* ranges a side; what a peer grants beyond is not used */

struct reach {
	struct ip_range local[REACH_MAX];
	struct ip_range remote[REACH_MAX];
	size_t local_count;
	size_t remote_count;
};

/*
 * What the conn joins with a peer at `peer`: subnets (or what they are translated to, leftnat=),
 * else the gateways themselves. False: there is no address of ours in a family of theirs.
 */
MUST_USE bool reach_of_conn(struct reach *reach, const struct conn_state *conn,
                            const struct ip *peer, const struct own_addresses *own);
/* The part of a claim that `allowed` has in it, any protocol and port (TS-4). False: nothing. */
MUST_USE bool reach_narrow(struct reach *reach, const struct ike_claim *said,
                           const struct reach *allowed);
/* Would it, if protocols and ports were all it lacks? */
bool reach_meets(const struct ike_claim *said, const struct reach *allowed);
void reach_of_child(struct reach *reach, const struct child_sa *child);

bool reach_is_pair(const struct reach *reach);
bool reach_equal(const struct reach *a, const struct reach *b);
bool reach_within(const struct reach *inner, const struct reach *outer);
bool reach_covers(const struct reach *reach, const struct ip_pair *pair);
/* May a packet fit both? */
bool reach_overlaps(const struct reach *a, const struct reach *b);
/* "10.1.0.0/16 > 10.2.0.0/16", with the number of those that are not told. */
struct reach_text {
	char s[160];
};
struct reach_text reach_text(const struct reach *reach);

/* As IKE asks for it. The views in it point into it. */
struct reach_selectors {
	struct traffic_selector local[REACH_MAX];
	struct traffic_selector remote[REACH_MAX];
	struct more_selectors more;
};
void reach_selectors(struct reach_selectors *out, const struct reach *reach);
