/*
 * CHILD SAs of a pair that another one has replaced: they only receive, until the peer has long
 * sent by the newer one (AUZ-13, COL-27).
 */
#include "opportunism/flow.h"

struct instant flow_retired_due(const struct flow *flow)
{
	const struct child *child;
	struct instant due = INSTANT_NEVER;

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		due = instant_min(due, instant_after(child->retired, RETIRED_CHILD_TIME));
		due = instant_min(due, child->starts);
	}
	return due;
}

/* The peer's, beside one of ours: it may be the one the peer sends by. */
static bool is_peers_to_close(const struct child *sending, const struct child *child)
{
	return !child->is_replaced && sending->is_ours && !child->is_ours &&
	       ip_equal(&child->gateway, &sending->gateway);
}

/*
 * COL-27: both sides made one at the same time, and each sends by its own. Both know the
 * nonces of each, so both agree which is to go: that of the exchange with the lowest (RFC 7296
 * section 2.8.1). The one who made it closes it, and only if the peer has long sent by the other.
 */
static bool gives_way(const struct child *sending, const struct child *other,
                      const struct child_use *other_use)
{
	struct instant settled = instant_after(sending->up, CROSSED_TIME);

	return is_peers_to_close(sending, other) && other_use->last_in.ns > settled.ns &&
	       memcmp(sending->mark, other->mark, sizeof(sending->mark)) < 0;
}

static struct instant latest(struct instant a, struct instant b)
{
	return a.ns > b.ns ? a : b;
}

static void send_by(struct flow *flow, struct child *child)
{
	TAILQ_FIRST(&flow->children)->retired = flow->opp->now;
	child->retired = INSTANT_NEVER;
	TAILQ_REMOVE(&flow->children, child, in_flow);
	TAILQ_INSERT_HEAD(&flow->children, child, in_flow);
	flow_apply(flow);
}

/* A child that only receives, at the end of its time. */
static void look_at_retired(struct flow *flow, struct child *child)
{
	struct opportunism *opp = flow->opp;
	struct child *sending = TAILQ_FIRST(&flow->children);
	struct child_use use = opp->engine.child_use(opp->engine.ctx, child->spi_in);
	bool is_in_use = instant_since(opp->now, use.last_in).ns < RETIRED_CHILD_TIME.ns &&
	                 use.last_in.ns > child->retired.ns;

	if (gives_way(sending, child, &use)) {
		send_by(flow, child);
		ike_delete_child(opp->ike, sending->sa, sending->spi_in, opp->now);
		return;
	}
	if (is_in_use) {
		child->retired = use.last_in; /* the peer sends by it */
		return;
	}
	child->retired = opp->now; /* child_gone follows; not twice meanwhile */
	if (!is_peers_to_close(sending, child) ||
	    instant_since(opp->now, latest(child->up, use.last_in)).ns >= CROSSED_CHILD_TIME.ns)
		ike_delete_child(opp->ike, child->sa, child->spi_in, opp->now);
}

void flow_look_at_retired(struct flow *flow)
{
	struct child *child = TAILQ_FIRST(&flow->children), *next;

	for (; child != NULL; child = next) {
		next = TAILQ_NEXT(child, in_flow);
		if (instant_reached(instant_after(child->retired, RETIRED_CHILD_TIME),
		                    flow->opp->now))
			look_at_retired(flow, child);
	}
}
