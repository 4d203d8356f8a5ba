#pragma once
/*
 * A queue that is fair per inside host: every host has a line of its own, and the hosts take turns.
 *
 * Who makes a thousand entries waits for its own, not the others for it. The owner bounds how many
 * go in; fair_oldest_of_fullest() is whom the bound hits. Nothing of a host stays when its line is
 * empty.
 */
#include <sys/queue.h>

#include "util/address.h"
#include "util/hash.h"
#include "util/heap.h"

struct fair_host;

/* Embedded in what waits. Zeroed: in no queue. */
struct fair_entry {
	struct fair_host *host; /* NULL: not in */
	TAILQ_ENTRY(fair_entry) in_line;
};

struct fair_queue {
	struct hash hosts;
	TAILQ_HEAD(, fair_host) turns;
	struct heap fullest;
	size_t count;
};

void fair_init(struct fair_queue *queue, const uint64_t seed[2]);
/* The entries belong to their owners, and are in no queue any more. */
void fair_wipe(struct fair_queue *queue);

void fair_add(struct fair_queue *queue, struct fair_entry *entry, const struct ip *source);
/* Nothing happens to one that is not in. */
void fair_remove(struct fair_entry *entry);
/* NULL: in none. */
const struct fair_queue *fair_queue_of(const struct fair_entry *entry);

/* How many entries its host has in the queue it is in; 0: in none. */
size_t fair_line(const struct fair_entry *entry);

/* Takes out the oldest entry of the host whose turn it is; NULL: there is none. */
struct fair_entry *fair_next(struct fair_queue *queue);
/* The same, without hosts that have `most` entries and more in `busy`. */
struct fair_entry *fair_next_below(struct fair_queue *queue, const struct fair_queue *busy,
                                   size_t most);
/* The oldest entry of the host with the most; it stays in. NULL: there is none. */
struct fair_entry *fair_oldest_of_fullest(const struct fair_queue *queue);
