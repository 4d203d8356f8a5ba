#include "ike/half_open.h"

#include <assert.h>
#include <stdlib.h>

struct half_open {
	struct half_open *older;
	struct half_open *newer;
	struct ike_sa *sa;
	struct half_open_origin *source;
	struct half_open_origin *network;
	bool is_shielded; /* not in the list */
};

/* The number of bits tells the family too: 32 and 24, or 64 and 48. */
struct origin_key {
	uint8_t bits;
	uint8_t octets[8];
};

struct half_open_origin {
	struct hash_node node;
	struct origin_key key;
	unsigned count;
	unsigned shielded; /* of a network */
};

static struct origin_key key_of(const struct ip *address, bool is_network)
{
	bool is_4 = address->family == IP_V4;
	struct origin_key key = { .bits = is_4 ? (is_network ? 24 : 32) : (is_network ? 48 : 64) };

	memcpy(key.octets, address->octets, key.bits / 8);
	return key;
}

static uint64_t hash_key(const struct half_opens *all, const struct origin_key *key)
{
	return hash_octets(&all->origins, key, sizeof(*key));
}

static struct half_open_origin *find(const struct half_opens *all, const struct origin_key *key)
{
	struct hash_node *node = hash_first(&all->origins, hash_key(all, key));

	for (; node != NULL; node = hash_following(node)) {
		struct half_open_origin *origin = CONTAINER_OF(node, struct half_open_origin, node);

		if (memcmp(&origin->key, key, sizeof(*key)) == 0)
			return origin;
	}
	return NULL;
}

static unsigned count_of(const struct half_opens *all, const struct ip *source, bool is_network)
{
	const struct origin_key key = key_of(source, is_network);
	const struct half_open_origin *origin = find(all, &key);

	return origin == NULL ? 0 : origin->count;
}

static struct half_open_origin *enter(struct half_opens *all, const struct ip *source,
                                      bool is_network)
{
	const struct origin_key key = key_of(source, is_network);
	struct half_open_origin *origin = find(all, &key);

	if (origin == NULL) {
		origin = new_zeroed(sizeof(*origin));
		origin->key = key;
		hash_add(&all->origins, &origin->node, hash_key(all, &key));
	}
	origin->count++;
	return origin;
}

static void leave(struct half_opens *all, struct half_open_origin *origin)
{
	assert(origin->count > 0);
	if (--origin->count > 0)
		return;
	hash_remove(&all->origins, &origin->node);
	free(origin);
}

void half_opens_init(struct half_opens *all, const uint64_t seed[2])
{
	*all = (struct half_opens){ 0 };
	hash_init(&all->origins, seed);
}

void half_opens_wipe(struct half_opens *all)
{
	assert(all->count == 0);
	hash_wipe(&all->origins);
}

bool half_opens_welcome(const struct half_opens *all, const struct ip *source)
{
	return count_of(all, source, false) < HALF_OPEN_SOURCE_MAX &&
	       count_of(all, source, true) < HALF_OPEN_PREFIX_MAX;
}

struct ike_sa *half_opens_oldest(const struct half_opens *all)
{
	return all->oldest == NULL ? NULL : all->oldest->sa;
}

static void link_newest(struct half_opens *all, struct half_open *half_open)
{
	half_open->older = all->newest;
	half_open->newer = NULL;
	if (all->newest != NULL)
		all->newest->newer = half_open;
	else
		all->oldest = half_open;
	all->newest = half_open;
}

static void unlink_one(struct half_opens *all, struct half_open *half_open)
{
	if (half_open->older != NULL)
		half_open->older->newer = half_open->newer;
	else
		all->oldest = half_open->newer;
	if (half_open->newer != NULL)
		half_open->newer->older = half_open->older;
	else
		all->newest = half_open->older;
}

struct half_open *half_open_add(struct half_opens *all, struct ike_sa *sa, const struct ip *source)
{
	struct half_open *half_open = new_zeroed(sizeof(*half_open));

	half_open->sa = sa;
	half_open->source = enter(all, source, false);
	half_open->network = enter(all, source, true);
	link_newest(all, half_open);
	all->count++;
	return half_open;
}

bool half_open_may_claim(const struct half_opens *all, const struct half_open *half_open)
{
	return all->shielded < HALF_OPEN_SHIELDED_FREE ||
	       half_open->network->shielded < HALF_OPEN_SHIELDED_PREFIX;
}

static void set_shielded(struct half_opens *all, struct half_open *half_open, bool is_shielded)
{
	half_open->is_shielded = is_shielded;
	if (is_shielded) {
		all->shielded++;
		half_open->network->shielded++;
	} else {
		all->shielded--;
		half_open->network->shielded--;
	}
}

void half_open_shield(struct half_opens *all, struct half_open *half_open)
{
	if (half_open->is_shielded)
		return;
	unlink_one(all, half_open);
	set_shielded(all, half_open, true);
}

void half_open_expose(struct half_opens *all, struct half_open *half_open)
{
	if (!half_open->is_shielded)
		return;
	link_newest(all, half_open);
	set_shielded(all, half_open, false);
}

void half_open_remove(struct half_opens *all, struct half_open *half_open)
{
	if (half_open == NULL)
		return;
	half_open_expose(all, half_open);
	unlink_one(all, half_open);
	leave(all, half_open->source);
	leave(all, half_open->network);
	all->count--;
	free(half_open);
}
