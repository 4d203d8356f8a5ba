#pragma once
/*
 * The inside of the simulator: what its files share.
 */
#include <stdarg.h>
#include <stdio.h>

#include "crypto/kem_bed.h"
#include "opportunism/opportunism.h"
#include "opportunism/recover.h"
#include "sim/sim.h"

enum {
	GATEWAYS_MAX_SIM = 64,
	HELD_MAX = 16, /* packets of one pair (HOLD-2) */
	FQDN_MAX = 64,
};

/* ---- Events in virtual time ---- */

struct sim_event {
	struct instant due;
	uint64_t order; /* first in, first out among equals */
	void (*happen)(struct sim *sim, void *what);
	void *what; /* owned by `happen`, which frees it */
};

struct agenda {
	struct sim_event *events; /* a binary heap */
	size_t count;
	size_t size;
	uint64_t next_order;
};

void sim_later(struct sim *sim, struct duration delay, void (*happen)(struct sim *, void *),
               void *what);
/* False: nothing is due before or at `limit`. */
bool agenda_take(struct agenda *agenda, struct instant limit, struct sim_event *out);
struct instant agenda_due(const struct agenda *agenda);

/* ---- Chance ---- */

uint64_t sim_random(struct sim *sim);
/* 0 .. n-1 */
uint64_t sim_below(struct sim *sim, uint64_t n);
bool sim_chance(struct sim *sim, unsigned percent);

/* ---- Packets ---- */

enum fate {
	FATE_UNDER_WAY,
	FATE_ARRIVED_BY_TUNNEL,
	FATE_ARRIVED_IN_CLEAR,
	FATE_DROPPED,    /* by a verdict or by policy */
	FATE_OVERFLOW,   /* more than the hold keeps */
	FATE_CRASHED,    /* held by a gateway that went down, or by an SA that it lost, or sent to one */
	FATE_REFUSED,    /* in the clear where the receiver has a tunnel or is private (CLR-2) */
	FATE_EARLY,      /* by an SA whose answer has not arrived at the receiver yet */
	FATE_NO_SA,      /* by an SA the receiver does not have (any more) */
	FATE_UNROUTABLE, /* nobody is there */
	FATE_COUNT
};

struct packet {
	struct ip_pair pair;
	enum fate fate;
	uint8_t protocol; /* and remote port, -1: none; the pair's traffic is the rule's they fall under */
	int32_t port;
	bool wants_reply;
	uint64_t number; /* order of sending */
};

/* ---- The packet engine of one gateway ---- */

struct pair_entry {
	struct ip_pair pair;
	size_t next; /* of its bucket: place + 1, 0 none */
	enum eroute_action action;
	uint32_t spi_out;
	bool is_private;
	struct instant held_since;
	struct instant raised; /* acquire, last */
	struct packet *held[HELD_MAX];
	size_t held_count;
	struct eroute_use use;
	uint64_t last_number; /* of the last packet that left */
};

struct engine_child {
	struct child_sa sa;
	struct child_use use;
	uint64_t next_sequence;
};

enum { PAIR_BUCKETS = 1024 };

struct sim_engine {
	struct gateway *gateway;
	struct policy_table policy;
	struct eroute_use row_use[64];
	struct pair_entry *pairs;
	size_t pair_count;
	size_t pair_buckets[PAIR_BUCKETS]; /* place + 1 of the first, 0 none */
	struct engine_child *children;
	size_t child_count;
	struct told {
		struct ip_pair pair;
		enum strength strength;
	} * told; /* strengths of the pairs' SAs */
	size_t told_count;
	uint32_t *spis; /* all that were ever given out */
	size_t spi_count;
	uint32_t *lost_spis; /* in use when it crashed last */
	size_t lost_spi_count;
	bool refuses_tunnels;
	unsigned refused;
};

/* Held packets are lost with it. */
void engine_wipe(struct sim_engine *engine);
struct engine_port engine_port_of(struct gateway *gateway);
uint32_t engine_new_spi(struct sim_engine *engine);
const struct pair_entry *engine_pair(const struct sim_engine *engine, const struct ip_pair *pair);
/* What a firewall is told of packets that come in by the tunnels of the pair. */
enum strength engine_strength(const struct sim_engine *engine, const struct ip_pair *pair);
/* A packet of a host of ours wants out. */
void engine_outbound(struct sim_engine *engine, struct packet *packet);
/* One in the clear, or one in ESP, has come from the internet. */
void engine_clear_inbound(struct sim_engine *engine, struct packet *packet);

struct esp {
	struct path path; /* the sender's view */
	uint32_t spi;
	uint64_t sequence;
	struct secret key;
	struct packet *packet;
	const struct gateway *sealed_by;
};
void engine_esp_inbound(struct sim_engine *engine, const struct esp *esp);

/* ---- Gateways ---- */

struct gateway {
	struct sim *sim;
	char name[32];
	struct ip address;
	struct ip_range inside; /* first.family IP_NONE: nothing behind it */
	char fqdn[FQDN_MAX];    /* leftid=@..., or "" */
	char *conf_text;
	struct {
		const char *name, *text;
	} policies[8]; /* files of policy groups */
	size_t policy_count;
	struct conf conf;
	bool is_configured; /* has conns with arranged peers */
	bool is_impostor;
	bool is_down;
	uint64_t knocks; /* IKE datagrams sent to it */
	uint8_t private_key[32];
	struct pubkey key;
	struct opportunism *core;
	uint32_t secret_set; /* number of the last one configured */
	unsigned generation; /* of `core`: answers to an earlier one are dropped */
	struct sim_engine engine;
	struct resolver_port resolver;
	struct engine_port engine_port;
	struct ike_ports ike;
	struct text log;
	size_t idle_sas_above; /* 0: as in real life */
	bool keeps_peers; /* the file of peers outlives a restart */
	struct peer_record *peers; /* it */
	size_t peer_count;
};

bool gateway_owns(const struct gateway *gateway, const struct ip *address);
void gateway_start(struct gateway *gateway);
void gateway_stop(struct gateway *gateway);
void gateway_reload(struct gateway *gateway);
/* The one whose host that is, or NULL: a stranger. Impostors have no hosts. */
struct gateway *sim_owner_of(struct sim *sim, const struct ip *address);
struct ike_ports ike_ports_of(struct gateway *gateway);
struct resolver_port resolver_port_of(struct gateway *gateway);
void key_make(struct gateway *gateway);

/* ---- The DNS ---- */

struct sim_record {
	struct dns_name name;
	enum dns_type type;
	struct buf rdata;
	unsigned seen_by;
};

/* What the caches say, and what the zones do. */
enum { SEEN_BY_CACHE = 1, SEEN_FRESH = 2 };

struct sim_rule {
	struct dns_name name;
	bool fails;
	enum dns_status status;
	enum dns_trust trust;
	struct duration delay;
	struct duration txt_delay; /* 0: as the others */
	uint32_t ttl_s;
};

struct names {
	struct sim_record *records;
	size_t record_count;
	struct sim_rule *rules;
	size_t rule_count;
	struct duration slow; /* 0: as usual */
	bool is_cached; /* what changes now is behind everybody's cache */
};

void names_wipe(struct names *names);
/* May this gateway speak for that address, and is its key the one published, by all that the zones
 * say? The truth the checkers hold the core to. */
bool names_allow(const struct sim *sim, const struct gateway *gateway, const struct ip *address);

/* ---- The network ---- */

enum mishap { MISHAP_LOSE, MISHAP_DOUBLE, MISHAP_DELAY };

struct net_rule {
	struct gateway *from;
	struct gateway *to;
	enum mishap mishap;
	unsigned countdown; /* 1: the next one */
	struct duration delay;
};

struct cut {
	struct gateway *from;
	struct gateway *to;
};

struct overheard {
	struct gateway *from;
	struct gateway *to;
	struct buf datagram;
};

struct net {
	struct net_rule rules[64];
	size_t rule_count;
	struct cut cuts[16];
	size_t cut_count;
	struct overheard heard[64];
	size_t heard_count;
	struct duration delay; /* of every link */
	uint64_t nobody;       /* IKE datagrams to addresses where nobody is */
	size_t narrow;         /* longer IKE datagrams are lost; 0: none are */
	unsigned loss_percent; /* of IKE datagrams, in random runs */
	unsigned double_percent;
	unsigned jitter_percent; /* of them come up to 200 ms late */
	uint64_t ike_datagrams;
	uint64_t esp_packets;
	uint64_t clear_packets;
};

void net_wipe(struct net *net);
/* Who gets what is sent to that address. */
struct gateway *net_gateway_at(struct sim *sim, const struct ip *address);
void net_send_ike(struct gateway *from, const struct path *path, struct bytes datagram);
void net_send_esp(struct gateway *from, const struct child_sa *sa, uint64_t sequence,
                  struct packet *packet);
void net_send_clear(struct sim *sim, struct packet *packet);

/* ---- The promises ---- */

/* A packet leaves `gateway` in the clear. */
void promise_nothing_open(const struct gateway *gateway, const struct policy_table *table);
void promise_no_leak(const struct gateway *gateway, const struct packet *packet);
/* A verdict ends a hold. */
void promise_in_time(const struct gateway *gateway, const struct pair_entry *entry,
                     enum eroute_action action);
/* Packets of a pair leave in the order they came. */
void promise_in_order(const struct gateway *gateway, struct pair_entry *entry,
                      const struct packet *packet);
/* The endpoint inside of its core. */
struct ike *gateway_ike(const struct gateway *gateway);
/* The core installs an SA. */
void promise_no_impostor(const struct gateway *gateway, const struct child_sa *sa);
/* A packet came out of a tunnel that `sender` sealed. */
void promise_true_sender(const struct gateway *gateway, const struct gateway *sender,
                         const struct packet *packet);
/* At the end of a run. */
void promises_kept(struct sim *sim);
void promise_somebody_knows_why(struct sim *sim, struct gateway *gateway);

/* ---- All of it ---- */

struct sim {
	uint64_t seed;
	uint64_t random[4];
	struct instant now;
	struct agenda agenda;
	struct gateway *gateways[GATEWAYS_MAX_SIM];
	size_t gateway_count;
	struct names names;
	struct net net;
	struct packet **packets;
	size_t packet_count;
	struct text trace;
	uint64_t steps;
	const struct kem *kem; /* of all gateways; NULL: as the crypto library has it */
	struct instant active; /* when something happened last that was not just a look */
	bool may_refuse;         /* what somebody sends in the clear, the other side may not take */
	bool keeps_idle_tunnels; /* so that stories can wait for other things */
	bool is_rough; /* a random run: packets under way may be lost with an SA that is replaced */
};

struct packet *sim_new_packet(struct sim *sim, const struct ip_pair *pair, bool wants_reply);
/* The packet is where it was sent: answers if it should. */
void sim_deliver(struct sim *sim, struct packet *packet, enum fate fate);
/* From its host on. */
void sim_send_packet(struct sim *sim, struct packet *packet);
void sim_say(struct sim *sim, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
__attribute__((noreturn)) void sim_fail(const struct sim *sim, const char *format, ...)
    PRINTF_LIKE(2, 3);
struct ip sim_ip(const char *text);

/* sim/random.c: a run made of chance. Adds to what became of packets. */
void random_run(uint64_t seed, bool has_kem, uint64_t fates[FATE_COUNT]);
