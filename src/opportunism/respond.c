/*
 * The Responder's side: how a claim is looked into, from its beginning to its end.
 */
#include "opportunism/claim.h"
#include "opportunism/ranges.h"
#include "opportunism/tunnel.h"

#include <stdio.h>
#include <stdlib.h>

enum slot { SLOT_IPSECKEY, SLOT_TXT };

static void decide(struct claim *claim)
{
	struct gateway candidates = { 0 };
	struct gateway vouched = { 0 };

	claim_weigh(claim, &vouched, &candidates);
	if (claim->wants_keys && candidates.key_count == 0 && !claim->is_child) {
		char why[160];

		snprintf(why, sizeof(why), "no key for it in the DNS, %s",
		         key_search_lack(&claim->keys));
		claim_refuse(claim, why);
	} else {
		claim_answer(claim, candidates.keys, candidates.key_count, 0);
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
		claim_release_names(claim);
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
		claim_refuse(claim, "the lookups that it wanted before took too long");
		return;
	}
	claim_release_names(claim);
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
		claim_refuse(claim, "its name is no host name");
		return;
	}
	claim->wants_keys = true;
	key_search_start(&claim->keys, &claim->opp->lookups, &address, fqdn,
	                 KEY_SEARCH_TXT | KEY_SEARCH_CLAIM, on_keys_done, claim);
	if (claim_asks_about_source(claim))
		look_at_source(claim);
	decide_when_all_is_in(claim);
}

static void look(struct claim *claim)
{
	struct opportunism *opp = claim->opp;

	timer_set(opp, &claim->timer, instant_after(opp->now, RESPONDER_DNS_TIME));
	switch (claim_may_look(claim)) {
	case ASKER_GO:
		start_lookups(claim);
		break;
	case ASKER_WAIT:
		claim->waits = true;
		TAILQ_INSERT_TAIL(&opp->waiting_claims, claim, in_waiting);
		break;
	case ASKER_NEVER:
		claim_refuse(claim, "its address made us look up too many names");
		break;
	}
}

static void go_on(struct claim *claim)
{
	enum asker_answer said = claim_may_look(claim);

	if (said == ASKER_WAIT)
		return;
	claim_stop_waiting(claim);
	if (said == ASKER_GO)
		start_lookups(claim);
	else
		claim_refuse(claim, "its address made us look up too many names");
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

static void answer_anonymous(struct claim *claim)
{
	claim->strength = STRENGTH_NULL;
	if (claim->refusal == NULL)
		claim->refusal = anonymous_objection(&claim->said);
	claim_answer(claim, NULL, 0, 0);
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
		claim_refuse(claim, "it is not whom the conn names as its peer");
		return;
	}
	if (conn->theirs.kind == END_ADDRESS && !ip_equal(&conn->theirs.address, from)) {
		claim_refuse(claim, "it is not the gateway that the conn names");
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
		claim_answer(claim, NULL, 0, (unsigned)conn->psk);
	else if (conn->theirs.takes_cert)
		claim_answer(claim, NULL, 0, 0);
	else if (conn->theirs.has_key)
		claim_answer(claim, &conn->theirs.key, 1, 0);
	else if (objection != NULL)
		claim_refuse(claim, objection);
	else if (claim->has_grant && !claim_is_arranged(claim))
		claim_refuse(claim, "the conn has no key for it, and no record speaks for ranges");
	else
		look(claim);
}

static struct claim *begin(struct opportunism *opp, const struct event *event)
{
	struct claim *claim = claim_new(opp, event);

	claim->timer.fire = claim_fire;
	claim->source_client.on_answer = on_source_answer;
	return claim;
}

void respond_auth_wanted(struct opportunism *opp, const struct event *event)
{
	unsigned others = claims_from(opp, &event->claim->path.remote.address);
	struct claim *claim = begin(opp, event);
	const char *wrong_method = method_objection(claim);
	const char *objection = identity_objection(&claim->said);

	if (opp->claims.count > CLAIMS_MAX || others >= CLAIMS_PER_SOURCE_MAX)
		claim_refuse(claim, "too many claims are being looked into");
	else if (wrong_method != NULL)
		claim_refuse(claim, wrong_method);
	else if (claim_wants_somebody_else(opp, &claim->said.wanted_id))
		claim_refuse(claim, "it wants to talk to somebody else");
	else if (claim->conn != NULL && !claim->conn->is_opportunistic)
		answer_configured(claim);
	else if (claim->said.auth == IKE_AUTH_NULL)
		answer_anonymous(claim);
	else if (objection != NULL)
		claim_refuse(claim, objection);
	else
		look(claim);
}

/* What the peer has proven when the IKE SA began, for another conn perhaps, is what this one names.
 */
static bool has_proven(const struct peer_sa *sa, const struct conn_end *theirs)
{
	struct ike_id wanted = id_of_conf(&theirs->id);

	if (theirs->auth == CONN_NULL)
		return true;
	return (wanted.type == ID_NONE || id_equal(&wanted, &sa->id)) &&
	       (!theirs->has_key || pubkey_equal(&theirs->key, &sa->key)) &&
	       (!theirs->takes_cert || sa->by_certificate);
}

/* SPD-8: whom the DNS vouches for, or nobody, cannot take over a configured conn's addresses, nor
 * can the peer of another conn. */
static bool may_use_configured(const struct claim *claim, const struct peer_sa *sa)
{
	const struct conn_end *theirs = &claim->conn->theirs;
	enum strength needed = theirs->auth == CONN_NULL ? STRENGTH_NULL : STRENGTH_PSK;

	return claim->key_strength >= needed && (sa == NULL || has_proven(sa, theirs)) &&
	       (theirs->kind != END_ADDRESS ||
	        ip_equal(&theirs->address, &claim->said.path.remote.address));
}

void respond_child_wanted(struct opportunism *opp, const struct event *event)
{
	struct claim *claim = begin(opp, event);
	struct peer_sa *sa = sa_find(opp, event->sa);
	bool is_anonymous = sa != NULL && sa->auth == IKE_AUTH_NULL;

	claim->is_child = true;
	if (sa != NULL)
		sa_touch(opp, sa);
	claim->key_strength = sa == NULL ? STRENGTH_DNS : sa->strength;
	if (claim->conn != NULL && !claim->conn->is_opportunistic && !may_use_configured(claim, sa))
		claim->refusal = "a configured conn keeps these addresses for another peer";
	if (claim->conn != NULL && is_anonymous && claim->conn->theirs.auth != CONN_NULL)
		claim->refusal = "it has proven nothing, and the conn wants a proof";
	if (claim->conn != NULL && !claim->conn->is_opportunistic && is_warrior(claim))
		claim->refusal = warrior_objection(&claim->said);
	claim->strength = claim->key_strength;
	if (is_anonymous || (claim->conn != NULL && claim->conn->theirs.auth == CONN_NULL))
		answer_anonymous(claim);
	else if (claim->conn != NULL && !claim->conn->is_opportunistic)
		claim_answer(claim, NULL, 0, 0);
	else
		look(claim);
}

bool respond_take_claim(struct opportunism *opp, ike_handle sa, uint64_t tag,
                        enum strength *strength, struct conn_state **conn,
                        struct evidence_log *evidence)
{
	struct claim *claim = claim_find(opp, sa);

	if (claim == NULL || claim->tag != tag || !claim->is_granted || claim->refusal != NULL)
		return false;
	if (claim_is_taken(claim)) {
		claim_free(claim);
		return false;
	}
	*strength = claim->strength;
	*conn = claim->conn;
	evidence_claim(evidence, claim, opp->now);
	claim_log_other_key(claim);
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
			claim_refuse(claim, "our configuration changed meanwhile");
	}
}
