#pragma once
/*
 * After a crash of ours: the peers that had IKE SAs with us still send into tunnels we know nothing
 * of. Whoever keeps a list of established peers (opportunism_list_peers(), whenever
 * opportunism_peers_version() has changed) gives it back after an unclean start; then each of them
 * gets an IKE SA without a child (RFC 6023) that begins with INITIAL_CONTACT, so that it forgets
 * the old ones and its next packet makes a new tunnel. Five a second, in random order, and only
 * where a routed conn lets us begin: a node that only answers is found by the quick crash detection
 * (RFC 6290) and by INVALID_SPI.
 */
#include "opportunism/opportunism.h"

enum { PEER_RECORDS_MAX = 10000 }; /* the newest are listed, the rest is not */

struct peer_record {
	struct ip gateway;
	struct ip ours;
	int64_t seen_s; /* wall clock: the IKE SA was up then; the lister's to fill in */
	struct ike_id our_id;
	struct ike_id id;
	char conn[CONN_NAME_MAX];
};

/* Changes with the list. */
uint64_t opportunism_peers_version(const struct opportunism *opp);
void opportunism_list_peers(const struct opportunism *opp,
                            void (*see)(void *ctx, const struct peer_record *peer), void *ctx);

/* `now_s`: the wall clock. Older than the conn's IKE lifetime is not looked for. Copied. */
void opportunism_recover(struct opportunism *opp, const struct peer_record *peers, size_t count,
                         int64_t now_s, struct instant now);
