/* Pairs with a verdict: what the kernel's sets hold, kept here too, so that the table can be made
 * anew and a change knows where the pair was. */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

/* NULL for what the kernel has no set for: the packet goes to the engine. */
const char *verdict_set(enum eroute_action action)
{
	switch (action) {
	case EROUTE_PASS:
		return "pass";
	case EROUTE_DROP:
		return "drop";
	case EROUTE_REJECT:
		return "reject";
	case EROUTE_TUNNEL:
		return "tunnel";
	case EROUTE_TRAP:
	case EROUTE_HOLD:
		return NULL;
	}
	return NULL;
}

bool pairs_have_tunnels(const struct steering *s)
{
	for (size_t f = 0; f < ARRAY_LEN(s->counts); f++)
		if (s->counts[f][EROUTE_TUNNEL] > 0 || s->boxes[f] > 0)
			return true;
	return false;
}

uint64_t pair_hash(const struct steering *s, const struct ip_pair *pair)
{
	return hash_octets(&s->pairs, pair, sizeof(*pair));
}

struct pair_node *pair_find(const struct steering *s, const struct ip_pair *pair)
{
	struct hash_node *at;

	for (at = hash_first(&s->pairs, pair_hash(s, pair)); at != NULL; at = hash_following(at)) {
		struct pair_node *node = CONTAINER_OF(at, struct pair_node, node);

		if (pair_equal(&node->pair, pair))
			return node;
	}
	return NULL;
}

void pairs_wipe(struct steering *s)
{
	struct hash_node *at = hash_walk(&s->pairs, NULL);

	while (at != NULL) {
		struct hash_node *next = hash_walk(&s->pairs, at);

		free(CONTAINER_OF(at, struct pair_node, node));
		at = next;
	}
	hash_wipe(&s->pairs);
}

struct area area_of(const struct steering *s, const struct ip_pair *pair)
{
	struct area area = { 0 };
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&s->policy.index, &pair->source, &pair->destination, &count);

	if (cells == NULL)
		return area;
	area.rows = &s->policy.flat[cells->flat];
	area.len = count;
	area.has_ports = area_has_ports(area.rows, area.len);
	return area;
}

static size_t *count_of(struct steering *s, const struct ip_pair *pair, enum eroute_action action)
{
	return &s->counts[pair->source.family == IP_V4 ? 0 : 1][action];
}

static void put_element(struct batch *b, uint8_t message, const char *stem,
                        const struct ip_pair *pair)
{
	char name[SET_NAME_SIZE];
	struct element element = element_of_pair(pair);
	struct elements e = elements_begin(b, message, set_name(name, stem, pair->source.family));

	element_put(&e, &element);
	elements_end(&e);
}

/* An add first, since a delete of what is not there would undo the whole transaction. */
static void remove_element(struct batch *b, const char *stem, const struct ip_pair *pair)
{
	put_element(b, NFT_MSG_NEWSETELEM, stem, pair);
	put_element(b, NFT_MSG_DELSETELEM, stem, pair);
}

static void put_plain_change(struct batch *b, const struct pair_change *change)
{
	const char *from = verdict_set(change->from);
	const char *to = verdict_set(change->to);

	if (from != NULL)
		remove_element(b, from, &change->pair);
	if (change->from == EROUTE_PASS)
		remove_element(b, "used", &change->pair);
	if (to != NULL)
		put_element(b, NFT_MSG_NEWSETELEM, to, &change->pair);
}

static void put_change(struct batch *b, const struct pair_change *change)
{
	if (change->has_grace)
		put_element(b, NFT_MSG_NEWSETELEM, "grace", &change->pair);
	if (change->has_box)
		ported_put_change(b, change);
	else
		put_plain_change(b, change);
}

static bool is_addition(const struct pair_change *change)
{
	return !change->has_grace && !change->has_box && verdict_set(change->from) == NULL &&
	       verdict_set(change->to) != NULL;
}

/* New pairs in one set, as many as stand together, are one message. How many they are. */
static size_t put_additions(struct batch *b, const struct pair_change *changes, size_t count)
{
	const struct pair_change *first = &changes[0];
	char name[SET_NAME_SIZE];
	struct elements e;
	size_t n;

	if (!is_addition(first))
		return 0;
	e = elements_begin(b, NFT_MSG_NEWSETELEM,
	                   set_name(name, verdict_set(first->to), first->pair.source.family));
	for (n = 0; n < count && is_addition(&changes[n]) && changes[n].to == first->to &&
	            changes[n].pair.source.family == first->pair.source.family;
	     n++) {
		struct element element = element_of_pair(&changes[n].pair);

		element_put(&e, &element);
	}
	elements_end(&e);
	return n;
}

static void put_changes(struct batch *b, const struct pair_change *changes, size_t count)
{
	for (size_t i = 0, n; i < count; i += n) {
		n = put_additions(b, &changes[i], count - i);
		if (n > 0)
			continue;
		put_change(b, &changes[i]);
		n = 1;
	}
}

static void forget(struct steering *s, struct pair_node *node)
{
	if (node->is_plain)
		--*count_of(s, &node->pair, node->action);
	hash_remove(&s->pairs, &node->node);
	free(node);
}

/* The kernel did not take this one; its packets go to the engine, which knows the verdict too. */
static void refuse(struct steering *s, const struct pair_change *change, int error)
{
	struct pair_node *node = pair_find(s, &change->pair);

	s->refused++;
	log_line(&s->log, LOG_ERROR,
	         "pair %s > %s: the kernel refused it in set %s: %s; it stays %s",
	         ip_text(&change->pair.source).s, ip_text(&change->pair.destination).s,
	         verdict_set(change->to), strerror(error), "with the engine");
	if (change->has_box)
		ported_refuse(s, change);
	else if (node != NULL && node->action == change->to)
		forget(s, node);
}

/* One by one, so that one refusal does not take the others along. */
static void flush_singly(struct steering *s, struct batch *b)
{
	for (size_t i = 0; i < s->change_count; i++) {
		const struct pair_change *change = &s->changes[i];
		struct pair_change leave = *change;
		int error;

		put_change(b, change);
		error = nft_commit(&s->nft, b, NULL);
		if (error == 0)
			continue;
		if (error == ENOENT) {
			steering_note(s, "pairs", error);
			return;
		}
		leave.to = EROUTE_TRAP;
		leave.has_grace = false;
		put_change(b, &leave); /* the old verdict must not stay */
		(void)nft_commit(&s->nft, b, NULL);
		refuse(s, change, error);
	}
}

void pairs_put_changes(struct steering *s, struct batch *b)
{
	put_changes(b, s->changes, s->change_count);
	s->change_count = 0;
}

enum { BATCH_KEPT = 4 << 20 };

void steering_flush(struct steering *s)
{
	struct batch *b = &s->batch;
	int error;

	if (s->change_count == 0) {
		labels_flush(s);
		return;
	}
	put_changes(b, s->changes, s->change_count);
	labels_put_changes(s, b);
	error = nft_commit(&s->nft, b, NULL);
	if (error == 0)
		labels_told(s);
	else if (error == ENOENT)
		steering_note(s, "pairs", error); /* the table is made anew with these */
	else
		flush_singly(s, b);
	s->change_count = 0;
	labels_flush(s); /* unless they are told */
	if (b->size > BATCH_KEPT)
		batch_wipe(b);
}

void pair_queue_room(struct steering *s, size_t count)
{
	if (!s->is_gathering && s->change_count + count > PAIR_CHANGES_MAX)
		steering_flush(s);
	if (s->change_room >= s->change_count + count)
		return;
	s->change_room = 2 * s->change_room + count;
	s->changes = grow_array(s->changes, s->change_room, sizeof(*s->changes));
}

void pair_queue(struct steering *s, const struct pair_change *change)
{
	pair_queue_room(s, 1);
	s->changes[s->change_count++] = *change;
}

static bool is_full(struct steering *s, const struct ip_pair *pair, enum eroute_action action)
{
	if (*count_of(s, pair, action) < STEERING_PAIRS_MAX)
		return false;
	if (s->refused++ % 1000 == 0)
		log_line(&s->log, LOG_ERROR,
		         "set %s%s is full with %d pairs: %s > %s stays with %s",
		         verdict_set(action), pair->source.family == IP_V4 ? "4" : "6",
		         STEERING_PAIRS_MAX, ip_text(&pair->source).s,
		         ip_text(&pair->destination).s, "the engine");
	return true;
}

static struct pair_node *remember(struct steering *s, const struct ip_pair *pair,
                                  enum eroute_action action)
{
	struct pair_node *node = new_zeroed(sizeof(*node));

	node->pair = *pair;
	node->action = action;
	hash_add(&s->pairs, &node->node, pair_hash(s, pair));
	return node;
}

static void make_plain(struct steering *s, struct pair_node *node)
{
	node->is_plain = true;
	++*count_of(s, &node->pair, node->action);
}

/* A pair as two addresses, as all are where no rule speaks of ports. */
static bool set_plain(struct steering *s, const struct ip_pair *pair, enum eroute_action action,
                      bool has_grace)
{
	struct pair_node *node = pair_find(s, pair);
	struct pair_change change = { .pair = *pair, .has_grace = has_grace };
	bool has_room;

	change.from = node != NULL && node->is_plain ? node->action : EROUTE_TRAP;
	has_room =
	    verdict_set(action) == NULL || change.from == action || !is_full(s, pair, action);
	change.to = has_room && verdict_set(action) != NULL ? action : EROUTE_TRAP;
	if (change.from == change.to && (node == NULL || node->is_plain))
		return has_room;
	if (change.from != change.to)
		pair_queue(s, &change);
	if (node != NULL)
		forget(s, node);
	if (verdict_set(change.to) != NULL)
		make_plain(s, remember(s, pair, change.to));
	return has_room;
}

/* One of the rules for two addresses. */
static bool set_ported(struct steering *s, const struct ip_pair *pair, const struct area *area,
                       enum eroute_action action, bool has_grace)
{
	struct pair_node *node = pair_find(s, pair);

	if (node != NULL && node->action != action) {
		forget(s, node);
		node = NULL;
	}
	if (node == NULL && verdict_set(action) != NULL)
		(void)remember(s, pair, action);
	return ported_follow(s, pair, area, has_grace);
}

bool steering_set_pair(struct steering *s, const struct ip_pair *pair, enum eroute_action action,
                       bool has_grace)
{
	struct area area = area_of(s, pair);
	struct ip_pair plain = *pair;
	struct pair_node *node;

	if (area.has_ports)
		return set_ported(s, pair, &area, action, has_grace);
	if (!traffic_is_any(&pair->traffic)) {
		node = pair_find(s, pair); /* of a rule that has gone */
		if (node != NULL)
			forget(s, node);
		if (area.len > 0)
			return true;
	}
	plain.traffic = (struct traffic){ 0 }; /* a translated Source, that no rule names */
	return set_plain(s, &plain, action, has_grace);
}

/* What the kernel had as two addresses it must not have so any longer, or it may have it so again.
 */
static void follow_policy(struct steering *s, struct pair_node *node)
{
	struct area area = area_of(s, &node->pair);
	struct pair_change change = { .pair = node->pair };

	if (area.has_ports && node->is_plain) {
		change.from = node->action;
		pair_queue(s, &change);
		--*count_of(s, &node->pair, node->action);
		node->is_plain = false;
	} else if (!area.has_ports && !node->is_plain && traffic_is_any(&node->pair.traffic) &&
	           !is_full(s, &node->pair, node->action)) {
		change.to = node->action;
		pair_queue(s, &change);
		make_plain(s, node);
	}
	if (area.has_ports)
		(void)ported_follow(s, &node->pair, &area, false);
}

void pairs_follow_policy(struct steering *s)
{
	struct hash_node *at = NULL;

	ported_follow_policy(s);
	while ((at = hash_walk(&s->pairs, at)) != NULL)
		follow_policy(s, CONTAINER_OF(at, struct pair_node, node));
}
