#include "opportunism/fair.h"

#include <stdlib.h>

struct fair_host {
	struct fair_queue *queue;
	struct hash_node node;
	struct ip address;
	TAILQ_ENTRY(fair_host) in_turns;
	TAILQ_HEAD(, fair_entry) line;
	size_t count;
	struct heap_node by_count; /* due: minus the count, so that the fullest comes first */
};

void fair_init(struct fair_queue *queue, const uint64_t seed[2])
{
	*queue = (struct fair_queue){ 0 };
	hash_init(&queue->hosts, seed);
	TAILQ_INIT(&queue->turns);
}

static struct fair_host *host_find(const struct fair_queue *queue, const struct ip *address)
{
	uint64_t hash = hash_octets(&queue->hosts, address, sizeof(*address));
	struct hash_node *n = hash_first(&queue->hosts, hash);

	for (; n != NULL; n = hash_following(n)) {
		struct fair_host *host = CONTAINER_OF(n, struct fair_host, node);

		if (ip_equal(&host->address, address))
			return host;
	}
	return NULL;
}

static struct fair_host *host_get(struct fair_queue *queue, const struct ip *address)
{
	struct fair_host *host = host_find(queue, address);

	if (host != NULL)
		return host;
	host = new_zeroed(sizeof(*host));
	host->queue = queue;
	host->address = *address;
	TAILQ_INIT(&host->line);
	hash_add(&queue->hosts, &host->node, hash_octets(&queue->hosts, address, sizeof(*address)));
	/* Behind the others: who comes and goes does not get ahead of who waits. */
	TAILQ_INSERT_TAIL(&queue->turns, host, in_turns);
	return host;
}

static void host_count(struct fair_host *host, int change)
{
	struct fair_queue *queue = host->queue;

	host->count += (size_t)change;
	queue->count += (size_t)change;
	heap_set(&queue->fullest, &host->by_count, (struct instant){ -(int64_t)host->count });
	if (host->count > 0)
		return;
	heap_remove(&queue->fullest, &host->by_count);
	TAILQ_REMOVE(&queue->turns, host, in_turns);
	hash_remove(&queue->hosts, &host->node);
	free(host);
}

void fair_add(struct fair_queue *queue, struct fair_entry *entry, const struct ip *source)
{
	entry->host = host_get(queue, source);
	TAILQ_INSERT_TAIL(&entry->host->line, entry, in_line);
	host_count(entry->host, 1);
}

void fair_remove(struct fair_entry *entry)
{
	struct fair_host *host = entry->host;

	if (host == NULL)
		return;
	TAILQ_REMOVE(&host->line, entry, in_line);
	entry->host = NULL;
	host_count(host, -1);
}

const struct fair_queue *fair_queue_of(const struct fair_entry *entry)
{
	return entry->host == NULL ? NULL : entry->host->queue;
}

size_t fair_line(const struct fair_entry *entry)
{
	return entry->host == NULL ? 0 : entry->host->count;
}

static struct fair_entry *take_turn(struct fair_host *host)
{
	struct fair_queue *queue = host->queue;
	struct fair_entry *entry = TAILQ_FIRST(&host->line);

	TAILQ_REMOVE(&queue->turns, host, in_turns);
	TAILQ_INSERT_TAIL(&queue->turns, host, in_turns);
	fair_remove(entry);
	return entry;
}

struct fair_entry *fair_next(struct fair_queue *queue)
{
	struct fair_host *host = TAILQ_FIRST(&queue->turns);

	return host == NULL ? NULL : take_turn(host);
}

struct fair_entry *fair_next_below(struct fair_queue *queue, const struct fair_queue *busy,
                                   size_t most)
{
	struct fair_host *host;

	TAILQ_FOREACH (host, &queue->turns, in_turns) {
		const struct fair_host *same = host_find(busy, &host->address);

		if (same == NULL || same->count < most)
			return take_turn(host);
	}
	return NULL;
}

struct fair_entry *fair_oldest_of_fullest(const struct fair_queue *queue)
{
	struct heap_node *first = heap_first(&queue->fullest);

	return first == NULL ? NULL
	                     : TAILQ_FIRST(&CONTAINER_OF(first, struct fair_host, by_count)->line);
}

void fair_wipe(struct fair_queue *queue)
{
	struct heap_node *first;

	while ((first = heap_first(&queue->fullest)) != NULL) {
		struct fair_host *host = CONTAINER_OF(first, struct fair_host, by_count);

		fair_remove(TAILQ_FIRST(&host->line));
	}
	hash_wipe(&queue->hosts);
	heap_wipe(&queue->fullest);
}
