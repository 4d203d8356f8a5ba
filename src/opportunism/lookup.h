#pragma once
/*
 * Questions to the DNS that are under way, each with the object that wants the answer.
 *
 * A client embeds `struct lookup_client`; lookup_cancel() before it goes makes late answers find
 * nobody. At most LOOKUPS_MAX of ours are with the resolver at once, and CLAIM_LOOKUPS_MAX about
 * the claims of strangers, so that neither keeps the other waiting; the rest wait in order. Who
 * starts something new asks lookups_room() first.
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
	bool is_claim;   /* of a stranger: counts with those */
	bool is_patient; /* its questions may wait for each other */
};

/* Ours, or about claims. */
struct lookup_line {
	TAILQ_HEAD(, lookup) waiting;
	unsigned waiting_count;
	unsigned asked, asked_max;
};

struct lookups {
	struct resolver_port resolver;
	struct hash by_id;
	struct lookup_line ours, claims;
	uint64_t next_id;
	bool skips_key; /* nobody asks for KEY records (KEY-3) */
};

void lookups_init(struct lookups *all, const struct resolver_port *resolver,
                  const uint64_t seed[2]);
void lookups_wipe(struct lookups *all);
void lookup_start(struct lookups *all, struct lookup_client *client, unsigned slot,
                  const char *name, enum dns_type type);
/* The same, past the resolver's cache (OIN-8). */
void lookup_start_fresh(struct lookups *all, struct lookup_client *client, unsigned slot,
                        const char *name, enum dns_type type);
void lookup_cancel(struct lookups *all, struct lookup_client *client);
/* How many more of ours the resolver would get at once. */
unsigned lookups_room(const struct lookups *all);
/* Hands the answer to its client; false if nobody waits for it any more. */
bool lookups_on_answer(struct lookups *all, uint64_t id, const struct dns_answer *answer);
