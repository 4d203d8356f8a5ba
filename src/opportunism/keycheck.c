#include "opportunism/keycheck.h"

#include <stdlib.h>

#include "opportunism/flow.h"
#include "opportunism/keysearch.h"

/* One tunnel, asked for by its remote address: the Source's or Destination's own record may hold
 * the key (AUZ-4). */
struct pair_check {
	LIST_ENTRY(pair_check) in_list;
	struct key_check *check;
	struct lookup_client client;
	struct discovery discovery;
	struct ip_pair pair;
};

struct key_check {
	LIST_ENTRY(key_check) in_list;
	struct opportunism *opp;
	ike_handle sa;
	struct key_search search;
	LIST_HEAD(, pair_check) pairs;
	bool is_vouched; /* for one pair at least */
};

static void pair_check_free(struct pair_check *pair)
{
	LIST_REMOVE(pair, in_list);
	lookup_cancel(&pair->check->opp->lookups, &pair->client);
	discovery_wipe(&pair->discovery);
	free(pair);
}

static void key_check_free(struct key_check *check)
{
	while (!LIST_EMPTY(&check->pairs))
		pair_check_free(LIST_FIRST(&check->pairs));
	key_search_stop(&check->search, &check->opp->lookups);
	LIST_REMOVE(check, in_list);
	free(check);
}

void key_checks_forget(struct opportunism *opp)
{
	while (!LIST_EMPTY(&opp->key_checks))
		key_check_free(LIST_FIRST(&opp->key_checks));
}

/* Only what was answered can say that a key is gone. */
static bool is_answer(const struct record_set *set)
{
	return set->status != DNS_FAILED && set->status != DNS_TIMED_OUT &&
	       set->trust != DNS_BOGUS;
}

static bool names_peer(const struct delegation *record, const struct peer_sa *sa)
{
	struct ike_id named;

	if (record->kind == GATEWAY_ADDRESS)
		return ip_equal(&record->address, &sa->gateway);
	named = id_of_fqdn(record->name);
	return record->kind == GATEWAY_NONE || id_equal(&named, &sa->id);
}

static bool holds_key(const struct record_set *set, const struct peer_sa *sa)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->records[i].has_key && names_peer(&set->records[i], sa) &&
		    pubkey_equal(&set->records[i].key, &sa->key))
			return true;
	return false;
}

static bool is_vouched_for(const struct pair_check *pair, const struct peer_sa *sa)
{
	const struct record_set *ipseckey = &pair->discovery.ipseckey, *txt = &pair->discovery.txt;

	return !is_answer(ipseckey) || !is_answer(txt) || holds_key(ipseckey, sa) ||
	       holds_key(txt, sa);
}

static void finish(struct key_check *check)
{
	struct opportunism *opp = check->opp;
	struct peer_sa *sa = sa_find(opp, check->sa);

	if (sa != NULL && !check->is_vouched) {
		log_line(&opp->log, LOG_WARNING,
		         "IKE SA with %s: the key that proved its peer is published no more",
		         ip_text(&sa->gateway).s);
		ike_delete(opp->ike, sa->handle, opp->now);
	}
	key_check_free(check);
}

static void close_pair(struct opportunism *opp, const struct ip_pair *pair, ike_handle sa)
{
	struct flow *flow = flow_find(opp, pair);
	struct child *child = flow == NULL ? NULL : TAILQ_FIRST(&flow->children), *next;

	for (; child != NULL; child = next) {
		next = TAILQ_NEXT(child, in_flow);
		if (child->sa == sa)
			ike_delete_child(opp->ike, sa, child->spi_in, opp->now);
	}
}

static void on_pair_answer(struct lookup_client *client, unsigned slot,
                           const struct dns_answer *answer)
{
	struct pair_check *pair = CONTAINER_OF(client, struct pair_check, client);
	struct key_check *check = pair->check;
	const struct peer_sa *sa = sa_find(check->opp, check->sa);

	if (slot == DNS_TYPE_IPSECKEY)
		record_set_read(&pair->discovery.ipseckey, DNS_TYPE_IPSECKEY, answer);
	else
		record_set_read(&pair->discovery.txt, DNS_TYPE_TXT, answer);
	if (client->pending > 0)
		return;
	if (sa != NULL && is_vouched_for(pair, sa)) {
		check->is_vouched = true;
		pair_check_free(pair);
	} else {
		struct ip_pair gone = pair->pair;

		pair_check_free(pair);
		close_pair(check->opp, &gone, check->sa);
	}
	if (LIST_EMPTY(&check->pairs))
		finish(check);
}

static bool is_asked_for(const struct key_check *check, const struct ip_pair *pair)
{
	const struct pair_check *one;

	LIST_FOREACH (one, &check->pairs, in_list)
		if (pair_equal(&one->pair, pair))
			return true;
	return false;
}

static void ask_about(struct key_check *check, const struct flow *flow)
{
	struct lookups *lookups = &check->opp->lookups;
	struct dns_name name = reverse_name(&flow->pair.destination);
	struct pair_check *pair;

	if (flow->tunnel != NULL || is_asked_for(check, &flow->pair))
		return;
	pair = new_zeroed(sizeof(*pair));
	pair->check = check;
	pair->pair = flow->pair;
	pair->client.on_answer = on_pair_answer;
	LIST_INIT(&pair->client.lookups);
	LIST_INSERT_HEAD(&check->pairs, pair, in_list);
	lookup_start(lookups, &pair->client, DNS_TYPE_IPSECKEY, name.s, DNS_TYPE_IPSECKEY);
	lookup_start(lookups, &pair->client, DNS_TYPE_TXT, name.s, DNS_TYPE_TXT);
}

/* The peer's own name is silent about the key: perhaps those it speaks for are not. */
static void ask_about_pairs(struct key_check *check)
{
	const struct peer_sa *sa = sa_find(check->opp, check->sa);
	const struct child *child;

	if (sa != NULL)
		LIST_FOREACH (child, &sa->list_of_children, in_sa)
			ask_about(check, child->flow);
	if (LIST_EMPTY(&check->pairs))
		finish(check);
}

static enum dnssec_mode dnssec_of(const struct opportunism *opp, const struct peer_sa *sa)
{
	if (sa == NULL)
		return opp->dnssec;
	return conn_dnssec(conns_find(&opp->conns, sa->carries[0] != '\0' ? sa->carries : sa->conn),
	                   opp->dnssec);
}

static void on_keys(struct key_search *search)
{
	struct key_check *check = search->owner;
	struct opportunism *opp = check->opp;
	const struct peer_sa *sa = sa_find(opp, check->sa);
	struct found_keys found = key_search_keys(search, dnssec_of(opp, sa));
	bool is_there = sa == NULL || !is_answer(&search->ipseckey) || !is_answer(&search->key) ||
	                !is_answer(&search->txt);

	for (size_t i = 0; i < found.count && !is_there; i++)
		is_there = pubkey_equal(&found.keys[i], &sa->key);
	found_keys_wipe(&found);
	if (is_there)
		key_check_free(check);
	else
		ask_about_pairs(check);
}

/* A key that the configuration holds is not the DNS's to withdraw. */
static bool is_by_dns(const struct opportunism *opp, const struct peer_sa *sa)
{
	const struct conn_state *conn = conns_find(&opp->conns, sa->conn);

	return sa->is_up && sa->auth == IKE_AUTH_SIGNATURE && !sa->by_certificate &&
	       (sa->strength == STRENGTH_DNS || sa->strength == STRENGTH_DNSSEC) &&
	       (conn == NULL || !conn->theirs.has_key);
}

static bool is_being_checked(const struct opportunism *opp, ike_handle sa)
{
	const struct key_check *check;

	LIST_FOREACH (check, &opp->key_checks, in_list)
		if (check->sa == sa)
			return true;
	return false;
}

void key_check_start(struct opportunism *opp, ike_handle handle)
{
	const struct peer_sa *sa = sa_find(opp, handle);
	struct key_check *check;
	struct ip address;
	char fqdn[DNS_NAME_MAX] = "";

	if (sa == NULL || !is_by_dns(opp, sa) || is_being_checked(opp, handle))
		return;
	address = id_address(&sa->id);
	if (address.family == IP_NONE &&
	    !dns_name_normalise(BYTES(sa->id.data, sa->id.len), fqdn))
		return;
	check = new_zeroed(sizeof(*check));
	check->opp = opp;
	check->sa = handle;
	LIST_INIT(&check->pairs);
	LIST_INSERT_HEAD(&opp->key_checks, check, in_list);
	key_search_start(&check->search, &opp->lookups, &address, fqdn, KEY_SEARCH_TXT, on_keys,
	                 check);
}
