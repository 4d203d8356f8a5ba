#include "opportunism/claim.h"
#include "opportunism/ranges.h"

#include <stdlib.h>

struct claim *claim_find(struct opportunism *opp, ike_handle sa)
{
	struct hash_node *node =
	    hash_first(&opp->claims, hash_octets(&opp->claims, &sa, sizeof(sa)));

	for (; node != NULL; node = hash_following(node)) {
		struct claim *claim = CONTAINER_OF(node, struct claim, by_sa);

		if (claim->sa == sa)
			return claim;
	}
	return NULL;
}

void claim_release_names(struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	if (claim->waits)
		TAILQ_REMOVE(&opp->waiting_claims, claim, in_waiting);
	claim->waits = false;
	if (claim->names == 0)
		return;
	asker_done(&opp->askers, &claim->said.path.remote.address, claim->names);
	claim->names = 0;
	opp->has_done_asker = true;
}

static void stop_lookups(struct claim *claim)
{
	claim_release_names(claim);
	if (claim->wants_keys)
		key_search_stop(&claim->keys, &claim->opp->lookups);
	lookup_cancel(&claim->opp->lookups, &claim->source_client);
	discovery_wipe(&claim->source);
	claim->wants_keys = false;
	claim->wants_source = false;
}

void claim_free(struct claim *claim)
{
	stop_lookups(claim);
	heap_remove(&claim->opp->timers, &claim->timer.node);
	hash_remove(&claim->opp->claims, &claim->by_sa);
	hash_remove(&claim->opp->claims_from, &claim->by_source);
	free(claim);
}

unsigned claims_from(const struct opportunism *opp, const struct ip *from)
{
	struct hash_node *node =
	    hash_first(&opp->claims_from, hash_octets(&opp->claims_from, from, sizeof(*from)));
	unsigned count = 0;

	for (; node != NULL; node = hash_following(node)) {
		const struct claim *claim = CONTAINER_OF(node, struct claim, by_source);

		count += !claim->is_granted && ip_equal(&claim->said.path.remote.address, from);
	}
	return count;
}

struct claim *claim_new(struct opportunism *opp, const struct event *event)
{
	struct claim *old = claim_find(opp, event->sa);
	struct claim *claim;

	if (old != NULL)
		claim_free(old);
	claim = new_zeroed(sizeof(*claim));
	claim->opp = opp;
	claim->began = opp->now;
	claim->sa = event->sa;
	claim->tag = opp->next_tag++;
	claim->said = *event->claim;
	claim->source_client.is_claim = true;
	LIST_INIT(&claim->source_client.lookups);
	if (claim->said.is_childless)
		claim->conn = conns_answering_gateway(&opp->conns, &claim->said.path.remote.address,
		                                      claim->said.auth);
	else if (claim->said.is_single_pair)
		claim->conn =
		    conns_answering(&opp->conns, &claim->said.ours.range.first,
		                    &claim->said.peer.range.first, &opp->own, claim->said.auth);
	else
		claim->conn = conn_of_ranges(&opp->conns, &claim->said, &opp->own, &claim->grant);
	claim->has_grant = !claim->said.is_single_pair && !claim->said.is_childless &&
	                   claim->conn != NULL && claim->grant.local_count > 0;
	claim->said.more_peer = claim->said.more_ours = (struct selectors){ 0 }; /* were lent */
	claim->refusal = claim_objection(&claim->said, claim->conn, opp);
	if (claim->refusal == NULL && !claim->said.is_single_pair && !claim->said.is_childless &&
	    !claim->has_grant)
		claim->refusal = "tunnels are for all protocols and ports";
	hash_add(&opp->claims, &claim->by_sa,
	         hash_octets(&opp->claims, &claim->sa, sizeof(claim->sa)));
	hash_add(&opp->claims_from, &claim->by_source,
	         hash_octets(&opp->claims_from, &claim->said.path.remote.address,
	                     sizeof(claim->said.path.remote.address)));
	return claim;
}

/* AUZ-5: the Initiator speaks for itself without a record. */
static bool speaks_for_itself(const struct claim *claim)
{
	return range_is_single(&claim->said.peer.range) &&
	       ip_equal(&claim->said.peer.range.first, &claim->said.path.remote.address);
}

/* A conn that names its gateway has said who carries its addresses; the DNS gives the key alone. */
bool claim_is_arranged(const struct claim *claim)
{
	return claim->conn != NULL && !claim->conn->is_opportunistic &&
	       claim->conn->theirs.kind == END_ADDRESS;
}

bool claim_asks_about_source(const struct claim *claim)
{
	return claim->refusal == NULL && !claim->said.is_childless && !speaks_for_itself(claim) &&
	       !claim_is_arranged(claim);
}

/* SEC-7: what a peer may make us ask before it has proven anything. */
enum asker_answer claim_may_look(struct claim *claim)
{
	struct opportunism *opp = claim->opp;
	unsigned names = claim_asks_about_source(claim) ? 2 : 1;
	enum asker_answer said;

	if (claim->is_child)
		return ASKER_GO;
	said = asker_ask(&opp->askers, &claim->said.path.remote.address, names, opp->now);
	if (said == ASKER_GO)
		claim->names = names;
	return said;
}

void claim_stop_waiting(struct claim *claim)
{
	TAILQ_REMOVE(&claim->opp->waiting_claims, claim, in_waiting);
	claim->waits = false;
}
