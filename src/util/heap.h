#pragma once
/*
 * Deadlines in order: a binary heap of nodes embedded in their owners.
 *
 * The heap keeps each deadline beside the pointer to its node, so that to sort does not touch the
 * owners: with thousands of them each would be a miss of the cache.
 */
#include "util/bytes.h"
#include "util/time.h"

struct heap_node {
	struct instant due;
	size_t place; /* 1-based place in the heap, 0 while not in it */
};

struct heap_entry {
	struct instant due;
	struct heap_node *node;
};

struct heap {
	struct heap_entry *entries;
	size_t count;
	size_t size;
};

void heap_wipe(struct heap *h);
/* Adds the node, or moves it if it is in already. INSTANT_NEVER takes it out. */
void heap_set(struct heap *h, struct heap_node *node, struct instant due);
void heap_remove(struct heap *h, struct heap_node *node);
/* The node due first, or NULL. */
struct heap_node *heap_first(const struct heap *h);
struct instant heap_due(const struct heap *h);
