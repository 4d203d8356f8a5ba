#include "opportunism/wish.h"

struct ip wish_outer(const struct opportunism *opp, const struct conn_state *conn,
                     const struct ip *source, const struct ip *gateway)
{
	enum ip_family family = (enum ip_family)gateway->family;
	struct ip usual = conn_outer(conn, family, &opp->own);
	struct ip routed;

	if (!conn->is_opportunistic || conn->ours.kind == END_ADDRESS)
		return usual;
	if (source != NULL && source->family == family && own_is_outer(&opp->own, source))
		return *source;
	if (!own_has_choice(&opp->own, family) || opp->engine.source_towards == NULL)
		return usual;
	routed = opp->engine.source_towards(opp->engine.ctx, gateway);
	return own_is_outer(&opp->own, &routed) ? routed : usual;
}

bool wish_of_conn(const struct opportunism *opp, const struct conn_state *conn,
                  const struct ip *source, const struct ip *gateway, struct ike_wish *wish)
{
	struct ip outer = wish_outer(opp, conn, source, gateway);

	*wish = (struct ike_wish){ .path = { .local = { outer, 500 }, .remote = { *gateway, 500 } },
		                   .expected_id = id_of_ip(gateway),
		                   .peer_auth = ike_auth_of(conn->theirs.auth),
		                   .peer_psk = conn->psk < 0 ? 0 : (unsigned)conn->psk,
		                   .ppk = conn->ppk,
		                   .profile = conn->profile,
		                   .is_opportunistic = conn->is_opportunistic };
	wish->certs = conn_certs(conn, opp->trust);
	/* Whom the certificate names is decided by the CA, unless rightid= says more. */
	if (wish->peer_auth == IKE_AUTH_NULL || wish->certs.trust != NULL)
		wish->expected_id = (struct ike_id){ .type = ID_NONE };
	if (wish->peer_auth != IKE_AUTH_NULL && conn->theirs.id.kind != CONF_ID_NONE)
		wish->expected_id = id_of_conf(&conn->theirs.id);
	return outer.family != IP_NONE && self_for_conn(opp, conn, &outer, &wish->self);
}
