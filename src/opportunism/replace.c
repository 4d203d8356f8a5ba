/*
 * One CHILD SA takes over from another: a rekey, by either side (RFC 7296 section 2.8).
 *
 * No packet is lost: what we send by the new one the peer can receive by then, and what the peer
 * still sends by the old one is received until the IKE endpoint says that it is gone, and for a
 * moment longer: packets under way may have been overtaken by the Delete.
 *
 *   ours       new ----------- sends at once
 *   peer's     new ----------- sends when the old one is deleted, or after a while
 *   lost       new ----------- receives until it is gone (COL-20)
 *   beside     new ----------- the peer's, on another IKE SA (TS-16): sends when it was heard
 */
#include "opportunism/flow.h"

#include <stdlib.h>

#include "opportunism/downgrade.h"

/* Receives a moment longer; its flow has forgotten it. */
struct leaving {
	struct timer timer;
	LIST_ENTRY(leaving) in_list;
	uint32_t spi_in;
	struct ip_pair pair; /* of its flow */
	enum strength strength;
	bool is_told;
};

static void leave(struct opportunism *opp, struct timer *timer)
{
	struct leaving *leaving = CONTAINER_OF(timer, struct leaving, timer);

	opp->engine.remove_child(opp->engine.ctx, leaving->spi_in);
	if (leaving->is_told)
		opp->engine.remove_strength(opp->engine.ctx, &leaving->pair, leaving->strength);
	heap_remove(&opp->timers, &leaving->timer.node);
	LIST_REMOVE(leaving, in_list);
	free(leaving);
}

void child_remove_later(struct opportunism *opp, const struct child *child)
{
	struct leaving *leaving = new_zeroed(sizeof(*leaving));

	leaving->spi_in = child->spi_in;
	leaving->pair = child->flow->pair;
	leaving->strength = child->strength;
	leaving->is_told = child->is_told;
	leaving->timer.fire = leave;
	LIST_INSERT_HEAD(&opp->leaving, leaving, in_list);
	timer_set(opp, &leaving->timer, instant_after(opp->now, LEAVING_CHILD_TIME));
}

void children_forget_leaving(struct opportunism *opp)
{
	struct leaving *leaving;

	while ((leaving = LIST_FIRST(&opp->leaving)) != NULL)
		leave(opp, &leaving->timer);
}

static struct child *find_replaced(const struct flow *flow, const struct child *new)
{
	struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		if (child->spi_in == new->replaces)
			return child;
	}
	return NULL;
}

/* The new one stands where the old one stood. */
static void take_place(struct flow *flow, struct child *new, struct child *old)
{
	struct opportunism *opp = flow->opp;

	new->starts = INSTANT_NEVER;
	new->retired = old->retired;
	TAILQ_REMOVE(&flow->children, new, in_flow);
	TAILQ_INSERT_BEFORE(old, new, in_flow);
	old->is_replaced = true;
	if (old->retired.ns == INSTANT_NEVER.ns)
		old->retired = opp->now;
}

/* It begins to send, if the one it replaces did. */
static void take_over(struct flow *flow, struct child *new)
{
	struct opportunism *opp = flow->opp;
	struct child *old = find_replaced(flow, new);

	new->starts = INSTANT_NEVER;
	if (old == NULL)
		return;
	/* A chain: the old one had not begun itself. */
	if (old->starts.ns != INSTANT_NEVER.ns && find_replaced(flow, old) != NULL)
		take_place(flow, old, find_replaced(flow, old));
	take_place(flow, new, old);
	if (TAILQ_FIRST(&flow->children) != new || flow->state != FLOW_TUNNEL)
		return;
	flow_apply(flow);
	flow_lead(flow);
	log_line(&opp->log, LOG_INFO, "flow %s: tunnel tun0x%x@%s, rekeyed", flow_text(flow).s,
	         new->spi_out, ip_text(&new->gateway).s);
}

void flow_replace_child(struct opportunism *opp, const struct event *event)
{
	struct child *old = child_find(opp, event->replaces), *new;
	struct flow *flow;

	if (old == NULL) {
		opp->engine.remove_child(opp->engine.ctx, event->spi_in);
		ike_delete_child(opp->ike, event->sa, event->spi_in, opp->now);
		return;
	}
	flow = old->flow;
	child_add(opp, flow, event, old->is_ours, old->strength);
	new = child_find(opp, event->spi_in);
	child_tell_strength(opp, new);
	downgrade_note_tunnel(opp, flow, sa_find(opp, event->sa), old->strength);
	TAILQ_REMOVE(&flow->children, new, in_flow);
	new->replaces = event->replaces;
	if (event->start == CHILD_SENDS_NEVER) {
		new->is_replaced = true;
		new->retired = opp->now;
		TAILQ_INSERT_TAIL(&flow->children, new, in_flow);
		return;
	}
	TAILQ_INSERT_AFTER(&flow->children, old, new, in_flow);
	new->starts = instant_after(opp->now, TAKE_OVER_TIME);
	if (event->start == CHILD_SENDS_NOW)
		take_over(flow, new);
	timer_set(opp, &flow->timer, opp->now); /* looks what is next */
}

/* Two that crossed are not meant: those keep to COL-27. */
static bool stands_for_long(const struct flow *flow, const struct child *old)
{
	return flow->state == FLOW_TUNNEL && !flow_is_unconfirmed(flow) &&
	       TAILQ_NEXT(old, in_flow) == NULL &&
	       instant_since(flow->opp->now, old->up).ns >= CROSSED_TIME.ns;
}

bool flow_put_beside(struct flow *flow, const struct event *event, enum strength strength)
{
	struct opportunism *opp = flow->opp;
	struct child *old = TAILQ_FIRST(&flow->children), *new;

	if (old == NULL || !stands_for_long(flow, old) || old->sa == event->sa ||
	    old->strength != strength || !child_is_of_peer(old, sa_find(opp, event->sa)))
		return false;
	child_add(opp, flow, event, false, strength);
	new = child_find(opp, event->spi_in);
	child_tell_strength(opp, new);
	downgrade_note_tunnel(opp, flow, new->of, strength);
	TAILQ_REMOVE(&flow->children, new, in_flow);
	TAILQ_INSERT_AFTER(&flow->children, old, new, in_flow);
	new->replaces = old->spi_in;
	new->starts = instant_after(opp->now, CONFIRM_TIME);
	timer_set(opp, &flow->timer, opp->now); /* looks what is next */
	return true;
}

void flow_heard(struct flow *flow, struct child *child)
{
	flow_confirm(flow);
	if (child->starts.ns != INSTANT_NEVER.ns)
		take_over(flow, child);
}

void flow_look_at_starting(struct flow *flow)
{
	struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		if (instant_reached(child->starts, flow->opp->now)) {
			take_over(flow, child);
			return flow_look_at_starting(flow);
		}
	}
}
