#pragma once
/*
 * Steering: table inet wildswan, the routing rule on our mark and the trap route.
 *
 * The static rules are a readable text that `nft -f` loads once, by `ipsec start` (or at boot by
 * the wildswan-steering unit), with the policy's daemon-absent verdicts in it. From then on the
 * daemon adds and deletes set elements over netlink, in batches, and executes nothing.
 */
#include "engine/engine.h"
#include "opportunism/policy.h"
#include "util/text.h"

struct steering_settings {
	const char *device;
	struct engine_marks marks;
	unsigned route_table;
	unsigned rule_priority;
	unsigned daemon_down_s;
	uint16_t port, nat_port;
	uint32_t daemon_uid;
	const uint32_t *dns_uids; /* users whose queries to ports 53 and 853 are exempt */
	size_t dns_uid_count;
	const struct ip_range *inside;
	size_t inside_count;
	/* What this machine may send from, see control/plan.h; disjoint. */
	const struct ip_range *known;
	size_t known_count;
	/* Destinations that go past us: route-bypass=yes. */
	const struct ip_range *bypass;
	size_t bypass_count;
	/* Inside prefixes that the default route does not lead to (inside_rules.h). */
	const struct ip_range *routed;
	size_t routed_count;
};

/* The whole ruleset as nft text: replaces an older table in one transaction. Deterministic. */
void steering_ruleset(struct text *out, const struct steering_settings *settings,
                      const struct policy_table *policy);
/* What stays after `ipsec stop`: drop rules for private rows only; nothing if there are none. */
void steering_leftover(struct text *out, const struct steering_settings *settings,
                       const struct policy_table *policy);

/* Routing rule, trap routes and blackholes over rtnetlink; idempotent. As root or CAP_NET_ADMIN. */
MUST_USE bool steering_routes_up(const struct steering_settings *settings, char *error,
                                 size_t size);
void steering_routes_down(const struct steering_settings *settings);

struct steering;
struct steering *steering_open(const struct steering_settings *settings, const struct log *log,
                               char *error, size_t size);
void steering_free(struct steering *s);
void steering_set_policy(struct steering *s, const struct policy_table *table);
void steering_set_inside(struct steering *s, const struct ip_range *inside, size_t count);
void steering_set_network(struct steering *s, const struct ip_range *known, size_t known_count,
                          const struct ip_range *bypass, size_t bypass_count);
void steering_set_routed(struct steering *s, const struct ip_range *routed, size_t count);
/*
 * Adds, moves or (TRAP, HOLD) removes the pair's element. Where rules speak of ports the pair's
 * traffic is that of one of them. `has_grace`: its cleartext may come in for two more seconds
 * (CLR-2). False: the set is full or the kernel refused, counted and logged; the pair stays with
 * the engine.
 */
bool steering_set_pair(struct steering *s, const struct ip_pair *pair, enum eroute_action action,
                       bool has_grace);
/* `more` SAs (1 or -1) of that strength bring packets of the pair; flushed like pairs. */
void steering_add_strength(struct steering *s, const struct ip_pair *pair, enum strength strength,
                           int more);
/* Our own sockets reach the pair's destination through its tunnel, and not in the clear. */
void steering_set_through(struct steering *s, const struct ip_pair *pair, bool is_through);
/* Sends what was queued by set_pair in one batch; called by the engine at the end of each event. */
void steering_flush(struct steering *s);
/* Renews the element that says the daemon lives; to be called every second. */
void steering_alive(struct steering *s);
void steering_refresh_use(struct steering *s, struct instant now);
struct eroute_use steering_pair_use(struct steering *s, const struct ip_pair *pair);
struct eroute_use steering_row_use(struct steering *s, size_t row);
/* Pairs (ours first) of tunnels that cleartext came for in the last minute, if any came since the
 * last call. */
void steering_suspects(struct steering *s, void (*each)(void *ctx, const struct ip_pair *pair),
                       void *ctx);
uint64_t steering_dropped(struct steering *s, enum engine_drop drop);
/* Watches others' changes; puts back what was removed and says so. `restored` as engine_events. */
MUST_USE bool steering_watch(struct steering *s, struct event_base *base,
                             void (*restored)(void *ctx, const char *what), void *ctx);
/* How many pairs wait to be put back into a table that was made anew. */
size_t steering_left(const struct steering *s);
/* Deletes the table, or leaves steering_leftover() in it. */
void steering_down(struct steering *s, bool keep_private, struct text *kept);
