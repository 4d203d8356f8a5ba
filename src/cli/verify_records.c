/* PUB-2: what the DNS says of this gateway, and of the hosts that it speaks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/hostkey.h"
#include "cli/subjects.h"
#include "cli/verify.h"
#include "opportunism/discovery.h"
#include "opportunism/keysearch.h"

enum { TYPES = 3 };

static const enum dns_type types[TYPES] = { DNS_TYPE_IPSECKEY, DNS_TYPE_TXT, DNS_TYPE_KEY };

struct look {
	struct verify *v;
	const struct site *site;
	struct own_addresses own;
	struct hostkey keys[HOSTKEYS_MAX];
	size_t key_count;
	struct subjects subjects;
	bool is_validated;   /* what the answers are worth is known */
	struct asked *asked; /* TYPES for each subject */
};

static struct record_set *set_of(const struct look *look, size_t subject, size_t type)
{
	return &look->asked[subject * TYPES + type].set;
}

static bool is_own(const struct look *look, const struct ip *address)
{
	for (size_t i = 0; i < look->own.count; i++) {
		if (ip_equal(&look->own.all[i], address))
			return true;
	}
	return false;
}

static bool is_our_key(const struct look *look, const struct pubkey *key)
{
	for (size_t i = 0; i < look->key_count; i++) {
		if (pubkey_equal(&look->keys[i].key, key))
			return true;
	}
	return false;
}

/* What to publish for a subject: IPSECKEY takes keys of all types, TXT and KEY only RSA. */
struct advice {
	char s[160];
};

static struct advice advice_to_publish(const struct look *look, const struct subject *subject)
{
	const struct ip *outer =
	    subject->address.family == IP_V6 && look->own.own6.family != IP_NONE ? &look->own.own6
										 : &look->own.own4;
	struct advice advice;

	if (subject->address.family == IP_NONE || outer->family == IP_NONE)
		snprintf(advice.s, sizeof(advice.s),
		         "publish there what ipsec showhostkey --ipseckey prints");
	else
		snprintf(advice.s, sizeof(advice.s),
		         "publish there what ipsec showhostkey --ipseckey %s prints",
		         ip_text(outer).s);
	return advice;
}

/* True: what was answered can be used; else why not is told. */
static bool check_answers(const struct look *look, size_t i)
{
	const struct subject *subject = &look->subjects.list[i];
	unsigned malformed = 0;

	for (size_t t = 0; t < TYPES; t++) {
		const struct record_set *set = set_of(look, i, t);

		if (set->trust == DNS_BOGUS) {
			verify_fail(look->v, "records",
			            "mend the zone's signatures, or the clock, or trust-anchor=",
			            "%s: the answer is forged or broken (bogus)", subject->name);
			return false;
		}
		if (set->status == DNS_FAILED || set->status == DNS_TIMED_OUT) {
			verify_fail(look->v, "records",
			            "look at the name servers: dns= or /etc/resolv.conf", "%s: %s",
			            subject->name,
			            set->status == DNS_FAILED ? "the DNS failed (SERVFAIL)"
			                                      : "no answer from the DNS");
			return false;
		}
		malformed += set->malformed;
	}
	if (malformed > 0)
		verify_fail(look->v, "records", advice_to_publish(look, subject).s,
		            "%s: %u records are malformed", subject->name, malformed);
	return malformed == 0;
}

static void check_security(const struct look *look, size_t i)
{
	const struct record_set *sets[] = { set_of(look, i, 0), set_of(look, i, 1) };
	const char *name = look->subjects.list[i].name;

	/* Without an anchor nothing can be said of signatures; that was told of the anchor. */
	if (!look->is_validated)
		return;
	if (sets[0]->trust == DNS_SECURE && sets[1]->trust == DNS_SECURE)
		verify_ok(look->v, "DNSSEC", "%s is signed", name);
	else
		verify_warn(look->v, "DNSSEC", "sign the zone: tunnels are of strength dns else",
		            "%s is not signed", name);
}

static struct key_search search_of(const struct look *look, size_t i)
{
	return (struct key_search){ .ipseckey = *set_of(look, i, 0),
		                    .txt = *set_of(look, i, 1),
		                    .key = *set_of(look, i, 2),
		                    .address = look->subjects.list[i].address,
		                    .wants_txt = true };
}

static size_t count_own_keys(const struct look *look, size_t i, size_t *all)
{
	struct key_search search = search_of(look, i);
	struct found_keys found = key_search_keys(&search, DNSSEC_PREFER);
	size_t ours = 0;

	for (size_t k = 0; k < found.count; k++)
		ours += is_our_key(look, &found.keys[k]);
	*all = found.count;
	found_keys_wipe(&found);
	return ours;
}

static bool has_key_elsewhere(const struct look *look)
{
	size_t all;

	for (size_t i = 0; i < look->subjects.count; i++) {
		if (look->subjects.list[i].is_self && count_own_keys(look, i, &all) > 0)
			return true;
	}
	return false;
}

/* What peers verify our signatures with. */
static void check_own_keys(const struct look *look, size_t i)
{
	const struct advice advice = advice_to_publish(look, &look->subjects.list[i]);
	const char *name = look->subjects.list[i].name;
	size_t all, ours = count_own_keys(look, i, &all);

	if (ours > 0 && ours < all)
		verify_warn(look->v, "our key", "take the others out of the zone",
		            "%s: %zu of %zu keys there are ours", name, ours, all);
	else if (ours > 0)
		verify_ok(look->v, "our key", "%s has it", name);
	else if (all > 0)
		verify_fail(look->v, "our key", advice.s,
		            "%s: the keys there are not in ipsec.secrets", name);
	else if (has_key_elsewhere(look))
		verify_warn(look->v, "our key", advice.s,
		            "%s: no record has a key for us, so nobody accepts us there", name);
	else
		verify_fail(look->v, "our key", advice.s, "%s: no record has a key for us", name);
}

/* The host's gateways as a peer sees them. */
static enum discovery_outcome gateways_of(const struct look *look, size_t i,
                                          struct gateways *gateways, enum flow_reason *reason)
{
	const struct discovery found = { .ipseckey = *set_of(look, i, 0),
		                         .txt = *set_of(look, i, 1) };
	const struct discovery_rules rules = { .dnssec = DNSSEC_PREFER,
		                               .waits_for_both = true,
		                               .destination = look->subjects.list[i].address,
		                               .has_v4 = true,
		                               .has_v6 = true };

	return discovery_decide(&found, &rules, gateways, reason);
}

static const char *gateway_text(const struct gateway *gateway, struct ip_text *room)
{
	if (gateway->name[0] != '\0')
		return gateway->name;
	*room = ip_text(&gateway->address);
	return room->s;
}

static bool is_us(const struct look *look, const struct gateway *gateway)
{
	if (gateway->name[0] != '\0')
		return strcmp(gateway->name, look->subjects.fqdn) == 0;
	return is_own(look, &gateway->address);
}

/* A TXT with @ and our name: it authorises us to speak, and lets nobody find us (TXT-6). */
static bool authorises_us(const struct look *look, size_t i)
{
	const struct record_set *txt = set_of(look, i, 1);

	for (size_t k = 0; k < txt->count && look->subjects.fqdn[0] != '\0'; k++) {
		if (txt->records[k].kind == GATEWAY_NAME &&
		    strcmp(txt->records[k].name, look->subjects.fqdn) == 0)
			return true;
	}
	return false;
}

static void check_our_entry(const struct look *look, size_t i, const struct gateways *gateways,
                            size_t place)
{
	const struct gateway *ours = &gateways->list[place];
	const struct subject *subject = &look->subjects.list[i];
	const char *name = subject->name;
	struct ip_text room;
	bool has_key = ours->key_count == 0;

	for (size_t k = 0; k < ours->key_count; k++)
		has_key |= is_our_key(look, &ours->keys[k]);
	if (!has_key)
		verify_fail(look->v, "delegation", advice_to_publish(look, subject).s,
		            "%s names us with a key that is not in ipsec.secrets", name);
	else if (place > 0)
		verify_ok(look->v, "delegation", "%s names us, after %s", name,
		          gateway_text(&gateways->list[0], &room));
	else if (gateways->count > 1)
		verify_ok(look->v, "delegation", "%s names us, then %s", name,
		          gateway_text(&gateways->list[1], &room));
	else
		verify_ok(look->v, "delegation", "%s names us", name);
}

static void tell_nothing(const struct look *look, size_t i, enum flow_reason reason)
{
	const struct subject *subject = &look->subjects.list[i];

	if (authorises_us(look, i))
		verify_ok(look->v, "delegation", "%s lets us speak for it, as @%s", subject->name,
		          look->subjects.fqdn);
	else
		verify_warn(look->v, "delegation", advice_to_publish(look, subject).s,
		            "%s: %s, so nobody comes to us for %s", subject->name,
		            flow_reason_text(reason), ip_text(&subject->address).s);
}

static void check_delegation(const struct look *look, size_t i)
{
	const struct subject *subject = &look->subjects.list[i];
	enum flow_reason reason = FLOW_REASON_NONE;
	struct gateways gateways;
	struct ip_text room;
	size_t place = 0;

	if (gateways_of(look, i, &gateways, &reason) != DISCOVERY_GATEWAYS) {
		tell_nothing(look, i, reason);
		return;
	}
	while (place < gateways.count && !is_us(look, &gateways.list[place]))
		place++;
	if (place < gateways.count)
		check_our_entry(look, i, &gateways, place);
	else {
		const struct advice advice = advice_to_publish(look, subject);
		char text[sizeof(advice.s) + 32];

		snprintf(text, sizeof(text), "if it is behind us, %s", advice.s);
		verify_warn(look->v, "delegation", text, "%s names another gateway: %s",
		            subject->name, gateway_text(&gateways.list[0], &room));
	}
	gateways_wipe(&gateways);
}

static void check_subject(const struct look *look, size_t i)
{
	const struct subject *subject = &look->subjects.list[i];

	if (!check_answers(look, i))
		return;
	if (subject->is_self)
		check_own_keys(look, i);
	if (subject->address.family != IP_NONE)
		check_delegation(look, i);
	check_security(look, i);
}

static void check_anchor(const struct look *look, enum ask_trust trust)
{
	const struct conf_setup *setup = &look->site->files->conf.setup;

	if (setup->dnssec == DNSSEC_OFF)
		verify_warn(look->v, "trust anchor",
		            "dnssec=prefer, where there is a root to trust",
		            "dnssec=off: no answer is validated");
	else if (trust == ASK_PRIMED)
		verify_ok(look->v, "trust anchor", "%s is verified", setup->trust_anchor);
	else if (trust == ASK_UNPRIMED)
		verify_fail(look->v, "trust anchor",
		            "look at the name servers, the clock, or whether the anchor is theirs",
		            "%s could not be verified", setup->trust_anchor);
	else
		verify_fail(look->v, "trust anchor", "install dns-root-data, or write dnssec=off",
		            "%s is missing", setup->trust_anchor);
}

static void look_at_all(struct look *look)
{
	size_t count = look->subjects.count * TYPES;
	enum ask_trust trust;
	char error[512];

	look->asked = new_array(count, sizeof(*look->asked));
	for (size_t i = 0; i < count; i++) {
		string_copy(look->asked[i].name, sizeof(look->asked[i].name),
		            look->subjects.list[i / TYPES].name);
		look->asked[i].type = types[i % TYPES];
	}
	if (ask_dns(look->site, look->asked, count, &trust, error, sizeof(error))) {
		check_anchor(look, trust);
		look->is_validated = trust == ASK_PRIMED;
		for (size_t i = 0; i < look->subjects.count; i++)
			check_subject(look, i);
	} else {
		verify_fail(look->v, "records", "look at dns= and trust-anchor=", "%s", error);
	}
	for (size_t i = 0; i < count; i++)
		record_set_wipe(&look->asked[i].set);
	free(look->asked);
}

static void tell_omissions(const struct look *look)
{
	if (look->subjects.lacks_inside)
		verify_warn(look->v, "inside hosts", "name some: ipsec verify ADDRESS...",
		            "none is in sight, so no delegation was looked at");
	if (look->subjects.is_cut)
		verify_warn(look->v, "inside hosts", "name the others: ipsec verify ADDRESS...",
		            "only the first %d were looked at", SUBJECTS_MAX);
}

void verify_records(struct verify *v, const struct site *site, const struct ip *hosts,
                    size_t host_count)
{
	struct look *look = new_zeroed(sizeof(*look));
	char error[512];

	look->v = v;
	look->site = site;
	look->own = (struct own_addresses){ site->plan->own4, site->plan->own6, site->plan->own,
		                            site->plan->own_count };
	/* Damaged keys were told when the files were read. */
	if (!hostkeys_of_secrets(&site->files->secrets, look->keys, &look->key_count, error,
	                         sizeof(error)))
		look->key_count = 0;
	subjects_choose(&look->subjects, &site->files->conf, &look->own, hosts, host_count);
	tell_omissions(look);
	if (look->subjects.count > 0)
		look_at_all(look);
	else
		verify_ok(v, "records", "no conn needs any");
	free(look);
}
