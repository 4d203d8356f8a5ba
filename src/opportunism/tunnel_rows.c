/*
 * The policy rows that wide tunnels make: the verdict of each, for the ranges that it was granted.
 */
#include "opportunism/tunnel.h"

static bool has_verdict(const struct flow *flow)
{
	if (flow->state == FLOW_TUNNEL)
		return !flow_is_unconfirmed(flow) && !TAILQ_EMPTY(&flow->children);
	/* What is not trapped needs no shunt. */
	return flow->state == FLOW_SHUNT && flow->conn != NULL && flow->conn->is_routed;
}

static enum policy_action action_of(const struct flow *flow)
{
	if (flow->state == FLOW_TUNNEL)
		return POLICY_TUNNEL;
	if (flow->shunt == EROUTE_PASS)
		return POLICY_PASS;
	return flow->shunt == EROUTE_REJECT ? POLICY_REJECT : POLICY_DROP;
}

/* The range of a conn's side that this one is a part of. */
static struct ip_range whole_of(const struct ip_range *part, const struct conn_end *end)
{
	for (size_t i = 0; i < end->subnet_count; i++)
		if (range_within(part, &end->subnets[i]))
			return end->subnets[i];
	return *part;
}

/* AUZ-14 */
static enum strength weakest_of(const struct flow *flow)
{
	enum strength weakest = STRENGTH_NONE;
	const struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		if (weakest == STRENGTH_NONE || child->strength < weakest)
			weakest = child->strength;
	}
	return weakest;
}

static struct policy_row *add_row(struct policy_row **rows, size_t *count, const struct flow *flow,
                                  const struct ip_range *local, const struct ip_range *remote)
{
	struct policy_row row = { .local = *local,
		                  .remote = *remote,
		                  .action = action_of(flow),
		                  .is_private = flow->is_private,
		                  .is_outcome = true,
		                  .of_local = *local,
		                  .of_remote = *remote };

	if (flow->state == FLOW_TUNNEL)
		row.spi_out = TAILQ_FIRST(&flow->children)->spi_out;
	row.strength = weakest_of(flow);
	if (flow->conn != NULL) {
		row.is_arranged = conn_needs_no_dns(flow->conn);
		row.of_local = whole_of(local, &flow->conn->ours);
		row.of_remote = whole_of(remote, &flow->conn->theirs);
	}
	string_copy(row.name, sizeof(row.name), flow->tunnel->conn);
	*rows = grow_array(*rows, *count + 1, sizeof(row));
	(*rows)[*count] = row;
	return &(*rows)[(*count)++];
}

/* What goes by the tunnel once it is translated: the kernel is to send it that way. */
static void add_inside_rows(struct policy_row **rows, size_t *count, const struct flow *flow,
                            const struct ip_range *local, const struct ip_range *remote)
{
	const struct conn_end *ours = flow->conn == NULL ? NULL : &flow->conn->ours;
	struct ip_range nat = ours == NULL ? *local : range_of_ip(&ours->nat);

	for (size_t i = 0; ours != NULL && i < ours->subnet_count; i++)
		if (ours->nat.family == ours->subnets[i].first.family && range_equal(local, &nat))
			add_row(rows, count, flow, &ours->subnets[i], remote)->nat = ours->nat;
}

static void add_rows(struct policy_row **rows, size_t *count, const struct flow *flow,
                     const struct ip_range *local, const struct ip_range *remote)
{
	if (local->first.family != remote->first.family)
		return;
	add_row(rows, count, flow, local, remote);
	add_inside_rows(rows, count, flow, local, remote);
}

size_t tunnel_rows(const struct opportunism *opp, struct policy_row **rows)
{
	const struct tunnel *tunnel;
	size_t count = 0;

	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		const struct reach *reach = &tunnel->reach;

		if (!has_verdict(tunnel->flow))
			continue;
		for (size_t i = 0; i < reach->local_count; i++)
			for (size_t j = 0; j < reach->remote_count; j++)
				add_rows(rows, &count, tunnel->flow, &reach->local[i],
				         &reach->remote[j]);
	}
	return count;
}

static bool is_among(const struct ip_range *range, const struct ip_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (range_equal(range, &ranges[i]))
			return true;
	return false;
}

const struct flow *tunnel_of_row(const struct opportunism *opp, const struct policy_row *row)
{
	struct ip_range local = row->nat.family == IP_NONE ? row->local : range_of_ip(&row->nat);
	const struct tunnel *tunnel;

	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		const struct reach *reach = &tunnel->reach;

		if (row->is_outcome && strcmp(tunnel->conn, row->name) == 0 &&
		    has_verdict(tunnel->flow) &&
		    is_among(&local, reach->local, reach->local_count) &&
		    is_among(&row->remote, reach->remote, reach->remote_count))
			return tunnel->flow;
	}
	return NULL;
}
