#include "opportunism/keysearch.h"

#include <stdlib.h>

#include "opportunism/limits.h"

enum slot { SLOT_IPSECKEY, SLOT_KEY, SLOT_TXT };

static struct record_set *slot_set(struct key_search *search, unsigned slot)
{
	return slot == SLOT_IPSECKEY ? &search->ipseckey
	       : slot == SLOT_KEY    ? &search->key
	                             : &search->txt;
}

static void on_answer(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	static const enum dns_type types[] = { DNS_TYPE_IPSECKEY, DNS_TYPE_KEY, DNS_TYPE_TXT };
	struct key_search *search = CONTAINER_OF(client, struct key_search, client);

	record_set_read(slot_set(search, slot), types[slot], answer);
	if (key_search_is_done(search))
		search->done(search);
}

void key_search_start(struct key_search *search, struct lookups *lookups, const struct ip *address,
                      const char *name, unsigned wants, void (*done)(struct key_search *search),
                      void *owner)
{
	void (*ask)(struct lookups *, struct lookup_client *, unsigned, const char *,
	            enum dns_type) =
	    wants & KEY_SEARCH_FRESH ? lookup_start_fresh : lookup_start;

	*search = (struct key_search){ .client.on_answer = on_answer,
		                       .address = *address,
		                       .wants_key = !lookups->skips_key,
		                       .wants_txt = (wants & KEY_SEARCH_TXT) != 0,
		                       .done = done,
		                       .owner = owner };
	string_copy(search->name, sizeof(search->name),
	            address->family != IP_NONE ? reverse_name(address).s : name);
	LIST_INIT(&search->client.lookups);
	search->client.is_claim = (wants & KEY_SEARCH_CLAIM) != 0;
	ask(lookups, &search->client, SLOT_IPSECKEY, search->name, DNS_TYPE_IPSECKEY);
	if (search->wants_key)
		ask(lookups, &search->client, SLOT_KEY, search->name, DNS_TYPE_KEY);
	if (search->wants_txt)
		ask(lookups, &search->client, SLOT_TXT, search->name, DNS_TYPE_TXT);
}

void key_search_stop(struct key_search *search, struct lookups *lookups)
{
	lookup_cancel(lookups, &search->client);
	record_set_wipe(&search->ipseckey);
	record_set_wipe(&search->key);
	record_set_wipe(&search->txt);
}

bool key_search_is_done(const struct key_search *search)
{
	return search->ipseckey.has_arrived && (search->key.has_arrived || !search->wants_key) &&
	       (search->txt.has_arrived || !search->wants_txt);
}

void key_search_time_out(struct key_search *search, struct lookups *lookups)
{
	lookup_cancel(lookups, &search->client);
	record_set_time_out(&search->ipseckey);
	record_set_time_out(&search->key);
	record_set_time_out(&search->txt);
}

static bool holds_key_of_owner(const struct key_search *search, const struct record_set *set,
                               const struct delegation *record)
{
	if (!record->has_key)
		return false;
	if (search->address.family == IP_NONE) /* at an FQDN gateway fields are ignored (IPK-6) */
		return set != &search->txt;
	return (record->kind == GATEWAY_NONE && set != &search->txt) ||
	       (record->kind == GATEWAY_ADDRESS && ip_equal(&record->address, &search->address));
}

static void add_keys(const struct key_search *search, const struct record_set *set,
                     enum dnssec_mode dnssec, struct found_keys *found)
{
	if (set->status != DNS_FOUND || set->trust == DNS_BOGUS ||
	    (dnssec == DNSSEC_REQUIRE && set->trust != DNS_SECURE))
		return;
	for (size_t i = 0; i < set->count && found->count < KEYS_MAX; i++) {
		if (!holds_key_of_owner(search, set, &set->records[i]))
			continue;
		found->keys = grow_array(found->keys, found->count + 1, sizeof(*found->keys));
		found->keys[found->count++] = set->records[i].key;
		found->trust = trust_min(found->trust, set->trust);
	}
}

struct found_keys key_search_keys(const struct key_search *search, enum dnssec_mode dnssec)
{
	struct found_keys found = { .trust = DNS_SECURE };

	add_keys(search, &search->ipseckey, dnssec, &found);
	add_keys(search, &search->key, dnssec, &found);
	add_keys(search, &search->txt, dnssec, &found);
	return found;
}

void found_keys_wipe(struct found_keys *found)
{
	free(found->keys);
	*found = (struct found_keys){ 0 };
}

const char *key_search_lack(const struct key_search *search)
{
	if (search->ipseckey.trust == DNS_BOGUS || search->key.trust == DNS_BOGUS)
		return "forged or broken DNS answer (bogus)";
	if (search->ipseckey.status == DNS_TIMED_OUT)
		return "no answer from the DNS";
	if (search->ipseckey.status == DNS_FAILED)
		return "the DNS failed (SERVFAIL)";
	if (search->ipseckey.status == DNS_NO_NAME)
		return "NXDOMAIN";
	return "no usable IPSECKEY, KEY or TXT record";
}
