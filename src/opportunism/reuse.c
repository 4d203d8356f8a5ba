#include "opportunism/reuse.h"

#include "opportunism/wish.h"

/* Known by a certificate: by the rules of this conn, or by wider ones that it meets. */
static bool is_certified_for(const struct peer_sa *sa, const struct conn_state *conn)
{
	struct ike_id wanted = id_of_conf(&conn->theirs.id);

	if (!sa->by_certificate || !conn->theirs.takes_cert)
		return false;
	if (strcmp(sa->conn, conn->conn.name) == 0)
		return true;
	return conn->theirs.issuer.len == 0 && wanted.type != ID_NONE && id_equal(&wanted, &sa->id);
}

/* Its peer knows us by the name that this conn gives us. */
static bool knows_us_alike(const struct peer_sa *sa, const struct attempt *attempt)
{
	const struct conn_state *conn = attempt->flow->conn;
	const struct conn_state *made_by = conns_find(&attempt->opp->conns, sa->conn);
	struct ike_id here, there;

	if (conn->is_opportunistic || made_by == NULL || made_by == conn)
		return true;
	here = conn_own_id(conn, &sa->local);
	there = conn_own_id(made_by, &sa->local);
	return id_equal(&here, &there);
}

static bool is_proven_for(const struct peer_sa *sa, const struct attempt *attempt)
{
	const struct conn_state *conn = attempt->flow->conn;

	if (sa->auth != ike_auth_of(conn->theirs.auth))
		return false;
	return sa->auth != IKE_AUTH_SIGNATURE || is_certified_for(sa, conn) ||
	       gateway_has_key(attempt->gateway, &sa->key);
}

/* Where there are several ways out, an SA at another of our addresses is of no use: the Source does
 * not delegate to that. */
static bool is_from_here(const struct attempt *attempt, const struct peer_sa *sa)
{
	const struct opportunism *opp = attempt->opp;
	enum ip_family family = (enum ip_family)sa->gateway.family;
	struct ip outer;

	if (!attempt->flow->conn->is_opportunistic || !own_has_choice(&opp->own, family))
		return true;
	outer = wish_outer(opp, attempt->flow->conn, &attempt->flow->pair.source, &sa->gateway);
	return ip_equal(&sa->local, &outer);
}

struct peer_sa *reuse_find(const struct attempt *attempt)
{
	struct peer_sa *sa = sa_first_at(attempt->opp, &attempt->gateway->address);

	for (; sa != NULL; sa = sa_next_at(sa)) {
		if (sa->is_up && !sa->is_full && !sa->is_leaving && !sa->is_gone &&
		    is_from_here(attempt, sa) && knows_us_alike(sa, attempt) &&
		    is_proven_for(sa, attempt))
			return sa;
	}
	return NULL;
}

bool reuse_any_up(const struct attempt *attempt)
{
	const struct peer_sa *sa = sa_first_at(attempt->opp, &attempt->gateway->address);

	while (sa != NULL && (!sa->is_up || sa->is_gone))
		sa = sa_next_at(sa);
	return sa != NULL;
}

bool reuse_are_all_full(const struct attempt *attempt)
{
	const struct peer_sa *sa = sa_first_at(attempt->opp, &attempt->gateway->address);
	unsigned count = 0;

	for (; sa != NULL; sa = sa_next_at(sa))
		count += sa->is_up && sa->is_full;
	return count >= IKE_SAS_PER_PEER_MAX;
}
