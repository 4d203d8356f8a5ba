#pragma once
/*
 * Questions to the DNS that are under way, each with the object that wants the answer.
 *
 * A client embeds `struct lookup_client`; lookup_cancel() before it goes makes late answers find
 * nobody. At most LOOKUPS_MAX are with the resolver at once, the others wait in order.
 */
#include <sys/queue.h>

#include "opportunism/ports.h"
#include "util/hash.h"

struct lookup;
struct lookup_client {
	/* `slot` is the client's own number for the question. */
	void (*on_answer)(struct lookup_client *client, unsigned slot,
	                  const struct dns_answer *answer);
	LIST_HEAD(, lookup) lookups;
	unsigned pending;
};

struct lookups {
	struct resolver_port resolver;
	struct hash by_id;
	TAILQ_HEAD(, lookup) waiting;
	uint64_t next_id;
	unsigned asked;
};

void lookups_init(struct lookups *all, const struct resolver_port *resolver,
                  const uint64_t seed[2]);
void lookups_wipe(struct lookups *all);
void lookup_start(struct lookups *all, struct lookup_client *client, unsigned slot,
                  const char *name, enum dns_type type);
void lookup_cancel(struct lookups *all, struct lookup_client *client);
/* Hands the answer to its client; false if nobody waits for it any more. */
bool lookups_on_answer(struct lookups *all, uint64_t id, const struct dns_answer *answer);
