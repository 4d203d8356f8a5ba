/*
 * Attempts: one gateway being tried for one flow, over an IKE SA that exists or a new one.
 */
#include "opportunism/tunnel.h"

#include <stdlib.h>

#include "opportunism/gateway_search.h"
#include "opportunism/refetch.h"
#include "opportunism/reuse.h"
#include "opportunism/wish.h"

/* For one child; each may be full or end under it. */
enum { OTHER_SAS_MAX = 8 };

static struct attempt *of_node(struct hash_node *node)
{
	return CONTAINER_OF(node, struct attempt, by_tag);
}

struct attempt *attempt_find(struct opportunism *opp, uint64_t tag)
{
	struct hash_node *node =
	    hash_first(&opp->attempts, hash_octets(&opp->attempts, &tag, sizeof(tag)));

	while (node != NULL && of_node(node)->tag != tag)
		node = hash_following(node);
	return node == NULL ? NULL : of_node(node);
}

/* The attempt leaves its flow; what is under way with IKE is told that nobody waits for it. */
void attempt_free(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;

	gateway_search_stop(attempt);
	refetch_stop(attempt);
	if (attempt->state == ATTEMPT_WAITING)
		TAILQ_REMOVE(&memory_of(opp, &attempt->gateway->address)->waiting, attempt,
		             in_waiting);
	evidence_left(&attempt->flow->evidence, attempt->gateway, opp->now);
	pace_end(attempt);
	fair_remove(&attempt->in_pace);
	attempt->flow->inquiry->running--;
	LIST_REMOVE(attempt, of_flow);
	hash_remove(&opp->attempts, &attempt->by_tag);
	free(attempt);
}

static void wanted_selectors(struct reach_selectors *out, const struct flow *flow)
{
	const struct reach pair = { .local = { range_of_ip(&flow->pair.source) },
		                    .remote = { range_of_ip(&flow->pair.destination) },
		                    .local_count = 1,
		                    .remote_count = 1 };

	reach_selectors(out, flow->tunnel != NULL ? &flow->tunnel->reach : &pair);
	if (flow->tunnel != NULL && flow->tunnel->is_wide)
		out->more.packet = flow->tunnel->packet; /* TS-5, TS-7 */
}

static void create_child(struct attempt *attempt, struct peer_sa *sa)
{
	struct opportunism *opp = attempt->opp;
	struct reach_selectors wanted;

	wanted_selectors(&wanted, attempt->flow);
	attempt->state = ATTEMPT_CHILD;
	attempt->sa = sa->handle;
	sa_touch(opp, sa);
	ike_create_wide_child(opp->ike, sa->handle, &wanted.local[0], &wanted.remote[0],
	                      &wanted.more, attempt->tag, opp->now);
}

static bool make_wish(const struct attempt *attempt, const struct reach_selectors *wanted,
                      struct ike_wish *wish)
{
	const struct flow *flow = attempt->flow;

	if (!wish_of_conn(attempt->opp, flow->conn, &flow->pair.source, &attempt->gateway->address,
	                  wish))
		return false;
	wish->local = wanted->local[0];
	wish->remote = wanted->remote[0];
	wish->more_local = wanted->more.local;
	wish->more_remote = wanted->more.remote;
	wish->packet = wanted->more.packet;
	wish->tag = attempt->tag;
	return true;
}

/* Such an address may come, so it is tried; but nobody should have to guess why nothing answers. */
static void tell_if_not_ours(const struct attempt *attempt, const struct ip *outer)
{
	const struct own_addresses *own = &attempt->opp->own;

	for (size_t i = 0; i < own->count; i++) {
		if (ip_equal(&own->all[i], outer))
			return;
	}
	if (own->count > 0)
		evidence_said(&attempt->flow->evidence, attempt->gateway,
		              "neither end of the conn is an address of this machine",
		              attempt->opp->now);
}

static enum ike_reason initiate(struct attempt *attempt, struct gateway_memory *memory)
{
	struct opportunism *opp = attempt->opp;
	struct reach_selectors wanted;
	struct ike_wish wish;
	struct peer_sa *sa;

	wanted_selectors(&wanted, attempt->flow);
	if (!make_wish(attempt, &wanted, &wish)) {
		attempt->flow->reason = attempt->flow->conn->ours.auth == CONN_SECRET
		                            ? FLOW_REASON_NO_SECRET
		                            : FLOW_REASON_NO_HOST_KEY;
		return IKE_REASON_LOCAL;
	}
	wish.is_restarting = memory_had_tunnel(memory, opp->now);
	attempt->sa = ike_initiate(opp->ike, &wish, opp->now);
	if (attempt->sa == 0)
		return IKE_REASON_LOCAL;
	attempt->state = ATTEMPT_INIT;
	pace_begin(attempt);
	memory->negotiating = attempt->sa;
	tell_if_not_ours(attempt, &wish.path.local.address);
	sa = sa_add(opp, attempt->sa, &attempt->gateway->address);
	sa->local = wish.path.local.address;
	string_copy(sa->conn, sizeof(sa->conn), attempt->flow->conn->conn.name);
	sa->strength = wish.peer_auth == IKE_AUTH_SIGNATURE
	                   ? strength_of_trust(attempt->gateway->trust)
	                   : strength_of_auth(wish.peer_auth);
	if (attempt->gateway->key_count > 0)
		ike_set_peer_keys(opp->ike, attempt->sa, attempt->gateway->keys,
		                  attempt->gateway->key_count, opp->now);
	else if (gateway_search_lacks_keys(attempt)) /* needed only at IKE_AUTH (step 2A) */
		gateway_search_keys(attempt);
	return IKE_REASON_NONE;
}

/* Anything but NONE: the attempt has failed at once. */
static enum ike_reason attempt_contact(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;
	struct gateway_memory *memory = memory_of(opp, &attempt->gateway->address);
	struct peer_sa *sa = reuse_find(attempt);

	if (sa != NULL) {
		create_child(attempt, sa);
		return IKE_REASON_NONE;
	}
	/* A configured peer is tried whenever it is wanted: it may be back by now. */
	if (memory->silent_until.ns > opp->now.ns && attempt->flow->tunnel == NULL &&
	    !attempt->flow->is_ordered) {
		attempt->flow->inquiry->silent_until = memory->silent_until;
		return IKE_REASON_SILENT;
	}
	if (gateway_search_lacks_keys(attempt) && reuse_any_up(attempt)) {
		attempt->state = ATTEMPT_KEYS;
		gateway_search_keys(attempt);
		return IKE_REASON_NONE;
	}
	if (memory->negotiating != 0) {
		attempt->state = ATTEMPT_WAITING;
		TAILQ_INSERT_TAIL(&memory->waiting, attempt, in_waiting);
		return IKE_REASON_NONE;
	}
	if (reuse_are_all_full(attempt))
		return IKE_REASON_NO_MORE_CHILDREN;
	switch (pace_ask(attempt, memory)) {
	case PACE_GO:
		break;
	case PACE_WAIT:
		pace_wait(attempt);
		return IKE_REASON_NONE;
	case PACE_NEVER:
		return memory->last_failure;
	}
	return initiate(attempt, memory);
}

void attempt_go_on(struct attempt *attempt)
{
	enum ike_reason reason = attempt_contact(attempt);

	if (reason != IKE_REASON_NONE)
		attempt_failed(attempt, reason);
}

void attempt_refused_unproven(struct opportunism *opp, uint64_t tag, enum ike_reason reason)
{
	struct attempt *attempt = attempt_find(opp, tag);

	if (attempt != NULL && attempt->flow != NULL)
		evidence_said(&attempt->flow->evidence, attempt->gateway, ike_reason_text(reason),
		              opp->now);
}

void attempt_deny(struct attempt *attempt, enum flow_reason reason)
{
	struct flow *flow = attempt->flow;

	if (attempt->state == ATTEMPT_INIT)
		ike_set_peer_keys(attempt->opp->ike, attempt->sa, NULL, 0, attempt->opp->now);
	flow->inquiry->is_denied = true;
	flow->reason = reason;
	attempt_free(attempt);
	flow_step(flow);
}

static enum ike_reason attempt_start(struct attempt *attempt)
{
	if (attempt->gateway->address.family != IP_NONE)
		return attempt_contact(attempt);
	attempt->state = ATTEMPT_ADDRESS;
	gateway_search_address(attempt);
	return IKE_REASON_NONE;
}

static struct attempt *attempt_new(struct flow *flow, struct gateway *gateway)
{
	struct opportunism *opp = flow->opp;
	struct attempt *attempt = new_zeroed(sizeof(*attempt));
	unsigned tries = flow->conn->conn.keyingtries;

	attempt->opp = opp;
	attempt->flow = flow;
	attempt->tag = opp->next_tag++;
	attempt->gateway = gateway;
	attempt->tries_left = tries == 0 ? UINT32_MAX : tries;
	gateway_search_init(attempt);
	hash_add(&opp->attempts, &attempt->by_tag,
	         hash_octets(&opp->attempts, &attempt->tag, sizeof(attempt->tag)));
	LIST_INSERT_HEAD(&flow->inquiry->attempts, attempt, of_flow);
	flow->inquiry->running++;
	evidence_tried(&flow->evidence, gateway, opp->now);
	return attempt;
}

static void tell_failure(struct attempt *attempt, enum ike_reason reason)
{
	const struct flow *flow = attempt->flow;
	const char *said = ike_reason_text(reason);

	if (reason == IKE_REASON_SILENT && attempt->state != ATTEMPT_INIT)
		said = "not asked again, it was silent a moment ago";
	if (reason == IKE_REASON_LOCAL && (flow->reason == FLOW_REASON_NO_HOST_KEY ||
	                                   flow->reason == FLOW_REASON_NO_SECRET))
		said = flow_reason_text(flow->reason);
	evidence_said(&attempt->flow->evidence, attempt->gateway, said, attempt->opp->now);
}

void flow_try_next_gateway(struct flow *flow)
{
	struct inquiry *inquiry = flow->inquiry;
	struct attempt *attempt =
	    attempt_new(flow, &inquiry->gateways.list[inquiry->next_gateway++]);
	enum ike_reason reason;

	inquiry->next_due = instant_after(flow->opp->now, NEXT_GATEWAY_TIME);
	reason = attempt_start(attempt);
	if (reason == IKE_REASON_NONE)
		return;
	if (reason != IKE_REASON_LOCAL && flow->state != FLOW_TUNNEL)
		flow->reason = flow_reason_of_ike(reason);
	tell_failure(attempt, reason);
	attempt_free(attempt);
}

/* Instead of a child on that IKE SA: one on another, or a new IKE SA that begins with it. */
static enum ike_reason try_another_sa(struct attempt *attempt, enum ike_reason reason)
{
	struct peer_sa *sa = sa_find(attempt->opp, attempt->sa);

	if (attempt->other_sas++ == OTHER_SAS_MAX)
		return reason;
	if (sa != NULL && reason == IKE_REASON_NO_MORE_CHILDREN)
		sa->is_full = true; /* TS-16 */
	else if (sa != NULL)
		sa_is_lost(attempt->opp, sa); /* sa_gone follows */
	attempt->state = ATTEMPT_KEYS;
	return attempt_contact(attempt);
}

/* REU-6: not the child was refused, but the IKE SA is no more. */
static bool was_sa_lost(enum ike_reason reason)
{
	return reason == IKE_REASON_SILENT || reason == IKE_REASON_CRASHED ||
	       reason == IKE_REASON_REPLACED || reason == IKE_REASON_DELETED_BY_PEER ||
	       reason == IKE_REASON_DELETED_BY_US || reason == IKE_REASON_EXPIRED ||
	       reason == IKE_REASON_IDLE;
}

void attempt_failed(struct attempt *attempt, enum ike_reason reason)
{
	struct flow *flow = attempt->flow;
	struct gateway_memory *memory;

	if (reason == IKE_REASON_SILENT && attempt->state == ATTEMPT_INIT) {
		memory = memory_of(attempt->opp, &attempt->gateway->address);
		if (attempt->tries_left != UINT32_MAX)
			attempt->tries_left--;
		if (attempt->tries_left > 0 && initiate(attempt, memory) == IKE_REASON_NONE)
			return;
		memory_silent(memory, attempt->opp->now);
	}
	if (reason == IKE_REASON_BAD_SIGNATURE && refetch_start(attempt))
		return;
	if (attempt->state == ATTEMPT_CHILD && !attempt->opp->is_shutting_down &&
	    (reason == IKE_REASON_NO_MORE_CHILDREN || was_sa_lost(reason))) {
		reason = try_another_sa(attempt, reason);
		if (reason == IKE_REASON_NONE)
			return;
	}
	if (flow->state != FLOW_TUNNEL)
		flow->reason = reason == IKE_REASON_NO_KEYS && attempt->lack != FLOW_REASON_NONE
		                   ? attempt->lack
		                   : flow_reason_of_ike(reason);
	tell_failure(attempt, reason);
	attempt_free(attempt);
	flow_step(flow);
}

void attempts_resume(struct opportunism *opp, const struct ip *gateway, enum ike_reason reason)
{
	struct gateway_memory *memory = memory_of(opp, gateway);
	TAILQ_HEAD(, attempt) ready = TAILQ_HEAD_INITIALIZER(ready);
	struct attempt *attempt;

	memory->negotiating = 0;
	pace_failed(opp, memory, reason);
	/* Each in its turn: the first may start a negotiation that the others wait for again. */
	TAILQ_CONCAT(&ready, &memory->waiting, in_waiting);
	while ((attempt = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, attempt, in_waiting);
		attempt->state = ATTEMPT_KEYS;
		if (reason == IKE_REASON_NONE || reason == IKE_REASON_NO_KEYS)
			attempt_go_on(attempt);
		else
			attempt_failed(attempt, reason);
	}
}
