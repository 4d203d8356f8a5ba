/*
 * Which conn answers for a peer that comes.
 */
#include "opportunism/conns.h"

/* Whether the conn speaks of this remote address. */
static bool covers_remote(const struct conn_state *conn, const struct ip *remote)
{
	if (conn->theirs.subnet_count > 0)
		return conn_end_contains(&conn->theirs, remote);
	if (conn->theirs.kind == END_ADDRESS)
		return ip_equal(&conn->theirs.address, remote);
	return true;
}

/* Configured before opportunistic (AUZ-1), a named remote before everybody; the peer's way of proof
 * decides only between equals, so that nobody escapes a conn by proving less. */
static int answering_rank(const struct conn_state *conn, enum ike_auth auth)
{

	int fits = ike_auth_of(conn->theirs.auth) == auth;

	if (conn->theirs.subnet_count > 0 || conn->theirs.kind == END_ADDRESS)
		return 4 + fits;
	return (conn->is_opportunistic ? 0 : 2) + fits;
}

/*
 * Where a group's rule is the most specific for the two (POL-2), the groups say who answers: the
 * first that does, with whatever traffic, since an SA is for all of it. False: no group's rule.
 */
static bool find_group(struct conns *conns, const struct ip *ours, const struct ip *theirs,
                       struct conn_state **answering)
{
	const struct policy_table *table = &conns->answering;
	size_t count = 0;
	const struct policy_cell *cells = policy_index_cells(&table->index, ours, theirs, &count);

	*answering = NULL;
	for (size_t i = 0; i < count; i++) {
		struct conn_state *conn =
		    &conns->list[table->rows[table->flat_row[cells[i].flat]].conn];

		if (!conn->is_group)
			return false;
		if (conn->is_opportunistic) {
			*answering = conn;
			return true;
		}
	}
	return count > 0;
}

struct conn_state *conns_answering(struct conns *conns, const struct ip *ours,
                                   const struct ip *theirs, const struct own_addresses *own,
                                   enum ike_auth auth)
{
	struct conn_state *best = NULL;

	if (find_group(conns, ours, theirs, &best))
		return best;
	for (size_t i = 0; i < conns->count; i++) {
		struct conn_state *conn = &conns->list[i];

		if (conn->is_group || !conn->is_added || !conn_protects(conn, ours, own) ||
		    !covers_remote(conn, theirs))
			continue;
		if (best == NULL || answering_rank(conn, auth) > answering_rank(best, auth))
			best = conn;
	}
	/* A conn of type drop, reject or passthrough says that there is no tunnel here. */
	return best != NULL && best->conn.type == CONN_TUNNEL ? best : NULL;
}

/* The conn that names the address before one for anybody, that before opportunism. */
static int profile_rank(const struct conn_state *conn, const struct ip *remote)
{
	if (!conn->is_added || (conn->conn.type != CONN_TUNNEL && !conn->is_opportunistic))
		return 0;
	if (conn->theirs.kind == END_ADDRESS)
		return ip_equal(&conn->theirs.address, remote) ? 3 : 0;
	return conn->is_opportunistic ? 1 : 2;
}

struct conn_state *conns_answering_gateway(struct conns *conns, const struct ip *remote,
                                           enum ike_auth auth)
{
	struct conn_state *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < conns->count; i++) {
		struct conn_state *conn = &conns->list[i];
		int rank = profile_rank(conn, remote);

		if (rank <= best_rank || ike_auth_of(conn->theirs.auth) != auth)
			continue;
		best = conn;
		best_rank = rank;
	}
	return best;
}

const struct ike_profile *conns_profile_towards(const struct conns *conns, const struct ip *remote)
{
	const struct ike_profile *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < conns->count; i++) {
		int rank = profile_rank(&conns->list[i], remote);

		if (rank <= best_rank)
			continue;
		best = conns->list[i].profile;
		best_rank = rank;
	}
	return best;
}

bool conns_take_certificates(const struct conns *conns, const struct ip *remote)
{
	for (size_t i = 0; i < conns->count; i++) {
		const struct conn_state *conn = &conns->list[i];

		if (conn->is_added && conn->theirs.takes_cert &&
		    (conn->theirs.kind != END_ADDRESS || ip_equal(&conn->theirs.address, remote)))
			return true;
	}
	return false;
}
