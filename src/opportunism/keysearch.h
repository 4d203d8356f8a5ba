#pragma once
/*
 * The search for the keys of a gateway or an identity: IPSECKEY and KEY (and, where a TXT that
 * names its own owner counts, TXT) at one name (DNS-8, TXT-8, AUZ-3).
 */
#include "config/conf.h"
#include "opportunism/lookup.h"
#include "opportunism/records.h"
#include "util/address.h"

struct key_search {
	struct lookup_client client;
	struct record_set ipseckey;
	struct record_set key;
	struct record_set txt;
	struct ip address; /* of the gateway, or IP_NONE when the name is an FQDN */
	char name[DNS_NAME_MAX]; /* asked about */
	bool wants_key; /* KEY-3: unless key-records=no */
	bool wants_txt;
	void (*done)(struct key_search *search); /* all answers are in; may free the search */
	void *owner;
};

/* FRESH: past the cache. CLAIM: a stranger makes us ask. */
enum key_search_wants {
	KEY_SEARCH_PLAIN,
	KEY_SEARCH_TXT = 1,
	KEY_SEARCH_FRESH = 2,
	KEY_SEARCH_CLAIM = 4
};

/* `name` is the FQDN; ignored when `address` is one: then its reverse name is asked. */
void key_search_start(struct key_search *search, struct lookups *lookups, const struct ip *address,
                      const char *name, unsigned wants, void (*done)(struct key_search *search),
                      void *owner);
void key_search_stop(struct key_search *search, struct lookups *lookups);
bool key_search_is_done(const struct key_search *search);
/* Silence is an answer too. */
void key_search_time_out(struct key_search *search, struct lookups *lookups);

struct found_keys {
	struct pubkey *keys; /* owned */
	size_t count;
	enum dns_trust trust; /* of the weakest set a key came from */
};
/* Keys by the rules of AUZ-3 and `dnssec`; zero keys if there are none. */
struct found_keys key_search_keys(const struct key_search *search, enum dnssec_mode dnssec);
void found_keys_wipe(struct found_keys *found);
/* "no answer from the DNS", "no record": for the log, when no key was found. */
const char *key_search_lack(const struct key_search *search);
