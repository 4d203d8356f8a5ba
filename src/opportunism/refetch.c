#include "opportunism/refetch.h"

#include <stdlib.h>

#include "opportunism/downgrade.h"
#include "opportunism/keysearch.h"

enum slot { SLOT_IPSECKEY, SLOT_TXT };

struct refetch {
	struct attempt *attempt;
	struct lookup_client client; /* of the Destination's records */
	struct discovery discovery;
	struct key_search keys; /* the gateway's own */
	bool wants_discovery;
};

static const struct gateway *same_gateway(const struct gateways *g, const struct gateway *gateway)
{
	for (size_t i = 0; i < g->count; i++)
		if (ip_equal(&g->list[i].address, &gateway->address) ||
		    (gateway->name[0] != '\0' && strcmp(g->list[i].name, gateway->name) == 0))
			return &g->list[i];
	return NULL;
}

/* What the Destination's records say of this gateway now. False: it is none of theirs any more, or
 * they are nothing to go by. */
static bool take_discovered(struct refetch *refetch, struct gateway *fresh)
{
	struct discovery_rules rules = flow_discovery_rules(refetch->attempt->flow);
	struct gateways found;
	enum flow_reason ignored;
	const struct gateway *gateway;
	bool is_named = false;

	rules.grace_is_over = true;
	if (discovery_decide(&refetch->discovery, &rules, &found, &ignored) == DISCOVERY_GATEWAYS) {
		gateway = same_gateway(&found, refetch->attempt->gateway);
		for (size_t i = 0; gateway != NULL && i < gateway->key_count; i++)
			gateway_add_key(fresh, &gateway->keys[i]);
		if (gateway != NULL)
			fresh->trust = trust_min(fresh->trust, gateway->trust);
		is_named = gateway != NULL;
	}
	gateways_wipe(&found);
	return is_named;
}

static void take_searched(struct refetch *refetch, struct gateway *fresh)
{
	const struct attempt *attempt = refetch->attempt;
	struct found_keys found =
	    key_search_keys(&refetch->keys, conn_dnssec(attempt->flow->conn, attempt->opp->dnssec));

	for (size_t i = 0; i < found.count; i++)
		gateway_add_key(fresh, &found.keys[i]);
	if (found.count > 0)
		fresh->trust = trust_min(fresh->trust, found.trust);
	found_keys_wipe(&found);
}

static bool has_news(const struct gateway *fresh, const struct gateway *old)
{
	for (size_t i = 0; i < fresh->key_count; i++)
		if (!gateway_has_key(old, &fresh->keys[i]))
			return true;
	return false;
}

/* What counts from now on. */
static void keep_evidence(struct refetch *refetch)
{
	struct flow *flow = refetch->attempt->flow;
	struct evidence_log *log = &flow->evidence;
	struct instant now = flow->opp->now;
	struct dns_name name = reverse_name(&flow->pair.destination);

	if (refetch->wants_discovery) {
		evidence_answered(log, DNS_TYPE_IPSECKEY, name.s, &refetch->discovery.ipseckey,
		                  now);
		evidence_answered(log, DNS_TYPE_TXT, name.s, &refetch->discovery.txt, now);
	}
	evidence_search(log, &refetch->keys, now, now);
}

static void finish(struct refetch *refetch)
{
	struct attempt *attempt = refetch->attempt;
	struct gateway *gateway = attempt->gateway;
	struct gateway fresh = { .trust = DNS_SECURE };
	bool is_named = !refetch->wants_discovery || take_discovered(refetch, &fresh);

	/* A key the gateway has by itself counts only where the Destination's records have none. */
	if (is_named && fresh.key_count == 0)
		take_searched(refetch, &fresh);
	/* Only keys were fetched: where its name leads is known as before (IPK-5). */
	if (gateway->has_unsigned_address)
		fresh.trust = trust_min(fresh.trust, DNS_INSECURE);
	keep_evidence(refetch);
	refetch_stop(attempt);
	if (!has_news(&fresh, gateway)) {
		free(fresh.keys);
		attempt_failed(attempt, IKE_REASON_BAD_SIGNATURE);
		return;
	}
	log_line(&attempt->opp->log, LOG_INFO,
	         "gateway %s: its published keys have changed, tried again",
	         ip_text(&gateway->address).s);
	free(gateway->keys);
	gateway->keys = fresh.keys;
	gateway->key_count = fresh.key_count;
	gateway->trust = fresh.trust;
	attempt->state = ATTEMPT_KEYS;
	if (downgrade_forbids(attempt->opp, attempt->flow->conn, &attempt->flow->pair.destination,
	                      gateway))
		attempt_deny(attempt, FLOW_REASON_WAS_PROTECTED);
	else
		attempt_go_on(attempt);
}

static void finish_when_all_is_in(struct refetch *refetch)
{
	bool has_discovery =
	    !refetch->wants_discovery ||
	    (refetch->discovery.ipseckey.has_arrived && refetch->discovery.txt.has_arrived);

	if (has_discovery && key_search_is_done(&refetch->keys))
		finish(refetch);
}

static void on_keys(struct key_search *search)
{
	finish_when_all_is_in(search->owner);
}

static void on_answer(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct refetch *refetch = CONTAINER_OF(client, struct refetch, client);

	if (slot == SLOT_IPSECKEY)
		record_set_read(&refetch->discovery.ipseckey, DNS_TYPE_IPSECKEY, answer);
	else
		record_set_read(&refetch->discovery.txt, DNS_TYPE_TXT, answer);
	finish_when_all_is_in(refetch);
}

static void ask_about_destination(struct refetch *refetch)
{
	struct lookups *lookups = &refetch->attempt->opp->lookups;
	struct dns_name name = reverse_name(&refetch->attempt->flow->pair.destination);

	refetch->wants_discovery = true;
	lookup_start_fresh(lookups, &refetch->client, SLOT_IPSECKEY, name.s, DNS_TYPE_IPSECKEY);
	lookup_start_fresh(lookups, &refetch->client, SLOT_TXT, name.s, DNS_TYPE_TXT);
}

bool refetch_start(struct attempt *attempt)
{
	const struct conn_state *conn = attempt->flow->conn;
	struct refetch *refetch;

	if (attempt->is_refetched || conn == NULL || conn->theirs.auth != CONN_RSASIG ||
	    conn->theirs.has_key || conn->theirs.takes_cert)
		return false;
	attempt->is_refetched = true;
	attempt->state = ATTEMPT_REFETCH;
	attempt->refetch = refetch = new_zeroed(sizeof(*refetch));
	refetch->attempt = attempt;
	refetch->client.on_answer = on_answer;
	LIST_INIT(&refetch->client.lookups);
	key_search_start(&refetch->keys, &attempt->opp->lookups, &attempt->gateway->address, "",
	                 KEY_SEARCH_FRESH, on_keys, refetch);
	if (conn->is_opportunistic)
		ask_about_destination(refetch);
	return true;
}

void refetch_stop(struct attempt *attempt)
{
	struct refetch *refetch = attempt->refetch;

	if (refetch == NULL)
		return;
	attempt->refetch = NULL;
	lookup_cancel(&attempt->opp->lookups, &refetch->client);
	key_search_stop(&refetch->keys, &attempt->opp->lookups);
	discovery_wipe(&refetch->discovery);
	free(refetch);
}
