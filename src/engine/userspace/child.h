#pragma once
/*
 * Both halves of a CHILD SA, as the workers use it: keys, window, limits, and where the peer is.
 *
 * The control thread makes and frees it; workers read it under RCU. tables.h finds it.
 */
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "engine/engine.h"
#include "engine/userspace/esp.h"
#include "engine/userspace/replay.h"
#include "engine/userspace/rows.h"
#include "util/hash.h"

/* What every path is taken to carry, whatever somebody says. */
enum { IPV4_LEAST_PATH = 576, IPV6_LEAST_MTU = 1280 };

/* Where the peer of a CHILD SA is since its NAT has given it another address or port. */
struct moved {
	struct path path;
	struct moved *next_garbage;
};

/* Both halves of a CHILD SA. Its keys and its window are used by the one worker only. */
struct child {
	struct cds_lfht_node node; /* by spi_in */
	/* Settled at creation. */
	uint32_t spi_in, spi_out;
	struct esp_key in, out;
	struct traffic_selector local, remote;
	struct selectors more_local, more_remote; /* owned */
	struct path path;                         /* at first; see child_path() */
	bool udp_encapsulation;
	bool copies_dscp;
	bool is_transport; /* then `local` and `remote` are one address each */
	unsigned device_mtu;
	struct child_limits soft, hard; /* of what is sent; never 0 */
	/* Changing: by the worker. */
	uint64_t sequence; /* sent last */
	struct replay replay;
	struct use use_in, use_out;
	bool is_told; /* the control thread has a letter that its first packet came */
	bool is_worn; /* beyond its soft limits, and the control thread was told; atomic */
	/* The same of its hard limits: it neither sends nor receives any more. Atomic. */
	bool is_spent;
	struct instant move_told; /* when the control thread heard of it last; 0 never */
	/* Changing: by the control thread. */
	unsigned mtu;               /* of the outer path, as far as it is known; atomic */
	struct instant mtu_learned; /* when it was lowered last; 0 never */
	struct moved *moved;        /* NULL: never; RCU */
	bool is_gone;               /* no eroute may send by it any more; atomic */
	struct hash_node node_out;  /* by spi_out */
	uint64_t serial;            /* newer is greater */
	unsigned eroutes;           /* and rows, that point here */
	struct child *next_garbage;
};

/* Keys are expanded here. NULL: the crypto library refused. */
struct child *esp_child_new(const struct child_sa *sa, unsigned mtu);
void esp_child_free(struct child *child);
/* By which outer addresses and ports it sends now. */
const struct path *child_path(const struct child *child);
/* Octets of the largest inner packet that fits into one outer packet; in transport mode its own
 * header counts with it, though it is not sent. */
size_t child_limit(const struct child *child);
/* The same, as it is told to senders of that IP version. */
size_t child_inner_limit(const struct child *child, unsigned version);
/* The next number to send with; 0: they are used up (RFC 4303 section 3.3.3), or what may be sent
 * under the key is (RKY-6). */
uint64_t child_next_sequence(struct child *child);
/* Said once: it is beyond its soft limits, and it is time for another. */
MUST_USE bool child_wears_out(struct child *child, uint64_t sequence);
/* It was not heard: with the next packet once more. */
void child_says_again(struct child *child);
/* With that number, or the octets by now, it is at a hard limit: nothing may follow. */
bool child_is_used_up(const struct child *child, uint64_t sequence);
/* OUT-5: from now on it is gone for both directions, whatever the control thread is at. */
void child_spend(struct child *child);
bool child_is_spent(const struct child *child);
/* It was removed, or is spent: no packet may be sent by it. */
bool child_carries_no_more(const struct child *child);
