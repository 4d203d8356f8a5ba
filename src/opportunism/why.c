#include "opportunism/why.h"

#include <stdio.h>

#include "opportunism/tunnel.h"

/* ---- The pair ---- */

/* Somebody's flow towards that address: this gateway's own, else the newest. */
static const struct flow *flow_towards(const struct opportunism *opp, const struct ip *destination)
{
	const struct flow *best = NULL;

	for (struct hash_node *node = hash_walk(&opp->flows, NULL); node != NULL;
	     node = hash_walk(&opp->flows, node)) {
		const struct flow *flow = CONTAINER_OF(node, struct flow, by_pair);

		if (!ip_equal(&flow->pair.destination, destination))
			continue;
		if (ip_equal(&flow->pair.source, &opp->own.own4) ||
		    ip_equal(&flow->pair.source, &opp->own.own6))
			return flow;
		if (best == NULL || flow->since.ns > best->since.ns)
			best = flow;
	}
	return best;
}

static struct ip likely_source(const struct opportunism *opp, const struct ip *destination)
{
	const struct flow *flow = flow_towards(opp, destination);

	if (flow != NULL)
		return flow->pair.source;
	return destination->family == IP_V4 ? opp->own.own4 : opp->own.own6;
}

static struct ip_pair pair_asked(const struct opportunism *opp, const struct why_request *request)
{
	struct ip_pair pair = { request->source, request->destination, { 0 } };

	if (pair.source.family == IP_NONE)
		pair.source = likely_source(opp, &pair.destination);
	return pair;
}

static const struct policy_row *why_row(const struct opportunism *opp,
                                        const struct why_request *request, struct ip_pair *pair)
{
	const struct policy_row *row = NULL;

	if (pair->source.family != IP_NONE && request->protocol == 0)
		row = policy_lookup(&opp->policy, pair);
	else if (pair->source.family != IP_NONE)
		row = policy_lookup_packet(&opp->policy, pair, request->protocol, request->port);
	if (row != NULL && !row->is_outcome)
		pair->traffic = row->traffic;
	return row;
}

/* The tunnel of ranges that has the pair in it, up or on its way. */
static const struct flow *tunnel_for(const struct opportunism *opp, const struct ip_pair *pair,
                                     const struct policy_row *row)
{
	const struct tunnel *tunnel;

	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		if (row != NULL && strcmp(tunnel->conn, row->name) == 0 &&
		    reach_covers(&tunnel->reach, pair))
			return tunnel->flow;
	}
	return NULL;
}

/* ---- The rule ---- */

static void take_rule(struct why *why, const struct opportunism *opp, const struct flow *flow,
                      const struct policy_row *row)
{
	const struct conn_state *conn = row == NULL ? NULL : conns_find(&opp->conns, row->name);

	if (conn == NULL && flow != NULL)
		conn = flow->conn; /* the peer came, and this conn answered */
	if (conn == NULL)
		return;
	why->has_rule = true;
	string_copy(why->rule, sizeof(why->rule), conn->conn.name);
	why->file = conn->conn.file;
	why->line = conn->conn.line;
	if (row != NULL && row->line > 0 && conn->conn.policy_file != NULL) {
		why->file = conn->conn.policy_file;
		why->line = row->line;
	}
}

/* ---- What is ---- */

static void take_proof(struct why *why, struct opportunism *opp, const struct flow *flow)
{
	const struct flow *carrier = flow->carrier == NULL ? flow : flow->carrier;
	const struct child *sending = TAILQ_FIRST(&carrier->children);
	const struct peer_sa *sa = sending == NULL ? NULL : sa_find(opp, sending->sa);

	if (sa == NULL || !sa->is_up)
		return;
	why->identity = id_text(&sa->id);
	why->key = evidence_key(&sa->key);
}

static void say_next(struct why *why, struct instant at, const char *what)
{
	string_copy(why->next, sizeof(why->next), what);
	why->next_at = at;
}

static const char *shunt_word(enum eroute_action action)
{
	return action == EROUTE_PASS   ? "pass in the clear"
	       : action == EROUTE_DROP ? "be dropped"
	                               : "be rejected";
}

static void next_of_negotiation(struct why *why, const struct flow *flow)
{
	const char *whose = flow->state == FLOW_DNS ? "an answer of the DNS" : "its gateway";
	bool passes = flow->conn != NULL && flow->conn->conn.has_negotiation_pass;

	if (flow->conn != NULL && flow->conn->conn.is_makeshift) {
		say_next(why, flow->timer.node.due,
		         "its packets are held, then dropped: a policy file cannot be used");
	} else if (flow_waits(flow)) {
		say_next(why, flow->timer.node.due,
		         "it waits for its turn behind other decisions of its host; then it is "
		         "dropped");
	} else {
		snprintf(why->next, sizeof(why->next),
		         "its packets %s for %s; if nothing comes of it, they will %s",
		         passes ? "pass, it waits" : "are held", whose, shunt_word(flow->failure));
		why->next_at = flow->inquiry == NULL ? INSTANT_NEVER : flow_budget(flow);
	}
}

static void next_of_flow(struct why *why, const struct flow *flow)
{
	struct flow_next next = flow_next(flow);

	switch (flow->state) {
	case FLOW_DNS:
	case FLOW_IKE:
		next_of_negotiation(why, flow);
		break;
	case FLOW_FOLLOWS:
		say_next(why, INSTANT_NEVER,
		         "it goes the way of the pair that it is translated to, once decided");
		break;
	case FLOW_TUNNEL:
	case FLOW_SHUNT:
		say_next(why, next.at, next.what != NULL ? next.what : "it stays while it is used");
		break;
	}
}

/* A shunt that stands while the question is put again. */
static bool is_being_asked(const struct flow *flow)
{
	const struct flow *carrier = flow->carrier == NULL ? flow : flow->carrier;

	return carrier->inquiry != NULL && carrier->is_asking_again;
}

static void take_flow(struct why *why, struct opportunism *opp, const struct flow *flow)
{
	why->evidence = flow->carrier == NULL ? &flow->evidence : &flow->carrier->evidence;
	why->began = flow->acquired;
	why->is_decided =
	    flow->state == FLOW_TUNNEL || (flow->state == FLOW_SHUNT && !is_being_asked(flow));
	if (flow->state == FLOW_TUNNEL)
		take_proof(why, opp, flow);
	next_of_flow(why, flow);
}

/* ---- What would be ---- */

static const char *would_meanwhile(const struct conn_state *conn)
{
	return conn->conn.has_negotiation_pass ? "pass" : "be held";
}

static const char *would_fail(const struct conn_state *conn)
{
	if (conn->conn.failure == SHUNT_NONE)
		return "be lost, and the next one asked about anew";
	return conn->conn.failure == SHUNT_PASSTHROUGH ? "pass in the clear" : "be blocked";
}

static void would_negotiate(struct why *why, const struct conn_state *conn,
                            const struct gateway *gateway)
{
	evidence_tried(&why->would, gateway, INSTANT_NEVER);
	snprintf(why->next, sizeof(why->next),
	         "the first packet would %s while %s is called; if nothing came of it, packets "
	         "would %s",
	         would_meanwhile(conn), ip_text(&gateway->address).s, would_fail(conn));
}

static void would_ask(struct why *why, const struct conn_state *conn)
{
	struct dns_name name = reverse_name(&why->pair.destination);

	evidence_asked(&why->would, name.s, DNS_TYPE_IPSECKEY, INSTANT_NEVER);
	evidence_asked(&why->would, name.s, DNS_TYPE_TXT, INSTANT_NEVER);
	snprintf(why->next, sizeof(why->next),
	         "the first packet would %s while the DNS is asked and the gateway named there "
	         "is called; if nothing came of it, packets would %s",
	         would_meanwhile(conn), would_fail(conn));
}

static void would_trap(struct why *why, const struct conn_state *conn)
{
	struct gateway gateway = { .address = why->pair.destination };

	if (conn->conn.is_makeshift) {
		say_next(why, INSTANT_NEVER,
		         "packets would be held, then dropped: a policy file cannot be used");
	} else if (conn->theirs.kind == END_ANY) {
		say_next(
		    why, INSTANT_NEVER,
		    "nothing would be negotiated from here (right=%any): the peer has to come");
	} else if (!conn->is_opportunistic) {
		gateway.address = conn->theirs.address;
		would_negotiate(why, conn, &gateway);
	} else if (conn->theirs.auth == CONN_NULL) {
		would_negotiate(why, conn, &gateway);
	} else {
		would_ask(why, conn);
	}
}

static const char *would_by_rule(enum policy_action action)
{
	switch (action) {
	case POLICY_PASS:
		return "every packet would pass in the clear, by this rule";
	case POLICY_DROP:
		return "every packet would be dropped, by this rule";
	case POLICY_REJECT:
		return "every packet would be rejected, by this rule";
	case POLICY_TRAP:
	case POLICY_TUNNEL:
		break;
	}
	return "every packet would take the tunnel of this rule";
}

static void would_happen(struct why *why, const struct opportunism *opp,
                         const struct policy_row *row)
{
	const struct conn_state *conn = row == NULL ? NULL : conns_find(&opp->conns, row->name);

	why->is_hypothetical = true;
	why->evidence = &why->would;
	if (why->pair.source.family == IP_NONE)
		say_next(why, INSTANT_NEVER,
		         "nothing would happen: this gateway has no address in that family");
	else if (row == NULL || conn == NULL)
		say_next(
		    why, INSTANT_NEVER,
		    "packets would pass as if wildswan were not there: no rule covers the pair");
	else if (row->action != POLICY_TRAP)
		say_next(why, INSTANT_NEVER, would_by_rule(row->action));
	else if (ip_is_never_peer(&why->pair.destination))
		say_next(why, INSTANT_NEVER,
		         "packets would pass: that address can never be a peer's");
	else
		would_trap(why, conn);
}

/* ---- Asked from outside ---- */

static void take_eroute(struct why *why, const struct opportunism *opp, const struct flow *flow,
                        const struct policy_row *row)
{
	why->has_eroute = flow != NULL || row != NULL;
	if (flow != NULL)
		why->eroute = eroute_of_flow(opp, flow);
	else if (row != NULL)
		why->eroute = eroute_of_row(opp, (size_t)(row - opp->policy.rows));
}

/* What was refused before a tunnel came up says nothing of it. */
static void take_refusal(struct why *why, const struct opportunism *opp)
{
	const struct refusal *refused =
	    refusals_find(&opp->refusals, &why->pair.source, &why->pair.destination);

	if (refused != NULL &&
	    (why->eroute.action != EROUTE_TUNNEL || refused->at.ns > why->eroute.since.ns))
		why->refused = refused;
}

void opportunism_why(struct opportunism *opp, const struct why_request *request, struct why *why)
{
	const struct policy_row *row;
	const struct flow *flow, *tunnel;

	*why = (struct why){ .pair = pair_asked(opp, request),
		             .began = INSTANT_NEVER,
		             .next_at = INSTANT_NEVER };
	evidence_init(&why->would);
	row = why_row(opp, request, &why->pair);
	flow = flow_find(opp, &why->pair);
	tunnel = flow == NULL ? tunnel_for(opp, &why->pair, row) : NULL;
	take_rule(why, opp, flow, row);
	take_eroute(why, opp, flow, row);
	take_refusal(why, opp);
	if (flow != NULL)
		take_flow(why, opp, flow);
	else if (tunnel != NULL)
		take_flow(why, opp, tunnel);
	else
		would_happen(why, opp, row);
}

void why_wipe(struct why *why)
{
	evidence_wipe(&why->would);
}

/* ---- Doing it ---- */

/* NULL: there is something to find out. */
static const char *try_objection(const struct ip_pair *pair, const struct policy_row *row,
                                 const struct conn_state *conn)
{
	if (pair->source.family == IP_NONE)
		return "this gateway has no address in that family";
	if (ip_is_never_peer(&pair->destination))
		return "that address can never be a peer's";
	if (row == NULL || conn == NULL)
		return "no rule covers the pair, its packets pass as if wildswan were not there";
	if (row->action == POLICY_TUNNEL)
		return NULL;
	if (row->action != POLICY_TRAP)
		return "the rule has decided it, there is nothing to negotiate";
	if (conn->theirs.kind == END_ANY)
		return "the conn has right=%any: the peer has to come";
	return NULL;
}

bool opportunism_try(struct opportunism *opp, const struct why_request *request,
                     struct ip_pair *pair, struct text *error, struct instant now)
{
	const struct policy_row *row;
	const char *objection;
	struct flow *flow;

	*pair = pair_asked(opp, request);
	row = why_row(opp, request, pair);
	objection =
	    try_objection(pair, row, row == NULL ? NULL : conns_find(&opp->conns, row->name));
	if (objection != NULL) {
		text_add(error, "%s", objection);
		return false;
	}
	opp->now = now;
	flow = flow_find(opp, pair);
	if (flow != NULL)
		flow_ask_now(flow);
	core_run_events(opp);
	if (flow == NULL)
		core_decide_by_order(opp, pair);
	return true;
}
