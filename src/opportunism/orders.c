/*
 * What an administrator does to eroutes: takes them out, or has a pair asked about anew (FAIL-3).
 */
#include <stdlib.h>

#include "opportunism/tunnel.h"

static bool is_between(const struct ip_pair *pair, const struct ip *source,
                       const struct ip *destination)
{
	return ip_equal(&pair->source, source) && ip_equal(&pair->destination, destination);
}

/* The pair it is translated to was asked for it, and would answer as before. */
static void take_out(struct opportunism *opp, struct flow *flow)
{
	struct flow *carrier = flow->carrier;

	core_close_flow(opp, flow, "taken out by command");
	if (carrier != NULL && LIST_EMPTY(&carrier->followers))
		core_close_flow(opp, carrier, "taken out by command");
}

/* All flows between the two, one for each rule with ports. NULL: all there are. */
static size_t take_out_all(struct opportunism *opp, const struct ip *source,
                           const struct ip *destination)
{
	size_t count, taken = 0;
	struct ip_pair *pairs = flow_pairs(opp, &count);

	for (size_t i = 0; i < count; i++) {
		struct flow *flow = flow_find(opp, &pairs[i]);

		if (flow == NULL || flow->tunnel != NULL ||
		    (source != NULL && !is_between(&pairs[i], source, destination)))
			continue;
		take_out(opp, flow);
		taken++;
	}
	free(pairs);
	core_run_events(opp);
	return taken;
}

bool opportunism_eroute_delete(struct opportunism *opp, const struct ip *source,
                               const struct ip *destination, struct text *error, struct instant now)
{
	const struct ip_pair pair = { .source = *source, .destination = *destination };
	const struct flow *flow = flow_find(opp, &pair);

	opp->now = now;
	if (flow != NULL && flow->tunnel != NULL) {
		text_add(error, "that eroute is conn %s's; ipsec auto --down %s takes it down",
		         flow->tunnel->conn, flow->tunnel->conn);
		return false;
	}
	if (take_out_all(opp, source, destination) > 0)
		return true;
	text_add(error, "no eroute %s -> %s; ipsec eroute lists them", ip_text(source).s,
	         ip_text(destination).s);
	return false;
}

size_t opportunism_eroute_clear(struct opportunism *opp, struct instant now)
{
	opp->now = now;
	return take_out_all(opp, NULL, NULL);
}

/* What stands stays until there is an answer. */
void flow_ask_now(struct flow *flow)
{
	if (flow->carrier != NULL)
		flow = flow->carrier;
	if (flow->state != FLOW_SHUNT || flow->tunnel != NULL)
		return; /* a tunnel, or being decided */
	flow_stop_inquiry(flow);
	flow_skip_wait(flow);
	flow->is_ordered = true;
	flow_ask_again(flow);
}

static bool may_be_tried(const struct opportunism *opp, const struct ip_pair *pair,
                         struct text *error)
{
	const struct policy_row *row = policy_lookup(&opp->policy, pair);

	if (row == NULL)
		text_add(error, "no routed conn has %s -> %s", ip_text(&pair->source).s,
		         ip_text(&pair->destination).s);
	else if (row->action != POLICY_TRAP)
		text_add(error, "conn %s decides about %s -> %s, there is nothing to try",
		         row->name, ip_text(&pair->source).s, ip_text(&pair->destination).s);
	return row != NULL && row->action == POLICY_TRAP;
}

bool opportunism_eroute_try(struct opportunism *opp, const struct ip *source,
                            const struct ip *destination, struct text *error, struct instant now)
{
	const struct ip_pair pair = { .source = *source, .destination = *destination };
	size_t count, asked = 0;
	struct ip_pair *pairs = flow_pairs(opp, &count);

	opp->now = now;
	for (size_t i = 0; i < count; i++) {
		struct flow *flow = flow_find(opp, &pairs[i]);

		if (flow == NULL || !is_between(&pairs[i], source, destination))
			continue;
		flow_ask_now(flow);
		asked++;
	}
	free(pairs);
	core_run_events(opp);
	if (asked > 0)
		return true;
	if (!may_be_tried(opp, &pair, error))
		return false;
	core_decide_by_order(opp, &pair);
	return true;
}
