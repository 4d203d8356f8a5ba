/*
 * Translated Sources (leftnat=, OEN-1): translation first, opportunism after.
 *
 * The peer knows an inside host by the address it is translated to, so the negotiation is for that
 * pair: the carrier, a flow like any other. The inside pair follows it. Its packets go to ipsec0
 * and come out of the translation there as packets of the carrier's pair; an answer in the clear
 * leaves as the administrator's own rules have it.
 */
#include "opportunism/flow.h"

bool flow_is_translated(const struct ip_pair *pair, const struct conn_state *conn)
{
	const struct ip *nat = &conn->ours.nat;

	return nat->family == pair->source.family && !ip_equal(nat, &pair->source);
}

/* What no flow of these addresses may open, whatever its own conn says of failure (TRU-3). */
static bool is_denied(const struct flow *carrier)
{
	switch ((int)carrier->cause) {
	case FLOW_REASON_BOGUS:
	case FLOW_REASON_MALFORMED:
	case FLOW_REASON_WAS_PROTECTED:
	case FLOW_REASON_OVERLOAD:
		return true;
	default:
		return carrier->failure == EROUTE_PASS && carrier->shunt != EROUTE_PASS;
	}
}

static enum eroute_action own_failure(const struct flow *flow)
{
	return is_denied(flow->carrier) && flow->failure == EROUTE_PASS ? EROUTE_DROP
	                                                                : flow->failure;
}

static void settle_shunt(struct flow *flow, enum eroute_action action, enum flow_reason reason)
{
	flow_settle_shunt(flow, action, reason);
	timer_set(flow->opp, &flow->timer, flow_shunt_due(flow));
}

static void take_verdict(struct flow *flow)
{
	const struct flow *carrier = flow->carrier;

	flow->trust = carrier->trust;
	switch (carrier->state) {
	case FLOW_DNS:
	case FLOW_IKE:
	case FLOW_FOLLOWS:
		return;
	case FLOW_SHUNT:
		settle_shunt(flow, own_failure(flow), carrier->cause);
		return;
	case FLOW_TUNNEL:
		fair_remove(&flow->in_queue);
		flow->state = FLOW_TUNNEL;
		flow->reason = carrier->reason;
		flow->since = flow->opp->now;
		heap_remove(&flow->opp->timers, &flow->timer.node);
		flow_apply(flow);
		return;
	}
}

static struct flow *carrier_of(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct ip_pair pair = { flow->conn->ours.nat, flow->pair.destination };
	struct flow *carrier = flow_find(opp, &pair);

	if (carrier != NULL)
		return carrier;
	carrier = flow_new(opp, &pair, flow->conn);
	if (carrier == NULL)
		return NULL;
	flow_apply(carrier); /* what goes out under that pair meanwhile is held as well */
	flow_begin(carrier);
	return carrier;
}

void flow_follow_flow(struct flow *flow, struct flow *carrier)
{
	fair_remove(&flow->in_queue);
	heap_remove(&flow->opp->timers, &flow->timer.node);
	flow->state = FLOW_FOLLOWS;
	flow->carrier = carrier;
	LIST_INSERT_HEAD(&carrier->followers, flow, of_carrier);
	take_verdict(flow);
}

void flow_follow(struct flow *flow)
{
	struct flow *carrier = carrier_of(flow);

	if (carrier == NULL)
		settle_shunt(flow, flow->failure, FLOW_REASON_FAILED);
	else
		flow_follow_flow(flow, carrier);
}

void flow_lead(struct flow *carrier)
{
	struct flow *flow;

	LIST_FOREACH (flow, &carrier->followers, of_carrier)
		take_verdict(flow);
}

void flow_abandon_followers(struct flow *carrier)
{
	struct flow *flow;

	while ((flow = LIST_FIRST(&carrier->followers)) != NULL) {
		LIST_REMOVE(flow, of_carrier);
		flow->carrier = NULL;
		/* A shunt of its own stays until it is idle; the rest is trapped again. */
		if (flow->state != FLOW_SHUNT)
			flow_end(flow, "the tunnel it went by is gone");
	}
}
