#pragma once
/*
 * What the core asks of the world besides IKE datagrams: names to look up, eroutes to set, SAs to
 * install. The daemon implements these over libunbound, TUN and nftables, the simulator over
 * virtual ones. No port calls back before it returns.
 */
#include "dns/answer.h"
#include "ike/child.h"
#include "opportunism/policy.h"
#include "util/address.h"
#include "util/time.h"

enum lookup_how {
	LOOKUP_AT_ONCE,
	/* While there is too much to do it may wait for the question before, if that is for the
	 * same name: what proves that one's absence may prove this one's (RFC 8198). */
	LOOKUP_PATIENTLY,
	LOOKUP_FRESH, /* not from our own cache */
};

struct resolver_port {
	void *ctx;
	/* Ends with exactly one opportunism_on_answer(query) unless cancelled. `name` without the
	 * final dot, copied. */
	void (*lookup)(void *ctx, uint64_t query, const char *name, enum dns_type type,
	               enum lookup_how how);
	/* How many questions at once it serves without letting them wait for each other for long;
	 * changes with its load. NULL: any number. */
	unsigned (*window)(void *ctx);
};

enum eroute_action {
	EROUTE_TRAP,
	EROUTE_HOLD,
	EROUTE_PASS,
	EROUTE_DROP,
	EROUTE_REJECT,
	EROUTE_TUNNEL
};

/* What has gone through an eroute, outbound. */
struct eroute_use {
	uint64_t packets;
	uint64_t octets;
	struct instant last; /* 0 if never; good to within the engine's sampling */
};

struct child_use {
	uint64_t packets_in;
	uint64_t packets_out;
	struct instant last_in;
	struct instant last_out;
};

struct engine_port {
	void *ctx;
	/* Replaces the policy rows in one step; pairs and SAs stay. */
	void (*set_policy)(void *ctx, const struct policy_table *table);
	/*
	 * One step. PASS, DROP, REJECT and TUNNEL end a %hold: held packets leave in order by the
	 * new verdict before any later packet of the pair does. HOLD starts to hold a pair that had
	 * another verdict. TRAP forgets the pair: the next packet raises an acquire again,
	 * and what is held of it does so at once.
	 * TUNNEL: `spi_out` names an SA installed before. `is_private` pairs stay blocked when the
	 * daemon dies, as do all tunnelled ones.
	 */
	void (*set_pair)(void *ctx, const struct ip_pair *pair, enum eroute_action action,
	                 uint32_t spi_out, bool is_private);
	/* Inbound and outbound halves of a CHILD SA; keys are copied. */
	void (*add_child)(void *ctx, const struct child_sa *child);
	void (*remove_child)(void *ctx, uint32_t spi_in);
	/*
	 * One CHILD SA more, or less, of that strength brings packets of the pair (ours first). The
	 * weakest of them is what a firewall is told of such packets (AUZ-14). Ranges: policy_row.
	 */
	void (*add_strength)(void *ctx, const struct ip_pair *pair, enum strength strength);
	void (*remove_strength)(void *ctx, const struct ip_pair *pair, enum strength strength);
	/* Its peer is elsewhere now: another address or port of the same family. */
	void (*move_child)(void *ctx, uint32_t spi_in, const struct path *path);
	struct eroute_use (*pair_use)(void *ctx, const struct ip_pair *pair);
	/* What row `index` of policy_table.rows caught or carried. */
	struct eroute_use (*row_use)(void *ctx, size_t index);
	struct child_use (*child_use)(void *ctx, uint32_t spi_in);
	uint32_t (*new_spi)(void *ctx);
	/* The address by which the machine would send to that peer; IP_NONE: it has no way. NULL:
	 * there is one outer address of a family at most. */
	struct ip (*source_towards)(void *ctx, const struct ip *peer);
};

/* Engine -> core: a packet was trapped, please decide. */
struct acquire {
	struct ip_pair pair;
	/* Of the first packet that waits; 0: not known. Its ports, not those of a rule. */
	uint8_t protocol;
	bool has_ports;
	uint16_t source_port;
	uint16_t destination_port;
};
