#include "util/hash.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS_AT_START = 16 };

void hash_init(struct hash *h, const uint64_t seed[2])
{
	*h = (struct hash){ .size = BUCKETS_AT_START, .seed = { seed[0], seed[1] } };
	h->buckets = new_array(h->size, sizeof(*h->buckets));
}

void hash_wipe(struct hash *h)
{
	free(h->buckets);
	*h = (struct hash){ 0 };
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

/* SipHash-1-3: keyed, so that a stranger who picks addresses cannot pick buckets. */
static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t hash_octets(const struct hash *h, const void *key, size_t len)
{
	const uint8_t *p = key;
	uint64_t v[4] = { h->seed[0] ^ 0x736f6d6570736575, h->seed[1] ^ 0x646f72616e646f6d,
			  h->seed[0] ^ 0x6c7967656e657261, h->seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)len << 56;
	size_t whole = len / 8 * 8;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t m;

		memcpy(&m, p + i, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = whole; i < len; i++)
		last |= (uint64_t)p[i] << (8 * (i - whole));
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void hash_grow(struct hash *h)
{
	struct hash_node **old = h->buckets;
	size_t old_size = h->size;

	h->size *= 2;
	h->buckets = new_array(h->size, sizeof(*h->buckets));
	for (size_t i = 0; i < old_size; i++) {
		struct hash_node *node = old[i];

		while (node != NULL) {
			struct hash_node *next = node->next;
			struct hash_node **bucket = &h->buckets[node->hash & (h->size - 1)];

			node->next = *bucket;
			*bucket = node;
			node = next;
		}
	}
	free(old);
}

void hash_add(struct hash *h, struct hash_node *node, uint64_t hash)
{
	struct hash_node **bucket;

	if (h->count >= h->size)
		hash_grow(h);
	bucket = &h->buckets[hash & (h->size - 1)];
	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	h->count++;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	struct hash_node **at = &h->buckets[node->hash & (h->size - 1)];

	while (*at != NULL && *at != node)
		at = &(*at)->next;
	assert(*at == node);
	*at = node->next;
	node->next = NULL;
	h->count--;
}

static struct hash_node *same_hash(struct hash_node *node, uint64_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash *h, uint64_t hash)
{
	return same_hash(h->buckets[hash & (h->size - 1)], hash);
}

struct hash_node *hash_following(const struct hash_node *node)
{
	return same_hash(node->next, node->hash);
}

struct hash_node *hash_walk(const struct hash *h, const struct hash_node *after)
{
	size_t i = 0;

	if (after != NULL) {
		if (after->next != NULL)
			return after->next;
		i = (after->hash & (h->size - 1)) + 1;
	}
	for (; i < h->size; i++) {
		if (h->buckets[i] != NULL)
			return h->buckets[i];
	}
	return NULL;
}
