#include "opportunism/lookup.h"

#include <stdlib.h>

#include "dns/record.h"
#include "opportunism/limits.h"
#include "util/text.h"

struct lookup {
	struct hash_node by_id;
	TAILQ_ENTRY(lookup) in_waiting;
	LIST_ENTRY(lookup) of_client;
	struct lookup_client *client; /* NULL once cancelled: the resolver still answers */
	uint64_t id;
	unsigned slot;
	enum dns_type type;
	bool is_asked;
	char name[DNS_NAME_MAX];
};

void lookups_init(struct lookups *all, const struct resolver_port *resolver, const uint64_t seed[2])
{
	*all = (struct lookups){ .resolver = *resolver, .next_id = 1 };
	hash_init(&all->by_id, seed);
	TAILQ_INIT(&all->waiting);
}

void lookups_wipe(struct lookups *all)
{
	struct hash_node *node;

	while ((node = hash_walk(&all->by_id, NULL)) != NULL) {
		hash_remove(&all->by_id, node);
		free(CONTAINER_OF(node, struct lookup, by_id));
	}
	hash_wipe(&all->by_id);
}

static void ask_waiting(struct lookups *all)
{
	struct lookup *lookup;

	while (all->asked < LOOKUPS_MAX && (lookup = TAILQ_FIRST(&all->waiting)) != NULL) {
		TAILQ_REMOVE(&all->waiting, lookup, in_waiting);
		lookup->is_asked = true;
		all->asked++;
		all->resolver.lookup(all->resolver.ctx, lookup->id, lookup->name, lookup->type);
	}
}

void lookup_start(struct lookups *all, struct lookup_client *client, unsigned slot,
                  const char *name, enum dns_type type)
{
	struct lookup *lookup = new_zeroed(sizeof(*lookup));

	lookup->id = all->next_id++;
	lookup->client = client;
	lookup->slot = slot;
	lookup->type = type;
	string_copy(lookup->name, sizeof(lookup->name), name);
	hash_add(&all->by_id, &lookup->by_id,
	         hash_octets(&all->by_id, &lookup->id, sizeof(lookup->id)));
	LIST_INSERT_HEAD(&client->lookups, lookup, of_client);
	client->pending++;
	TAILQ_INSERT_TAIL(&all->waiting, lookup, in_waiting);
	ask_waiting(all);
}

static void lookup_free(struct lookups *all, struct lookup *lookup)
{
	hash_remove(&all->by_id, &lookup->by_id);
	free(lookup);
}

void lookup_cancel(struct lookups *all, struct lookup_client *client)
{
	struct lookup *lookup;

	while ((lookup = LIST_FIRST(&client->lookups)) != NULL) {
		LIST_REMOVE(lookup, of_client);
		lookup->client = NULL;
		if (!lookup->is_asked) {
			TAILQ_REMOVE(&all->waiting, lookup, in_waiting);
			lookup_free(all, lookup);
		}
	}
	client->pending = 0;
}

static struct lookup *lookup_find(const struct lookups *all, uint64_t id)
{
	struct hash_node *node = hash_first(&all->by_id, hash_octets(&all->by_id, &id, sizeof(id)));

	for (; node != NULL; node = hash_following(node)) {
		struct lookup *lookup = CONTAINER_OF(node, struct lookup, by_id);

		if (lookup->id == id)
			return lookup;
	}
	return NULL;
}

bool lookups_on_answer(struct lookups *all, uint64_t id, const struct dns_answer *answer)
{
	struct lookup *lookup = lookup_find(all, id);
	struct lookup_client *client;
	unsigned slot;

	if (lookup == NULL || !lookup->is_asked)
		return false;
	client = lookup->client;
	slot = lookup->slot;
	if (client != NULL) {
		LIST_REMOVE(lookup, of_client);
		client->pending--;
	}
	lookup_free(all, lookup);
	all->asked--;
	ask_waiting(all);
	if (client == NULL)
		return false;
	client->on_answer(client, slot, answer);
	return true;
}
