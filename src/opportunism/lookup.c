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
	enum lookup_how how;
	bool is_asked, is_claim;
	char name[DNS_NAME_MAX];
};

void lookups_init(struct lookups *all, const struct resolver_port *resolver, const uint64_t seed[2])
{
	*all = (struct lookups){ .resolver = *resolver, .next_id = 1 };
	hash_init(&all->by_id, seed);
	all->ours.asked_max = LOOKUPS_MAX;
	all->claims.asked_max = CLAIM_LOOKUPS_MAX;
	TAILQ_INIT(&all->ours.waiting);
	TAILQ_INIT(&all->claims.waiting);
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

static struct lookup_line *line_of(struct lookups *all, const struct lookup *lookup)
{
	return lookup->is_claim ? &all->claims : &all->ours;
}

static void unwait(struct lookup_line *line, struct lookup *lookup)
{
	TAILQ_REMOVE(&line->waiting, lookup, in_waiting);
	line->waiting_count--;
}

/* The resolver's own bound: with more it would be late with each. */
static unsigned most_of(const struct lookups *all, const struct lookup_line *line)
{
	unsigned window = line->asked_max;

	if (all->resolver.window != NULL)
		window = all->resolver.window(all->resolver.ctx);
	return window < line->asked_max ? window : line->asked_max;
}

unsigned lookups_room(const struct lookups *all)
{
	unsigned taken = all->ours.asked + all->ours.waiting_count;

	unsigned most = most_of(all, &all->ours);

	return taken < most ? most - taken : 0;
}

static void ask_waiting(struct lookups *all, struct lookup_line *line)
{
	struct lookup *lookup;

	while (line->asked < most_of(all, line) && (lookup = TAILQ_FIRST(&line->waiting)) != NULL) {
		unwait(line, lookup);
		lookup->is_asked = true;
		line->asked++;
		all->resolver.lookup(all->resolver.ctx, lookup->id, lookup->name, lookup->type,
		                     lookup->how);
	}
}

static void start(struct lookups *all, struct lookup_client *client, unsigned slot,
                  const char *name, enum dns_type type, enum lookup_how how)
{
	struct lookup *lookup = new_zeroed(sizeof(*lookup));
	struct lookup_line *line;

	lookup->id = all->next_id++;
	lookup->client = client;
	lookup->slot = slot;
	lookup->type = type;
	lookup->is_claim = client->is_claim;
	lookup->how = how;
	string_copy(lookup->name, sizeof(lookup->name), name);
	hash_add(&all->by_id, &lookup->by_id,
	         hash_octets(&all->by_id, &lookup->id, sizeof(lookup->id)));
	LIST_INSERT_HEAD(&client->lookups, lookup, of_client);
	client->pending++;
	line = line_of(all, lookup);
	TAILQ_INSERT_TAIL(&line->waiting, lookup, in_waiting);
	line->waiting_count++;
	ask_waiting(all, line);
}

void lookup_start(struct lookups *all, struct lookup_client *client, unsigned slot,
                  const char *name, enum dns_type type)
{
	start(all, client, slot, name, type,
	      client->is_patient ? LOOKUP_PATIENTLY : LOOKUP_AT_ONCE);
}

void lookup_start_fresh(struct lookups *all, struct lookup_client *client, unsigned slot,
                        const char *name, enum dns_type type)
{
	start(all, client, slot, name, type, LOOKUP_FRESH);
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
			unwait(line_of(all, lookup), lookup);
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
	struct lookup_line *line;
	unsigned slot;

	if (lookup == NULL || !lookup->is_asked)
		return false;
	line = line_of(all, lookup);
	client = lookup->client;
	slot = lookup->slot;
	if (client != NULL) {
		LIST_REMOVE(lookup, of_client);
		client->pending--;
	}
	lookup_free(all, lookup);
	line->asked--;
	ask_waiting(all, line);
	if (client == NULL)
		return false;
	client->on_answer(client, slot, answer);
	return true;
}
