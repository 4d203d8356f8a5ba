#include "opportunism/askers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NAME_TIME ((struct duration){ SECONDS(60).ns / ASKER_NAMES_PER_MINUTE })

struct asker {
	struct hash_node node;
	struct ip from;
	unsigned open;         /* names being looked up */
	struct duration saved; /* NAME_TIME for each name that may be */
	struct instant seen;
};

void askers_init(struct askers *askers, const uint64_t seed[2])
{
	hash_init(&askers->by_address, seed);
}

static void forget(struct askers *askers, struct asker *asker)
{
	hash_remove(&askers->by_address, &asker->node);
	free(asker);
}

void askers_wipe(struct askers *askers)
{
	struct hash_node *node;

	while ((node = hash_walk(&askers->by_address, NULL)) != NULL)
		forget(askers, CONTAINER_OF(node, struct asker, node));
	hash_wipe(&askers->by_address);
}

/* Who has one IPv6 address has all of its /64 to ask from. */
static struct ip source_of(const struct ip *from)
{
	struct ip source = *from;

	if (source.family == IP_V6)
		memset(source.octets + 8, 0, 8);
	return source;
}

/* `from`: as source_of() makes it, here and in get(). */
static struct asker *find(const struct askers *askers, const struct ip *from)
{
	uint64_t hash = hash_octets(&askers->by_address, from, sizeof(*from));
	struct hash_node *node = hash_first(&askers->by_address, hash);

	for (; node != NULL; node = hash_following(node)) {
		struct asker *asker = CONTAINER_OF(node, struct asker, node);

		if (ip_equal(&asker->from, from))
			return asker;
	}
	return NULL;
}

/* Who has not asked for a minute is as good as new. */
static void trim(struct askers *askers, struct instant now)
{
	struct hash_node *node = hash_walk(&askers->by_address, NULL);

	while (node != NULL) {
		struct asker *asker = CONTAINER_OF(node, struct asker, node);

		node = hash_walk(&askers->by_address, node);
		if (asker->open == 0 && instant_since(now, asker->seen).ns >= SECONDS(60).ns)
			forget(askers, asker);
	}
}

/* NULL at the bound. */
static struct asker *get(struct askers *askers, const struct ip *from, struct instant now)
{
	struct asker *asker = find(askers, from);

	if (asker != NULL)
		return asker;
	if (askers->by_address.count >= ASKERS_MAX)
		trim(askers, now);
	if (askers->by_address.count >= ASKERS_MAX)
		return NULL;
	asker = new_zeroed(sizeof(*asker));
	asker->from = *from;
	asker->saved.ns = NAME_TIME.ns * ASKER_NAMES_PER_MINUTE;
	asker->seen = now;
	hash_add(&askers->by_address, &asker->node,
	         hash_octets(&askers->by_address, from, sizeof(*from)));
	return asker;
}

static void save(struct asker *asker, struct instant now)
{
	asker->saved.ns += instant_since(now, asker->seen).ns;
	asker->saved =
	    duration_min(asker->saved, (struct duration){ NAME_TIME.ns * ASKER_NAMES_PER_MINUTE });
	asker->seen = now;
}

enum asker_answer asker_ask(struct askers *askers, const struct ip *from, unsigned names,
                            struct instant now)
{
	struct ip source = source_of(from);
	struct asker *asker = get(askers, &source, now);

	assert(names <= ASKER_NAMES_MAX);
	if (asker == NULL)
		return ASKER_NEVER;
	save(asker, now);
	if (asker->saved.ns < NAME_TIME.ns * names)
		return ASKER_NEVER;
	if (asker->open + names > ASKER_NAMES_MAX)
		return ASKER_WAIT;
	asker->open += names;
	asker->saved.ns -= NAME_TIME.ns * names;
	return ASKER_GO;
}

void asker_done(struct askers *askers, const struct ip *from, unsigned names)
{
	struct ip source = source_of(from);
	struct asker *asker = find(askers, &source);

	assert(asker != NULL && asker->open >= names);
	asker->open -= names;
}
