#pragma once
/*
 * From the Destination's records to the gateways worth trying, in order (opportunism.md sections 3
 * and 4): a decision over plain evidence.
 */
#include "config/conf.h"
#include "opportunism/limits.h"
#include "opportunism/reason.h"
#include "opportunism/records.h"

/* What was asked at the Destination's reverse name. */
struct discovery {
	struct record_set ipseckey;
	struct record_set txt;
};

void discovery_wipe(struct discovery *d);

struct gateway {
	struct ip address;       /* IP_NONE while only its name is known */
	char name[DNS_NAME_MAX]; /* IPSECKEY gateway type 3, else empty */
	uint16_t precedence;
	enum dns_trust trust;
	struct pubkey *keys; /* at most KEYS_MAX, owned; none: to be looked up (TXT-8) */
	size_t key_count;
	bool has_unsigned_address; /* its name led to it, unsigned: whatever else is signed */
	bool is_tried; /* no record names it: the Destination itself (step 2B) */
};

struct gateways {
	struct gateway list[GATEWAYS_MAX];
	size_t count;
};
void gateways_wipe(struct gateways *g);
void gateway_add_key(struct gateway *gateway, const struct pubkey *key);
bool gateway_has_key(const struct gateway *gateway, const struct pubkey *key);

struct discovery_rules {
	enum dnssec_mode dnssec;
	bool unsigned_self; /* TRU-6 */
	bool waits_for_both; /* private: the slower answer may be the better one (CHS-1) */
	bool grace_is_over;  /* DNS_GRACE since the first usable answer */
	struct ip destination;
	const struct ip *own; /* this machine's addresses */
	size_t own_count;
	bool has_v4, has_v6; /* families we can send in */
};

enum discovery_outcome {
	DISCOVERY_WAIT,
	DISCOVERY_GATEWAYS, /* `gateways` filled, best first, ties in the order of the records */
	DISCOVERY_NOTHING,  /* `reason` says why */
	DISCOVERY_DENY,     /* bogus or malformed: never cleartext (TRU-3, TRU-4) */
};

enum discovery_outcome discovery_decide(const struct discovery *d,
                                        const struct discovery_rules *rules,
                                        struct gateways *gateways, enum flow_reason *reason);
