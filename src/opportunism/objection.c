/*
 * What speaks against a claim without any lookup.
 */
#include "opportunism/claim.h"

static bool is_own(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->own.count; i++) {
		if (ip_equal(&opp->own.all[i], address))
			return true;
	}
	return false;
}

static bool is_inside(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->conns.count; i++) {
		if (conn_end_contains(&opp->conns.list[i].ours, address))
			return true;
	}
	return false;
}

const char *claim_objection(const struct ike_claim *said, const struct conn_state *conn,
                            const struct opportunism *opp)
{
	const struct ip *source = &said->peer.range.first;

	if (said->is_childless)
		return conn == NULL ? "no conn answers for such a gateway" : NULL;
	if (!said->is_single_pair && conn != NULL && !conn->is_opportunistic)
		return NULL; /* the conn has said whose ranges these are */
	if (!said->is_single_pair)
		return "only single pairs of addresses can be authorised";
	if (ip_is_never_peer(source) || is_own(opp, source) || is_inside(opp, source))
		return "its Source is an address of ours, or one that can be nobody's";
	if (conn == NULL)
		return "no conn answers for these addresses";
	return NULL;
}

/* AUT-8: an IDr in the request that names somebody else. */
bool claim_wants_somebody_else(const struct opportunism *opp, const struct ike_id *wanted)
{
	struct ip address = id_address(wanted);

	if (wanted->type == ID_NONE || wanted->type == ID_NULL)
		return false;
	if (address.family != IP_NONE && is_own(opp, &address))
		return false;
	for (size_t i = 0; i < opp->conns.count; i++) {
		static const struct ip none = { .family = IP_NONE };
		struct ike_id ours = conn_own_id(&opp->conns.list[i], &none);

		if (id_equal(&ours, wanted))
			return false;
	}
	return true;
}

/* AUZ-3: who can be looked up at all. NULL: this one can. */
const char *identity_objection(const struct ike_claim *said)
{
	struct ip address = id_address(&said->peer_id);

	if (said->peer_id.type == ID_FQDN)
		return NULL;
	if (address.family == IP_NONE)
		return "its identity is neither an address nor a name";
	if (!ip_equal(&address, &said->path.remote.address))
		return "its identity is not the address it comes from";
	return NULL;
}

/* AUT-2: the method that the conn wants, and no other. NULL: this is it. */
const char *method_objection(const struct claim *claim)
{
	const struct conn_state *conn = claim->conn;
	enum ike_auth wanted = conn == NULL ? IKE_AUTH_SIGNATURE : ike_auth_of(conn->theirs.auth);

	if (wanted == IKE_AUTH_PSK && conn->psk < 0)
		return "the conn wants a shared secret for it in ipsec.secrets";
	if (wanted == claim->said.auth)
		return NULL;
	switch (wanted) {
	case IKE_AUTH_SIGNATURE:
		if (claim->said.auth == IKE_AUTH_PSK && conn == NULL)
			return "no conn with a shared secret is for it and the addresses it asks "
			       "for (left=, right=, leftsubnet=, rightsubnet=)";
		return claim->said.auth == IKE_AUTH_PSK
		           ? "it used a shared secret where a signature is wanted"
		           : "it gave no proof (NULL) where a signature is wanted";
	case IKE_AUTH_PSK:
		return "it did not use the shared secret that the conn wants";
	case IKE_AUTH_NULL:
		return "the conn has authby=null, and it did not";
	}
	return NULL;
}

const char *anonymous_objection(const struct ike_claim *said)
{
	if (!said->is_single_pair || !ip_equal(&said->peer.range.first, &said->path.remote.address))
		return "without a proof it may speak for its own address alone";
	if (!ip_equal(&said->ours.range.first, &said->path.local.address))
		return "without a proof it may speak to this gateway alone";
	return NULL;
}
