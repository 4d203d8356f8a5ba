/*
 * What the DNS says about a claim: who may speak for its Source, by which keys, and what that is
 * worth.
 */
#include "opportunism/claim.h"
#include "opportunism/downgrade.h"

#include <stdlib.h>

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

void claim_weigh(struct claim *claim, struct gateway *vouched, struct gateway *candidates)
{
	claim->strength = STRENGTH_DNSSEC;
	if (claim->is_child)
		claim->strength = claim->key_strength;
	if (claim->wants_source)
		weigh_source(claim, vouched);
	if (claim->wants_keys)
		weigh_keys(claim, vouched, candidates);
	candidates->trust = claim->strength == STRENGTH_DNSSEC ? DNS_SECURE : DNS_INSECURE;
	if (claim->refusal == NULL &&
	    downgrade_forbids(claim->opp, claim->conn, &claim->said.peer.range.first, candidates))
		claim->refusal = "it was protected with another key, and the DNS is not signed";
	else
		downgrade_keep_known(claim->opp, claim->conn, &claim->said.peer.range.first,
		                     candidates);
	if (claim->wants_keys && claim->is_child)
		weigh_proven_key(claim, candidates);
}

/* AUZ-6 */
void claim_log_other_key(const struct claim *claim)
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
