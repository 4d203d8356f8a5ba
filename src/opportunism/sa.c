/*
 * IKE SAs, CHILD SAs and gateways as the flows see them.
 */
#include "opportunism/tunnel.h"

#include <stdlib.h>

struct peer_sa *sa_find(struct opportunism *opp, ike_handle handle)
{
	struct hash_node *node =
	    hash_first(&opp->sas, hash_octets(&opp->sas, &handle, sizeof(handle)));

	for (; node != NULL; node = hash_following(node)) {
		struct peer_sa *sa = CONTAINER_OF(node, struct peer_sa, by_handle);

		if (sa->handle == handle)
			return sa;
	}
	return NULL;
}

static uint64_t gateway_hash(const struct opportunism *opp, const struct ip *gateway)
{
	return hash_octets(&opp->sas_at, gateway, sizeof(*gateway));
}

static struct peer_sa *same_gateway(struct hash_node *node, const struct ip *gateway)
{
	for (; node != NULL; node = hash_following(node)) {
		struct peer_sa *sa = CONTAINER_OF(node, struct peer_sa, by_gateway);

		if (ip_equal(&sa->gateway, gateway))
			return sa;
	}
	return NULL;
}

struct peer_sa *sa_first_at(struct opportunism *opp, const struct ip *gateway)
{
	return same_gateway(hash_first(&opp->sas_at, gateway_hash(opp, gateway)), gateway);
}

struct peer_sa *sa_next_at(const struct peer_sa *sa)
{
	return same_gateway(hash_following(&sa->by_gateway), &sa->gateway);
}

struct peer_sa *sa_add(struct opportunism *opp, ike_handle handle, const struct ip *gateway)
{
	struct peer_sa *sa = sa_find(opp, handle);

	if (sa != NULL)
		return sa;
	sa = new_zeroed(sizeof(*sa));
	sa->handle = handle;
	sa->gateway = *gateway;
	hash_add(&opp->sas, &sa->by_handle, hash_octets(&opp->sas, &handle, sizeof(handle)));
	hash_add(&opp->sas_at, &sa->by_gateway, gateway_hash(opp, gateway));
	LIST_INSERT_HEAD(&opp->sa_list, sa, in_list);
	return sa;
}

static void set_idle(struct opportunism *opp, struct peer_sa *sa, bool is_idle)
{
	if (sa->is_idle)
		TAILQ_REMOVE(&opp->idle_sas, sa, in_idle);
	sa->is_idle = is_idle;
	if (is_idle)
		TAILQ_INSERT_TAIL(&opp->idle_sas, sa, in_idle);
}

void sa_is_lost(struct opportunism *opp, struct peer_sa *sa)
{
	set_idle(opp, sa, false);
	if (sa->is_up && !sa->is_gone)
		opp->up_count--;
	sa->is_gone = true;
}

void sa_forget(struct opportunism *opp, struct peer_sa *sa)
{
	struct child *child;

	sa_is_lost(opp, sa);
	while ((child = LIST_FIRST(&sa->list_of_children)) != NULL) {
		LIST_REMOVE(child, in_sa);
		child->of = NULL;
	}
	hash_remove(&opp->sas, &sa->by_handle);
	hash_remove(&opp->sas_at, &sa->by_gateway);
	LIST_REMOVE(sa, in_list);
	free(sa);
}

void sa_touch(struct opportunism *opp, struct peer_sa *sa)
{
	if (sa->is_idle)
		set_idle(opp, sa, true);
}

void sa_close(struct opportunism *opp, struct peer_sa *sa, const char *why)
{
	log_line(&opp->log, LOG_INFO, "IKE SA with %s is closed: %s", ip_text(&sa->gateway).s, why);
	sa_is_lost(opp, sa);
	ike_delete(opp->ike, sa->handle, opp->now);
}

static bool is_of_peer(const struct peer_sa *sa, const struct peer_sa *other)
{
	if (!sa->is_up || sa->is_gone || sa->auth != other->auth)
		return false;
	return sa->auth == IKE_AUTH_NULL || id_equal(&sa->id, &other->id);
}

static bool is_less_missed(const struct peer_sa *sa, const struct peer_sa *than)
{
	if ((sa->children == 0) != (than->children == 0))
		return sa->children == 0;
	return sa->up.ns < than->up.ns;
}

/* SEC-13: of too many with one peer the oldest goes, one without children first. What that costs,
 * the peer has brought upon itself. */
static void keep_few_of_peer(struct opportunism *opp, const struct peer_sa *newest)
{
	struct peer_sa *sa = sa_first_at(opp, &newest->gateway), *least = NULL;
	unsigned count = 0;

	for (; sa != NULL; sa = sa_next_at(sa)) {
		if (!is_of_peer(sa, newest))
			continue;
		count++;
		if (sa != newest && (least == NULL || is_less_missed(sa, least)))
			least = sa;
	}
	if (count > IKE_SAS_PER_PEER_MAX && !opp->has_shared_ids)
		sa_close(opp, least, "its peer has newer ones");
}

void sa_is_up(struct opportunism *opp, struct peer_sa *sa)
{
	struct peer_sa *oldest;

	if (sa->is_up)
		return;
	sa->is_up = true;
	sa->up = opp->now;
	opp->up_count++;
	set_idle(opp, sa, true);
	oldest = TAILQ_FIRST(&opp->idle_sas);
	if (opp->up_count > opp->idle_sas_above && oldest != sa)
		sa_close(opp, oldest, "there are many, and nobody uses it");
	keep_few_of_peer(opp, sa);
}

/* ---- Gateways ---- */

/* At the bound, what remembers nothing that matters goes. */
static void memories_trim(struct opportunism *opp)
{
	struct hash_node *node = hash_walk(&opp->memories, NULL);

	while (node != NULL) {
		struct gateway_memory *memory =
		    CONTAINER_OF(node, struct gateway_memory, by_address);

		node = hash_walk(&opp->memories, node);
		if (memory->negotiating != 0 || !TAILQ_EMPTY(&memory->waiting) ||
		    memory->silent_until.ns > opp->now.ns)
			continue;
		hash_remove(&opp->memories, &memory->by_address);
		free(memory);
	}
}

struct gateway_memory *memory_find(struct opportunism *opp, const struct ip *address)
{
	uint64_t hash = hash_octets(&opp->memories, address, sizeof(*address));
	struct hash_node *node = hash_first(&opp->memories, hash);

	for (; node != NULL; node = hash_following(node)) {
		struct gateway_memory *memory =
		    CONTAINER_OF(node, struct gateway_memory, by_address);

		if (ip_equal(&memory->address, address))
			return memory;
	}
	return NULL;
}

struct gateway_memory *memory_of(struct opportunism *opp, const struct ip *address)
{
	struct gateway_memory *memory = memory_find(opp, address);

	if (memory != NULL)
		return memory;
	if (opp->memories.count >= GATEWAYS_REMEMBERED_MAX)
		memories_trim(opp);
	memory = new_zeroed(sizeof(*memory));
	memory->address = *address;
	TAILQ_INIT(&memory->waiting);
	hash_add(&opp->memories, &memory->by_address,
	         hash_octets(&opp->memories, address, sizeof(*address)));
	return memory;
}

bool memory_had_tunnel(const struct gateway_memory *memory, struct instant now)
{
	return memory->tunnel_seen.ns != 0 &&
	       instant_since(now, memory->tunnel_seen).ns < TUNNEL_REMEMBERED.ns;
}

void memory_silent(struct gateway_memory *memory, struct instant now)
{
	bool is_restarting = memory_had_tunnel(memory, now);
	bool is_in_a_row = memory->silence.ns > 0 &&
	                   instant_since(now, memory->silent_until).ns < SILENT_GATEWAY_MOST.ns;

	memory->silence =
	    is_in_a_row && !is_restarting
		? duration_min((struct duration){ memory->silence.ns * 2 }, SILENT_GATEWAY_MOST)
		: SILENT_GATEWAY_TIME;
	memory->silent_until = instant_after(now, memory->silence);
}

void memory_heard(struct gateway_memory *memory)
{
	memory->silence = (struct duration){ 0 };
	memory->silent_until = (struct instant){ 0 };
}

struct child *child_find(struct opportunism *opp, uint32_t spi_in)
{
	struct hash_node *node =
	    hash_first(&opp->children, hash_octets(&opp->children, &spi_in, sizeof(spi_in)));

	for (; node != NULL; node = hash_following(node)) {
		struct child *child = CONTAINER_OF(node, struct child, by_spi);

		if (child->spi_in == spi_in)
			return child;
	}
	return NULL;
}

bool child_is_of_peer(const struct child *child, const struct peer_sa *sa)
{
	const struct peer_sa *of = child->of;

	if (of == NULL || sa == NULL || !ip_equal(&of->gateway, &sa->gateway))
		return false;
	if (of->auth == IKE_AUTH_SIGNATURE && sa->auth == IKE_AUTH_SIGNATURE &&
	    !of->by_certificate && !sa->by_certificate)
		return pubkey_equal(&of->key, &sa->key);
	return of->auth == sa->auth && id_equal(&of->id, &sa->id);
}

/* The rows of a tunnel with ranges say its strength; a pair's is told by itself. */
void child_tell_strength(struct opportunism *opp, struct child *child)
{
	const struct tunnel *tunnel = child->flow->tunnel;

	if (child->is_told)
		return;
	if (tunnel != NULL && tunnel->is_wide) {
		opp->is_policy_stale = true;
		return;
	}
	child->is_told = true;
	opp->engine.add_strength(opp->engine.ctx, &child->flow->pair, child->strength);
}

static void untell_strength(struct opportunism *opp, const struct child *child)
{
	if (child->is_told)
		opp->engine.remove_strength(opp->engine.ctx, &child->flow->pair, child->strength);
	else
		opp->is_policy_stale = true;
}

static void count_child(struct opportunism *opp, struct child *child)
{
	struct peer_sa *sa = child->of;

	if (sa == NULL)
		return;
	LIST_INSERT_HEAD(&sa->list_of_children, child, in_sa);
	sa->children++;
	set_idle(opp, sa, false);
}

static void uncount_child(struct opportunism *opp, struct child *child)
{
	struct peer_sa *sa = child->of;

	if (sa == NULL)
		return;
	LIST_REMOVE(child, in_sa);
	child->of = NULL;
	sa->is_full = false; /* there may be room again */
	if (--sa->children > 0 || !sa->is_up || sa->is_gone)
		return;
	if (sa->is_leaving)
		sa_close(opp, sa, "another took over, its peer renews nothing on it");
	else
		set_idle(opp, sa, true);
}

/* By whose rules its peer would be met again (recover.c). */
static void note_conn(struct opportunism *opp, const struct child *child)
{
	struct peer_sa *sa = sa_find(opp, child->sa);
	const struct conn_state *conn = child->flow->conn;

	if (sa == NULL || conn == NULL || strcmp(sa->carries, conn->conn.name) == 0)
		return;
	string_copy(sa->carries, sizeof(sa->carries), conn->conn.name);
	peers_changed(opp);
}

void child_add(struct opportunism *opp, struct flow *flow, const struct event *up, bool is_ours,
               enum strength strength)
{
	struct child *child = new_zeroed(sizeof(*child));

	child->flow = flow;
	child->sa = up->sa;
	child->of = sa_find(opp, up->sa);
	child->spi_in = up->spi_in;
	child->spi_out = up->spi_out;
	child->gateway = up->path.remote.address;
	child->strength = strength;
	child->is_ours = is_ours;
	memcpy(child->mark, up->mark, sizeof(child->mark));
	child->up = opp->now;
	child->retired = INSTANT_NEVER;
	child->starts = INSTANT_NEVER;
	hash_add(&opp->children, &child->by_spi,
	         hash_octets(&opp->children, &child->spi_in, sizeof(child->spi_in)));
	TAILQ_INSERT_HEAD(&flow->children, child, in_flow);
	memory_of(opp, &child->gateway)->tunnel_seen = opp->now;
	note_conn(opp, child);
	count_child(opp, child);
}

void child_forget(struct opportunism *opp, struct child *child)
{
	struct gateway_memory *memory = memory_find(opp, &child->gateway);

	if (memory != NULL)
		memory->tunnel_seen = opp->now;
	if (child->is_replaced) {
		child_remove_later(opp, child); /* while it receives, its strength counts */
	} else {
		opp->engine.remove_child(opp->engine.ctx, child->spi_in);
		untell_strength(opp, child);
	}
	uncount_child(opp, child);
	TAILQ_REMOVE(&child->flow->children, child, in_flow);
	hash_remove(&opp->children, &child->by_spi);
	free(child);
}
