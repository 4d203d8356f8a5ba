#include "opportunism/discovery.h"

#include <stdlib.h>

void discovery_wipe(struct discovery *d)
{
	record_set_wipe(&d->ipseckey);
	record_set_wipe(&d->txt);
}

void gateways_wipe(struct gateways *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->list[i].keys);
	g->count = 0;
}

bool gateway_has_key(const struct gateway *gateway, const struct pubkey *key)
{
	for (size_t i = 0; i < gateway->key_count; i++) {
		if (pubkey_equal(&gateway->keys[i], key))
			return true;
	}
	return false;
}

void gateway_add_key(struct gateway *gateway, const struct pubkey *key)
{
	if (gateway->key_count >= KEYS_MAX || gateway_has_key(gateway, key))
		return;
	gateway->keys = grow_array(gateway->keys, gateway->key_count + 1, sizeof(*key));
	gateway->keys[gateway->key_count++] = *key;
}

/* TRU-5: with dnssec=require insecure data counts as absent. */
static bool is_trusted(const struct record_set *set, const struct discovery_rules *rules)
{
	return rules->dnssec != DNSSEC_REQUIRE || set->trust == DNS_SECURE;
}

/* Whether a record can name a gateway to talk to; a TXT's @fqdn only authorises (TXT-6). */
static bool names_gateway(const struct delegation *record, bool is_txt)
{
	return record->kind != GATEWAY_NAME || !is_txt;
}

/* TRU-6: with unsigned-delegation=self an unsigned record may only name its owner. */
static bool may_name(const struct delegation *record, enum dns_trust trust,
                     const struct discovery_rules *rules)
{
	if (!rules->unsigned_self || trust == DNS_SECURE || record->kind == GATEWAY_NONE)
		return true;
	return record->kind == GATEWAY_ADDRESS && ip_equal(&record->address, &rules->destination);
}

static bool is_usable(const struct record_set *set, const struct discovery_rules *rules,
                      bool is_txt)
{
	if (!set->has_arrived || set->status != DNS_FOUND || set->trust == DNS_BOGUS ||
	    !is_trusted(set, rules))
		return false;
	for (size_t i = 0; i < set->count; i++) {
		if (names_gateway(&set->records[i], is_txt) &&
		    may_name(&set->records[i], set->trust, rules))
			return true;
	}
	return false;
}

static bool is_own(const struct discovery_rules *rules, const struct ip *address)
{
	for (size_t i = 0; i < rules->own_count; i++) {
		if (ip_equal(&rules->own[i], address))
			return true;
	}
	return false;
}

static struct gateway *find_gateway(struct gateways *g, const struct ip *address, const char *name)
{
	for (size_t i = 0; i < g->count; i++) {
		struct gateway *known = &g->list[i];

		if (ip_equal(&known->address, address) && strcmp(known->name, name) == 0)
			return known;
	}
	return NULL;
}

/* Keeps the list in order of precedence, equal ones in the order they came (CHS-2: the caller
 * shuffles the records before). */
static struct gateway *insert_gateway(struct gateways *g, uint16_t precedence)
{
	size_t place = g->count;

	if (g->count == GATEWAYS_MAX) {
		if (g->list[g->count - 1].precedence <= precedence)
			return NULL;
		free(g->list[--g->count].keys);
		place = g->count;
	}
	while (place > 0 && g->list[place - 1].precedence > precedence) {
		g->list[place] = g->list[place - 1];
		place--;
	}
	g->count++;
	g->list[place] = (struct gateway){ .precedence = precedence };
	return &g->list[place];
}

/* Another record prefers it more. */
static void move_up(struct gateways *g, struct gateway *gateway, uint16_t precedence)
{
	struct gateway moved = *gateway;
	size_t place = (size_t)(gateway - g->list);

	moved.precedence = precedence;
	for (; place > 0 && g->list[place - 1].precedence > precedence; place--)
		g->list[place] = g->list[place - 1];
	g->list[place] = moved;
}

/* Several records for one gateway are candidate keys of one gateway, which is as preferred as the
 * best of them says (CHS-3). */
static void take_record(struct gateways *g, const struct delegation *record, enum dns_trust trust,
                        const struct discovery_rules *rules)
{
	struct ip address = record->kind == GATEWAY_NONE ? rules->destination : record->address;
	const char *name = record->kind == GATEWAY_NAME ? record->name : "";
	struct gateway *gateway;

	if (record->kind == GATEWAY_NAME)
		address = (struct ip){ .family = IP_NONE };
	gateway = find_gateway(g, &address, name);
	if (gateway == NULL) {
		gateway = insert_gateway(g, record->precedence);
		if (gateway == NULL)
			return;
		gateway->address = address;
		gateway->trust = trust;
		string_copy(gateway->name, sizeof(gateway->name), name);
	}
	if (record->has_key)
		gateway_add_key(gateway, &record->key);
	if (record->precedence < gateway->precedence)
		move_up(g, gateway, record->precedence);
}

static void drop_gateway(struct gateways *g, size_t i)
{
	free(g->list[i].keys);
	g->count--;
	memmove(&g->list[i], &g->list[i + 1], (g->count - i) * sizeof(g->list[0]));
}

/* One of the best ones: equal precedence leaves the order to chance. */
static bool is_own_among_best(const struct gateways *g, const struct discovery_rules *rules)
{
	for (size_t i = 0; i < g->count && g->list[i].precedence == g->list[0].precedence; i++)
		if (is_own(rules, &g->list[i].address))
			return true;
	return false;
}

/* CHS-4: gateways we cannot reach are skipped; if the best one is this machine, the Destination is
 * inside. */
static enum discovery_outcome
check_gateways(struct gateways *g, const struct discovery_rules *rules, enum flow_reason *reason)
{
	*reason = FLOW_REASON_UNUSABLE;
	if (is_own_among_best(g, rules)) {
		*reason = FLOW_REASON_INSIDE;
		gateways_wipe(g);
		return DISCOVERY_NOTHING;
	}
	for (size_t i = g->count; i-- > 0;) {
		const struct ip *a = &g->list[i].address;
		bool has_family = a->family == IP_NONE || (a->family == IP_V4 && rules->has_v4) ||
		                  (a->family == IP_V6 && rules->has_v6);

		if (!has_family)
			*reason = FLOW_REASON_NO_FAMILY;
		if (!has_family || is_own(rules, a) ||
		    (a->family != IP_NONE && ip_is_never_peer(a)))
			drop_gateway(g, i);
	}
	return g->count > 0 ? DISCOVERY_GATEWAYS : DISCOVERY_NOTHING;
}

static enum discovery_outcome use_set(const struct record_set *set, bool is_txt,
                                      const struct discovery_rules *rules, struct gateways *g,
                                      enum flow_reason *reason)
{
	for (size_t i = 0; i < set->count; i++) {
		if (names_gateway(&set->records[i], is_txt) &&
		    may_name(&set->records[i], set->trust, rules))
			take_record(g, &set->records[i], set->trust, rules);
	}
	return check_gateways(g, rules, reason);
}

static bool names_others(const struct record_set *set, const struct discovery_rules *rules)
{
	for (size_t i = 0; i < set->count; i++)
		if (!may_name(&set->records[i], set->trust, rules))
			return true;
	return false;
}

/* Both answers are in and neither names a gateway: say what kind of nothing it is. */
static enum discovery_outcome nothing(const struct discovery *d,
                                      const struct discovery_rules *rules, enum flow_reason *reason)
{
	const struct record_set *sets[] = { &d->ipseckey, &d->txt };
	bool is_bogus = false;
	bool is_malformed = false;
	bool is_failed = false;
	bool is_silent = false;
	bool is_unsigned = false;
	bool is_unusable = false;
	bool is_others = false;

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		is_bogus |= sets[i]->trust == DNS_BOGUS;
		is_malformed |= sets[i]->malformed > 0 && is_trusted(sets[i], rules);
		is_failed |= sets[i]->status == DNS_FAILED;
		is_silent |= sets[i]->status == DNS_TIMED_OUT;
		is_unsigned |= sets[i]->count > 0 && !is_trusted(sets[i], rules);
		is_unusable |= sets[i]->count > 0;
		is_others |= names_others(sets[i], rules);
	}
	*reason = is_bogus                            ? FLOW_REASON_BOGUS
	          : is_malformed                      ? FLOW_REASON_MALFORMED
	          : is_unsigned                       ? FLOW_REASON_UNSIGNED
	          : is_others                         ? FLOW_REASON_UNSIGNED_OTHER
	          : is_failed                         ? FLOW_REASON_DNS_FAILED
	          : is_silent                         ? FLOW_REASON_DNS_SILENT
	          : is_unusable                       ? FLOW_REASON_UNUSABLE
	          : d->ipseckey.status == DNS_NO_NAME ? FLOW_REASON_NO_NAME
	                                              : FLOW_REASON_NO_RECORD;
	return is_bogus || is_malformed ? DISCOVERY_DENY : DISCOVERY_NOTHING;
}

enum discovery_outcome discovery_decide(const struct discovery *d,
                                        const struct discovery_rules *rules,
                                        struct gateways *gateways, enum flow_reason *reason)
{
	bool has_both = d->ipseckey.has_arrived && d->txt.has_arrived;
	bool ipseckey = is_usable(&d->ipseckey, rules, false);
	bool txt = is_usable(&d->txt, rules, true);

	*gateways = (struct gateways){ 0 };
	*reason = FLOW_REASON_NONE;
	if (!has_both && !((ipseckey || txt) && rules->grace_is_over && !rules->waits_for_both))
		/* A usable secure IPSECKEY answer cannot be beaten: go (CHS-1). */
		if (!(ipseckey && d->ipseckey.trust == DNS_SECURE && !rules->waits_for_both))
			return DISCOVERY_WAIT;
	if (ipseckey && txt && d->txt.trust == DNS_SECURE && d->ipseckey.trust != DNS_SECURE)
		ipseckey = false;
	if (ipseckey)
		return use_set(&d->ipseckey, false, rules, gateways, reason);
	if (txt)
		return use_set(&d->txt, true, rules, gateways, reason);
	return nothing(d, rules, reason);
}
