#pragma once
/*
 * A hash table of nodes embedded in their owners.
 *
 * The owner compares; the table only chains. Keys come from strangers, so the hash is keyed with a
 * random seed, given by the owner when the table is made. The table grows by doubling and never
 * shrinks; its owner bounds how many nodes go in.
 */
#include "util/bytes.h"

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash {
	struct hash_node **buckets;
	size_t size; /* a power of two */
	size_t count;
	uint64_t seed[2];
};

void hash_init(struct hash *h, const uint64_t seed[2]);
/* Frees the buckets; the nodes belong to their owners. */
void hash_wipe(struct hash *h);
uint64_t hash_octets(const struct hash *h, const void *key, size_t len);
void hash_add(struct hash *h, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *h, struct hash_node *node);
/* First node with that hash, or NULL; then the following ones. */
struct hash_node *hash_first(const struct hash *h, uint64_t hash);
struct hash_node *hash_following(const struct hash_node *node);
/* Every node, in no order: start with NULL. The node handed out may be removed before the next call
 * only if its successor was fetched before. */
struct hash_node *hash_walk(const struct hash *h, const struct hash_node *after);

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
