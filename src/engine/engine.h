#pragma once
/*
 * The packet engine: decides nothing, carries packets by the eroutes the core has set.
 *
 * engine.c joins two parts behind one engine_port: `userspace/` (TUN, holds, ESP, one worker per
 * queue) and `steering/` (nftables, routing rule: who reaches the TUN at all, shunts at kernel
 * speed). Order of a verdict: the hold drains, then the worker sends directly, then the kernel's
 * set gets the element.
 *
 * Life: engine_open() as root (TUN device, raw and UDP sockets, steering's netlink sockets), then
 * privileges may be dropped to CAP_NET_ADMIN and CAP_NET_RAW, then engine_start().
 */
#include <event2/event.h>

#include "opportunism/ports.h"
#include "util/log.h"
#include "util/text.h"

struct engine;

/* Bits of the packet mark that are ours, as masked values (design of the steering). */
struct engine_marks {
	uint32_t mask;		 /* default 0x0f000000 */
	uint32_t trap;		 /* routed to ipsec0 */
	uint32_t own;		 /* our IKE and ESP sockets */
	uint32_t release_pass;	 /* held packet, leaves in the clear */
	uint32_t release_tunnel; /* held packet, goes to ipsec0 once more, tracked */
	uint32_t ct_exempt;      /* of the ct mark alone: connection of an exempt socket */
	uint32_t ct_tunnelled;   /* of the ct mark alone: packets of it came out of a tunnel */
	uint32_t released;	 /* release_pass once checked; only the ruleset sets it */
	/* What came out of a tunnel, for others' filters (doc/firewall.md): weakest first. */
	uint32_t strength[STRENGTH_COUNT];
};
enum { ENGINE_MARK_BITS = 4, ENGINE_MARK_MASK = 0x0f000000 };
/* `mask` is ENGINE_MARK_BITS bits side by side. All of them are used inside one chain only. */
static inline struct engine_marks engine_marks_of(uint32_t mask)
{
	uint32_t one = mask & -mask;

	return (struct engine_marks){
		.mask = mask,
		.trap = 1 * one,
		.own = 2 * one,
		.release_pass = 3 * one,
		.release_tunnel = 4 * one,
		.released = 5 * one,
		.ct_tunnelled = 7 * one,
		.ct_exempt = 8 * one,
		.strength = { 0, 9 * one, 10 * one, 11 * one, 12 * one, 13 * one, 14 * one },
	};
}

struct engine_settings {
	struct log log;
	const char *device;	 /* "ipsec0" */
	struct ip outer4;	 /* address of the outer device, or IP_NONE */
	struct ip outer6;
	unsigned mtu;		 /* of the outer device; ipsec0 gets the same */
	uint16_t port;		 /* 500 */
	uint16_t nat_port;	 /* 4500 */
	struct engine_marks marks;
	unsigned route_table;	 /* of the trap route */
	unsigned rule_priority;
	unsigned daemon_down_s;
	uint32_t daemon_uid;	       /* its own queries for names are exempt */
	const uint32_t *dns_uids;      /* users whose queries for names are exempt too; copied */
	size_t dns_uid_count;
	const struct ip_range *inside; /* inside ranges, disjoint; copied */
	size_t inside_count;
	const struct ip_range *known; /* what this machine may send from; copied */
	size_t known_count;
	const struct ip_range *bypass; /* destinations that go past us; copied */
	size_t bypass_count;
};

/* Called on the control thread (the event base given to engine_start). */
struct engine_events {
	void *ctx;
	void (*acquire)(void *ctx, const struct acquire *acquire);
	/* One IKE message, non-ESP marker taken off; `path` has the addresses it came by. */
	void (*ike_datagram)(void *ctx, const struct path *path, struct bytes datagram);
	/* ESP for an SPI nobody has (rate-limited): a hint, never a fact. */
	void (*unknown_spi)(void *ctx, const struct path *path, uint32_t spi);
	/* An ICMP error says that packets of ours did not reach that peer (rate-limited): a hint. */
	void (*unreachable)(void *ctx, const struct ip *peer);
	/* Cleartext came in for a pair (ours first) that has a tunnel, and was dropped: a hint. */
	void (*cleartext)(void *ctx, const struct ip_pair *pair);
	/* The newest ESP of the SA with that inbound SPI came along another path (NAT). */
	void (*peer_moved)(void *ctx, uint32_t spi_in, const struct path *path);
	/* A CHILD SA, by its inbound SPI, has its first packet. Seldom lost. */
	void (*heard)(void *ctx, uint32_t spi_in);
	/* A CHILD SA, by its inbound SPI, has sent what its soft limits allow. Once. */
	void (*worn)(void *ctx, uint32_t spi_in);
	/* It is at its hard limits, and carries nothing any more, either way. */
	void (*spent)(void *ctx, uint32_t spi_in);
	/* Somebody removed the device: nothing can be carried any more. Once. */
	void (*device_gone)(void *ctx);
	/* Somebody removed the steering, a rule or a route, and it was put back. */
	void (*steering_restored)(void *ctx, const char *what);
};

/* NULL: `error` says what is missing and what to do about it. */
struct engine *engine_open(const struct engine_settings *settings, char *error, size_t error_size);
MUST_USE bool engine_start(struct engine *engine, struct event_base *base,
			   const struct engine_events *events);
struct engine_port engine_port(struct engine *engine);
/* Leaves at the end of the event, after the verdicts it goes with. Marker added on the NAT traversal
 * port. Loss of a datagram is the network's, not an error. */
void engine_send_ike(struct engine *engine, const struct path *path, struct bytes datagram);
/* To the peer at the end of that path, from the NAT traversal port. */
void engine_send_keepalive(struct engine *engine, const struct path *path);
/* Inside ranges changed (reload). */
void engine_set_inside(struct engine *engine, const struct ip_range *inside, size_t count);
/* This machine's addresses changed: after the policy that says what may be sent from them. */
struct engine_network {
	struct ip outer4; /* ipsec0's, or IP_NONE */
	struct ip outer6;
	unsigned mtu;
	const struct ip_range *known;
	size_t known_count;
	const struct ip_range *bypass;
	size_t bypass_count;
	const struct ip_range *routed; /* inside prefixes that have routes of their own */
	size_t routed_count;
};
void engine_set_network(struct engine *engine, const struct engine_network *network);
/* Something about addresses or links of this machine is new: ours stays as it was set. */
void engine_keep_device(struct engine *engine);
/* Reads the kernel's counters, so that pair_use and row_use tell the present. */
void engine_refresh_use(struct engine *engine);
/*
 * Takes everything out: device, routes, rule, table; except, with `keep_private`, drop rules for
 * the rows with is_private (their descriptions are added to `kept`, one a line).
 */
void engine_stop(struct engine *engine, bool keep_private, struct text *kept);
void engine_free(struct engine *engine);

#define ENGINE_DROPS(X)                                                                       \
	X(RUNT, "runt", "shorter than an ESP header")                                         \
	X(NO_SA, "no-sa", "no SA has this SPI")                                               \
	X(REPLAY, "replay", "sequence number seen already")                                   \
	X(LATE, "late", "sequence number behind the window")                                  \
	X(AUTH, "auth", "integrity check failed")                                             \
	X(PADDING, "padding", "wrong padding or next header")                                 \
	X(INNER, "inner", "inner packet malformed")                                           \
	X(SELECTOR, "selector", "inner addresses outside the selectors of the SA")            \
	X(NESTED, "nested", "ESP or IKE for us, inside ESP inside ESP")                       \
	X(ECN, "ecn", "congestion mark on a packet that cannot carry one")                    \
	X(HELD_FULL, "held-full", "the hold was full")                                        \
	X(VERDICT, "verdict", "dropped or rejected by its eroute")                            \
	X(TOO_BIG, "too-big", "larger than the tunnel carries; sender told")                  \
	X(EXHAUSTED, "exhausted", "the SA is at its end: sequence numbers, octets, packets")  \
	X(TRANSPORT, "transport", "a fragment, or with extension headers, in transport mode") \
	X(CLEARTEXT, "cleartext", "cleartext that claims to come from a tunnelled pair")      \
	X(FORGED, "forged", "inside source from an interface where it does not live")         \
	X(LEAK, "leak", "stopped by the leak guard")                                          \
	X(UNKNOWN, "unknown", "from an address that had just come, before it had a policy")   \
	X(FLOOD, "flood", "IKE_SA_INIT without a cookie, and more of them than time")         \
	X(SEND, "send", "the kernel refused to send")

enum engine_drop {
#define X(name, word, text) ENGINE_DROP_##name,
	ENGINE_DROPS(X)
#undef X
	ENGINE_DROP_COUNT
};
uint64_t engine_dropped(struct engine *engine, enum engine_drop drop);
const char *engine_drop_name(enum engine_drop drop);
