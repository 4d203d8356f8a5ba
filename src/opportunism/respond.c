/*
 * The Responder's side: looking into claims, and the answers to them.
 */
#include "opportunism/claim.h"
#include "opportunism/downgrade.h"
#include "opportunism/ranges.h"
#include "opportunism/tunnel.h"

#include <stdio.h>
#include <stdlib.h>

enum slot { SLOT_IPSECKEY, SLOT_TXT };

static struct claim *claim_find(struct opportunism *opp, ike_handle sa)
{
	struct hash_node *node =
	    hash_first(&opp->claims, hash_octets(&opp->claims, &sa, sizeof(sa)));

	for (; node != NULL; node = hash_following(node)) {
		struct claim *claim = CONTAINER_OF(node, struct claim, by_sa);

		if (claim->sa == sa)
			return claim;
	}
	return NULL;
}

static void release_names(struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	if (claim->waits)
		TAILQ_REMOVE(&opp->waiting_claims, claim, in_waiting);
	claim->waits = false;
	if (claim->names == 0)
		return;
	asker_done(&opp->askers, &claim->said.path.remote.address, claim->names);
	claim->names = 0;
	opp->has_done_asker = true;
}

static void stop_lookups(struct claim *claim)
{
	release_names(claim);
	if (claim->wants_keys)
		key_search_stop(&claim->keys, &claim->opp->lookups);
	lookup_cancel(&claim->opp->lookups, &claim->source_client);
	discovery_wipe(&claim->source);
	claim->wants_keys = false;
	claim->wants_source = false;
}

static void claim_free(struct claim *claim)
{
	stop_lookups(claim);
	heap_remove(&claim->opp->timers, &claim->timer.node);
	hash_remove(&claim->opp->claims, &claim->by_sa);
	free(claim);
}

/* ---- What needs no lookup ---- */

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
static bool wants_somebody_else(const struct opportunism *opp, const struct ike_id *wanted)
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
static const char *identity_objection(const struct ike_claim *said)
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

bool record_names_initiator(const struct delegation *record, bool is_txt, const struct ike_id *id)
{
	struct ip address = id_address(id);
	struct ike_id named;

	(void)is_txt;
	switch (record->kind) {
	case GATEWAY_ADDRESS:
		return address.family != IP_NONE && ip_equal(&record->address, &address);
	case GATEWAY_NAME:
		named = id_of_fqdn(record->name);
		return id_equal(&named, id);
	case GATEWAY_NONE:
		break; /* the owner speaks for itself: that is no delegation to anybody */
	}
	return false;
}

/* ---- The answer ---- */

static void refuse(struct claim *claim, const char *why)
{
	struct opportunism *opp = claim->opp;
	struct ike_permission no = { .verdict = IKE_VERDICT_UNAUTHENTICATED };

	refusals_add(&opp->refusals, &claim->said, why, opp->now);
	log_line(&opp->log, LOG_WARNING, "gateway %s (%s) refused: %s",
	         ip_text(&claim->said.path.remote.address).s, id_text(&claim->said.peer_id).s, why);
	if (claim->is_child) {
		no.verdict = IKE_VERDICT_NO_CHILD; /* who the peer is, stays proven */
		ike_authorize_child(opp->ike, claim->sa, &no, opp->now);
	} else {
		ike_authorize(opp->ike, claim->sa, &no, opp->now);
	}
	claim_free(claim);
}

static bool fill_self(const struct claim *claim, struct ike_self *self)
{
	const struct opportunism *opp = claim->opp;
	const struct conn_state *conn = claim->conn;

	for (size_t i = 0; conn == NULL && i < opp->conns.count; i++) {
		if (opp->conns.list[i].is_opportunistic && opp->conns.list[i].is_added)
			conn = &opp->conns.list[i];
	}
	return conn != NULL && self_for_conn(opp, conn, &claim->said.path.local.address, self);
}

static void log_no_child(const struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	refusals_add(&opp->refusals, &claim->said, claim->refusal, opp->now);
	log_line(&opp->log, LOG_WARNING, "gateway %s (%s) may not speak for %s: %s",
	         ip_text(&claim->said.path.remote.address).s, id_text(&claim->said.peer_id).s,
	         ip_text(&claim->said.peer.range.first).s, claim->refusal);
}

/* NAT-14: a conn may allow several peers the same address, as they have behind their NATs; it
 * belongs to the first for as long as that one lives. */
static bool is_others(const struct claim *claim, const struct child *child)
{
	const struct peer_sa *sa = child == NULL ? NULL : sa_find(claim->opp, child->sa);

	if (claim->conn == NULL || claim->conn->is_opportunistic || sa == NULL)
		return false;
	return !id_equal(&sa->id, &claim->said.peer_id);
}

/* AUZ-14: another gateway already carries this pair, and is known better. Who proves nothing might
 * be another gateway at the same address. */
static void check_existing(struct claim *claim)
{
	struct ip_pair pair = { claim->said.ours.range.first, claim->said.peer.range.first };
	const struct flow *flow = flow_find(claim->opp, &pair);
	const struct child *child = flow == NULL ? NULL : TAILQ_FIRST(&flow->children);

	for (const struct child *one = child; one != NULL; one = TAILQ_NEXT(one, in_flow))
		if (claim->strength < one->strength &&
		    (claim->strength == STRENGTH_NULL ||
		     !ip_equal(&one->gateway, &claim->said.path.remote.address)))
			claim->refusal = "another gateway carries it with more strength";
	if (is_others(claim, child) ||
	    (claim->has_grant && tunnel_is_others(claim->opp, &claim->grant, &claim->said.peer_id)))
		claim->refusal = "another peer carries some of these addresses";
}

/* The one that the peer used, if it is the conn's. */
static struct ike_ppk ppk_of(const struct claim *claim)
{
	if (claim->conn == NULL || strcmp(claim->conn->ppk.id, claim->said.ppk_id) != 0)
		return (struct ike_ppk){ 0 };
	return claim->conn->ppk;
}

/* The claim is answered; it stays until its CHILD SA is up, or for a minute. */
static void answer(struct claim *claim, const struct pubkey *keys, size_t count, unsigned psk)
{
	struct opportunism *opp = claim->opp;
	struct ike_permission permission = { .verdict = IKE_VERDICT_ACCEPT,
		                             .keys = keys,
		                             .key_count = count,
		                             .certs = claim->conn == NULL
		                                          ? (struct ike_certs){ 0 }
		                                          : conn_certs(claim->conn, opp->trust),
		                             .ppk = ppk_of(claim),
		                             .peer_psk = psk,
		                             .peer = claim->said.peer,
		                             .ours = claim->said.ours,
		                             .profile =
		                                 claim->conn == NULL ? NULL : claim->conn->profile,
		                             .tag = claim->tag };

	struct reach_selectors granted;

	if (claim->has_grant) {
		reach_selectors(&granted, &claim->grant);
		permission.ours = granted.local[0];
		permission.peer = granted.remote[0];
		permission.more_ours = granted.more.local;
		permission.more_peer = granted.more.remote;
	}
	if (claim->said.is_childless && claim->refusal != NULL) {
		refuse(claim, claim->refusal); /* of an IKE SA alone nothing would be left */
		return;
	}
	if (claim->refusal == NULL && !claim->said.is_childless)
		check_existing(claim);
	if (claim->refusal != NULL) {
		log_no_child(claim);
		permission.verdict = IKE_VERDICT_NO_CHILD;
	}
	if (!claim->is_child && !fill_self(claim, &permission.self)) {
		refuse(claim, "we have no key to answer with: make one with ipsec newhostkey");
		return;
	}
	claim->is_granted = true;
	timer_set(opp, &claim->timer, instant_after(opp->now, SECONDS(60)));
	if (claim->is_child)
		ike_authorize_child(opp->ike, claim->sa, &permission, opp->now);
	else
		ike_authorize(opp->ike, claim->sa, &permission, opp->now);
}

/* ---- Evidence ---- */

static enum strength strength_min(enum strength a, enum strength b)
{
	return a < b ? a : b;
}

static enum dnssec_mode claim_dnssec(const struct claim *claim)
{
	return conn_dnssec(claim->conn, claim->opp->dnssec);
}

/* AUZ-8: unsigned, the Source's record names another gateway than its owner, always: who speaks
 * for itself is not asked for one. */
static bool wants_signed(const struct claim *claim)
{
	return claim_dnssec(claim) == DNSSEC_REQUIRE ||
	       (claim->conn != NULL && claim->conn->conn.trust.unsigned_self);
}

static bool is_used(const struct claim *claim, const struct record_set *set)
{
	return set->status == DNS_FOUND && set->trust != DNS_BOGUS &&
	       (!wants_signed(claim) || set->trust == DNS_SECURE);
}

/* AUZ-4, AUZ-5: records at the Source's reverse name that name the Initiator authorise it, and
 * their keys are candidates. The best such answer counts. */
static bool take_source(const struct claim *claim, const struct record_set *set, bool is_txt,
                        struct gateway *vouched)
{
	bool is_named = false;

	if (!is_used(claim, set))
		return false;
	for (size_t i = 0; i < set->count; i++) {
		if (!record_names_initiator(&set->records[i], is_txt, &claim->said.peer_id))
			continue;
		is_named = true;
		if (set->records[i].has_key)
			gateway_add_key(vouched, &set->records[i].key);
	}
	return is_named;
}

static bool has_unsigned(const struct record_set *set)
{
	return set->status == DNS_FOUND && set->count > 0 && set->trust == DNS_INSECURE;
}

static const char *missing_delegation(const struct claim *claim)
{
	const struct record_set *txt = &claim->source.txt;

	if (txt->trust == DNS_BOGUS || claim->source.ipseckey.trust == DNS_BOGUS)
		return "the answer about its delegation is forged or broken (bogus)";
	if (txt->status == DNS_TIMED_OUT || txt->status == DNS_FAILED)
		return "its delegation could not be looked up, the DNS did not answer";
	if (wants_signed(claim) && (has_unsigned(txt) || has_unsigned(&claim->source.ipseckey)))
		return "its delegation is not signed, and the conn wants that";
	return "no TXT or IPSECKEY record at its reverse name names that gateway";
}

/* Two sets with one trust are one; a secure one beside an insecure one stands alone (CHS-1). */
static void weigh_source(struct claim *claim, struct gateway *vouched)
{
	const struct record_set *sets[] = { &claim->source.ipseckey, &claim->source.txt };
	static const enum dns_trust order[] = { DNS_SECURE, DNS_INSECURE };
	bool is_named = false;

	for (size_t t = 0; t < ARRAY_LEN(order) && !is_named; t++) {
		vouched->trust = order[t];
		for (size_t i = 0; i < ARRAY_LEN(sets); i++)
			if (sets[i]->trust == order[t])
				is_named |= take_source(claim, sets[i], i == 1, vouched);
	}
	if (!is_named && claim->refusal == NULL)
		claim->refusal = missing_delegation(claim);
	claim->strength = strength_min(claim->strength, strength_of_trust(vouched->trust));
}

/*
 * The keys for AUTH: those of the Source's record, and those of the identity where the DNS is as
 * sure of them (AUZ-6). The claim is worth what the weakest of them is.
 */
static void weigh_keys(struct claim *claim, const struct gateway *vouched,
                       struct gateway *candidates)
{
	struct found_keys found = key_search_keys(&claim->keys, claim_dnssec(claim));
	bool has_vouched = vouched->key_count > 0;
	bool is_weaker = has_vouched && vouched->trust == DNS_SECURE && found.trust != DNS_SECURE;
	enum dns_trust trust = DNS_INSECURE;

	for (size_t i = 0; i < vouched->key_count; i++)
		gateway_add_key(candidates, &vouched->keys[i]);
	for (size_t i = 0; i < found.count && !is_weaker; i++)
		gateway_add_key(candidates, &found.keys[i]);
	if (found.count > 0 && !is_weaker)
		trust = has_vouched ? trust_min(found.trust, vouched->trust) : found.trust;
	else if (has_vouched)
		trust = vouched->trust;
	claim->key_strength = strength_of_trust(trust);
	/* AUZ-7: an FQDN proves the name, not the address. */
	if (claim->said.peer_id.type == ID_FQDN && !claim->wants_source)
		claim->key_strength = STRENGTH_DNS;
	claim->strength = strength_min(claim->strength, claim->key_strength);
	found_keys_wipe(&found);
}

/* The key this SA was made with may be one that another Source's record vouched for (AUZ-4). That
 * is good for that Source alone: here the gateway's own records or this Source's must have it. */
static void weigh_proven_key(struct claim *claim, const struct gateway *published)
{
	const struct peer_sa *sa = sa_find(claim->opp, claim->sa);

	for (size_t i = 0; sa != NULL && i < published->key_count; i++)
		if (pubkey_equal(&published->keys[i], &sa->key))
			return;
	if (claim->refusal == NULL)
		claim->refusal =
		    "the key it proved is published neither for it nor at this address";
}

static void decide(struct claim *claim)
{
	struct gateway candidates = { 0 };
	struct gateway vouched = { 0 };

	claim->strength = STRENGTH_DNSSEC;
	if (claim->is_child)
		claim->strength = claim->key_strength;
	if (claim->wants_source)
		weigh_source(claim, &vouched);
	if (claim->wants_keys)
		weigh_keys(claim, &vouched, &candidates);
	if (claim->wants_keys && claim->is_child)
		weigh_proven_key(claim, &candidates);
	candidates.trust = claim->strength == STRENGTH_DNSSEC ? DNS_SECURE : DNS_INSECURE;
	if (claim->refusal == NULL &&
	    downgrade_forbids(claim->opp, claim->conn, &claim->said.peer.range.first, &candidates))
		claim->refusal = "it was protected with another key, and the DNS is not signed";
	if (claim->wants_keys && candidates.key_count == 0 && !claim->is_child) {
		char why[160];

		snprintf(why, sizeof(why), "no key for it in the DNS, %s",
		         key_search_lack(&claim->keys));
		refuse(claim, why);
	} else {
		answer(claim, candidates.keys, candidates.key_count, 0);
	}
	free(vouched.keys);
	free(candidates.keys);
}

static void decide_when_all_is_in(struct claim *claim)
{
	bool has_keys = !claim->wants_keys || key_search_is_done(&claim->keys);
	bool has_source = !claim->wants_source ||
	                  (claim->source.ipseckey.has_arrived && claim->source.txt.has_arrived);

	if (has_keys && has_source && !claim->is_granted) {
		release_names(claim);
		decide(claim);
	}
}

static void on_keys_done(struct key_search *search)
{
	decide_when_all_is_in(search->owner);
}

static void on_source_answer(struct lookup_client *client, unsigned slot,
                             const struct dns_answer *a)
{
	struct claim *claim = CONTAINER_OF(client, struct claim, source_client);

	if (slot == SLOT_IPSECKEY)
		record_set_read(&claim->source.ipseckey, DNS_TYPE_IPSECKEY, a);
	else
		record_set_read(&claim->source.txt, DNS_TYPE_TXT, a);
	core_look_at_misses(claim->opp, reverse_name(&claim->said.peer.range.first).s,
	                    slot == SLOT_IPSECKEY ? &claim->source.ipseckey : &claim->source.txt);
	decide_when_all_is_in(claim);
}

/* AUZ-10: silence at the Responder counts as refusal; a granted claim nobody took just ends. */
static void claim_fire(struct opportunism *opp, struct timer *timer)
{
	struct claim *claim = CONTAINER_OF(timer, struct claim, timer);

	if (claim->is_granted) {
		claim_free(claim);
		return;
	}
	if (claim->waits) {
		refuse(claim, "the lookups that it wanted before took too long");
		return;
	}
	release_names(claim);
	if (claim->wants_keys)
		key_search_time_out(&claim->keys, &opp->lookups);
	lookup_cancel(&opp->lookups, &claim->source_client);
	record_set_time_out(&claim->source.ipseckey);
	record_set_time_out(&claim->source.txt);
	decide(claim);
}

/* ---- The beginning ---- */

static void look_at_source(struct claim *claim)
{
	struct dns_name name = reverse_name(&claim->said.peer.range.first);

	claim->wants_source = true;
	lookup_start(&claim->opp->lookups, &claim->source_client, SLOT_IPSECKEY, name.s,
	             DNS_TYPE_IPSECKEY);
	lookup_start(&claim->opp->lookups, &claim->source_client, SLOT_TXT, name.s, DNS_TYPE_TXT);
}

/* AUZ-5: the Initiator speaks for itself without a record. */
static bool speaks_for_itself(const struct claim *claim)
{
	return range_is_single(&claim->said.peer.range) &&
	       ip_equal(&claim->said.peer.range.first, &claim->said.path.remote.address);
}

/* A conn that names its gateway has said who carries its addresses; the DNS gives the key alone. */
static bool is_arranged(const struct claim *claim)
{
	return claim->conn != NULL && !claim->conn->is_opportunistic &&
	       claim->conn->theirs.kind == END_ADDRESS;
}

static bool asks_about_source(const struct claim *claim)
{
	return claim->refusal == NULL && !claim->said.is_childless && !speaks_for_itself(claim) &&
	       !is_arranged(claim);
}

/* False: an identity that is neither an address nor a host name. */
MUST_USE static bool name_of_peer(const struct claim *claim, char fqdn[DNS_NAME_MAX])
{
	const struct ike_id *id = &claim->said.peer_id;

	return id_address(id).family != IP_NONE ||
	       dns_name_normalise(BYTES(id->data, id->len), fqdn);
}

static void start_lookups(struct claim *claim)
{
	struct ip address = id_address(&claim->said.peer_id);
	char fqdn[DNS_NAME_MAX] = "";

	if (!name_of_peer(claim, fqdn)) {
		refuse(claim, "its name is no host name");
		return;
	}
	claim->wants_keys = true;
	key_search_start(&claim->keys, &claim->opp->lookups, &address, fqdn,
	                 KEY_SEARCH_TXT | KEY_SEARCH_CLAIM, on_keys_done, claim);
	if (asks_about_source(claim))
		look_at_source(claim);
	decide_when_all_is_in(claim);
}

/* SEC-7: what a peer may make us ask before it has proven anything. */
static enum asker_answer may_look(struct claim *claim)
{
	struct opportunism *opp = claim->opp;
	unsigned names = asks_about_source(claim) ? 2 : 1;
	enum asker_answer said;

	if (claim->is_child)
		return ASKER_GO;
	said = asker_ask(&opp->askers, &claim->said.path.remote.address, names, opp->now);
	if (said == ASKER_GO)
		claim->names = names;
	return said;
}

static void look(struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	timer_set(opp, &claim->timer, instant_after(opp->now, RESPONDER_DNS_TIME));
	switch (may_look(claim)) {
	case ASKER_GO:
		start_lookups(claim);
		break;
	case ASKER_WAIT:
		claim->waits = true;
		TAILQ_INSERT_TAIL(&opp->waiting_claims, claim, in_waiting);
		break;
	case ASKER_NEVER:
		refuse(claim, "its address made us look up too many names");
		break;
	}
}

static void stop_waiting(struct claim *claim)
{
	TAILQ_REMOVE(&claim->opp->waiting_claims, claim, in_waiting);
	claim->waits = false;
}

static void go_on(struct claim *claim)
{
	enum asker_answer said = may_look(claim);

	if (said == ASKER_WAIT)
		return;
	stop_waiting(claim);
	if (said == ASKER_GO)
		start_lookups(claim);
	else
		refuse(claim, "its address made us look up too many names");
}

void respond_go_on(struct opportunism *opp)
{
	struct claim *claim, *next;

	while (opp->has_done_asker) {
		opp->has_done_asker = false;
		for (claim = TAILQ_FIRST(&opp->waiting_claims); claim != NULL; claim = next) {
			next = TAILQ_NEXT(claim, in_waiting);
			go_on(claim);
		}
	}
}

const char *anonymous_objection(const struct ike_claim *said)
{
	if (!said->is_single_pair || !ip_equal(&said->peer.range.first, &said->path.remote.address))
		return "without a proof it may speak for its own address alone";
	if (!ip_equal(&said->ours.range.first, &said->path.local.address))
		return "without a proof it may speak to this gateway alone";
	return NULL;
}

static void answer_anonymous(struct claim *claim)
{
	claim->strength = STRENGTH_NULL;
	if (claim->refusal == NULL)
		claim->refusal = anonymous_objection(&claim->said);
	answer(claim, NULL, 0, 0);
}

/* AUT-2: the method that the conn wants, and no other. NULL: this is it. */
static const char *method_objection(const struct claim *claim)
{
	const struct conn_state *conn = claim->conn;
	enum ike_auth wanted = conn == NULL ? IKE_AUTH_SIGNATURE : ike_auth_of(conn->theirs.auth);

	if (wanted == IKE_AUTH_PSK && conn->psk < 0)
		return "the conn wants a shared secret for it in ipsec.secrets";
	if (wanted == claim->said.auth)
		return NULL;
	switch (wanted) {
	case IKE_AUTH_SIGNATURE:
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

/* right=%any without rightsubnet=, and nobody else to ask whose address it is. */
static bool is_warrior(const struct claim *claim)
{
	const struct conn_end *theirs = &claim->conn->theirs;

	return claim->refusal == NULL && claim->said.is_single_pair && theirs->kind == END_ANY &&
	       theirs->subnet_count == 0;
}

/* A configured conn knows its peer's key or secret without the DNS. */
static void answer_configured(struct claim *claim)
{
	const struct conn_state *conn = claim->conn;
	const struct ip *from = &claim->said.path.remote.address;
	struct ike_id id = conn_peer_id(conn);
	enum ike_auth auth = claim->said.auth; /* the one the conn wants */
	const char *objection = identity_objection(&claim->said);

	if (auth != IKE_AUTH_NULL && id.type != ID_NONE && !id_equal(&id, &claim->said.peer_id)) {
		refuse(claim, "it is not whom the conn names as its peer");
		return;
	}
	if (conn->theirs.kind == END_ADDRESS && !ip_equal(&conn->theirs.address, from)) {
		refuse(claim, "it is not the gateway that the conn names");
		return;
	}
	claim->strength = conn->theirs.takes_cert ? STRENGTH_CERT : strength_of_auth(auth);
	claim->key_strength = claim->strength;
	if (is_warrior(claim) &&
	    (auth == IKE_AUTH_PSK || conn->theirs.has_key || conn->theirs.takes_cert))
		claim->refusal = warrior_objection(&claim->said);
	if (auth == IKE_AUTH_NULL)
		answer_anonymous(claim);
	else if (auth == IKE_AUTH_PSK)
		answer(claim, NULL, 0, (unsigned)conn->psk);
	else if (conn->theirs.takes_cert)
		answer(claim, NULL, 0, 0);
	else if (conn->theirs.has_key)
		answer(claim, &conn->theirs.key, 1, 0);
	else if (objection != NULL)
		refuse(claim, objection);
	else if (claim->has_grant && !is_arranged(claim))
		refuse(claim, "the conn has no key for it, and no record speaks for ranges");
	else
		look(claim);
}

static unsigned claims_from(const struct opportunism *opp, const struct ip *from)
{
	unsigned count = 0;

	for (struct hash_node *node = hash_walk(&opp->claims, NULL); node != NULL;
	     node = hash_walk(&opp->claims, node)) {
		const struct claim *claim = CONTAINER_OF(node, struct claim, by_sa);

		count += !claim->is_granted && ip_equal(&claim->said.path.remote.address, from);
	}
	return count;
}

static struct claim *claim_new(struct opportunism *opp, const struct event *event)
{
	struct claim *old = claim_find(opp, event->sa);
	struct claim *claim;

	if (old != NULL)
		claim_free(old);
	claim = new_zeroed(sizeof(*claim));
	claim->opp = opp;
	claim->began = opp->now;
	claim->sa = event->sa;
	claim->tag = opp->next_tag++;
	claim->said = *event->claim;
	claim->timer.fire = claim_fire;
	claim->source_client.on_answer = on_source_answer;
	claim->source_client.is_claim = true;
	LIST_INIT(&claim->source_client.lookups);
	if (claim->said.is_childless)
		claim->conn = conns_answering_gateway(
		    &opp->conns, &claim->said.path.remote.address, claim->said.auth);
	else if (claim->said.is_single_pair)
		claim->conn =
		    conns_answering(&opp->conns, &claim->said.ours.range.first,
		                    &claim->said.peer.range.first, &opp->own, claim->said.auth);
	else
		claim->conn = conn_of_ranges(&opp->conns, &claim->said, &opp->own, &claim->grant);
	claim->has_grant = !claim->said.is_single_pair && !claim->said.is_childless &&
	                   claim->conn != NULL;
	claim->said.more_peer = claim->said.more_ours = (struct selectors){ 0 }; /* were lent */
	claim->refusal = claim_objection(&claim->said, claim->conn, opp);
	hash_add(&opp->claims, &claim->by_sa,
	         hash_octets(&opp->claims, &claim->sa, sizeof(claim->sa)));
	return claim;
}

void respond_auth_wanted(struct opportunism *opp, const struct event *event)
{
	unsigned others = claims_from(opp, &event->claim->path.remote.address);
	struct claim *claim = claim_new(opp, event);
	const char *wrong_method = method_objection(claim);
	const char *objection = identity_objection(&claim->said);

	if (opp->claims.count > CLAIMS_MAX || others >= CLAIMS_PER_SOURCE_MAX)
		refuse(claim, "too many claims are being looked into");
	else if (wrong_method != NULL)
		refuse(claim, wrong_method);
	else if (wants_somebody_else(opp, &claim->said.wanted_id))
		refuse(claim, "it wants to talk to somebody else");
	else if (claim->conn != NULL && !claim->conn->is_opportunistic)
		answer_configured(claim);
	else if (claim->said.auth == IKE_AUTH_NULL)
		answer_anonymous(claim);
	else if (objection != NULL)
		refuse(claim, objection);
	else
		look(claim);
}

/* SPD-8: whom the DNS vouches for, or nobody, cannot take over a configured conn's addresses. */
static bool may_use_configured(const struct claim *claim)
{
	const struct conn_end *theirs = &claim->conn->theirs;
	enum strength needed = theirs->auth == CONN_NULL ? STRENGTH_NULL : STRENGTH_PSK;

	return claim->key_strength >= needed &&
	       (theirs->kind != END_ADDRESS ||
	        ip_equal(&theirs->address, &claim->said.path.remote.address));
}

void respond_child_wanted(struct opportunism *opp, const struct event *event)
{
	struct claim *claim = claim_new(opp, event);
	struct peer_sa *sa = sa_find(opp, event->sa);
	bool is_anonymous = sa != NULL && sa->auth == IKE_AUTH_NULL;

	claim->is_child = true;
	if (sa != NULL)
		sa_touch(opp, sa);
	claim->key_strength = sa == NULL ? STRENGTH_DNS : sa->strength;
	if (claim->conn != NULL && !claim->conn->is_opportunistic && !may_use_configured(claim))
		claim->refusal = "a configured conn keeps these addresses for another peer";
	if (claim->conn != NULL && is_anonymous && claim->conn->theirs.auth != CONN_NULL)
		claim->refusal = "it has proven nothing, and the conn wants a proof";
	claim->strength = claim->key_strength;
	if (is_anonymous || (claim->conn != NULL && claim->conn->theirs.auth == CONN_NULL))
		answer_anonymous(claim);
	else if (claim->conn != NULL && !claim->conn->is_opportunistic)
		answer(claim, NULL, 0, 0);
	else
		look(claim);
}

/* AUZ-6 */
static void log_other_key(const struct claim *claim)
{
	const struct peer_sa *sa = sa_find(claim->opp, claim->sa);
	struct gateway vouched = { 0 };

	if (sa == NULL || !claim->wants_source)
		return;
	take_source(claim, &claim->source.ipseckey, false, &vouched);
	take_source(claim, &claim->source.txt, true, &vouched);
	if (vouched.key_count > 0 && !gateway_has_key(&vouched, &sa->key))
		log_line(&claim->opp->log, LOG_INFO,
		         "gateway %s speaks for %s by its own published key, not by the one that "
		         "record holds",
		         ip_text(&claim->said.path.remote.address).s,
		         ip_text(&claim->said.peer.range.first).s);
	free(vouched.keys);
}

bool respond_take_claim(struct opportunism *opp, ike_handle sa, uint64_t tag,
                        enum strength *strength, struct conn_state **conn,
                        struct evidence_log *evidence)
{
	struct claim *claim = claim_find(opp, sa);

	if (claim == NULL || claim->tag != tag || !claim->is_granted || claim->refusal != NULL)
		return false;
	*strength = claim->strength;
	*conn = claim->conn;
	evidence_claim(evidence, claim, opp->now);
	log_other_key(claim);
	claim_free(claim);
	return true;
}

enum strength respond_key_strength(struct opportunism *opp, ike_handle sa)
{
	const struct claim *claim = claim_find(opp, sa);

	return claim == NULL ? STRENGTH_DNS : claim->key_strength;
}

void respond_forget_sa(struct opportunism *opp, ike_handle sa, enum ike_reason reason)
{
	struct claim *claim = claim_find(opp, sa);

	if (claim == NULL)
		return;
	if (claim->is_granted && claim->refusal == NULL) /* but it did not prove what it said */
		refusals_add(&opp->refusals, &claim->said, ike_reason_text(reason), opp->now);
	claim_free(claim);
}

void respond_forget_all(struct opportunism *opp)
{
	struct hash_node *node;

	while ((node = hash_walk(&opp->claims, NULL)) != NULL) {
		struct claim *claim = CONTAINER_OF(node, struct claim, by_sa);

		if (claim->is_granted)
			claim_free(claim);
		else
			refuse(claim, "our configuration changed meanwhile");
	}
}
