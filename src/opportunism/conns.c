#include "opportunism/conns.h"

#include <stdlib.h>

#include "opportunism/dealing.h"
#include "opportunism/forgeable.h"

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

struct own_addresses own_of(const struct ip *outer, size_t outer_count, const struct ip *covered,
                            size_t covered_count, const struct ip *all, size_t count)
{
	struct own_addresses own = { .all = all,
		                     .count = count,
		                     .outer = outer,
		                     .outer_count = outer_count,
		                     .covered = covered,
		                     .covered_count = covered_count };

	for (size_t i = outer_count; i-- > 0;)
		*(outer[i].family == IP_V4 ? &own.own4 : &own.own6) = outer[i];
	return own;
}

static bool is_among(const struct ip *list, size_t count, const struct ip *address)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_equal(&list[i], address))
			return true;
	}
	return false;
}

bool own_is_outer(const struct own_addresses *own, const struct ip *address)
{
	return is_among(own->outer, own->outer_count, address);
}

bool own_is_covered(const struct own_addresses *own, const struct ip *address)
{
	return is_among(own->covered, own->covered_count, address);
}

bool own_has_choice(const struct own_addresses *own, enum ip_family family)
{
	size_t count = 0;

	for (size_t i = 0; i < own->outer_count; i++)
		count += own->outer[i].family == family;
	return count > 1;
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

static enum policy_action row_action(enum conn_type type)
{
	switch (type) {
	case CONN_TUNNEL:
		return POLICY_TRAP;
	case CONN_PASSTHROUGH:
		return POLICY_PASS;
	case CONN_DROP:
		return POLICY_DROP;
	case CONN_REJECT:
		return POLICY_REJECT;
	}
	return POLICY_DROP;
}

struct rows {
	struct policy_row *list;
	size_t count;
	size_t room;
};

/* What all rows of a conn have in common. */
static struct policy_row row_of_conn(const struct conn_state *conn, unsigned index,
                                     const struct ip_range *local, bool is_own)
{
	struct policy_row row = { .local = *local,
		                  .action = row_action(conn->conn.type),
		                  .is_private = conn_is_private(conn),
		                  .is_own_address = is_own,
		                  .is_group = conn->is_group,
		                  .is_arranged = conn_needs_no_dns(conn),
		                  .conn = index,
		                  .nat = conn->ours.nat };

	string_copy(row.name, sizeof(row.name), conn->conn.name);
	return row;
}

static void add_row(struct rows *rows, const struct policy_row *like, const struct ip_range *remote)
{
	if (like->local.first.family != remote->first.family)
		return;
	if (rows->count == rows->room) {
		rows->room = rows->room * 2 + 16;
		rows->list = grow_array(rows->list, rows->room, sizeof(*rows->list));
	}
	rows->list[rows->count] = *like;
	rows->list[rows->count++].remote = *remote;
}

/* A name stands for the addresses that are known of it now (POL-6). */
static void add_named_rows(struct rows *rows, const struct policy_row *like, const char *name,
                           const struct conns *conns)
{
	bool is_open =
	    !like->is_private && like->action != POLICY_DROP && like->action != POLICY_REJECT;

	for (size_t i = 0; i < conns->named_count; i++) {
		const struct named_address *named = &conns->named[i];
		struct ip_range range = range_of_ip(&named->address);
		struct policy_row row = *like;

		row.named = (unsigned)i + 1;
		row.is_forgeable = is_open && !named->is_secure;
		if (strcmp(named->name, name) == 0)
			add_row(rows, &row, &range);
	}
}

static void add_group_rows(struct rows *rows, struct policy_row *like,
                           const struct conn_state *conn, const struct conns *conns)
{
	for (size_t i = 0; i < conn->conn.entries.count; i++) {
		const struct policy_entry *entry = &conn->conn.entries.list[i];

		like->traffic = entry->traffic;
		like->line = entry->line;
		if (entry->name != NULL)
			add_named_rows(rows, like, entry->name, conns);
		else
			add_row(rows, like, &entry->range);
	}
}

/* The remote side: what the group or the conn names, or everything of the local side's family. */
static void add_remote_rows(struct rows *rows, const struct conns *conns, unsigned index,
                            const struct ip_range *local, bool is_own)
{
	const struct conn_state *conn = &conns->list[index];
	struct ip_range remote = range_any((enum ip_family)local->first.family);
	struct policy_row like = row_of_conn(conn, index, local, is_own);

	if (conn->is_group) {
		add_group_rows(rows, &like, conn, conns);
		return;
	}
	for (size_t i = 0; i < conn->theirs.subnet_count; i++)
		add_row(rows, &like, &conn->theirs.subnets[i]);
	if (conn->theirs.subnet_count > 0)
		return;
	if (conn->theirs.kind == END_ADDRESS)
		remote = range_of_ip(&conn->theirs.address);
	add_row(rows, &like, &remote);
}

/* A tunnel that both ends know of: it is made between one address here and one there. */
static bool is_arranged(const struct conn_state *conn)
{
	return conn->conn.type == CONN_TUNNEL && !conn->is_opportunistic;
}

static void add_conn_rows(struct rows *rows, const struct conns *conns, unsigned index,
                          const struct own_addresses *own)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	const struct conn_state *conn = &conns->list[index];
	bool is_all = conn->ours.kind != END_ADDRESS && !is_arranged(conn);

	for (size_t i = 0; i < conn->ours.subnet_count; i++)
		add_remote_rows(rows, conns, index, &conn->ours.subnets[i], false);
	if (conn->ours.subnet_count > 0)
		return;
	for (size_t i = 0; is_all && i < own->covered_count; i++) {
		struct ip_range local = range_of_ip(&own->covered[i]);

		add_remote_rows(rows, conns, index, &local, true);
	}
	for (size_t i = 0; !is_all && i < ARRAY_LEN(families); i++) {
		struct ip outer = conn_outer(conn, families[i], own);
		struct ip_range local = range_of_ip(&outer);

		if (outer.family != IP_NONE)
			add_remote_rows(rows, conns, index, &local, true);
	}
}

static void drop_forgeable(struct rows *rows, const struct conns *conns, bool *gives_way)
{
	bool *unheard = new_array(conns->named_count, sizeof(*unheard));

	rows->count =
	    forgeable_give_way(rows->list, rows->count, gives_way != NULL ? gives_way : unheard);
	free(unheard);
}

size_t conns_rows(const struct conns *conns, const struct own_addresses *own,
                  struct policy_row **out, bool *gives_way)
{
	struct rows rows = { 0 };

	for (size_t i = 0; i < conns->count; i++) {
		if (conns->list[i].is_routed)
			add_conn_rows(&rows, conns, (unsigned)i, own);
	}
	drop_forgeable(&rows, conns, gives_way);
	*out = rows.list;
	return rows.count;
}

static bool has_groups(const struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++)
		if (conns->list[i].is_group && conns->list[i].is_added)
			return true;
	return false;
}

bool conns_index(struct conns *conns, const struct own_addresses *own)
{
	struct rows rows = { 0 };
	struct policy_table table;
	bool ok;

	policy_wipe(&conns->answering);
	if (!has_groups(conns))
		return true;
	for (size_t i = 0; i < conns->count; i++) {
		if (conns->list[i].is_added)
			add_conn_rows(&rows, conns, (unsigned)i, own);
	}
	drop_forgeable(&rows, conns, NULL);
	ok = policy_build(&table, rows.list, rows.count, NULL);
	free(rows.list);
	if (ok)
		conns->answering = table;
	return ok;
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

	if (conn->ours.kind != END_ADDRESS && !is_arranged(conn))
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
	       end_is_alike(&a->ours, &b->ours) && end_is_alike(&a->theirs, &b->theirs);
}
