/*
 * Admission: what is to be found out waits for its turn when too much is under way (TTL-8).
 *
 * Sources take turns, so one that sprays packets to ten thousand new destinations waits for its own
 * decisions, and the others hardly notice. What has waited too long, or is the oldest of the
 * longest line when all are full, is dropped for a while: to spray gains nobody cleartext.
 */
#include "opportunism/flow.h"

static bool asks_the_dns(const struct flow *flow)
{
	return flow->conn->is_opportunistic && flow->conn->theirs.auth != CONN_NULL;
}

static void begin(struct flow *flow)
{
	flow_discover(flow);
	flow_step(flow);
}

static void note_source(struct opportunism *opp, const struct ip *source)
{
	if (ip_equal(&opp->last_source, source))
		return;
	if (opp->last_source.family != IP_NONE)
		opp->others_asked = opp->now;
	opp->last_source = *source;
}

static bool is_shared(const struct opportunism *opp)
{
	return opp->others_asked.ns != 0 &&
	       instant_since(opp->now, opp->others_asked).ns < SHARED_TIME.ns;
}

void flow_begin(struct flow *flow)
{
	struct opportunism *opp = flow->opp;

	if (flow->conn->conn.is_makeshift) {
		timer_set(opp, &flow->timer, instant_after(flow->acquired, MAKESHIFT_TIME));
		return;
	}
	if (flow->conn->conn.has_negotiation_pass)
		flow_apply(flow); /* nobody waits while it is found out */
	if (!asks_the_dns(flow)) {
		begin(flow);
		return;
	}
	note_source(opp, &flow->pair.source);
	fair_add(&opp->waiting, &flow->in_queue, &flow->pair.source);
	timer_set(opp, &flow->timer, instant_after(flow->acquired, QUEUE_TIME));
}

static struct flow *flow_of(struct fair_entry *entry)
{
	return CONTAINER_OF(entry, struct flow, in_queue);
}

void flow_wait_to_ask_again(struct flow *flow)
{
	struct opportunism *opp = flow->opp;

	fair_remove(&flow->in_queue);
	fair_add(&opp->waiting, &flow->in_queue, &flow->pair.source);
	timer_set(opp, &flow->timer, flow_shunt_due(flow));
}

/* Back among the shunts. */
static void end_wait(struct flow *flow)
{
	fair_remove(&flow->in_queue);
	fair_add(&flow->opp->shunts, &flow->in_queue, &flow->pair.source);
}

static void begin_turn(struct flow *flow)
{
	if (flow->state == FLOW_SHUNT) {
		end_wait(flow);
		flow_ask_again(flow);
		return;
	}
	flow->acquired = flow->opp->now; /* the time for the decision begins here */
	fair_add(&flow->opp->asking, &flow->in_queue, &flow->pair.source);
	begin(flow);
}

void flow_skip_wait(struct flow *flow)
{
	if (flow->state == FLOW_SHUNT && flow_waits(flow))
		end_wait(flow);
}

/* A verdict that stands goes on standing. */
static void lose_turn(struct flow *flow)
{
	if (flow->state != FLOW_SHUNT) {
		flow_overload(flow);
		return;
	}
	end_wait(flow);
	flow->expires = instant_after(flow->opp->now, NO_ANSWER_TIME);
	timer_set(flow->opp, &flow->timer, flow_shunt_due(flow));
}

/* A flow takes two questions. */
static void admit(struct opportunism *opp)
{
	size_t share = is_shared(opp) ? FLOWS_ASKED_SHARE : SIZE_MAX;

	while (opp->waiting.count > 0 && lookups_room(&opp->lookups) >= 2) {
		struct fair_entry *next = fair_next_below(&opp->waiting, &opp->asking, share);
		struct flow *flow = next == NULL ? NULL : flow_of(next);

		if (flow == NULL)
			return; /* who waits has its share; its answers will go on from here */
		if (flow->conn == NULL)
			flow_end(flow, "no conn is for it any more");
		else
			begin_turn(flow);
	}
}

void admission_run(struct opportunism *opp)
{
	admit(opp);
	pace_run(opp);
	respond_go_on(opp);
	while (opp->waiting.count > FLOWS_WAITING_MAX)
		lose_turn(flow_of(fair_oldest_of_fullest(&opp->waiting)));
	while (opp->shunts.count > SHUNTS_MAX)
		flow_end(flow_of(fair_oldest_of_fullest(&opp->shunts)), "room for newer ones");
}
