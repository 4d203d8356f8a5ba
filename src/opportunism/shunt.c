/*
 * Shunts: lifetimes by cause, and what happens at their end.
 */
#include "opportunism/shunt.h"

#include "opportunism/downgrade.h"
#include "opportunism/flow.h"
#include "opportunism/tunnel.h"

/* ---- Deciding ---- */

static struct duration clamp(struct duration d, struct duration least, struct duration most)
{
	return d.ns < least.ns ? least : duration_min(d, most);
}

struct duration shunt_lifetime(const struct shunt_facts *facts)
{
	switch (facts->cause) {
	case FLOW_REASON_NO_NAME:
	case FLOW_REASON_NO_RECORD:
	case FLOW_REASON_UNUSABLE:
	case FLOW_REASON_UNSIGNED:
	case FLOW_REASON_UNSIGNED_OTHER:
	case FLOW_REASON_INSIDE:
	case FLOW_REASON_NO_FAMILY:
	case FLOW_REASON_NO_GATEWAY_KEY:
	case FLOW_REASON_BEHIND_NAT:
		return clamp(facts->ttl, ABSENCE_TIME_LEAST, ABSENCE_TIME_MOST);
	case FLOW_REASON_DNS_SILENT:
	case FLOW_REASON_DNS_FAILED:
		return NO_ANSWER_TIME;
	case FLOW_REASON_GATEWAY_SILENT:
		if (facts->silence.ns > 0)
			return duration_min(facts->silence, FAILURE_TIME);
		return facts->had_tunnel ? RESTARTING_TIME : FAILURE_TIME;
	case FLOW_REASON_BOGUS:
	case FLOW_REASON_MALFORMED:
	case FLOW_REASON_WAS_PROTECTED:
	case FLOW_REASON_NO_HOST_KEY:
	case FLOW_REASON_NO_SECRET:
	case FLOW_REASON_REFUSED_UNPROVEN:
	case FLOW_REASON_TOO_WEAK:
	case FLOW_REASON_AUTH_REFUSED:
	case FLOW_REASON_FAILED:
	case FLOW_REASON_ENGINE:
	case FLOW_REASON_BUDGET:
		return FAILURE_TIME;
	case FLOW_REASON_REFUSED:
		return REFUSAL_TIME;
	case FLOW_REASON_BAD_SIGNATURE:
	case FLOW_REASON_BAD_SECRET:
	case FLOW_REASON_BAD_IDENTITY:
		return clamp(facts->ttl, ABSENCE_TIME_LEAST, REFUSAL_TIME);
	case FLOW_REASON_OVERLOAD:
		return OVERLOAD_TIME;
	case FLOW_REASON_MAKESHIFT:
		return NO_ANSWER_TIME;
	case FLOW_REASON_NONE:
	case FLOW_REASON_NEGOTIATED:
	case FLOW_REASON_PEER_CAME:
		break;
	}
	return FAILURE_TIME;
}

bool shunt_is_answer(enum flow_reason cause)
{
	return cause != FLOW_REASON_DNS_SILENT && cause != FLOW_REASON_DNS_FAILED;
}

bool shunt_is_renewed(enum flow_reason cause)
{
	return cause != FLOW_REASON_OVERLOAD && cause != FLOW_REASON_MAKESHIFT;
}

/* ---- What the flow knows ---- */

/* The shorter of the answers', and no time at all where nobody said one (TTL-2). */
static struct duration answers_ttl(const struct inquiry *inquiry)
{
	const struct record_set *sets[] = { &inquiry->discovery.ipseckey, &inquiry->discovery.txt };
	struct duration ttl = ABSENCE_TIME_MOST;

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		bool is_answer = sets[i]->has_arrived && sets[i]->status != DNS_FAILED &&
		                 sets[i]->status != DNS_TIMED_OUT;

		if (is_answer && sets[i]->ttl_s == 0)
			ttl = duration_min(ttl, NO_SOA_TIME);
		else if (is_answer)
			ttl = duration_min(ttl, SECONDS(sets[i]->ttl_s));
	}
	if (inquiry->gateway_ttl_s > 0)
		ttl = duration_min(ttl, SECONDS(inquiry->gateway_ttl_s));
	return ttl;
}

static void look_at_gateways(const struct flow *flow, struct shunt_facts *facts)
{
	const struct opportunism *opp = flow->opp;
	const struct gateways *gateways = &flow->inquiry->gateways;

	for (size_t i = 0; i < gateways->count; i++) {
		const struct gateway_memory *memory =
		    memory_find(flow->opp, &gateways->list[i].address);

		if (memory != NULL && memory_had_tunnel(memory, opp->now))
			facts->had_tunnel = true;
	}
	facts->silence = instant_since(flow->inquiry->silent_until, opp->now);
}

/* POL-7: with failureshunt=none the next packet tries again, but not at once. */
static bool only_ends(const struct flow *flow)
{
	return flow->conn != NULL && flow->conn->conn.failure == SHUNT_NONE;
}

static struct instant next_try(const struct flow *flow)
{
	struct instant due = instant_after(flow->acquired, NEXT_TRY_TIME);

	return due.ns > flow->opp->now.ns ? due : flow->opp->now;
}

static struct instant expiry(const struct flow *flow, enum flow_reason cause)
{
	const struct inquiry *inquiry = flow->inquiry;
	struct shunt_facts facts = { .cause = cause };
	struct duration since;

	if (only_ends(flow))
		return next_try(flow);
	if (inquiry != NULL) {
		since = instant_since(flow->opp->now,
		                      inquiry->is_settled ? inquiry->answered : flow->opp->now);
		facts.ttl =
		    (struct duration){ answers_ttl(inquiry).ns - since.ns + STALE_MARGIN.ns };
		look_at_gateways(flow, &facts);
	}
	return instant_after(flow->opp->now, shunt_lifetime(&facts));
}

/* What follows it by a translated address goes by its shunt, and uses it. */
static struct instant last_use(const struct flow *flow)
{
	const struct opportunism *opp = flow->opp;
	struct instant last = opp->engine.pair_use(opp->engine.ctx, &flow->pair).last;
	const struct flow *follower;

	LIST_FOREACH (follower, &flow->followers, of_carrier) {
		struct instant use = opp->engine.pair_use(opp->engine.ctx, &follower->pair).last;

		last = use.ns > last.ns ? use : last;
	}
	return last;
}

static struct instant idle_due(const struct flow *flow)
{
	struct instant last = last_use(flow);

	return instant_after(last.ns > flow->since.ns ? last : flow->since, flow->opp->shunt_idle);
}

/* The packets it was made for do not count. */
static bool is_in_use(const struct flow *flow)
{
	return last_use(flow).ns > instant_after(flow->confirmed, SECONDS(1)).ns;
}

static bool is_asking(const struct flow *flow)
{
	return flow->inquiry != NULL && flow->is_asking_again;
}

struct instant flow_shunt_due(const struct flow *flow)
{
	if (flow->inquiry != NULL && flow->tunnel != NULL)
		return INSTANT_NEVER; /* kept up: whatever is tried ends by itself */
	if (flow->inquiry != NULL || flow->carrier != NULL || flow_waits(flow))
		return idle_due(flow);
	return instant_min(flow->expires, idle_due(flow));
}

/* ---- Doing ---- */

void flow_leave_silent(struct flow *flow)
{
	if (flow->is_in_silent)
		LIST_REMOVE(flow, in_silent);
	flow->is_in_silent = false;
}

void flow_join_silent(struct flow *flow)
{
	if (!flow->is_in_silent)
		LIST_INSERT_HEAD(&flow->opp->silent_shunts, flow, in_silent);
	flow->is_in_silent = true;
}

void flow_stand(struct flow *flow, enum flow_reason cause)
{
	flow->confirmed = flow->opp->now;
	flow->expires = expiry(flow, cause);
	flow->is_asking_again = flow->is_ordered = false;
	if (cause == FLOW_REASON_GATEWAY_SILENT || (flow->tunnel != NULL && !flow->tunnel->is_wide))
		flow_join_silent(flow);
}

static bool stands(const struct flow *flow, enum eroute_action action, enum flow_reason cause)
{
	/* After an attempt that took longer than the packets could wait the verdict is new. */
	return action == flow->shunt || (is_asking(flow) && !shunt_is_answer(cause));
}

void flow_restate_shunt(struct flow *flow, enum eroute_action action, enum flow_reason cause)
{
	if (!stands(flow, action, cause)) {
		flow_settle_shunt(flow, action, cause);
		return;
	}
	if (!is_asking(flow) || shunt_is_answer(cause))
		flow->cause = cause;
	flow_stand(flow, cause);
	log_line(&flow->opp->log, LOG_INFO, "flow %s: stays as it is for %lld s, %s",
	         flow_text(flow).s,
	         (long long)instant_since(flow->expires, flow->opp->now).ns / 1000000000,
	         flow_reason_text(cause));
}

static bool is_of_this_machine(enum flow_reason cause)
{
	return cause == FLOW_REASON_INSIDE || cause == FLOW_REASON_NO_FAMILY ||
	       cause == FLOW_REASON_NO_HOST_KEY || cause == FLOW_REASON_NO_SECRET ||
	       cause == FLOW_REASON_MAKESHIFT;
}

bool flow_shunt_is_kept(const struct flow *flow, const struct conn_state *conn)
{
	const struct opportunism *opp = flow->opp;
	const struct policy_row *row = policy_lookup(&opp->policy, &flow->pair);

	return flow->state == FLOW_SHUNT && flow->tunnel == NULL && flow->carrier == NULL &&
	       flow->conn != NULL && !opp->is_other_world && !is_of_this_machine(flow->cause) &&
	       row != NULL && traffic_equal(&row->traffic, &flow->pair.traffic) &&
	       (flow->conn == conn || conn_decides_alike(flow->conn, conn));
}

void flow_ask_again(struct flow *flow)
{
	flow->is_asking_again = true;
	flow->acquired = flow->opp->now;
	flow->reason = FLOW_REASON_NONE;
	flow_discover(flow);
	flow_step(flow);
}

/* Flows whose packets wait come first: who can wait does so for some seconds. */
static bool must_wait(const struct flow *flow)
{
	return lookups_room(&flow->opp->lookups) < LOOKUPS_FOR_NEW_FLOWS;
}

static void wait_to_ask(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct duration more = { (int64_t)(core_random(opp) % 5000) * 1000000 };

	flow->expires = instant_after(instant_after(opp->now, SECONDS(5)), more);
	timer_set(opp, &flow->timer, flow_shunt_due(flow));
}

void flow_look_at_shunt(struct flow *flow)
{
	struct opportunism *opp = flow->opp;

	if (flow->inquiry != NULL && flow->tunnel != NULL)
		return;
	if (instant_reached(idle_due(flow), opp->now))
		flow_end(flow, "idle");
	else if (flow->inquiry != NULL || flow->carrier != NULL || flow_waits(flow) ||
	         !instant_reached(flow->expires, opp->now))
		timer_set(opp, &flow->timer, flow_shunt_due(flow));
	else if (!shunt_is_renewed(flow->cause) || only_ends(flow) || !is_in_use(flow) ||
	         flow->conn == NULL || flow_is_translated(&flow->pair, flow->conn))
		flow_end(flow, "its time is over");
	else if (must_wait(flow))
		wait_to_ask(flow);
	else
		flow_wait_to_ask_again(flow);
}

void flow_makeshift(struct flow *flow)
{
	flow_settle_shunt(flow, EROUTE_DROP, FLOW_REASON_MAKESHIFT);
	timer_set(flow->opp, &flow->timer, flow_shunt_due(flow));
}

void flow_overload(struct flow *flow)
{
	bool passes = flow->opp->overload == EROUTE_PASS && flow->failure == EROUTE_PASS &&
	              !downgrade_forbids_clear(flow);

	flow_settle_shunt(flow, passes ? EROUTE_PASS : EROUTE_DROP, FLOW_REASON_OVERLOAD);
	flow_stop_inquiry(flow);
	timer_set(flow->opp, &flow->timer, flow_shunt_due(flow));
}
