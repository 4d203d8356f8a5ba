/*
 * Settling: a verdict goes to the engine, and a line to the log.
 */
#include <stdio.h>

#include "opportunism/downgrade.h"
#include "opportunism/tunnel.h"

static const char *action_word(enum eroute_action action)
{
	switch (action) {
	case EROUTE_TRAP:
		return "trap";
	case EROUTE_HOLD:
		return "hold";
	case EROUTE_PASS:
		return "pass";
	case EROUTE_DROP:
		return "drop";
	case EROUTE_REJECT:
		return "reject";
	case EROUTE_TUNNEL:
		return "tunnel";
	}
	return "?";
}

/* negotiationshunt= */
static enum eroute_action meanwhile(const struct flow *flow)
{
	bool passes = flow->conn != NULL && flow->conn->conn.has_negotiation_pass;

	return passes && !flow->is_private ? EROUTE_PASS : EROUTE_HOLD;
}

void flow_apply(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	const struct flow *carrier = flow->carrier == NULL ? flow : flow->carrier;
	const struct child *sending = TAILQ_FIRST(&carrier->children);

	if (flow->tunnel != NULL && flow->tunnel->is_wide) {
		tunnel_apply(flow);
		return;
	}
	switch (flow->state) {
	case FLOW_DNS:
	case FLOW_IKE:
	case FLOW_FOLLOWS:
		opp->engine.set_pair(opp->engine.ctx, &flow->pair, meanwhile(flow), 0,
		                     flow->is_private);
		break;
	case FLOW_TUNNEL:
		if (flow_is_unconfirmed(flow))
			opp->engine.set_pair(opp->engine.ctx, &flow->pair, EROUTE_HOLD, 0,
			                     flow->is_private);
		else
			opp->engine.set_pair(opp->engine.ctx, &flow->pair, EROUTE_TUNNEL,
			                     sending->spi_out, flow->is_private);
		break;
	case FLOW_SHUNT:
		opp->engine.set_pair(opp->engine.ctx, &flow->pair, flow->shunt, 0,
		                     flow->is_private);
		break;
	}
}

/* Of ranges that are not trapped nothing is dropped: their packets go as they went before. */
static bool is_felt(const struct flow *flow)
{
	return flow->tunnel == NULL || !flow->tunnel->is_wide || flow->conn == NULL ||
	       flow->conn->is_routed;
}

/* A tunnel says by itself when it is tried again, and what asked nothing has no answers. */
static void log_shunt(const struct flow *flow, enum log_level level)
{
	struct opportunism *opp = flow->opp;
	bool has_asked = !STAILQ_EMPTY(&flow->evidence.questions);
	bool may_be_forged = flow->shunt == EROUTE_PASS && downgrade_is_possible(flow);
	char lasts[32] = "";

	if (flow->tunnel == NULL)
		snprintf(lasts, sizeof(lasts), " for %lld s",
		         (long long)instant_since(flow->expires, opp->now).ns / 1000000000);
	log_line(&opp->log, level, "flow %s: %s%s, %s%s%s%s", flow_text(flow).s,
	         is_felt(flow) ? action_word(flow->shunt) : "no tunnel", lasts,
	         flow_reason_text(flow->reason), has_asked ? ", dns " : "",
	         has_asked ? dns_trust_name(flow->trust) : "",
	         may_be_forged ? ": it may be forged" : "");
}

void flow_settle_shunt(struct flow *flow, enum eroute_action action, enum flow_reason reason)
{
	struct opportunism *opp = flow->opp;
	bool is_failure = action != EROUTE_PASS || reason == FLOW_REASON_BAD_SIGNATURE;

	fair_remove(&flow->in_queue);
	if (flow->tunnel == NULL)
		fair_add(&opp->shunts, &flow->in_queue, &flow->pair.source);
	flow->state = FLOW_SHUNT;
	flow->shunt = action;
	flow->cause = flow->reason = reason;
	flow->since = opp->now;
	flow_stand(flow, reason);
	log_shunt(flow, is_failure ? LOG_WARNING : LOG_INFO);
	flow_apply(flow);
	flow_lead(flow);
}

/* AUZ-13, AUZ-14: what another gateway of less strength could still send by goes at once, the rest
 * keeps receiving for a while. */
static void retire_children(struct flow *flow, const struct child *newest)
{
	struct opportunism *opp = flow->opp;
	struct child *child;
	unsigned count = 0;

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		bool is_weaker =
		    child->strength < newest->strength && !child_is_of_peer(child, newest->of);

		if (child == newest)
			continue;
		if (child->retired.ns == INSTANT_NEVER.ns)
			child->retired = opp->now;
		if (is_weaker)
			opp->engine.remove_child(opp->engine.ctx, child->spi_in);
		if (++count >= CHILDREN_PER_FLOW_MAX || is_weaker)
			ike_delete_child(opp->ike, child->sa, child->spi_in, opp->now);
	}
}

void flow_settle_tunnel(struct flow *flow, struct child *child, enum flow_reason reason)
{
	struct opportunism *opp = flow->opp;

	fair_remove(&flow->in_queue);
	flow->state = FLOW_TUNNEL;
	flow->reason = reason;
	flow->since = opp->now;
	child->retired = INSTANT_NEVER;
	log_line(&opp->log, LOG_INFO, "flow %s: tunnel tun0x%x@%s, %s, strength %s",
	         flow_text(flow).s, child->spi_out, ip_text(&child->gateway).s,
	         flow_reason_text(reason), strength_name(child->strength));
	flow_apply(flow);
	flow_lead(flow);
	flow_gather_siblings(flow);
	life_begin(flow);
	retire_children(flow, child);
	child_tell_strength(opp, child);
	timer_set(
	    opp, &flow->timer,
	    instant_min(flow->confirm_due, instant_after(opp->now, RETIRED_CHILD_TIME)));
}

/* The engine does not take the SA, so nothing will ever go by it. */
static void give_up_tunnel(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct child *child;

	log_line(&opp->log, LOG_ERROR, "flow %s: the engine refuses its tunnel, given up",
	         flow_text(flow).s);
	while ((child = TAILQ_FIRST(&flow->children)) != NULL) {
		ike_delete_child(opp->ike, child->sa, child->spi_in, opp->now);
		child_forget(opp, child);
	}
	flow_stop_inquiry(flow);
	flow->confirm_due = INSTANT_NEVER;
	flow_settle_shunt(flow, flow->failure, FLOW_REASON_ENGINE);
	timer_set(opp, &flow->timer, flow_shunt_due(flow));
}

/* A packet that the engine releases without taking the eroute comes back to it and is asked about
 * again, without end: so there is a brake, and an end. */
void flow_apply_again(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct duration since = instant_since(opp->now, flow->applied_again);
	bool is_first = flow->applied_again.ns == 0;

	if (flow->state != FLOW_TUNNEL && flow->state != FLOW_SHUNT)
		return;
	if (!is_first && since.ns < APPLY_AGAIN_TIME.ns)
		return; /* a packet that waits is asked about again */
	if (is_first || since.ns > APPLIES_FORGOTTEN.ns)
		flow->applies_again = 0;
	flow->applied_again = opp->now;
	if (flow->state == FLOW_TUNNEL && flow->tunnel == NULL && !TAILQ_EMPTY(&flow->children) &&
	    ++flow->applies_again > APPLIES_AGAIN_MAX)
		give_up_tunnel(flow);
	else
		flow_apply(flow);
}

void flow_child_gone(struct flow *flow, struct child *child, enum ike_reason reason)
{
	struct opportunism *opp = flow->opp;
	struct child *next = TAILQ_NEXT(child, in_flow);
	bool was_sending = TAILQ_FIRST(&flow->children) == child;

	if (was_sending && next == NULL) {
		child_forget(opp, child);
		if (flow->tunnel != NULL && tunnel_survives(flow, reason))
			return;
		reason = life_reason(flow, reason);
		if (reason == IKE_REASON_DELETED_BY_PEER || reason == IKE_REASON_IDLE)
			life_remember_closed(opp, &flow->pair);
		/* CLR-7: traffic goes back to the trap, never on in the clear by itself. */
		flow_end(flow, ike_reason_text(reason));
		return;
	}
	if (was_sending) {
		/* The next one sends before this one goes: no packet finds nothing. */
		TAILQ_REMOVE(&flow->children, child, in_flow);
		TAILQ_INSERT_TAIL(&flow->children, child, in_flow);
		child->is_replaced |= next->replaces == child->spi_in;
		next->retired = INSTANT_NEVER;
		next->starts = INSTANT_NEVER;
		flow_apply(flow);
		flow_lead(flow);
	}
	child_forget(opp, child);
}
