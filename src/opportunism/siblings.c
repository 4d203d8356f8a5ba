/*
 * Siblings: flows of one pair of addresses, one for each rule of protocol and ports that touches
 * it.
 *
 * A CHILD SA is for all traffic of its pair (OIN-2), so siblings do not negotiate beside each
 * other: who comes while another one finds out, or has a tunnel, goes its way. Where that ends in
 * a shunt each takes what its own rule says of failure.
 */
#include "opportunism/flow.h"

/* The `i`th flow of the pair; false: there are no more rules. */
static bool sibling_at(struct opportunism *opp, const struct ip_pair *pair, size_t i,
                       struct flow **flow)
{
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&opp->policy.index, &pair->source, &pair->destination, &count);
	struct ip_pair key = { pair->source, pair->destination, { 0 } };
	bool has_all = count > 0 && traffic_is_any(&cells[count - 1].traffic);

	if (i < count)
		key.traffic = cells[i].traffic;
	else if (has_all || i > count)
		return false;
	*flow = flow_find(opp, &key);
	if (*flow != NULL && pair_equal(&(*flow)->pair, pair))
		*flow = NULL;
	return true;
}

/* What the conn of a rule takes at least. Of a configured one it is the peer that counts, and who
 * that is was asked before; but nobody at all it is not. */
static enum strength least_for(const struct opportunism *opp, const struct conn_state *conn)
{
	if (conn->theirs.auth == CONN_NULL)
		return STRENGTH_NULL;
	if (conn->is_opportunistic && conn_dnssec(conn, opp->dnssec) == DNSSEC_REQUIRE)
		return STRENGTH_DNSSEC;
	return STRENGTH_DNS;
}

bool pair_wants_more(struct opportunism *opp, const struct ip_pair *pair, enum strength strength)
{
	const struct policy_table *table = &opp->policy;
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&table->index, &pair->source, &pair->destination, &count);

	for (size_t i = 0; i < count; i++) {
		const struct policy_row *row = &table->rows[table->flat_row[cells[i].flat]];
		const struct conn_state *conn = conns_find(&opp->conns, row->name);

		if (conn != NULL && conn->conn.type == CONN_TUNNEL && !conn->conn.is_makeshift &&
		    strength < least_for(opp, conn))
			return true;
	}
	return false;
}

static bool can_lead(const struct flow *flow)
{
	return flow != NULL && flow->carrier == NULL && flow->tunnel == NULL &&
	       (flow->inquiry != NULL || flow->state == FLOW_TUNNEL) && flow->state != FLOW_SHUNT;
}

struct flow *flow_leader(struct opportunism *opp, const struct ip_pair *pair)
{
	struct flow *sibling;

	for (size_t i = 0; sibling_at(opp, pair, i, &sibling); i++)
		if (can_lead(sibling))
			return sibling;
	return NULL;
}

/* Of opportunism, finding out by itself or with nothing to go by. */
static bool is_led_now(const struct flow *flow)
{
	return flow != NULL && flow->carrier == NULL && flow->tunnel == NULL &&
	       flow->state != FLOW_TUNNEL && LIST_EMPTY(&flow->followers);
}

void flow_gather_siblings(struct flow *flow)
{
	struct flow *sibling;

	if (flow->carrier != NULL || flow->tunnel != NULL)
		return;
	for (size_t i = 0; sibling_at(flow->opp, &flow->pair, i, &sibling); i++)
		if (is_led_now(sibling)) {
			flow_stop_inquiry(sibling);
			flow_follow_flow(sibling, flow);
		}
}
