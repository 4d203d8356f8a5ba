/*
 * The answer to a claim.
 */
#include "opportunism/claim.h"
#include "opportunism/tunnel.h"

#define TAKEN "another peer carries some of these addresses"

void claim_refuse(struct claim *claim, const char *why)
{
	struct opportunism *opp = claim->opp;
	struct ike_permission no = { .verdict = IKE_VERDICT_UNAUTHENTICATED };

	refusals_add(&opp->refusals, &claim->said, why, opp->now);
	log_line(&opp->log, LOG_WARNING, "gateway %s (%s) refused: %s",
	         ip_text(&claim->said.path.remote.address).s, id_text(&claim->said.peer_id).s, why);
	if (claim->is_child) {
		no.verdict = IKE_VERDICT_NO_CHILD; /* who the peer is, stays proven */
		ike_authorize_child(opp->ike, claim->sa, &no, opp->now);
	} else {
		ike_authorize(opp->ike, claim->sa, &no, opp->now);
	}
	claim_free(claim);
}

static bool fill_self(const struct claim *claim, struct ike_self *self)
{
	const struct opportunism *opp = claim->opp;
	const struct conn_state *conn = claim->conn;

	for (size_t i = 0; conn == NULL && i < opp->conns.count; i++) {
		if (opp->conns.list[i].is_opportunistic && opp->conns.list[i].is_added)
			conn = &opp->conns.list[i];
	}
	return conn != NULL && self_for_conn(opp, conn, &claim->said.path.local.address, self);
}

static void log_no_child(const struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	refusals_add(&opp->refusals, &claim->said, claim->refusal, opp->now);
	log_line(&opp->log, LOG_WARNING, "gateway %s (%s) may not speak for %s: %s",
	         ip_text(&claim->said.path.remote.address).s, id_text(&claim->said.peer_id).s,
	         ip_text(&claim->said.peer.range.first).s, claim->refusal);
}

/* NAT-14: a conn may allow several peers the same address, as they have behind their NATs; it
 * belongs to the first for as long as that one lives. */
static bool is_others(const struct claim *claim, const struct child *child)
{
	const struct peer_sa *sa = child == NULL ? NULL : sa_find(claim->opp, child->sa);

	if (claim->conn == NULL || claim->conn->is_opportunistic || sa == NULL)
		return false;
	return !id_equal(&sa->id, &claim->said.peer_id);
}

static bool names_its_peer(const struct conn_state *conn)
{
	return conn->theirs.kind == END_ADDRESS || conn->theirs.id.kind != CONF_ID_NONE;
}

/* A pair among the ranges that are to be granted, of a configured conn. Who is named for the ranges
 * has them beside what other conns take out of them. */
static bool is_pair_within(const struct claim *claim, const struct flow *flow)
{
	if (flow->conn == NULL || !conn_is_arranged(flow->conn) ||
	    (flow->tunnel != NULL && flow->tunnel->is_wide))
		return false;
	return (flow->conn == claim->conn || !names_its_peer(claim->conn)) &&
	       reach_covers(&claim->grant, &flow->pair);
}

static bool has_pair_of_others(const struct claim *claim)
{
	struct hash_node *node = NULL;

	while ((node = hash_walk(&claim->opp->children, node)) != NULL) {
		const struct child *child = CONTAINER_OF(node, struct child, by_spi);

		if (is_pair_within(claim, child->flow) && is_others(claim, child))
			return true;
	}
	return false;
}

static bool has_range_of_others(const struct claim *claim)
{
	const struct ip_range *ours = &claim->said.ours.range, *peer = &claim->said.peer.range;
	struct reach pair = { { *ours }, { *peer }, 1, 1 };

	if (claim->has_grant)
		return tunnel_is_others(claim->opp, &claim->grant, &claim->said.peer_id, NULL);
	return claim->conn != NULL && claim->said.is_single_pair &&
	       tunnel_is_others(claim->opp, &pair, &claim->said.peer_id, claim->conn);
}

static bool is_taken(const struct claim *claim)
{
	struct ip_pair pair = { claim->said.ours.range.first, claim->said.peer.range.first };
	const struct flow *flow = flow_find(claim->opp, &pair);

	return (flow != NULL && is_others(claim, TAILQ_FIRST(&flow->children))) ||
	       has_range_of_others(claim) || (claim->has_grant && has_pair_of_others(claim));
}

/* It comes from where that one's peer is, and may prove the same key. */
static bool may_be_peer_of(const struct claim *claim, const struct child *child,
                           const struct pubkey *keys, size_t count)
{
	const struct peer_sa *sa = child->of;

	if (sa == NULL || !ip_equal(&child->gateway, &claim->said.path.remote.address))
		return false;
	for (size_t i = 0; i < count; i++)
		if (pubkey_equal(&keys[i], &sa->key))
			return true;
	return count == 0;
}

/* AUZ-14: another gateway already carries this pair, and is known better. Who proves nothing might
 * be another gateway at the same address. */
static void check_existing(struct claim *claim, const struct pubkey *keys, size_t count)
{
	struct ip_pair pair = { claim->said.ours.range.first, claim->said.peer.range.first };
	const struct flow *flow = flow_find(claim->opp, &pair);
	const struct child *child = flow == NULL ? NULL : TAILQ_FIRST(&flow->children);

	for (const struct child *one = child; one != NULL; one = TAILQ_NEXT(one, in_flow))
		if (claim->strength < one->strength &&
		    (claim->strength == STRENGTH_NULL || !may_be_peer_of(claim, one, keys, count)))
			claim->refusal = "another gateway carries it with more strength";
	if (claim->refusal == NULL && claim->said.is_single_pair &&
	    pair_wants_more(claim->opp, &pair, claim->strength))
		claim->refusal = "a rule for these addresses wants a better proof";
	if (is_taken(claim))
		claim->refusal = TAKEN;
}

bool claim_is_taken(struct claim *claim)
{
	if (!is_taken(claim))
		return false;
	claim->refusal = TAKEN;
	log_no_child(claim);
	return true;
}

/* The one that the peer used, if it is the conn's. */
static struct ike_ppk ppk_of(const struct claim *claim)
{
	if (claim->conn == NULL || strcmp(claim->conn->ppk.id, claim->said.ppk_id) != 0)
		return (struct ike_ppk){ 0 };
	return claim->conn->ppk;
}

/* The claim is answered; it stays until its CHILD SA is up, or for a minute. */
void claim_answer(struct claim *claim, const struct pubkey *keys, size_t count, unsigned psk)
{
	struct opportunism *opp = claim->opp;
	struct ike_permission permission = { .verdict = IKE_VERDICT_ACCEPT,
		                             .keys = keys,
		                             .key_count = count,
		                             .certs = claim->conn == NULL
		                                          ? (struct ike_certs){ 0 }
		                                          : conn_certs(claim->conn, opp->trust),
		                             .ppk = ppk_of(claim),
		                             .peer_psk = psk,
		                             .peer = claim->said.peer,
		                             .ours = claim->said.ours,
		                             .profile =
		                                 claim->conn == NULL ? NULL : claim->conn->profile,
		                             .tag = claim->tag };

	struct reach_selectors granted;

	if (claim->has_grant) {
		reach_selectors(&granted, &claim->grant);
		permission.ours = granted.local[0];
		permission.peer = granted.remote[0];
		permission.more_ours = granted.more.local;
		permission.more_peer = granted.more.remote;
	}
	if (claim->said.is_childless && claim->refusal != NULL) {
		claim_refuse(claim, claim->refusal); /* of an IKE SA alone nothing would be left */
		return;
	}
	if (claim->refusal == NULL && !claim->said.is_childless)
		check_existing(claim, keys, count);
	if (claim->refusal != NULL) {
		log_no_child(claim);
		permission.verdict = IKE_VERDICT_NO_CHILD;
	}
	if (!claim->is_child && !fill_self(claim, &permission.self)) {
		claim_refuse(claim,
		             "we have no key to answer with: make one with ipsec newhostkey");
		return;
	}
	claim->is_granted = true;
	timer_set(opp, &claim->timer, instant_after(opp->now, SECONDS(60)));
	if (claim->is_child)
		ike_authorize_child(opp->ike, claim->sa, &permission, opp->now);
	else
		ike_authorize(opp->ike, claim->sa, &permission, opp->now);
}
