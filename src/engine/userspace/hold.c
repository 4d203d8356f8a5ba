#include "engine/userspace/hold.h"

#include <assert.h>
#include <stdlib.h>

/* What one inside host has in all its holds together. */
struct hold_host {
	struct hash_node node;
	struct ip address;
	size_t octets;
	unsigned holds;
	TAILQ_HEAD(, hold) line; /* acquires to hand out */
	TAILQ_ENTRY(hold_host) in_turns;
};

void hold_table_init(struct hold_table *t, const uint64_t seed[2])
{
	*t = (struct hold_table){ .octets_max = HOLD_OCTETS_MAX,
		                  .host_octets_max = HOLD_HOST_OCTETS_MAX,
		                  .pairs_max = HOLD_PAIRS_MAX,
		                  .host_pairs_max = HOLD_HOST_PAIRS_MAX,
		                  .few = HOLD_HOST_FEW };
	pthread_mutex_init(&t->lock, NULL);
	hash_init(&t->holds, seed);
	hash_init(&t->hosts, seed);
	TAILQ_INIT(&t->turns);
}

void hold_lock(struct hold_table *t)
{
	pthread_mutex_lock(&t->lock);
}

void hold_unlock(struct hold_table *t)
{
	pthread_mutex_unlock(&t->lock);
}

static struct hold_host *host_get(struct hold_table *t, const struct ip *address)
{
	uint64_t hash = hash_octets(&t->hosts, address, sizeof(*address));
	struct hold_host *host;

	for (struct hash_node *n = hash_first(&t->hosts, hash); n != NULL; n = hash_following(n)) {
		host = CONTAINER_OF(n, struct hold_host, node);
		if (ip_equal(&host->address, address))
			return host;
	}
	host = new_zeroed(sizeof(*host));
	host->address = *address;
	TAILQ_INIT(&host->line);
	hash_add(&t->hosts, &host->node, hash);
	return host;
}

static void host_put(struct hold_table *t, struct hold_host *host)
{
	if (--host->holds > 0)
		return;
	assert(host->octets == 0);
	hash_remove(&t->hosts, &host->node);
	free(host);
}

struct hold *hold_find(struct hold_table *t, const struct ip_pair *pair)
{
	uint64_t hash = hash_octets(&t->holds, pair, sizeof(*pair));

	for (struct hash_node *n = hash_first(&t->holds, hash); n != NULL; n = hash_following(n)) {
		struct hold *hold = CONTAINER_OF(n, struct hold, node);

		if (pair_equal(&hold->pair, pair))
			return hold;
	}
	return NULL;
}

static bool has_room(const struct hold_table *t, const struct hold_host *host)
{
	if (host->holds >= t->host_pairs_max)
		return false;
	return t->holds.count < t->pairs_max ||
	       (host->holds < t->few && t->holds.count < 2 * t->pairs_max);
}

/* NULL: above the bounds. */
static struct hold *hold_new(struct hold_table *t, const struct ip_pair *pair)
{
	struct hold_host *host = host_get(t, &pair->source);
	bool is_bounded = !has_room(t, host);
	struct hold *hold;

	host->holds++;
	if (is_bounded) {
		host_put(t, host);
		return NULL;
	}
	hold = new_zeroed(sizeof(*hold));
	hold->pair = *pair;
	hold->host = host;
	hash_add(&t->holds, &hold->node, hash_octets(&t->holds, pair, sizeof(*pair)));
	return hold;
}

static void unqueue(struct hold_table *t, struct hold *hold)
{
	struct hold_host *host = hold->host;

	if (!hold->is_queued)
		return;
	TAILQ_REMOVE(&host->line, hold, in_line);
	hold->is_queued = false;
	if (TAILQ_EMPTY(&host->line))
		TAILQ_REMOVE(&t->turns, host, in_turns);
}

static void packet_drop(struct hold_table *t, struct hold *hold, struct buf *packet)
{
	t->octets -= packet->len;
	hold->host->octets -= packet->len;
	buf_free(packet);
}

static void hold_free(struct hold_table *t, struct hold *hold)
{
	unqueue(t, hold);
	for (unsigned i = 0; i < hold->count; i++)
		packet_drop(t, hold, &hold->packets[i]);
	hash_remove(&t->holds, &hold->node);
	host_put(t, hold->host);
	free(hold);
}

void hold_table_wipe(struct hold_table *t)
{
	struct hash_node *node;

	while ((node = hash_walk(&t->holds, NULL)) != NULL)
		hold_free(t, CONTAINER_OF(node, struct hold, node));
	hash_wipe(&t->holds);
	hash_wipe(&t->hosts);
	pthread_mutex_destroy(&t->lock);
}

static bool fits(const struct hold_table *t, const struct hold *hold, size_t more, size_t less)
{
	return t->octets + more - less <= t->octets_max &&
	       hold->host->octets + more - less <= t->host_octets_max;
}

static void append(struct hold_table *t, struct hold *hold, struct bytes packet)
{
	hold->packets[hold->count++] = buf_copy(packet);
	t->octets += packet.len;
	hold->host->octets += packet.len;
}

static void keep_packet(struct hold_table *t, struct hold *hold, struct bytes packet)
{
	struct buf *newest = hold->count > 0 ? &hold->packets[hold->count - 1] : NULL;

	if (hold->count < HOLD_PACKETS_MAX && fits(t, hold, packet.len, 0)) {
		append(t, hold, packet);
		return;
	}
	t->dropped++;
	if (newest == NULL || hold->count < 2 || !fits(t, hold, packet.len, newest->len))
		return;
	packet_drop(t, hold, newest);
	hold->count--;
	append(t, hold, packet);
}

static bool queue_acquire(struct hold_table *t, struct hold *hold)
{
	struct hold_host *host = hold->host;

	if (hold->is_queued)
		return false;
	hold->is_queued = true;
	if (TAILQ_EMPTY(&host->line))
		TAILQ_INSERT_TAIL(&t->turns, host, in_turns);
	TAILQ_INSERT_TAIL(&host->line, hold, in_line);
	return true;
}

bool hold_keep(struct hold_table *t, const struct ip_pair *pair, struct bytes packet,
               struct instant now)
{
	struct hold *hold = hold_find(t, pair);

	if (hold == NULL) {
		hold = hold_new(t, pair);
		if (hold == NULL) {
			t->dropped++;
			return false;
		}
	}
	hold->caught++;
	hold->caught_octets += packet.len;
	hold->last = now;
	keep_packet(t, hold, packet);
	if (hold->raised.ns != 0 && instant_since(now, hold->raised).ns < SECONDS(1).ns)
		return false;
	return queue_acquire(t, hold);
}

bool hold_next_acquire(struct hold_table *t, struct ip_pair *pair, struct instant now)
{
	struct hold_host *host = TAILQ_FIRST(&t->turns);
	struct hold *hold;

	t->is_told = host != NULL;
	if (host == NULL)
		return false;
	hold = TAILQ_FIRST(&host->line);
	/* Behind the others, if it has more. */
	TAILQ_REMOVE(&t->turns, host, in_turns);
	TAILQ_INSERT_TAIL(&t->turns, host, in_turns);
	unqueue(t, hold);
	hold->raised = now;
	*pair = hold->pair;
	return true;
}

struct bytes hold_first(struct hold_table *t, const struct ip_pair *pair)
{
	const struct hold *hold = hold_find(t, pair);

	return hold == NULL || hold->count == 0 ? BYTES(NULL, 0) : buf_view(&hold->packets[0]);
}

void hold_remind(struct hold_table *t, struct duration patience, struct instant now)
{
	for (struct hash_node *n = hash_walk(&t->holds, NULL); n; n = hash_walk(&t->holds, n)) {
		struct hold *hold = CONTAINER_OF(n, struct hold, node);

		if (instant_since(now, hold->raised).ns >= patience.ns)
			(void)queue_acquire(t, hold);
	}
}

bool hold_ask_again(struct hold_table *t, const struct ip_pair *pair)
{
	struct hold *hold = hold_find(t, pair);

	if (hold == NULL)
		return false;
	(void)queue_acquire(t, hold);
	return true;
}

struct ip_pair *hold_pairs(struct hold_table *t, size_t *count)
{
	struct ip_pair *pairs = new_array(t->holds.count, sizeof(*pairs));
	struct hash_node *n = NULL;

	*count = 0;
	while ((n = hash_walk(&t->holds, n)) != NULL)
		pairs[(*count)++] = CONTAINER_OF(n, struct hold, node)->pair;
	return pairs;
}

bool hold_drain(struct hold_table *t, const struct ip_pair *pair,
                void (*see)(void *ctx, struct bytes packet), void *ctx)
{
	struct hold *hold = hold_find(t, pair);

	if (hold == NULL)
		return false;
	for (unsigned i = 0; i < hold->count; i++)
		see(ctx, buf_view(&hold->packets[i]));
	hold_free(t, hold);
	return true;
}
