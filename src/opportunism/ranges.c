#include "opportunism/ranges.h"

#include "opportunism/claim.h"
#include "opportunism/tunnel.h"

struct ike_id conn_peer_id(const struct conn_state *conn)
{
	struct ike_id id = id_of_conf(&conn->theirs.id);

	/* Whom a certificate names is its CA's to say. */
	if (id.type == ID_NONE && conn->theirs.kind == END_ADDRESS && !conn->theirs.takes_cert)
		id = id_of_ip(&conn->theirs.address);
	return id;
}

static bool has_same_key(const struct conn_end *a, const struct conn_end *b)
{
	return a->has_key == b->has_key && (!a->has_key || pubkey_equal(&a->key, &b->key)) &&
	       a->takes_cert == b->takes_cert &&
	       bytes_equal(buf_view(&a->issuer), buf_view(&b->issuer));
}

/* What it was made with is not known here, so any other words end it. */
static bool deals_alike(const struct conn_dealings *a, const struct conn_dealings *b)
{
	return strcmp(a->ike, b->ike) == 0 && strcmp(a->esp, b->esp) == 0 &&
	       a->transport == b->transport && a->ppk == b->ppk;
}

/* Whether it is another shared secret is not asked: a conn has the place of its own among the
 * secrets, and that moves when others come or go. */
bool conn_knows_alike(const struct conn_state *conn, const struct conn_state *old,
                      const struct peer_sa *sa)
{
	struct ike_id id = conn_peer_id(conn), before = conn_peer_id(old);

	if (conn == old)
		return true;
	if (!deals_alike(&conn->conn.dealings, &old->conn.dealings))
		return false;
	if (conn->is_opportunistic)
		return true;
	if (conn->theirs.auth != old->theirs.auth)
		return false;
	if (conn->theirs.auth == CONN_RSASIG && !has_same_key(&conn->theirs, &old->theirs))
		return false;
	return conn->theirs.auth == CONN_NULL || id_equal(&id, &before) ||
	       (sa != NULL && (id.type == ID_NONE || id_equal(&id, &sa->id)));
}

/* Nobody has it in the Internet: RFC 1918, RFC 6598, RFC 4193. */
static bool is_private_address(const struct ip *address)
{
	static const char *const ranges[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		                              "100.64.0.0/10", "fc00::/7" };

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct ip_range range;

		if (range_parse(ranges[i], &range) && range_contains(&range, address))
			return true;
	}
	return false;
}

const char *warrior_objection(const struct ike_claim *said)
{
	const struct ip *address = &said->peer.range.first;

	if (!range_is_single(&said->peer.range))
		return "a road warrior speaks for one address; the conn has no rightsubnet=";
	if (ip_equal(address, &said->path.remote.address))
		return NULL;
	if (!said->peer_behind_nat)
		return "it is not the address it comes from";
	return is_private_address(address) ? NULL : "it is no address of a network behind a NAT";
}

/* The address that a peer without rightsubnet= may have, from where it is. */
static struct ip address_of_peer(const struct ike_claim *said)
{
	if (range_is_single(&said->peer.range) && warrior_objection(said) == NULL)
		return said->peer.range.first;
	return said->path.remote.address;
}

static bool fits_address(const struct conn_state *conn, const struct ike_claim *said)
{
	return conn->theirs.kind != END_ADDRESS ||
	       ip_equal(&conn->theirs.address, &said->path.remote.address);
}

/* TS-5: what the peer named first, of a packet that waits, is in what it would get. */
static bool has_packet(const struct ike_claim *said, const struct reach *grant)
{
	struct ip_pair packet = { said->ours.range.first, said->peer.range.first, { 0 } };

	return grant != NULL && range_is_single(&said->ours.range) &&
	       range_is_single(&said->peer.range) && reach_covers(grant, &packet);
}

/* Who he is and how he shows it comes before what he needs, and that before where he is. A conn
 * that fits in neither is good to say why the peer is refused. */
static int rank_of(const struct conn_state *conn, const struct ike_claim *said,
                   const struct reach *grant)
{
	struct ike_id id = conn_peer_id(conn);
	bool fits_id = id.type == ID_NONE || id_equal(&id, &said->peer_id);
	bool fits_auth = ike_auth_of(conn->theirs.auth) == said->auth;

	return 1 + 16 * fits_id + 8 * fits_auth + 4 * has_packet(said, grant) +
	       2 * (conn->theirs.kind == END_ADDRESS) + (conn->theirs.id.kind != CONF_ID_NONE);
}

/* With `grant` NULL: for the addresses at least. */
static bool answers(const struct conn_state *conn, const struct ike_claim *said,
                    const struct own_addresses *own, struct reach *grant)
{
	struct ip peer = address_of_peer(said);
	struct reach whole;

	return conn->is_added && conn->conn.type == CONN_TUNNEL && !conn->is_opportunistic &&
	       (conn->ours.nat.family == IP_NONE || conn_has_tunnel(conn)) &&
	       said->auth != IKE_AUTH_NULL && fits_address(conn, said) &&
	       reach_of_conn(&whole, conn, &peer, own) &&
	       (grant == NULL ? reach_meets(said, &whole) : reach_narrow(grant, said, &whole));
}

static struct conn_state *best_of(const struct conns *conns, const struct ike_claim *said,
                                  const struct own_addresses *own, struct reach *grant)
{
	struct conn_state *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < conns->count; i++) {
		struct conn_state *conn = &conns->list[i];
		struct reach part, *granted = grant == NULL ? NULL : &part;
		int rank;

		if (!answers(conn, said, own, granted))
			continue;
		rank = rank_of(conn, said, granted);
		if (rank <= best_rank)
			continue;
		best = conn;
		best_rank = rank;
		if (grant != NULL)
			*grant = part;
	}
	return best;
}

struct conn_state *conn_of_ranges(const struct conns *conns, const struct ike_claim *said,
                                  const struct own_addresses *own, struct reach *grant)
{
	struct conn_state *conn = best_of(conns, said, own, grant);

	if (conn != NULL)
		return conn;
	*grant = (struct reach){ 0 };
	return best_of(conns, said, own, NULL);
}
