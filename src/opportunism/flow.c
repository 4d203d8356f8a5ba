#include "opportunism/flow.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "opportunism/downgrade.h"
#include "opportunism/shunt.h"
#include "opportunism/tunnel.h"

static uint64_t pair_hash(const struct opportunism *opp, const struct ip_pair *pair)
{
	return hash_octets(&opp->flows, pair, sizeof(*pair));
}

static_assert(sizeof(struct ip_pair) == 40, "a pair has no padding, so its octets can be hashed");

struct flow *flow_find(struct opportunism *opp, const struct ip_pair *pair)
{
	struct hash_node *node = hash_first(&opp->flows, pair_hash(opp, pair));

	for (; node != NULL; node = hash_following(node)) {
		struct flow *flow = CONTAINER_OF(node, struct flow, by_pair);

		if (pair_equal(&flow->pair, pair))
			return flow;
	}
	return NULL;
}

struct ip_pair *flow_pairs(struct opportunism *opp, size_t *count)
{
	struct ip_pair *pairs = new_array(opp->flows.count, sizeof(*pairs));
	struct hash_node *node = NULL;

	*count = 0;
	while ((node = hash_walk(&opp->flows, node)) != NULL)
		pairs[(*count)++] = CONTAINER_OF(node, struct flow, by_pair)->pair;
	return pairs;
}

static bool gateways_left(const struct inquiry *inquiry)
{
	return inquiry->is_settled && inquiry->next_gateway < inquiry->gateways.count;
}

struct instant flow_budget(const struct flow *flow)
{
	/* Where nothing is held there is more time. */
	bool is_pressing = flow->failure == EROUTE_PASS && !flow->is_asking_again;

	return instant_after(flow->acquired, is_pressing ? HELD_TIME_PASS : HELD_TIME_PRIVATE);
}

static struct instant inquiry_due(const struct flow *flow)
{
	const struct inquiry *inquiry = flow->inquiry;

	if (!inquiry->is_settled) {
		struct instant grace = instant_after(inquiry->first_usable, DNS_GRACE);
		struct instant limit = instant_after(flow->acquired, DNS_TIME);

		/* Over, and the answer that is there does not do alone. */
		return instant_reached(grace, flow->opp->now) ? limit : instant_min(grace, limit);
	}
	return gateways_left(inquiry) ? inquiry->next_due : INSTANT_NEVER;
}

static bool is_out_of_time(const struct flow *flow)
{
	return instant_reached(flow_budget(flow), flow->opp->now);
}

/* A shunt about which something is being found out. */
static bool is_asking(const struct flow *flow)
{
	return flow->inquiry != NULL && flow->is_asking_again && !is_out_of_time(flow);
}

static struct instant flow_due(const struct flow *flow)
{
	struct instant due = INSTANT_NEVER;

	if (flow->state == FLOW_DNS && flow_waits(flow))
		return instant_after(flow->acquired, QUEUE_TIME);
	if (flow->tunnel != NULL && flow->inquiry == NULL && flow->state != FLOW_TUNNEL)
		return tunnel_due(flow);
	if (flow->inquiry != NULL && flow->state != FLOW_SHUNT)
		due = instant_min(inquiry_due(flow), flow_budget(flow));
	if (flow->state == FLOW_TUNNEL)
		due = instant_min(flow->confirm_due, flow_retired_due(flow));
	if (flow->state == FLOW_SHUNT)
		due = is_asking(flow) ? instant_min(inquiry_due(flow), flow_budget(flow))
		                      : flow_shunt_due(flow);
	return due;
}

void flow_confirm(struct flow *flow)
{
	if (flow->state != FLOW_TUNNEL || !flow_is_unconfirmed(flow))
		return;
	flow->confirm_due = INSTANT_NEVER;
	flow_apply(flow);
}

static void time_out_discovery(struct flow *flow)
{
	struct inquiry *inquiry = flow->inquiry;

	if (instant_reached(instant_after(flow->acquired, DNS_TIME), flow->opp->now)) {
		lookup_cancel(&flow->opp->lookups, &inquiry->client);
		record_set_time_out(&inquiry->discovery.ipseckey);
		record_set_time_out(&inquiry->discovery.txt);
		evidence_unanswered(&flow->evidence, "no answer", flow->opp->now);
	}
	flow_look_at_answers(flow);
}

static void flow_fire(struct opportunism *opp, struct timer *timer)
{
	struct flow *flow = CONTAINER_OF(timer, struct flow, timer);

	if (flow->tunnel != NULL && flow->inquiry == NULL && flow->state != FLOW_TUNNEL) {
		tunnel_fire(flow);
		return;
	}
	switch (flow->state) {
	case FLOW_DNS:
		if (flow_waits(flow)) {
			flow_overload(flow);
			break;
		}
		if (flow->inquiry == NULL) {
			flow_makeshift(flow);
			break;
		}
		time_out_discovery(flow);
		flow_step(flow);
		break;
	case FLOW_IKE:
		flow_step(flow);
		break;
	case FLOW_TUNNEL:
		if (instant_reached(flow->confirm_due, opp->now))
			flow_confirm(flow);
		flow_look_at_starting(flow);
		flow_look_at_retired(flow);
		timer_set(opp, &flow->timer, flow_due(flow));
		break;
	case FLOW_FOLLOWS:
		break;
	case FLOW_SHUNT:
		if (!is_asking(flow)) {
			flow_look_at_shunt(flow);
			break;
		}
		time_out_discovery(flow);
		flow_step(flow);
		break;
	}
}

static enum eroute_action failure_action(const struct conn_state *conn)
{
	if (conn == NULL)
		return EROUTE_DROP;
	switch (conn->conn.failure) {
	case SHUNT_PASSTHROUGH:
		return EROUTE_PASS;
	case SHUNT_DROP:
		return EROUTE_DROP;
	case SHUNT_REJECT:
		return EROUTE_REJECT;
	case SHUNT_NONE:
		return EROUTE_DROP;
	}
	return EROUTE_DROP;
}

void flow_take_conn(struct flow *flow, struct conn_state *conn)
{
	flow->conn = conn;
	flow->is_private = conn != NULL && conn_is_private(conn);
	flow->failure = failure_action(conn);
}

struct flow *flow_new_wide(struct opportunism *opp, const struct ip_pair *pair,
                           struct conn_state *conn)
{
	struct flow *flow = new_zeroed(sizeof(*flow));

	flow->opp = opp;
	flow->pair = *pair;
	flow_take_conn(flow, conn);
	flow->state = FLOW_DNS;
	flow->acquired = opp->now;
	flow->since = opp->now;
	flow->confirm_due = INSTANT_NEVER;
	flow->expires = INSTANT_NEVER;
	flow->timer.fire = flow_fire;
	TAILQ_INIT(&flow->children);
	LIST_INIT(&flow->followers);
	evidence_init(&flow->evidence);
	return flow;
}

struct flow *flow_new(struct opportunism *opp, const struct ip_pair *pair, struct conn_state *conn)
{
	struct flow *flow;

	if (opp->flows.count >= FLOWS_MAX)
		return NULL;
	flow = flow_new_wide(opp, pair, conn);
	hash_add(&opp->flows, &flow->by_pair, pair_hash(opp, pair));
	return flow;
}

static bool is_wide(const struct flow *flow)
{
	return flow->tunnel != NULL && flow->tunnel->is_wide;
}

struct flow_text flow_text(const struct flow *flow)
{
	struct flow_text text;

	if (is_wide(flow))
		string_copy(text.s, sizeof(text.s), reach_text(&flow->tunnel->reach).s);
	else
		snprintf(text.s, sizeof(text.s), "%s > %s", ip_text(&flow->pair.source).s,
		         ip_text(&flow->pair.destination).s);
	return text;
}

void flow_stop_inquiry(struct flow *flow)
{
	struct inquiry *inquiry = flow->inquiry;
	struct attempt *attempt;

	if (inquiry == NULL)
		return;
	lookup_cancel(&flow->opp->lookups, &inquiry->client);
	while ((attempt = LIST_FIRST(&inquiry->attempts)) != NULL)
		attempt_free(attempt);
	gateways_wipe(&inquiry->gateways);
	discovery_wipe(&inquiry->discovery);
	free(inquiry);
	flow->inquiry = NULL;
}

void flow_free(struct flow *flow)
{
	struct child *child;

	flow_stop_inquiry(flow);
	fair_remove(&flow->in_queue);
	flow_leave_silent(flow);
	flow_abandon_followers(flow);
	if (flow->carrier != NULL)
		LIST_REMOVE(flow, of_carrier);
	while ((child = TAILQ_FIRST(&flow->children)) != NULL)
		child_forget(flow->opp, child);
	heap_remove(&flow->opp->timers, &flow->timer.node);
	life_end(flow);
	if (!is_wide(flow))
		hash_remove(&flow->opp->flows, &flow->by_pair);
	tunnel_free(flow);
	evidence_wipe(&flow->evidence);
	free(flow);
}

void flow_end(struct flow *flow, const char *why)
{
	struct opportunism *opp = flow->opp;

	log_line(&opp->log, LOG_INFO, "flow %s: trap, %s", flow_text(flow).s, why);
	if (!is_wide(flow))
		opp->engine.set_pair(opp->engine.ctx, &flow->pair, EROUTE_TRAP, 0,
		                     flow->is_private);
	flow_free(flow);
}

static struct evidence flow_evidence(const struct flow *flow)
{
	const struct inquiry *inquiry = flow->inquiry;
	const struct opportunism *opp = flow->opp;

	return (struct evidence){
		.tunnel_up = flow->state == FLOW_TUNNEL,
		.dns_settled = inquiry == NULL || inquiry->is_settled,
		.denied = inquiry != NULL && inquiry->is_denied,
		.gateways_left = inquiry != NULL && gateways_left(inquiry),
		.next_gateway_due = inquiry != NULL && instant_reached(inquiry->next_due, opp->now),
		.attempts_running = inquiry == NULL ? 0 : inquiry->running,
		.out_of_time = is_out_of_time(flow),
	};
}

/* What the failure of everything means for this flow. */
static enum eroute_action flow_failure(const struct flow *flow)
{
	if (flow->failure == EROUTE_PASS && downgrade_forbids_failure(flow))
		return EROUTE_DROP;
	/* CHS-4; but what a record says never opens a private pair. */
	if (flow->reason == FLOW_REASON_INSIDE && !flow->is_private)
		return EROUTE_PASS;
	if (flow->inquiry != NULL && (flow->inquiry->is_denied || flow->inquiry->is_forged) &&
	    flow->failure == EROUTE_PASS)
		return EROUTE_DROP;
	return flow->failure;
}

/* Time or gateways are used up. An attempt under way goes on and may still replace the shunt. */
static void flow_give_up(struct flow *flow)
{
	bool goes_on = flow->inquiry != NULL && flow->inquiry->running > 0;
	enum flow_reason reason = goes_on ? FLOW_REASON_BUDGET : flow->reason;

	if (reason == FLOW_REASON_NONE)
		reason = FLOW_REASON_DNS_SILENT;
	if (flow->inquiry != NULL && flow->inquiry->is_forged)
		reason = FLOW_REASON_BOGUS;
	if (flow->state != FLOW_SHUNT)
		flow_settle_shunt(flow, flow_failure(flow), reason);
	else if (!goes_on && flow->inquiry != NULL)
		flow_restate_shunt(flow, flow_failure(flow), reason);
	if (goes_on)
		return;
	flow_stop_inquiry(flow);
	if (flow->tunnel != NULL)
		tunnel_failed(flow);
}

void flow_step(struct flow *flow)
{
	for (;;) {
		struct evidence e = flow_evidence(flow);

		switch (flow_decide(&e)) {
		case FLOW_STEP_TRY_NEXT_GATEWAY:
			flow_try_next_gateway(flow);
			continue;
		case FLOW_STEP_SHUNT:
			flow_give_up(flow);
			break;
		case FLOW_STEP_TUNNEL:
			if (flow->inquiry != NULL && flow->inquiry->running == 0)
				flow_stop_inquiry(flow);
			break;
		case FLOW_STEP_WAIT:
			break;
		}
		timer_set(flow->opp, &flow->timer, flow_due(flow));
		return;
	}
}

static struct flow_next tunnel_next(const struct flow *flow)
{
	const struct heap_node *look = &flow->life.timer.node;

	if (flow->life.is_over)
		return (struct flow_next){ "being closed, nobody used it", INSTANT_NEVER };
	if (look->place == 0)
		return (struct flow_next){ NULL, INSTANT_NEVER };
	return (struct flow_next){ "closed unless it was used lately by then", look->due };
}

struct flow_next flow_next(const struct flow *flow)
{
	struct instant due = flow_due(flow);

	switch (flow->state) {
	case FLOW_DNS:
		if (flow_waits(flow))
			return (struct flow_next){ "it is its turn, or dropped", due };
		return (struct flow_next){ "the DNS is asked; decided at the latest", due };
	case FLOW_IKE:
		return (struct flow_next){ "its gateway is asked; the next step", due };
	case FLOW_TUNNEL:
		return tunnel_next(flow);
	case FLOW_FOLLOWS:
		return (struct flow_next){ "its translated address is being decided",
			                   INSTANT_NEVER };
	case FLOW_SHUNT:
		break;
	}
	if (is_asking(flow))
		return (struct flow_next){ "is being asked again", due };
	if (flow->inquiry != NULL)
		return (struct flow_next){ "replaced if the attempt succeeds", INSTANT_NEVER };
	if (flow->carrier != NULL)
		return (struct flow_next){ "forgotten unless used", due };
	if (!shunt_is_renewed(flow->cause) || flow->tunnel != NULL)
		return (struct flow_next){ "forgotten; the next packet asks", due };
	return (struct flow_next){ "asked again if used, else forgotten", due };
}
