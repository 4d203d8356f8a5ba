/*
 * Discovery: the questions about a Destination, and what their answers say of its gateways.
 */
#include "opportunism/flow.h"

#include <stdlib.h>

#include "opportunism/downgrade.h"

enum slot { SLOT_IPSECKEY, SLOT_TXT };

static bool has_data(const struct record_set *set)
{
	return set->has_arrived && set->count > 0;
}

static void on_answer(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct inquiry *inquiry = CONTAINER_OF(client, struct inquiry, client);
	struct flow *flow = inquiry->flow;
	bool is_txt = slot == SLOT_TXT;
	enum dns_type type = is_txt ? DNS_TYPE_TXT : DNS_TYPE_IPSECKEY;
	struct record_set *set = is_txt ? &inquiry->discovery.txt : &inquiry->discovery.ipseckey;

	record_set_read(set, type, answer);
	if (set->malformed > 0)
		core_look_at_misses(flow->opp, reverse_name(&flow->pair.destination).s, set);
	evidence_answered(&flow->evidence, type, reverse_name(&flow->pair.destination).s, set,
	                  flow->opp->now);
	if (inquiry->first_usable.ns == INSTANT_NEVER.ns &&
	    (has_data(&inquiry->discovery.ipseckey) || has_data(&inquiry->discovery.txt)))
		inquiry->first_usable = flow->opp->now;
	flow_look_at_answers(flow);
	flow_step(flow);
}

/* Fisher-Yates over the runs of equal precedence (CHS-2: ties in random order, drawn anew). */
static void shuffle_ties(struct opportunism *opp, struct gateways *g)
{
	for (size_t i = g->count; i-- > 1;) {
		size_t first = i;
		struct gateway swapped = g->list[i];
		size_t j;

		while (first > 0 && g->list[first - 1].precedence == swapped.precedence)
			first--;
		j = first + (size_t)(core_random(opp) % (i - first + 1));
		g->list[i] = g->list[j];
		g->list[j] = swapped;
	}
}

struct discovery_rules flow_discovery_rules(const struct flow *flow)
{
	const struct opportunism *opp = flow->opp;

	return (struct discovery_rules){
		.dnssec = conn_dnssec(flow->conn, opp->dnssec),
		.unsigned_self = flow->conn != NULL && flow->conn->conn.trust.unsigned_self,
		.waits_for_both = flow->is_private,
		.destination = flow->pair.destination,
		.own = opp->own.all,
		.own_count = opp->own.count,
		.has_v4 = opp->own.own4.family != IP_NONE,
		.has_v6 = opp->own.own6.family != IP_NONE,
	};
}

/*
 * Step 2B: no record, but the conn wants the Destination itself to be asked. It can prove no more
 * than a name (9B), and nobody said that this name speaks for the address.
 */
static enum discovery_outcome try_destination(struct flow *flow, const struct discovery_rules *rules,
                                              enum discovery_outcome outcome)
{
	struct gateways *gateways = &flow->inquiry->gateways;
	const struct ip *destination = &flow->pair.destination;
	bool is_absent = flow->reason == FLOW_REASON_NO_NAME ||
	                 flow->reason == FLOW_REASON_NO_RECORD ||
	                 flow->reason == FLOW_REASON_UNUSABLE;

	if (outcome != DISCOVERY_NOTHING || !is_absent || flow->conn == NULL ||
	    !flow->conn->conn.trust.try_destination || rules->dnssec == DNSSEC_REQUIRE ||
	    !(destination->family == IP_V4 ? rules->has_v4 : rules->has_v6))
		return outcome;
	gateways->count = 1;
	gateways->list[0] = (struct gateway){ .address = *destination,
		                              .trust = DNS_INSECURE,
		                              .is_tried = true };
	return DISCOVERY_GATEWAYS;
}

void flow_look_at_answers(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct inquiry *inquiry = flow->inquiry;
	struct discovery_rules rules = flow_discovery_rules(flow);
	enum discovery_outcome outcome;

	if (inquiry->is_settled)
		return;
	rules.grace_is_over =
	    instant_reached(instant_after(inquiry->first_usable, DNS_GRACE), opp->now);
	outcome = discovery_decide(&inquiry->discovery, &rules, &inquiry->gateways, &flow->reason);
	if (outcome == DISCOVERY_WAIT)
		return;
	flow->trust = trust_min(inquiry->discovery.ipseckey.trust, inquiry->discovery.txt.trust);
	outcome = try_destination(flow, &rules, downgrade_weigh(flow, outcome));
	inquiry->is_settled = true;
	inquiry->answered = opp->now;
	if (fair_queue_of(&flow->in_queue) == &opp->asking)
		fair_remove(&flow->in_queue);
	inquiry->is_denied = outcome == DISCOVERY_DENY;
	lookup_cancel(&opp->lookups, &inquiry->client);
	evidence_unanswered(&flow->evidence, "not waited for", opp->now);
	shuffle_ties(opp, &inquiry->gateways);
	if (outcome == DISCOVERY_GATEWAYS)
		flow_begins_ike(flow);
}

/* A configured conn knows its gateway, and perhaps its key, without asking. */
static void take_configured_gateway(struct flow *flow)
{
	struct inquiry *inquiry = flow->inquiry;
	const struct conn_end *theirs = &flow->conn->theirs;

	inquiry->is_settled = true;
	flow->reason = FLOW_REASON_UNUSABLE;
	if (theirs->kind != END_ADDRESS)
		return; /* right=%any: the peer has to come */
	inquiry->gateways.count = 1;
	inquiry->gateways.list[0] =
	    (struct gateway){ .address = theirs->address, .trust = DNS_INSECURE };
	if (theirs->has_key)
		gateway_add_key(&inquiry->gateways.list[0], &theirs->key);
	flow_begins_ike(flow);
}

/*
 * Without proofs nobody is asked: the Destination speaks for itself, and we for ourselves (NUL-4).
 * A Source behind us cannot be carried.
 */
static void take_destination(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct inquiry *inquiry = flow->inquiry;
	const struct ip *destination = &flow->pair.destination;

	inquiry->is_settled = true;
	flow->reason = FLOW_REASON_UNUSABLE;
	if (!conn_is_at(flow->conn, &flow->pair.source, &opp->own))
		return;
	if (pair_wants_more(opp, &flow->pair, STRENGTH_NULL)) {
		flow->reason = FLOW_REASON_TOO_WEAK;
		return;
	}
	inquiry->gateways.count = 1;
	inquiry->gateways.list[0] =
	    (struct gateway){ .address = *destination, .trust = DNS_INSECURE };
	flow_begins_ike(flow);
}

void flow_discover(struct flow *flow)
{
	struct inquiry *inquiry = new_zeroed(sizeof(*inquiry));
	struct lookups *lookups = &flow->opp->lookups;
	struct dns_name name = reverse_name(&flow->pair.destination);
	/* By order: what the cache says is known already. */
	void (*ask)(struct lookups *, struct lookup_client *, unsigned, const char *,
	            enum dns_type) = flow->is_ordered ? lookup_start_fresh : lookup_start;

	evidence_wipe(&flow->evidence);
	flow->inquiry = inquiry;
	inquiry->flow = flow;
	inquiry->client.on_answer = on_answer;
	inquiry->client.is_patient = fair_line(&flow->in_queue) >= FLOWS_PATIENT;
	inquiry->first_usable = INSTANT_NEVER;
	inquiry->next_due = INSTANT_NEVER;
	LIST_INIT(&inquiry->client.lookups);
	LIST_INIT(&inquiry->attempts);
	if (!flow->conn->is_opportunistic) {
		take_configured_gateway(flow);
		return;
	}
	if (flow->conn->theirs.auth == CONN_NULL) {
		take_destination(flow);
		return;
	}
	evidence_asked(&flow->evidence, name.s, DNS_TYPE_IPSECKEY, flow->opp->now);
	evidence_asked(&flow->evidence, name.s, DNS_TYPE_TXT, flow->opp->now);
	ask(lookups, &inquiry->client, SLOT_IPSECKEY, name.s, DNS_TYPE_IPSECKEY);
	ask(lookups, &inquiry->client, SLOT_TXT, name.s, DNS_TYPE_TXT);
}
