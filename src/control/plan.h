#pragma once
/*
 * What a configuration means on this machine as it is now: our addresses, the policy table, the
 * inside ranges, and the settings of steering and engine that follow. `ipsec start` loads the
 * ruleset by it, wildswand opens the engine by it: both must come to the same.
 */
#include "engine/engine.h"
#include "engine/steering/network.h"
#include "engine/steering/steering.h"
#include "opportunism/opportunism.h"

/* Where our routing rule and its table are, and the ports of IKE. */
enum {
	PLAN_ROUTE_TABLE = 30569,
	PLAN_RULE_PRIORITY = 220,
	PLAN_PORT = 500,
	PLAN_NAT_PORT = 4500,
};
#define PLAN_DEVICE "ipsec0"

/* Settled when plan_make() returns; the settings point into it, so it is not copied. */
struct plan {
	struct ip own4; /* address of the outer device (%defaultroute), or IP_NONE */
	struct ip own6;
	struct ip own[NETWORK_ADDRESSES_MAX]; /* all addresses of this machine */
	size_t own_count;
	uint32_t dns_uids[CONF_DNS_USERS_MAX];
	size_t dns_uid_count;
	struct ip_range *inside; /* disjoint */
	size_t inside_count;
	struct policy_table policy;
	struct steering_settings steering;
	struct engine_settings engine; /* all but the log */
};

/*
 * `network` as network_read() found it. False: `error` says what does not fit this machine, and
 * nothing is to be wiped.
 */
MUST_USE bool plan_make(struct plan *out, const struct conf *conf, const struct network *network,
                        uid_t daemon_uid, char *error, size_t size);
void plan_wipe(struct plan *plan);
