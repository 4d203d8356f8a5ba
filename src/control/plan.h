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
	PLAN_OUTER_MAX = 2 * CONF_INTERFACES_MAX + 2,
};
#define PLAN_DEVICE "ipsec0"

/* Settled when plan_make() returns; the settings point into it, so it is not copied. */
struct plan {
	struct ip outer[PLAN_OUTER_MAX]; /* of the outer devices: one of each and each family */
	size_t outer_count;
	struct ip covered[NETWORK_ADDRESSES_MAX]; /* all of the outer devices */
	size_t covered_count;
	struct ip own4; /* the first of them of its family (%defaultroute), or IP_NONE */
	struct ip own6;
	struct ip own[NETWORK_ADDRESSES_MAX]; /* of this machine: not ipsec0's, not link-local */
	size_t own_count;
	/* Sources that this machine may send from now. An address that just came is not among them
	 * until the policy says what may be sent from it. Everything, where no conn depends on
	 * what addresses there are. */
	struct ip_range *known;
	size_t known_count;
	struct ip_range *bypass; /* route-bypass=yes: what has a route of its own; disjoint */
	size_t bypass_count;
	bool has_more_routes; /* than are known; those are not bypassed */
	bool has_more_addresses; /* than are read; nothing is sent from those */
	uint32_t dns_uids[CONF_DNS_USERS_MAX];
	size_t dns_uid_count;
	struct ip_range *inside; /* disjoint */
	size_t inside_count;
	/* Those of them that the default route does not lead to, as far as it is an outer device's.
	 */
	struct ip_range *routed;
	size_t routed_count;
	struct policy_table policy;
	struct steering_settings steering;
	struct engine_settings engine; /* all but the log */
};

/*
 * `network` as network_read() found it. False: `error` says what does not fit this machine, and
 * nothing is to be wiped.
 */
/* Without an outer address a plan is made as well: it may come (`plan_lacks`). */
MUST_USE bool plan_make(struct plan *out, const struct conf *conf, const struct network *network,
                        uid_t daemon_uid, char *error, size_t size);
/* What this machine has not got yet, in words; false: nothing. */
bool plan_lacks(const struct plan *plan, const struct conf *conf, struct text *what);
/* Whether this machine is the same to both, for one configuration. */
bool plan_is_same_machine(const struct plan *a, const struct plan *b);
void plan_wipe(struct plan *plan);
