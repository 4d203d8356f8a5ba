#include "opportunism/recover.h"

#include <stdlib.h>

#include "ike/profile.h"
#include "opportunism/keysearch.h"
#include "opportunism/tunnel.h"
#include "opportunism/wish.h"

#define BETWEEN_CONTACTS MILLISECONDS(200)
/* After a power failure neither the network nor the DNS is there at once. */
#define AGAIN_TIME       SECONDS(10)
enum { CONTACT_TRIES = 6 };

/* One whose turn has not come, or comes again. */
struct lost_peer {
	TAILQ_ENTRY(lost_peer) in_queue;
	struct peer_record record;
	unsigned tries; /* made */
	struct instant not_before;
};

/* One IKE SA of this kind, until it is up or has failed. */
struct contact {
	LIST_ENTRY(contact) in_list;
	struct opportunism *opp;
	struct peer_record peer;
	unsigned tries;
	struct key_search keys;
	bool is_searching;
	enum strength strength;
	ike_handle sa; /* 0: its key is being looked up */
};

struct recovery {
	struct timer timer; /* the next one */
	struct opportunism *opp;
	TAILQ_HEAD(, lost_peer) queue; /* in random order */
	LIST_HEAD(, contact) contacts;
};

/* ---- The list ---- */

uint64_t opportunism_peers_version(const struct opportunism *opp)
{
	return opp->peers_version;
}

void peers_changed(struct opportunism *opp)
{
	opp->peers_version++;
}

static bool fill_record(const struct opportunism *opp, const struct peer_sa *sa,
                        struct peer_record *out)
{
	const char *name = sa->carries[0] != '\0' ? sa->carries : sa->conn;
	const struct conn_state *conn = conns_find(&opp->conns, name);

	if (!sa->is_up || conn == NULL)
		return false;
	*out = (struct peer_record){ .gateway = sa->gateway,
		                     .ours = sa->local,
		                     .our_id = conn_own_id(conn, &sa->local),
		                     .id = sa->id };
	string_copy(out->conn, sizeof(out->conn), name);
	return true;
}

void opportunism_list_peers(const struct opportunism *opp,
                            void (*see)(void *ctx, const struct peer_record *peer), void *ctx)
{
	const struct recovery *recovery = opp->recovery;
	const struct lost_peer *lost;
	const struct peer_sa *sa;
	struct peer_record record;
	size_t listed = 0;

	LIST_FOREACH (sa, &opp->sa_list, in_list) {
		if (listed == PEER_RECORDS_MAX)
			return;
		if (!fill_record(opp, sa, &record))
			continue;
		see(ctx, &record);
		listed++;
	}
	/* Whose turn has not come before the next crash. */
	if (recovery == NULL)
		return;
	TAILQ_FOREACH (lost, &recovery->queue, in_queue) {
		if (listed++ == PEER_RECORDS_MAX)
			return;
		see(ctx, &lost->record);
	}
}

/* ---- One of them ---- */

static void contact_free(struct contact *contact)
{
	if (contact->is_searching)
		key_search_stop(&contact->keys, &contact->opp->lookups);
	LIST_REMOVE(contact, in_list);
	free(contact);
}

static void put_in_queue(struct recovery *recovery, const struct peer_record *peer, unsigned tries)
{
	struct opportunism *opp = recovery->opp;
	struct lost_peer *lost = new_zeroed(sizeof(*lost));

	lost->record = *peer;
	lost->tries = tries;
	lost->not_before = tries == 0 ? opp->now : instant_after(opp->now, AGAIN_TIME);
	TAILQ_INSERT_TAIL(&recovery->queue, lost, in_queue);
	if (recovery->timer.node.place == 0)
		timer_set(opp, &recovery->timer, lost->not_before);
}

/* Nothing could be begun with it, for now. */
static void contact_put_off(struct contact *contact)
{
	struct recovery *recovery = contact->opp->recovery;

	if (contact->tries < CONTACT_TRIES && !contact->opp->is_shutting_down)
		put_in_queue(recovery, &contact->peer, contact->tries);
	contact_free(contact);
}

/* RST-2: who may begin. Who has shown no proof has nothing to come back to. */
static bool may_begin(const struct conn_state *conn, const struct ip *gateway)
{
	if (conn == NULL || !conn->is_added || !conn->is_routed || conn->conn.type != CONN_TUNNEL ||
	    conn->theirs.auth == CONN_NULL)
		return false;
	return conn->is_opportunistic ||
	       (conn->theirs.kind == END_ADDRESS && ip_equal(&conn->theirs.address, gateway));
}

/* Somebody was faster, or the conns have changed. */
static bool is_over(const struct contact *contact)
{
	struct opportunism *opp = contact->opp;
	const struct ip *gateway = &contact->peer.gateway;

	return !may_begin(conns_find(&opp->conns, contact->peer.conn), gateway) ||
	       sa_first_at(opp, gateway) != NULL;
}

/* False: there is no way to it. */
static bool contact_begin(struct contact *contact, const struct pubkey *keys, size_t key_count)
{
	struct opportunism *opp = contact->opp;
	const struct ip *gateway = &contact->peer.gateway;
	struct conn_state *conn = conns_find(&opp->conns, contact->peer.conn);
	struct ike_wish wish;
	struct peer_sa *sa;

	if (!wish_of_conn(opp, conn, &contact->peer.ours, gateway, &wish))
		return false;
	if (conn->is_opportunistic)
		wish.expected_id = contact->peer.id;
	wish.is_childless = true;
	wish.tag = opp->next_tag++;
	contact->sa = ike_initiate(opp->ike, &wish, opp->now);
	if (contact->sa == 0)
		return false;
	log_line(&opp->log, LOG_INFO, "gateway %s: had an IKE SA before our restart, telling it",
	         ip_text(gateway).s);
	memory_of(opp, gateway)->negotiating = contact->sa;
	sa = sa_add(opp, contact->sa, gateway);
	string_copy(sa->conn, sizeof(sa->conn), conn->conn.name);
	sa->is_recovery = true;
	sa->strength = contact->strength;
	if (key_count > 0)
		ike_set_peer_keys(opp->ike, contact->sa, keys, key_count, opp->now);
	return true;
}

static void on_keys(struct key_search *search)
{
	struct contact *contact = search->owner;
	struct opportunism *opp = contact->opp;
	const struct conn_state *conn = conns_find(&opp->conns, contact->peer.conn);
	struct found_keys found = key_search_keys(search, conn_dnssec(conn, opp->dnssec));

	contact->strength = strength_of_trust(found.trust);
	key_search_stop(search, &opp->lookups);
	contact->is_searching = false;
	if (found.count == 0)
		log_line(&opp->log, LOG_INFO, "gateway %s: had an IKE SA before our restart; %s",
		         ip_text(&contact->peer.gateway).s, key_search_lack(search));
	if (is_over(contact))
		contact_free(contact);
	else if (found.count == 0 || !contact_begin(contact, found.keys, found.count))
		contact_put_off(contact);
	found_keys_wipe(&found);
}

/* By who it was: the keys of its address, or of its name (AUZ-3). False: it was somebody else. */
static bool search_keys(struct contact *contact)
{
	const struct ike_id *id = &contact->peer.id;
	struct ip address = id_address(id);
	char fqdn[DNS_NAME_MAX] = "";
	bool is_name = id->type == ID_FQDN && dns_name_normalise(BYTES(id->data, id->len), fqdn);

	if (!is_name && !ip_equal(&address, &contact->peer.gateway))
		return false;
	contact->is_searching = true;
	key_search_start(&contact->keys, &contact->opp->lookups, &address, fqdn, true, on_keys,
	                 contact);
	return true;
}

/* False: nothing is under way. */
static bool contact_start(struct contact *contact, const struct conn_state *conn)
{
	const struct conn_end *theirs = &conn->theirs;

	contact->strength = strength_of_auth(ike_auth_of(theirs->auth));
	if (theirs->auth != CONN_RSASIG || theirs->takes_cert)
		return contact_begin(contact, NULL, 0);
	if (theirs->has_key)
		return contact_begin(contact, &theirs->key, 1);
	return search_keys(contact);
}

static void begin(struct recovery *recovery, const struct lost_peer *lost)
{
	struct opportunism *opp = recovery->opp;
	struct contact *contact = new_zeroed(sizeof(*contact));

	contact->opp = opp;
	contact->peer = lost->record;
	contact->tries = lost->tries + 1;
	LIST_INSERT_HEAD(&recovery->contacts, contact, in_list);
	if (is_over(contact))
		contact_free(contact);
	else if (!contact_start(contact, conns_find(&opp->conns, contact->peer.conn)))
		contact_put_off(contact);
}

void recovery_over(struct opportunism *opp, ike_handle sa)
{
	struct contact *contact;

	if (opp->recovery == NULL)
		return;
	LIST_FOREACH (contact, &opp->recovery->contacts, in_list) {
		if (contact->sa == sa) {
			contact_free(contact);
			return;
		}
	}
}

/* ---- Theirs ---- */

static bool was_tried(const struct flow *flow, const struct ip *gateway)
{
	const struct evidence_gateway *tried;

	STAILQ_FOREACH(tried, &flow->evidence.gateways, next)
	{
		if (ip_equal(&tried->address, gateway))
			return true;
	}
	return false;
}

static bool waits_for_gateway(const struct flow *flow)
{
	return flow->state == FLOW_SHUNT &&
	       (flow->tunnel != NULL || flow->reason == FLOW_REASON_GATEWAY_SILENT);
}

static void look_at_flow(struct flow *flow, const struct ip *gateway)
{
	if (flow->tunnel != NULL)
		tunnel_hurry(flow, gateway);
	else if (was_tried(flow, gateway))
		flow_end(flow, "its gateway is there again");
}

static void look_at_silent_shunts(struct opportunism *opp, const struct ip *gateway)
{
	LIST_HEAD(, flow) all;
	struct flow *flow;

	/* One that ends may take others along. */
	LIST_INIT(&all);
	while ((flow = LIST_FIRST(&opp->silent_shunts)) != NULL) {
		LIST_REMOVE(flow, in_silent);
		LIST_INSERT_HEAD(&all, flow, in_silent);
	}
	while ((flow = LIST_FIRST(&all)) != NULL) {
		flow_leave_silent(flow);
		if (!waits_for_gateway(flow))
			continue;
		flow_join_silent(flow);
		look_at_flow(flow, gateway);
	}
}

/* Those of ranges; of single pairs they are among the shunts. */
static void hurry_tunnels(struct opportunism *opp, const struct ip *gateway)
{
	struct tunnel *tunnel = LIST_FIRST(&opp->tunnels), *next_one;

	for (; tunnel != NULL; tunnel = next_one) {
		next_one = LIST_NEXT(tunnel, in_list);
		tunnel_hurry(tunnel->flow, gateway);
	}
}

void gateway_is_back(struct opportunism *opp, const struct ip *gateway)
{
	struct gateway_memory *memory = memory_of(opp, gateway);

	if (memory->silence.ns == 0)
		return;
	memory_heard(memory);
	hurry_tunnels(opp, gateway);
	look_at_silent_shunts(opp, gateway);
}

/* ---- All of them ---- */

static void next(struct opportunism *opp, struct timer *timer)
{
	struct recovery *recovery = CONTAINER_OF(timer, struct recovery, timer);
	struct lost_peer *lost = TAILQ_FIRST(&recovery->queue);

	if (lost == NULL || opp->is_shutting_down)
		return;
	if (!instant_reached(lost->not_before, opp->now)) {
		timer_set(opp, &recovery->timer, lost->not_before);
		return;
	}
	timer_set(opp, &recovery->timer, instant_after(opp->now, BETWEEN_CONTACTS));
	TAILQ_REMOVE(&recovery->queue, lost, in_queue);
	begin(recovery, lost);
	free(lost);
	peers_changed(opp);
}

static void shuffle(struct opportunism *opp, size_t *order, size_t count)
{
	for (size_t i = count; i-- > 1;) {
		size_t j = (size_t)(core_random(opp) % (i + 1));
		size_t swapped = order[i];

		order[i] = order[j];
		order[j] = swapped;
	}
}

/* The peer has its half no longer than that. */
static bool is_fresh(const struct opportunism *opp, const struct peer_record *peer, int64_t now_s)
{
	const struct conn_state *conn = conns_find(&opp->conns, peer->conn);
	int64_t age_s = now_s - peer->seen_s;

	return conn != NULL && age_s >= 0 && age_s <= (int64_t)conn->profile->life.ike_s;
}

void opportunism_recover(struct opportunism *opp, const struct peer_record *peers, size_t count,
                         int64_t now_s, struct instant now)
{
	struct recovery *recovery = new_zeroed(sizeof(*recovery));
	size_t *order = new_array(count, sizeof(*order));

	opp->now = now;
	recovery_forget(opp);
	opp->recovery = recovery;
	recovery->opp = opp;
	recovery->timer.fire = next;
	LIST_INIT(&recovery->contacts);
	TAILQ_INIT(&recovery->queue);
	count = count < PEER_RECORDS_MAX ? count : PEER_RECORDS_MAX;
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	shuffle(opp, order, count);
	for (size_t i = 0; i < count; i++) {
		if (is_fresh(opp, &peers[order[i]], now_s))
			put_in_queue(recovery, &peers[order[i]], 0);
	}
	free(order);
}

void recovery_forget(struct opportunism *opp)
{
	struct recovery *recovery = opp->recovery;
	struct lost_peer *lost;

	if (recovery == NULL)
		return;
	while (!LIST_EMPTY(&recovery->contacts))
		contact_free(LIST_FIRST(&recovery->contacts));
	heap_remove(&opp->timers, &recovery->timer.node);
	while ((lost = TAILQ_FIRST(&recovery->queue)) != NULL) {
		TAILQ_REMOVE(&recovery->queue, lost, in_queue);
		free(lost);
	}
	free(recovery);
	opp->recovery = NULL;
}
