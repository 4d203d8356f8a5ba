/*
 * Pairs put back into a table that was made anew. A hundred thousand take the kernel a second, and
 * nobody else would be heard meanwhile, so they go in slices; until its turn a pair's packets go to
 * the engine, which has the same verdicts. Tunnels are first: theirs say what must not come in.
 */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

enum { SLICE = 1000 };

struct putback {
	struct steering *steering;
	struct event *event;
	struct ip_pair *pairs;
	size_t count;
	size_t next;
};

static const enum eroute_action actions[] = { EROUTE_TUNNEL, EROUTE_DROP, EROUTE_REJECT,
	                                      EROUTE_PASS };

static void collect(struct putback *p)
{
	const struct hash *pairs = &p->steering->pairs;

	p->pairs = new_array(pairs->count + 1, sizeof(*p->pairs));
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		for (struct hash_node *at = hash_walk(pairs, NULL); at != NULL;
		     at = hash_walk(pairs, at)) {
			const struct pair_node *node = CONTAINER_OF(at, struct pair_node, node);

			if (node->is_plain && node->action == actions[i])
				p->pairs[p->count++] = node->pair;
		}
	}
}

static void put_elements(struct putback *p, struct batch *b, size_t end, enum eroute_action action,
                         enum ip_family family)
{
	char name[SET_NAME_SIZE];
	struct elements e =
	    elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, verdict_set(action), family));

	for (size_t i = p->next; i < end; i++) {
		struct element element = element_of_pair(&p->pairs[i]);
		const struct pair_node *node = pair_find(p->steering, &p->pairs[i]);

		/* What it is now: it may have changed since. */
		if (node != NULL && node->is_plain && node->action == action &&
		    node->pair.source.family == family)
			element_put(&e, &element);
	}
	elements_end(&e);
}

static bool commit(struct steering *s, struct batch *b)
{
	int error = nft_commit(&s->nft, b, NULL);

	batch_wipe(b);
	if (error != 0)
		log_line(&s->log, LOG_ERROR, "steering: pairs cannot be put back: %s; they stay %s",
		         strerror(error), "with the engine");
	return error == 0;
}

static bool put_slice(struct putback *p)
{
	size_t end = p->count - p->next < SLICE ? p->count : p->next + SLICE;
	struct batch b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		put_elements(p, &b, end, actions[i], IP_V4);
		put_elements(p, &b, end, actions[i], IP_V6);
	}
	p->next = end;
	return commit(p->steering, &b);
}

void putback_stop(struct steering *s)
{
	struct putback *p = s->putback;

	s->putback = NULL;
	if (p == NULL)
		return;
	if (p->event != NULL)
		event_free(p->event);
	free(p->pairs);
	free(p);
}

size_t steering_left(const struct steering *s)
{
	return s->putback == NULL ? 0 : s->putback->count - s->putback->next;
}

static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval at_once = { 0 };
	struct putback *p = ctx;

	if (!put_slice(p) || p->next == p->count)
		putback_stop(p->steering);
	else
		event_add(p->event, &at_once);
}

void putback_start(struct steering *s, struct event_base *base)
{
	struct putback *p = new_zeroed(sizeof(*p));
	struct batch b = { 0 };

	putback_stop(s);
	s->putback = p;
	p->steering = s;
	collect(p);
	ported_put_all(s, &b);
	(void)commit(s, &b);
	if (base != NULL)
		p->event = event_new(base, -1, 0, on_turn, p);
	if (p->event != NULL) {
		on_turn(-1, 0, p);
		return;
	}
	while (p->next < p->count && put_slice(p))
		;
	putback_stop(s);
}
