#pragma once
/*
 * An engine worker: one thread, one TUN queue, the sockets that ESP comes by.
 *
 *      TUN  --> outbound.c: eroute of the pair --> seal and send, release, hold, answer, drop
 *      4500 --> inbound.c: SPI --> replay --> open --> selectors --> TUN
 *
 * It reads the tables under RCU, takes the hold's lock only while holding, and never waits for the
 * control thread. Packets are handled in batches: whatever a descriptor has, up to a bound, so that
 * neither direction starves the other.
 */
#include <pthread.h>

#include "engine/engine.h"
#include "engine/userspace/hold.h"
#include "engine/userspace/ivs.h"
#include "engine/userspace/mailbox.h"
#include "engine/userspace/rate.h"
#include "engine/userspace/release.h"
#include "engine/userspace/tables.h"
#include "engine/userspace/outer.h"
#include "engine/userspace/pieces.h"

enum { WORKER_BATCH = 64, WORKER_PACKET_MAX = 65536 };

/* Counters of dropped packets, by reason; any thread adds. */
struct drops {
	uint64_t count[ENGINE_DROP_COUNT];
};

static inline void drops_add(struct drops *drops, enum engine_drop drop)
{
	__atomic_fetch_add(&drops->count[drop], 1, __ATOMIC_RELAXED);
}

/* What all workers share; settled before they start. */
struct shared {
	struct tables tables;
	struct hold_table holds;
	struct release release;
	struct mailbox mailbox;
	struct drops drops;
	struct outer outer;
	unsigned mtu; /* of the outer device */
};

struct worker {
	struct shared *shared;
	int tun;
	int stop; /* eventfd */
	int poll;
	pthread_t thread;
	bool is_running;
	struct outer_receiver *rx;
	struct outer_sender *tx;
	size_t slot; /* octets of one datagram to send */
	struct rate icmp_rate;
	struct rate hint_rate; /* to the control thread */
	struct instant now;    /* read once for a batch */
	uint8_t *packet;       /* WORKER_PACKET_MAX: one from the TUN */
	uint8_t *piece;        /* as much: one fragment of it */
	struct piece_memory *pieces;
	struct ivs *ivs;
};

MUST_USE bool worker_start(struct worker *worker, struct shared *shared, int tun);
/* Waits for the thread. What is still in the TUN is lost with it. */
void worker_stop(struct worker *worker);

/* A packet that came out of the TUN; `octets` may be changed. Call while reading the tables. */
void outbound(struct worker *worker, uint8_t *octets, size_t len);
/* A datagram of the NAT traversal port, or of protocol 50. Call while reading the tables. */
void inbound(struct worker *worker, const struct outer_datagram *datagram);
void inbound_error(struct worker *worker, const struct outer_error *error);

/* For the control thread, under the hold's lock: what was held goes by its verdict. */
void outbound_release_held(struct shared *shared, const struct ip_pair *pair,
                           enum eroute_action action, struct released *released,
                           struct instant now);
/* The same, after a policy whose rules ask for ports: each packet goes by the rule that is its own
 * now, or is held for that. */
void outbound_sort_held(struct shared *shared, const struct ip_pair *pair, struct instant now);
