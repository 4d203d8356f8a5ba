/*
 * Attempts: one gateway being tried for one flow, over an IKE SA that exists or a new one.
 */
#include "opportunism/tunnel.h"

#include <stdlib.h>

#include "opportunism/downgrade.h"
#include "opportunism/keysearch.h"
#include "opportunism/refetch.h"

enum slot { SLOT_A, SLOT_AAAA };

/* For one child; each may be full or end under it. */
enum { OTHER_SAS_MAX = 8 };

static struct attempt *of_node(struct hash_node *node)
{
	return CONTAINER_OF(node, struct attempt, by_tag);
}

struct attempt *attempt_find(struct opportunism *opp, uint64_t tag)
{
	struct hash_node *node =
	    hash_first(&opp->attempts, hash_octets(&opp->attempts, &tag, sizeof(tag)));

	while (node != NULL && of_node(node)->tag != tag)
		node = hash_following(node);
	return node == NULL ? NULL : of_node(node);
}

/* The attempt leaves its flow; what is under way with IKE is told that nobody waits for it. */
void attempt_free(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;

	if (attempt->keys != NULL) {
		key_search_stop(attempt->keys, &opp->lookups);
		free(attempt->keys);
		if (attempt->state == ATTEMPT_INIT)
			ike_set_peer_keys(opp->ike, attempt->sa, NULL, 0, opp->now);
	}
	refetch_stop(attempt);
	lookup_cancel(&opp->lookups, &attempt->address_client);
	if (attempt->state == ATTEMPT_WAITING)
		TAILQ_REMOVE(&memory_of(opp, &attempt->gateway->address)->waiting, attempt,
		             in_waiting);
	evidence_left(&attempt->flow->evidence, attempt->gateway, opp->now);
	pace_end(attempt);
	fair_remove(&attempt->in_pace);
	attempt->flow->inquiry->running--;
	LIST_REMOVE(attempt, of_flow);
	hash_remove(&opp->attempts, &attempt->by_tag);
	free(attempt);
}

static void wanted_selectors(struct reach_selectors *out, const struct flow *flow)
{
	const struct reach pair = { .local = { range_of_ip(&flow->pair.source) },
		                    .remote = { range_of_ip(&flow->pair.destination) },
		                    .local_count = 1,
		                    .remote_count = 1 };

	reach_selectors(out, flow->tunnel != NULL ? &flow->tunnel->reach : &pair);
	if (flow->tunnel != NULL && flow->tunnel->is_wide)
		out->more.packet = flow->tunnel->packet; /* TS-5, TS-7 */
}

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

/* By which of our addresses a gateway is to know us: the Source's own if it is one of those (it
 * need not name another), else that of the device towards the gateway. */
static struct ip outer_towards(const struct opportunism *opp, const struct conn_state *conn,
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

/* Where there are several ways out, an SA at another of our addresses is of no use: the Source does
 * not delegate to that. */
static bool is_from_here(const struct attempt *attempt, const struct peer_sa *sa)
{
	const struct opportunism *opp = attempt->opp;
	enum ip_family family = (enum ip_family)sa->gateway.family;
	struct ip outer;

	if (!attempt->flow->conn->is_opportunistic || !own_has_choice(&opp->own, family))
		return true;
	outer = outer_towards(opp, attempt->flow->conn, &attempt->flow->pair.source, &sa->gateway);
	return ip_equal(&sa->local, &outer);
}

/* An IKE SA with this gateway whose peer proved a key that the Destination's records hold for it
 * (REU-1), whoever initiated it (REU-3). */
static struct peer_sa *reusable_sa(const struct attempt *attempt)
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

static bool any_sa_up(const struct attempt *attempt)
{
	const struct peer_sa *sa = sa_first_at(attempt->opp, &attempt->gateway->address);

	while (sa != NULL && (!sa->is_up || sa->is_gone))
		sa = sa_next_at(sa);
	return sa != NULL;
}

/* SEC-13: as many as one peer can have, and no room on them. */
static bool are_all_full(const struct attempt *attempt)
{
	const struct peer_sa *sa = sa_first_at(attempt->opp, &attempt->gateway->address);
	unsigned count = 0;

	for (; sa != NULL; sa = sa_next_at(sa))
		count += sa->is_up && sa->is_full;
	return count >= IKE_SAS_PER_PEER_MAX;
}

static void create_child(struct attempt *attempt, struct peer_sa *sa)
{
	struct opportunism *opp = attempt->opp;
	struct reach_selectors wanted;

	wanted_selectors(&wanted, attempt->flow);
	attempt->state = ATTEMPT_CHILD;
	attempt->sa = sa->handle;
	sa_touch(opp, sa);
	ike_create_wide_child(opp->ike, sa->handle, &wanted.local[0], &wanted.remote[0],
	                      &wanted.more, attempt->tag, opp->now);
}

static enum ike_reason attempt_contact(struct attempt *attempt);

static void on_keys(struct key_search *search);

static void search_keys(struct attempt *attempt)
{
	attempt->keys = new_zeroed(sizeof(*attempt->keys));
	attempt->keys_asked = attempt->opp->now;
	key_search_start(attempt->keys, &attempt->opp->lookups, &attempt->gateway->address, "",
	                 KEY_SEARCH_PLAIN, on_keys, attempt);
}

static bool needs_keys(const struct attempt *attempt)
{
	const struct conn_end *theirs = &attempt->flow->conn->theirs;

	return attempt->gateway->key_count == 0 && theirs->auth == CONN_RSASIG &&
	       !theirs->takes_cert;
}

bool conn_wish(const struct opportunism *opp, const struct conn_state *conn,
               const struct ip *source, const struct ip *gateway, struct ike_wish *wish)
{
	struct ip outer = outer_towards(opp, conn, source, gateway);

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

static bool make_wish(const struct attempt *attempt, const struct reach_selectors *wanted,
                      struct ike_wish *wish)
{
	const struct flow *flow = attempt->flow;

	if (!conn_wish(attempt->opp, flow->conn, &flow->pair.source, &attempt->gateway->address,
	               wish))
		return false;
	wish->local = wanted->local[0];
	wish->remote = wanted->remote[0];
	wish->more_local = wanted->more.local;
	wish->more_remote = wanted->more.remote;
	wish->packet = wanted->more.packet;
	wish->tag = attempt->tag;
	return true;
}

static enum ike_reason initiate(struct attempt *attempt, struct gateway_memory *memory)
{
	struct opportunism *opp = attempt->opp;
	struct reach_selectors wanted;
	struct ike_wish wish;
	struct peer_sa *sa;

	wanted_selectors(&wanted, attempt->flow);
	if (!make_wish(attempt, &wanted, &wish)) {
		attempt->flow->reason = FLOW_REASON_NO_HOST_KEY;
		return IKE_REASON_LOCAL;
	}
	wish.is_restarting = memory_had_tunnel(memory, opp->now);
	attempt->sa = ike_initiate(opp->ike, &wish, opp->now);
	if (attempt->sa == 0)
		return IKE_REASON_LOCAL;
	attempt->state = ATTEMPT_INIT;
	pace_begin(attempt);
	memory->negotiating = attempt->sa;
	sa = sa_add(opp, attempt->sa, &attempt->gateway->address);
	sa->local = wish.path.local.address;
	string_copy(sa->conn, sizeof(sa->conn), attempt->flow->conn->conn.name);
	sa->strength = wish.peer_auth == IKE_AUTH_SIGNATURE
	                   ? strength_of_trust(attempt->gateway->trust)
	                   : strength_of_auth(wish.peer_auth);
	if (attempt->gateway->key_count > 0)
		ike_set_peer_keys(opp->ike, attempt->sa, attempt->gateway->keys,
		                  attempt->gateway->key_count, opp->now);
	else if (needs_keys(attempt) && attempt->keys == NULL)
		search_keys(attempt); /* beside IKE_SA_INIT: needed only at IKE_AUTH (step 2A) */
	return IKE_REASON_NONE;
}

/* Anything but NONE: the attempt has failed at once. */
static enum ike_reason attempt_contact(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;
	struct gateway_memory *memory = memory_of(opp, &attempt->gateway->address);
	struct peer_sa *sa = reusable_sa(attempt);

	if (sa != NULL) {
		create_child(attempt, sa);
		return IKE_REASON_NONE;
	}
	/* A configured peer is tried whenever it is wanted: it may be back by now. */
	if (memory->silent_until.ns > opp->now.ns && attempt->flow->tunnel == NULL &&
	    !attempt->flow->is_ordered) {
		attempt->flow->inquiry->silent_until = memory->silent_until;
		return IKE_REASON_SILENT;
	}
	if (needs_keys(attempt) && attempt->keys == NULL && any_sa_up(attempt)) {
		attempt->state = ATTEMPT_KEYS;
		search_keys(attempt);
		return IKE_REASON_NONE;
	}
	if (memory->negotiating != 0) {
		attempt->state = ATTEMPT_WAITING;
		TAILQ_INSERT_TAIL(&memory->waiting, attempt, in_waiting);
		return IKE_REASON_NONE;
	}
	if (are_all_full(attempt))
		return IKE_REASON_NO_MORE_CHILDREN;
	switch (pace_ask(attempt, memory)) {
	case PACE_GO:
		break;
	case PACE_WAIT:
		pace_wait(attempt);
		return IKE_REASON_NONE;
	case PACE_NEVER:
		return memory->last_failure;
	}
	return initiate(attempt, memory);
}

void attempt_go_on(struct attempt *attempt)
{
	enum ike_reason reason = attempt_contact(attempt);

	if (reason != IKE_REASON_NONE)
		attempt_failed(attempt, reason);
}

void attempt_deny(struct attempt *attempt, enum flow_reason reason)
{
	struct flow *flow = attempt->flow;

	if (attempt->state == ATTEMPT_INIT)
		ike_set_peer_keys(attempt->opp->ike, attempt->sa, NULL, 0, attempt->opp->now);
	flow->inquiry->is_denied = true;
	flow->reason = reason;
	attempt_free(attempt);
	flow_step(flow);
}

/* 9B: the keys at the name that the Destination gave. Anything but a name ends it. */
static void search_by_name(struct attempt *attempt)
{
	static const struct ip no_address = { .family = IP_NONE };
	char fqdn[DNS_NAME_MAX];

	if (attempt->named.type != ID_FQDN ||
	    !dns_name_normalise(BYTES(attempt->named.data, attempt->named.len), fqdn)) {
		ike_set_peer_keys(attempt->opp->ike, attempt->sa, NULL, 0, attempt->opp->now);
		return;
	}
	attempt->is_searched_by_name = true;
	attempt->keys = new_zeroed(sizeof(*attempt->keys));
	attempt->keys_asked = attempt->opp->now;
	key_search_start(attempt->keys, &attempt->opp->lookups, &no_address, fqdn,
	                 KEY_SEARCH_PLAIN, on_keys, attempt);
}

void attempt_peer_named(struct opportunism *opp, uint64_t tag, const struct ike_id *id)
{
	struct attempt *attempt = attempt_find(opp, tag);

	if (attempt == NULL || !attempt->gateway->is_tried || attempt->state != ATTEMPT_INIT)
		return;
	attempt->named = *id;
	if (attempt->keys == NULL && attempt->gateway->key_count == 0)
		search_by_name(attempt);
}

/* Nothing at its address: if it says who it is, perhaps at its name. */
static bool goes_on_by_name(struct attempt *attempt)
{
	if (!attempt->gateway->is_tried || attempt->gateway->key_count > 0 ||
	    attempt->is_searched_by_name || attempt->state != ATTEMPT_INIT)
		return false;
	if (attempt->named.type != ID_NONE)
		search_by_name(attempt);
	return true;
}

/* TRU-3, FAIL-1: what is missing may be not there, not to be had now, or taken away by a forger. */
static void note_lack(struct attempt *attempt, enum dns_status status, enum dns_trust trust,
                      uint32_t ttl_s)
{
	struct inquiry *inquiry = attempt->flow->inquiry;

	if (trust == DNS_BOGUS) {
		inquiry->is_forged = true;
		attempt->lack = FLOW_REASON_BOGUS;
	} else if (attempt->lack != FLOW_REASON_BOGUS && status == DNS_FAILED) {
		attempt->lack = FLOW_REASON_DNS_FAILED;
	} else if (attempt->lack != FLOW_REASON_BOGUS && status == DNS_TIMED_OUT) {
		attempt->lack = FLOW_REASON_DNS_SILENT;
	} else if (ttl_s > 0 && (inquiry->gateway_ttl_s == 0 || ttl_s < inquiry->gateway_ttl_s)) {
		inquiry->gateway_ttl_s = ttl_s;
	}
}

static void note_missing_keys(struct attempt *attempt, const struct key_search *search)
{
	const struct record_set *sets[] = { &search->ipseckey, &search->key };

	log_line(&attempt->opp->log, LOG_INFO, "gateway %s: no key in the DNS, %s",
	         ip_text(&attempt->gateway->address).s, key_search_lack(search));
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		note_lack(attempt, sets[i]->status, sets[i]->trust, sets[i]->ttl_s);
}

static void on_keys(struct key_search *search)
{
	struct attempt *attempt = search->owner;
	struct opportunism *opp = attempt->opp;
	struct found_keys found =
	    key_search_keys(search, conn_dnssec(attempt->flow->conn, opp->dnssec));

	for (size_t i = 0; i < found.count; i++)
		gateway_add_key(attempt->gateway, &found.keys[i]);
	if (found.count > 0)
		attempt->gateway->trust = trust_min(attempt->gateway->trust, found.trust);
	else
		note_missing_keys(attempt, search);
	found_keys_wipe(&found);
	core_look_at_misses(opp, search->name, &search->ipseckey);
	core_look_at_misses(opp, search->name, &search->key);
	evidence_search(&attempt->flow->evidence, search, attempt->keys_asked, opp->now);
	key_search_stop(search, &opp->lookups);
	free(search);
	attempt->keys = NULL;
	if (goes_on_by_name(attempt))
		return;
	if (downgrade_forbids(opp, attempt->flow->conn, &attempt->flow->pair.destination,
	                      attempt->gateway))
		attempt_deny(attempt, FLOW_REASON_WAS_PROTECTED);
	else if (attempt->state == ATTEMPT_INIT)
		ike_set_peer_keys(opp->ike, attempt->sa, attempt->gateway->keys,
		                  attempt->gateway->key_count, opp->now);
	else if (attempt->gateway->key_count == 0)
		attempt_failed(attempt, IKE_REASON_NO_KEYS);
	else
		attempt_go_on(attempt);
}

static bool is_own(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->own.count; i++)
		if (ip_equal(&opp->own.all[i], address))
			return true;
	return false;
}

/* IPSECKEY gateway type 3: the chain is as weak as its weakest link (IPK-5). */
static void on_address(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct attempt *attempt = CONTAINER_OF(client, struct attempt, address_client);
	struct gateway *gateway = attempt->gateway;
	struct evidence_log *log = &attempt->flow->evidence;
	bool is_usable = answer->status == DNS_FOUND && answer->trust != DNS_BOGUS &&
	                 (conn_dnssec(attempt->flow->conn, attempt->opp->dnssec) != DNSSEC_REQUIRE ||
	                  answer->trust == DNS_SECURE);

	evidence_address(log, slot == SLOT_A ? DNS_TYPE_A : DNS_TYPE_AAAA, gateway->name, answer,
	                 attempt->opp->now);
	if (is_usable && answer->count > 0 &&
	    (gateway->address.family == IP_NONE || slot == SLOT_A)) {
		struct ip address = ip_from_octets(answer->rdata[0]);

		if (address.family != IP_NONE && !ip_is_never_peer(&address) &&
		    !is_own(attempt->opp, &address)) {
			gateway->address = address;
			gateway->trust = trust_min(gateway->trust, answer->trust);
		}
	}
	if (!is_usable)
		note_lack(attempt, answer->status, answer->trust, answer->ttl_s);
	if (client->pending > 0)
		return;
	if (gateway->address.family == IP_NONE)
		attempt_failed(attempt, IKE_REASON_NO_KEYS);
	else
		attempt_go_on(attempt);
}

static enum ike_reason attempt_start(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;

	if (attempt->gateway->address.family != IP_NONE)
		return attempt_contact(attempt);
	attempt->state = ATTEMPT_ADDRESS;
	if (opp->own.own4.family != IP_NONE)
		lookup_start(&opp->lookups, &attempt->address_client, SLOT_A,
		             attempt->gateway->name, DNS_TYPE_A);
	if (opp->own.own6.family != IP_NONE)
		lookup_start(&opp->lookups, &attempt->address_client, SLOT_AAAA,
		             attempt->gateway->name, DNS_TYPE_AAAA);
	return IKE_REASON_NONE;
}

static struct attempt *attempt_new(struct flow *flow, struct gateway *gateway)
{
	struct opportunism *opp = flow->opp;
	struct attempt *attempt = new_zeroed(sizeof(*attempt));
	unsigned tries = flow->conn->conn.keyingtries;

	attempt->opp = opp;
	attempt->flow = flow;
	attempt->tag = opp->next_tag++;
	attempt->gateway = gateway;
	attempt->tries_left = tries == 0 ? UINT32_MAX : tries;
	attempt->address_client.on_answer = on_address;
	LIST_INIT(&attempt->address_client.lookups);
	hash_add(&opp->attempts, &attempt->by_tag,
	         hash_octets(&opp->attempts, &attempt->tag, sizeof(attempt->tag)));
	LIST_INSERT_HEAD(&flow->inquiry->attempts, attempt, of_flow);
	flow->inquiry->running++;
	evidence_tried(&flow->evidence, gateway, opp->now);
	return attempt;
}

static void tell_failure(struct attempt *attempt, enum ike_reason reason)
{
	const struct flow *flow = attempt->flow;
	const char *said = ike_reason_text(reason);

	if (reason == IKE_REASON_SILENT && attempt->state != ATTEMPT_INIT)
		said = "not asked again, it was silent a moment ago";
	if (reason == IKE_REASON_LOCAL && flow->reason == FLOW_REASON_NO_HOST_KEY)
		said = flow_reason_text(flow->reason);
	evidence_said(&attempt->flow->evidence, attempt->gateway, said, attempt->opp->now);
}

void flow_try_next_gateway(struct flow *flow)
{
	struct inquiry *inquiry = flow->inquiry;
	struct attempt *attempt =
	    attempt_new(flow, &inquiry->gateways.list[inquiry->next_gateway++]);
	enum ike_reason reason;

	inquiry->next_due = instant_after(flow->opp->now, NEXT_GATEWAY_TIME);
	reason = attempt_start(attempt);
	if (reason == IKE_REASON_NONE)
		return;
	if (reason != IKE_REASON_LOCAL && flow->state != FLOW_TUNNEL)
		flow->reason = flow_reason_of_ike(reason);
	tell_failure(attempt, reason);
	attempt_free(attempt);
}

/* Instead of a child on that IKE SA: one on another, or a new IKE SA that begins with it. */
static enum ike_reason try_another_sa(struct attempt *attempt, enum ike_reason reason)
{
	struct peer_sa *sa = sa_find(attempt->opp, attempt->sa);

	if (attempt->other_sas++ == OTHER_SAS_MAX)
		return reason;
	if (sa != NULL && reason == IKE_REASON_NO_MORE_CHILDREN)
		sa->is_full = true; /* TS-16 */
	else if (sa != NULL)
		sa_is_lost(attempt->opp, sa); /* sa_gone follows */
	attempt->state = ATTEMPT_KEYS;
	return attempt_contact(attempt);
}

/* REU-6: not the child was refused, but the IKE SA is no more. */
static bool was_sa_lost(enum ike_reason reason)
{
	return reason == IKE_REASON_SILENT || reason == IKE_REASON_CRASHED ||
	       reason == IKE_REASON_REPLACED || reason == IKE_REASON_DELETED_BY_PEER ||
	       reason == IKE_REASON_DELETED_BY_US || reason == IKE_REASON_EXPIRED ||
	       reason == IKE_REASON_IDLE;
}

void attempt_failed(struct attempt *attempt, enum ike_reason reason)
{
	struct flow *flow = attempt->flow;
	struct gateway_memory *memory;

	if (reason == IKE_REASON_SILENT && attempt->state == ATTEMPT_INIT) {
		memory = memory_of(attempt->opp, &attempt->gateway->address);
		if (attempt->tries_left != UINT32_MAX)
			attempt->tries_left--;
		if (attempt->tries_left > 0 && initiate(attempt, memory) == IKE_REASON_NONE)
			return;
		memory_silent(memory, attempt->opp->now);
	}
	if (reason == IKE_REASON_BAD_SIGNATURE && refetch_start(attempt))
		return;
	if (attempt->state == ATTEMPT_CHILD && !attempt->opp->is_shutting_down &&
	    (reason == IKE_REASON_NO_MORE_CHILDREN || was_sa_lost(reason))) {
		reason = try_another_sa(attempt, reason);
		if (reason == IKE_REASON_NONE)
			return;
	}
	if (flow->state != FLOW_TUNNEL)
		flow->reason = reason == IKE_REASON_NO_KEYS && attempt->lack != FLOW_REASON_NONE
		                   ? attempt->lack
		                   : flow_reason_of_ike(reason);
	tell_failure(attempt, reason);
	attempt_free(attempt);
	flow_step(flow);
}

void attempts_resume(struct opportunism *opp, const struct ip *gateway, enum ike_reason reason)
{
	struct gateway_memory *memory = memory_of(opp, gateway);
	TAILQ_HEAD(, attempt) ready = TAILQ_HEAD_INITIALIZER(ready);
	struct attempt *attempt;

	memory->negotiating = 0;
	pace_failed(opp, memory, reason);
	/* Each in its turn: the first may start a negotiation that the others wait for again. */
	TAILQ_CONCAT(&ready, &memory->waiting, in_waiting);
	while ((attempt = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, attempt, in_waiting);
		attempt->state = ATTEMPT_KEYS;
		if (reason == IKE_REASON_NONE || reason == IKE_REASON_NO_KEYS)
			attempt_go_on(attempt);
		else
			attempt_failed(attempt, reason);
	}
}
