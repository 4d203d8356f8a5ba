#include "opportunism/conns.h"

#include <stdlib.h>

#include "opportunism/dealing.h"

enum ike_auth ike_auth_of(enum conn_auth auth)
{
	switch (auth) {
	case CONN_RSASIG:
		break;
	case CONN_SECRET:
		return IKE_AUTH_PSK;
	case CONN_NULL:
		return IKE_AUTH_NULL;
	}
	return IKE_AUTH_SIGNATURE;
}

static void conn_orient(struct conn_state *state, const struct own_addresses *own)
{
	const struct conn_end *theirs = NULL;
	const struct conn_end *ours = conn_ours(&state->conn, own->all, own->count, &theirs);

	state->ours = *ours;
	state->theirs = theirs == NULL ? (struct conn_end){ 0 } : *theirs;
	state->is_group = state->theirs.is_group;
	/* A group that passes until somebody comes to negotiate is opportunistic as well. */
	state->is_opportunistic =
	    state->theirs.kind == END_OPPORTUNISTIC && !state->conn.is_makeshift &&
	    (state->conn.type == CONN_TUNNEL ||
	     (state->conn.type == CONN_PASSTHROUGH && state->is_group));
}

static struct conf_id end_id(const struct conn_end *end, const struct own_addresses *own)
{
	struct conf_id id = end->id;

	if (id.kind != CONF_ID_NONE)
		return id;
	if (end->kind == END_ADDRESS)
		id.address = end->address;
	else if (end->kind == END_DEFAULTROUTE && own != NULL)
		id.address = own->own4.family != IP_NONE ? own->own4 : own->own6;
	if (id.address.family != IP_NONE)
		id.kind = CONF_ID_ADDRESS;
	return id;
}

static long find_psk(const struct conn_state *state, const struct secrets *secrets,
                     const struct own_addresses *own)
{
	struct conf_id ours = end_id(&state->ours, own);
	struct conf_id theirs = end_id(&state->theirs, NULL);

	if (secrets == NULL ||
	    (state->ours.auth != CONN_SECRET && state->theirs.auth != CONN_SECRET))
		return -1;
	return secrets_find_psk(secrets, &ours, &theirs);
}

static struct ike_ppk find_ppk(const struct conn_state *state, const struct secrets *secrets,
                               const struct own_addresses *own)
{
	struct conf_id ours = end_id(&state->ours, own);
	struct conf_id theirs = end_id(&state->theirs, NULL);
	struct ike_ppk ppk = { 0 };
	long place;

	if (secrets == NULL || state->conn.dealings.ppk == PPK_USE_NO)
		return ppk;
	place = secrets_find_ppk(secrets, &ours, &theirs, NULL);
	if (place < 0)
		return ppk;
	ppk.is_there = true;
	ppk.key = (unsigned)place;
	string_copy(ppk.id, sizeof(ppk.id), secrets->entries[place].ppk_id);
	return ppk;
}

/* Conns that say the same share it. */
static const struct ike_profile *profile_for(struct conns *conns, const struct conn *conn,
                                             const struct conf_setup *setup)
{
	struct ike_profile *profile = new_zeroed(sizeof(*profile));

	profile_of_conn(profile, conn, setup);
	for (size_t i = 0; i < conns->profile_count; i++) {
		if (ike_profile_equal(conns->profiles[i], profile)) {
			free(profile);
			return conns->profiles[i];
		}
	}
	conns->profiles =
	    grow_array(conns->profiles, conns->profile_count + 1, sizeof(*conns->profiles));
	conns->profiles[conns->profile_count++] = profile;
	return profile;
}

void conns_load(struct conns *conns, const struct conf *conf, const struct secrets *secrets,
                const struct own_addresses *own)
{
	*conns = (struct conns){ .list = new_array(conf->conn_count, sizeof(*conns->list)),
		                 .count = conf->conn_count };
	for (size_t i = 0; i < conf->conn_count; i++) {
		struct conn_state *state = &conns->list[i];

		conn_copy(&state->conn, &conf->conns[i]);
		conn_orient(state, own);
		state->psk = find_psk(state, secrets, own);
		state->ppk = find_ppk(state, secrets, own);
		state->profile = profile_for(conns, &state->conn, &conf->setup);
		state->is_added = state->conn.auto_action != AUTO_IGNORE;
		state->is_routed =
		    state->conn.auto_action == AUTO_ROUTE || state->conn.auto_action == AUTO_START;
	}
}

void conns_wipe(struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++)
		conn_wipe(&conns->list[i].conn);
	for (size_t i = 0; i < conns->profile_count; i++)
		free(conns->profiles[i]);
	free(conns->profiles);
	free(conns->list);
	free(conns->named);
	policy_wipe(&conns->answering);
	*conns = (struct conns){ 0 };
}

struct conn_state *conns_find(const struct conns *conns, const char *name)
{
	for (size_t i = 0; i < conns->count; i++) {
		if (strcmp(conns->list[i].conn.name, name) == 0)
			return &conns->list[i];
	}
	return NULL;
}

void conns_keep_states(struct conns *conns, const struct conns *before)
{
	for (size_t i = 0; i < conns->count; i++) {
		struct conn_state *conn = &conns->list[i];
		const struct conn_state *old = conns_find(before, conn->conn.name);

		if (old == NULL && conn->conn.is_implied)
			continue; /* a group whose file was empty until now */
		conn->is_added = old != NULL && old->is_added;
		conn->is_routed = old != NULL && old->is_routed;
		conn->waits_for_address = old != NULL && old->waits_for_address;
	}
}

bool conn_is_private(const struct conn_state *conn)
{
	return conn->conn.type == CONN_TUNNEL && conn->conn.failure != SHUNT_PASSTHROUGH;
}

bool conn_needs_no_dns(const struct conn_state *conn)
{
	const struct conn_end *theirs = &conn->theirs;

	return conn->conn.type == CONN_TUNNEL && theirs->kind == END_ADDRESS &&
	       (theirs->auth != CONN_RSASIG || theirs->has_key || theirs->takes_cert);
}

bool conn_is_arranged(const struct conn_state *conn)
{
	return conn->conn.type == CONN_TUNNEL && !conn->is_opportunistic;
}

struct ip conn_outer(const struct conn_state *conn, enum ip_family family,
                     const struct own_addresses *own)
{
	if (conn->ours.kind == END_ADDRESS) {
		if (conn->ours.address.family == family)
			return conn->ours.address;
		return (struct ip){ .family = IP_NONE };
	}
	return family == IP_V4 ? own->own4 : own->own6;
}

bool conn_is_at(const struct conn_state *conn, const struct ip *address,
                const struct own_addresses *own)
{
	struct ip outer = conn_outer(conn, (enum ip_family)address->family, own);

	if (conn->ours.kind != END_ADDRESS && !conn_is_arranged(conn))
		return own_is_covered(own, address);
	return outer.family != IP_NONE && ip_equal(&outer, address);
}

bool conn_protects(const struct conn_state *conn, const struct ip *local,
                   const struct own_addresses *own)
{
	if (conn->ours.nat.family != IP_NONE && ip_equal(&conn->ours.nat, local))
		return true;
	if (conn->ours.subnet_count > 0)
		return conn_end_contains(&conn->ours, local);
	return conn_is_at(conn, local, own);
}

struct ike_id id_of_conf(const struct conf_id *id)
{
	switch (id->kind) {
	case CONF_ID_NONE:
		break;
	case CONF_ID_ADDRESS:
		return id_of_ip(&id->address);
	case CONF_ID_FQDN:
		return id_of_fqdn(id->fqdn);
	case CONF_ID_MAIL:
		return id_of_octets(ID_RFC822_ADDR, BYTES_STR(id->fqdn));
	case CONF_ID_DN:
		return id_of_octets(ID_DER_ASN1_DN, BYTES(id->octets, id->len));
	case CONF_ID_KEY:
		return id_of_octets(ID_KEY_ID, BYTES(id->octets, id->len));
	}
	return (struct ike_id){ .type = ID_NONE };
}

struct ike_certs conn_certs(const struct conn_state *conn, const struct x509_trust *trust)
{
	if (!conn->theirs.takes_cert)
		return (struct ike_certs){ 0 };
	return (struct ike_certs){ .trust = trust, .ca = buf_view(&conn->theirs.issuer) };
}

struct ike_id conn_own_id(const struct conn_state *conn, const struct ip *outer)
{
	struct ike_id id = id_of_conf(&conn->ours.id);

	return id.type != ID_NONE ? id : id_of_ip(outer);
}

static bool end_is_alike(const struct conn_end *a, const struct conn_end *b)
{
	return a->kind == b->kind && ip_equal(&a->address, &b->address) && a->auth == b->auth &&
	       ip_equal(&a->nat, &b->nat) && a->takes_cert == b->takes_cert &&
	       memcmp(&a->id, &b->id, sizeof(a->id)) == 0;
}

bool conn_ends_alike(const struct conn_state *a, const struct conn_state *b)
{
	return a == b || (end_is_alike(&a->ours, &b->ours) && end_is_alike(&a->theirs, &b->theirs));
}

static bool trust_is_alike(const struct conn_trust *a, const struct conn_trust *b)
{
	return a->has_dnssec == b->has_dnssec && a->dnssec == b->dnssec &&
	       a->unsigned_self == b->unsigned_self && a->sticky == b->sticky &&
	       a->try_destination == b->try_destination;
}

bool conn_decides_alike(const struct conn_state *a, const struct conn_state *b)
{
	return a->conn.type == b->conn.type && a->conn.failure == b->conn.failure &&
	       a->conn.is_makeshift == b->conn.is_makeshift &&
	       trust_is_alike(&a->conn.trust, &b->conn.trust) &&
	       strcmp(a->conn.dealings.ike, b->conn.dealings.ike) == 0 &&
	       strcmp(a->conn.dealings.esp, b->conn.dealings.esp) == 0 &&
	       conn_ends_alike(a, b);
}
