#include "opportunism/gateway_search.h"

#include <stdlib.h>

#include "opportunism/downgrade.h"
#include "opportunism/keysearch.h"

enum slot { SLOT_A, SLOT_AAAA };

/* TRU-3, FAIL-1: what is missing may be not there, not to be had now, or taken away by a forger. */
static void note_lack(struct attempt *attempt, enum dns_status status, enum dns_trust trust,
                      uint32_t ttl_s)
{
	struct inquiry *inquiry = attempt->flow->inquiry;

	/* Who is only tried was named by nobody. */
	inquiry->is_led_unsigned |= trust != DNS_SECURE && !attempt->gateway->is_tried;
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
	size_t asked = search->wants_key ? 2 : 1;

	log_line(&attempt->opp->log, LOG_INFO, "gateway %s: no key in the DNS, %s",
	         ip_text(&attempt->gateway->address).s, key_search_lack(search));
	for (size_t i = 0; i < asked; i++)
		note_lack(attempt, sets[i]->status, sets[i]->trust, sets[i]->ttl_s);
}

/*
 * Keys
 */

static void on_keys(struct key_search *search);

/* At an address or, if that is none, at a name. */
static void search_at(struct attempt *attempt, const struct ip *address, const char *fqdn)
{
	attempt->keys = new_zeroed(sizeof(*attempt->keys));
	attempt->keys_asked = attempt->opp->now;
	key_search_start(attempt->keys, &attempt->opp->lookups, address, fqdn, KEY_SEARCH_PLAIN,
	                 on_keys, attempt);
}

bool gateway_search_lacks_keys(const struct attempt *attempt)
{
	const struct conn_end *theirs = &attempt->flow->conn->theirs;

	return attempt->gateway->key_count == 0 && theirs->auth == CONN_RSASIG &&
	       !theirs->takes_cert && attempt->keys == NULL;
}

void gateway_search_keys(struct attempt *attempt)
{
	search_at(attempt, &attempt->gateway->address, "");
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
	search_at(attempt, &no_address, fqdn);
}

void gateway_search_named(struct opportunism *opp, uint64_t tag, const struct ike_id *id)
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

/*
 * Address
 */

static bool is_own(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->own.count; i++)
		if (ip_equal(&opp->own.all[i], address))
			return true;
	return false;
}

/* What the conn wants signed, the name's address must be as well: an unsigned one names, whoever
 * signed the name, any gateway at all (TRU-5, TRU-6). NONE: nothing against it. */
static enum flow_reason address_objection(const struct attempt *attempt, const struct ip *address,
                                          enum dns_trust trust)
{
	const struct flow *flow = attempt->flow;
	struct discovery_rules rules = flow_discovery_rules(flow);

	if (trust == DNS_SECURE)
		return FLOW_REASON_NONE;
	if (rules.dnssec == DNSSEC_REQUIRE)
		return FLOW_REASON_UNSIGNED;
	return rules.unsigned_self && !ip_equal(address, &flow->pair.destination)
	           ? FLOW_REASON_UNSIGNED_OTHER
	           : FLOW_REASON_NONE;
}

/* IPSECKEY gateway type 3: the chain is as weak as its weakest link (IPK-5). */
static void take_address(struct attempt *attempt, const struct dns_answer *answer)
{
	struct gateway *gateway = attempt->gateway;
	struct ip address = ip_from_octets(answer->rdata[0]);
	enum flow_reason objection = address_objection(attempt, &address, answer->trust);

	if (address.family == IP_NONE || ip_is_never_peer(&address) ||
	    is_own(attempt->opp, &address))
		return;
	if (objection != FLOW_REASON_NONE) {
		note_lack(attempt, answer->status, answer->trust, answer->ttl_s);
		attempt->lack = attempt->lack == FLOW_REASON_NONE ? objection : attempt->lack;
		return;
	}
	gateway->address = address;
	gateway->has_unsigned_address |= answer->trust != DNS_SECURE;
	attempt->flow->inquiry->is_led_unsigned |= gateway->has_unsigned_address;
	gateway->trust = trust_min(gateway->trust, answer->trust);
}

static void on_address(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct attempt *attempt = CONTAINER_OF(client, struct attempt, address_client);
	struct gateway *gateway = attempt->gateway;
	struct evidence_log *log = &attempt->flow->evidence;
	bool is_usable = answer->status == DNS_FOUND && answer->trust != DNS_BOGUS;

	evidence_address(log, slot == SLOT_A ? DNS_TYPE_A : DNS_TYPE_AAAA, gateway->name, answer,
	                 attempt->opp->now);
	if (!is_usable)
		note_lack(attempt, answer->status, answer->trust, answer->ttl_s);
	else if (answer->count > 0 && (gateway->address.family == IP_NONE || slot == SLOT_A))
		take_address(attempt, answer);
	if (client->pending > 0)
		return;
	if (gateway->address.family == IP_NONE)
		attempt_failed(attempt, IKE_REASON_NO_KEYS);
	else
		attempt_go_on(attempt);
}

void gateway_search_address(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;

	if (opp->own.own4.family != IP_NONE)
		lookup_start(&opp->lookups, &attempt->address_client, SLOT_A,
		             attempt->gateway->name, DNS_TYPE_A);
	if (opp->own.own6.family != IP_NONE)
		lookup_start(&opp->lookups, &attempt->address_client, SLOT_AAAA,
		             attempt->gateway->name, DNS_TYPE_AAAA);
}

/*
 * Both
 */

void gateway_search_init(struct attempt *attempt)
{
	attempt->address_client.on_answer = on_address;
	LIST_INIT(&attempt->address_client.lookups);
}

void gateway_search_stop(struct attempt *attempt)
{
	struct opportunism *opp = attempt->opp;

	if (attempt->keys != NULL) {
		key_search_stop(attempt->keys, &opp->lookups);
		free(attempt->keys);
		attempt->keys = NULL;
		if (attempt->state == ATTEMPT_INIT)
			ike_set_peer_keys(opp->ike, attempt->sa, NULL, 0, opp->now);
	}
	lookup_cancel(&opp->lookups, &attempt->address_client);
}
