#pragma once
/*
 * Packets that wait for a verdict, per pair (HOLD-1 to HOLD-4 of the first-packet promise).
 *
 * One lock, taken only while holding: the worker keeps packets under it, the control thread drains
 * under it, so no packet slips in between a verdict and its release. The caller locks.
 *
 * Bounds: 16 packets for one pair (the first stays, at the bound the newest replaces the one kept
 * before it), 8 MiB and 16 384 pairs for one inside host, 64 MiB and 65 536 pairs in all. Above the
 * octets a new pair is held without its packet; above the pairs the packet is dropped and nothing
 * is asked. All counted. A host with few pairs may still add some where others have used up all.
 *
 * Acquires are handed out host by host: one that sprays waits for its own.
 */
#include <pthread.h>
#include <sys/queue.h>

#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

enum {
	HOLD_PACKETS_MAX = 16,
	HOLD_PAIRS_MAX = 65536,
	HOLD_HOST_PAIRS_MAX = 16384, /* the core has no more than these wait (TTL-8) */
	HOLD_HOST_FEW = 64,
};
#define HOLD_OCTETS_MAX      ((size_t)64 << 20)
#define HOLD_HOST_OCTETS_MAX ((size_t)8 << 20)

/* One pair without a verdict. */
struct hold {
	struct hash_node node;
	struct ip_pair pair;
	struct hold_host *host;
	struct buf packets[HOLD_PACKETS_MAX];
	unsigned count;
	uint64_t caught; /* packets that came, kept or not */
	uint64_t caught_octets;
	struct instant last;       /* newest packet */
	struct instant raised;     /* acquire handed out last; 0 never */
	TAILQ_ENTRY(hold) in_line; /* of its host's acquires to hand out */
	bool is_queued;
};

struct hold_table {
	pthread_mutex_t lock;
	struct hash holds;
	struct hash hosts;
	size_t octets;
	uint64_t dropped;              /* packets not kept, all bounds together */
	TAILQ_HEAD(, hold_host) turns; /* hosts with acquires to hand out */
	bool is_told;                  /* the control thread was woken to take them all */
	/* Settled at creation; smaller in tests. */
	size_t octets_max, host_octets_max, pairs_max, host_pairs_max, few;
};

void hold_table_init(struct hold_table *t, const uint64_t seed[2]);
void hold_table_wipe(struct hold_table *t);
void hold_lock(struct hold_table *t);
void hold_unlock(struct hold_table *t);

struct hold *hold_find(struct hold_table *t, const struct ip_pair *pair);
/*
 * Keeps a copy of the packet. True: an acquire is now waiting to be handed out that was not before
 * (new pair, or the last one was handed out a second ago and more); wake the control thread.
 */
MUST_USE bool hold_keep(struct hold_table *t, const struct ip_pair *pair, struct bytes packet,
                        struct instant now);
/* Hands out the next acquire, of the host whose turn it is; false: there is none. */
MUST_USE bool hold_next_acquire(struct hold_table *t, struct ip_pair *pair, struct instant now);
/* The first packet of the pair that waits; empty: none. Good until the lock is let go. */
struct bytes hold_first(struct hold_table *t, const struct ip_pair *pair);
/* Queues again what was handed out longer ago than `patience`: an acquire may have got lost. */
void hold_remind(struct hold_table *t, struct duration patience, struct instant now);
/* The pair has no verdict after all: what is held stays, and is asked about again at once. False:
 * nothing is held. */
MUST_USE bool hold_ask_again(struct hold_table *t, const struct ip_pair *pair);
/* The pairs that are held; the caller frees. */
struct ip_pair *hold_pairs(struct hold_table *t, size_t *count);
/* Every packet in order to `see`, then the hold is gone. False: there was none. */
bool hold_drain(struct hold_table *t, const struct ip_pair *pair,
                void (*see)(void *ctx, struct bytes packet), void *ctx);
