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

static uint64_t pair_hash(const struct steering *s, const struct ip_pair *pair)
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

static void put_change(struct batch *b, const struct pair_change *change)
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

static void forget(struct steering *s, struct pair_node *node)
{
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
	if (node != NULL && node->action == change->to)
		forget(s, node);
}

/* One by one, so that one refusal does not take the others along. */
static void flush_singly(struct steering *s, struct batch *b)
{
	for (size_t i = 0; i < s->change_count; i++) {
		const struct pair_change *change = &s->changes[i];
		const struct pair_change leave = { change->pair, change->from, EROUTE_TRAP };
		int error;

		put_change(b, change);
		error = nft_commit(&s->nft, b, NULL);
		if (error == 0)
			continue;
		if (error == ENOENT) {
			steering_note(s, "pairs", error);
			return;
		}
		put_change(b, &leave); /* the old verdict must not stay */
		(void)nft_commit(&s->nft, b, NULL);
		refuse(s, change, error);
	}
}

void steering_flush(struct steering *s)
{
	struct batch b = { 0 };
	int error;

	if (s->change_count == 0) {
		labels_flush(s);
		return;
	}
	for (size_t i = 0; i < s->change_count; i++)
		put_change(&b, &s->changes[i]);
	labels_put_changes(s, &b);
	error = nft_commit(&s->nft, &b, NULL);
	if (error == 0)
		labels_told(s);
	else if (error == ENOENT)
		steering_note(s, "pairs", error); /* the table is made anew with these */
	else
		flush_singly(s, &b);
	s->change_count = 0;
	labels_flush(s); /* unless they are told */
	batch_wipe(&b);
}

static void queue(struct steering *s, const struct ip_pair *pair, enum eroute_action from,
                  enum eroute_action to)
{
	if (s->change_count == PAIR_CHANGES_MAX)
		steering_flush(s);
	s->changes[s->change_count++] = (struct pair_change){ *pair, from, to };
}

bool steering_set_pair(struct steering *s, const struct ip_pair *pair, enum eroute_action action)
{
	struct pair_node *node = pair_find(s, pair);
	enum eroute_action from = node != NULL ? node->action : EROUTE_TRAP;
	bool is_full = verdict_set(action) != NULL && from != action &&
	               *count_of(s, pair, action) >= STEERING_PAIRS_MAX;

	if (is_full && s->refused++ % 1000 == 0)
		log_line(&s->log, LOG_ERROR,
		         "set %s%s is full with %d pairs: %s > %s stays with %s",
		         verdict_set(action), pair->source.family == IP_V4 ? "4" : "6",
		         STEERING_PAIRS_MAX, ip_text(&pair->source).s,
		         ip_text(&pair->destination).s, "the engine");
	if (is_full)
		action = EROUTE_TRAP;
	if (from == action || (verdict_set(action) == NULL && node == NULL))
		return !is_full;
	queue(s, pair, from, action);
	if (node != NULL)
		forget(s, node);
	if (verdict_set(action) != NULL) {
		node = new_zeroed(sizeof(*node));
		node->pair = *pair;
		node->action = action;
		hash_add(&s->pairs, &node->node, pair_hash(s, pair));
		++*count_of(s, pair, action);
	}
	return !is_full;
}

static void put_all_of(struct steering *s, struct batch *b, enum eroute_action action,
                       enum ip_family family)
{
	char name[SET_NAME_SIZE];
	struct elements e =
	    elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, verdict_set(action), family));
	struct hash_node *at = NULL;

	while ((at = hash_walk(&s->pairs, at)) != NULL) {
		struct pair_node *node = CONTAINER_OF(at, struct pair_node, node);
		struct element element = element_of_pair(&node->pair);

		if (node->action == action && node->pair.source.family == family)
			element_put(&e, &element);
	}
	elements_end(&e);
}

void pairs_put_all(struct steering *s, struct batch *b)
{
	static const enum eroute_action actions[] = { EROUTE_PASS, EROUTE_DROP, EROUTE_REJECT,
		                                      EROUTE_TUNNEL };

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		put_all_of(s, b, actions[i], IP_V4);
		put_all_of(s, b, actions[i], IP_V6);
	}
}
