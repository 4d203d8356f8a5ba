/*
 * Two addresses that rules with ports touch. Each rule may have a verdict of its own; what the
 * kernel gets is disjoint boxes of protocol and port with the verdict that is in force for each.
 */
#include "engine/steering/state.h"

#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

static const struct traffic any_traffic;

static struct ip_pair addresses_of(const struct ip_pair *pair)
{
	return (struct ip_pair){ pair->source, pair->destination, any_traffic };
}

struct ported *ported_find(const struct steering *s, const struct ip_pair *pair)
{
	const struct ip_pair key = addresses_of(pair);
	struct hash_node *at;

	for (at = hash_first(&s->ported, pair_hash(s, &key)); at != NULL; at = hash_following(at)) {
		struct ported *ported = CONTAINER_OF(at, struct ported, node);

		if (pair_equal(&ported->pair, &key))
			return ported;
	}
	return NULL;
}

static struct ported *ported_get(struct steering *s, const struct ip_pair *pair)
{
	struct ported *ported = ported_find(s, pair);

	if (ported != NULL)
		return ported;
	ported = new_zeroed(sizeof(*ported));
	ported->pair = addresses_of(pair);
	hash_add(&s->ported, &ported->node, pair_hash(s, &ported->pair));
	return ported;
}

static void ported_free(struct steering *s, struct ported *ported)
{
	hash_remove(&s->ported, &ported->node);
	free(ported->pieces);
	free(ported);
}

void ported_wipe(struct steering *s)
{
	struct hash_node *at = hash_walk(&s->ported, NULL);

	while (at != NULL) {
		struct hash_node *next = hash_walk(&s->ported, at);
		struct ported *ported = CONTAINER_OF(at, struct ported, node);

		free(ported->pieces);
		free(ported);
		at = next;
	}
	hash_wipe(&s->ported);
}

/* What is in force. */

static enum eroute_action own_action(const struct steering *s, const struct ip_pair *addresses,
                                     const struct policy_row *row)
{
	struct ip_pair pair = { addresses->source, addresses->destination, row->traffic };
	const struct pair_node *node = pair_find(s, &pair);

	return node == NULL ? EROUTE_TRAP : node->action;
}

struct force {
	const struct area *area;
	enum eroute_action *actions; /* of each rule */
	struct ported wanted;
};

/* A tunnel made by one rule carries what others do not keep for themselves. */
static void spread_tunnels(const struct force *f, const enum eroute_action *own)
{
	const struct area *area = f->area;

	memcpy(f->actions, own, area->len * sizeof(*own));
	for (size_t made = 0; made < area->len; made++) {
		if (own[made] != EROUTE_TUNNEL)
			continue;
		for (size_t i = 0; i < area->len; i++)
			if (area_is_carried(area->rows[i].action, &area->rows[i].traffic,
			                    &area->rows[made].traffic))
				f->actions[i] = EROUTE_TUNNEL;
	}
}

static void add_piece(void *ctx, size_t row, const struct box *box)
{
	struct force *f = ctx;
	struct ported *w = &f->wanted;

	if (row == f->area->len || f->actions[row] == EROUTE_TRAP)
		return;
	w->pieces = grow_array(w->pieces, w->count + 1, sizeof(*w->pieces));
	w->pieces[w->count++] = (struct piece){ .box = *box,
		                                .action = f->actions[row],
		                                .traffic = f->area->rows[row].traffic };
}

static struct ported pieces_in_force(const struct steering *s, const struct ip_pair *addresses,
                                     const struct area *area)
{
	enum eroute_action *own = new_array(area->len + 1, sizeof(*own));
	struct force f = { .area = area };
	bool is_any = false;

	for (size_t i = 0; i < area->len; i++) {
		own[i] = own_action(s, addresses, &area->rows[i]);
		is_any |= own[i] != EROUTE_TRAP;
	}
	if (is_any) {
		f.actions = new_array(area->len + 1, sizeof(*f.actions));
		spread_tunnels(&f, own);
		area_divide(area->rows, area->len, add_piece, &f);
		free(f.actions);
	}
	free(own);
	return f.wanted;
}

/* What changes. */

static struct piece *piece_find(const struct ported *ported, const struct box *box)
{
	for (size_t i = 0; i < ported->count; i++)
		if (box_compare(&ported->pieces[i].box, box) == 0)
			return &ported->pieces[i];
	return NULL;
}

static bool is_same_piece(const struct piece *a, const struct piece *b)
{
	return a->action == b->action && traffic_equal(&a->traffic, &b->traffic);
}

/* Its count stays with the pair, if that stays. */
static void keep_count(struct steering *s, const struct ported *ported, const struct piece *piece)
{
	struct ip_pair pair = { ported->pair.source, ported->pair.destination, piece->traffic };
	struct pair_node *node = pair_find(s, &pair);

	if (node == NULL || node->action != piece->action)
		return;
	node->counted.use.packets += piece->counted.use.packets;
	node->counted.use.octets += piece->counted.use.octets;
	if (piece->counted.use.last.ns > node->counted.use.last.ns)
		node->counted.use.last = piece->counted.use.last;
}

static void queue_pieces(struct steering *s, struct ported *old, struct ported *now, bool has_grace)
{
	struct pair_change change = { .pair = old->pair, .has_box = true };

	pair_queue_room(s, old->count + now->count);
	for (size_t i = 0; i < old->count; i++) {
		struct piece *piece = &old->pieces[i];
		struct piece *stays = piece_find(now, &piece->box);

		if (stays != NULL && is_same_piece(stays, piece)) {
			stays->counted = piece->counted;
			continue;
		}
		keep_count(s, old, piece);
		change.box = piece->box;
		change.from = piece->action;
		change.to = EROUTE_TRAP;
		pair_queue(s, &change);
	}
	for (size_t i = 0; i < now->count; i++) {
		struct piece *was = piece_find(old, &now->pieces[i].box);

		if (was != NULL && is_same_piece(was, &now->pieces[i]))
			continue;
		change.box = now->pieces[i].box;
		change.from = EROUTE_TRAP;
		change.to = now->pieces[i].action;
		change.has_grace = has_grace && change.to == EROUTE_TUNNEL;
		pair_queue(s, &change);
	}
}

static const struct area no_area;

bool ported_follow(struct steering *s, const struct ip_pair *pair, const struct area *area,
                   bool has_grace)
{
	struct ported *ported = ported_get(s, pair);
	size_t *boxes = &s->boxes[pair->source.family == IP_V4 ? 0 : 1];
	struct ported now = pieces_in_force(s, &ported->pair, area);
	bool has_room = *boxes - ported->count + now.count <= STEERING_BOXES_MAX;

	if (!has_room) { /* the engine knows the verdicts too */
		free(now.pieces);
		now = pieces_in_force(s, &ported->pair, &no_area);
	}
	queue_pieces(s, ported, &now, has_grace);
	*boxes = *boxes - ported->count + now.count;
	free(ported->pieces);
	ported->pieces = now.pieces;
	ported->count = now.count;
	if (ported->count == 0)
		ported_free(s, ported);
	return has_room;
}

void ported_follow_policy(struct steering *s)
{
	struct hash_node *at = hash_walk(&s->ported, NULL);

	while (at != NULL) {
		struct hash_node *next = hash_walk(&s->ported, at);
		struct ip_pair pair = CONTAINER_OF(at, struct ported, node)->pair;
		struct area area = area_of(s, &pair);

		(void)ported_follow(s, &pair, area.has_ports ? &area : &no_area, false);
		at = next;
	}
}

/* Elements. */

static const char *piece_chain(enum eroute_action action)
{
	switch (action) {
	case EROUTE_PASS:
		return "pair_pass";
	case EROUTE_DROP:
		return "pair_drop";
	case EROUTE_REJECT:
		return "pair_reject";
	case EROUTE_TUNNEL:
		return "to_tunnel";
	case EROUTE_TRAP:
	case EROUTE_HOLD:
		break;
	}
	return "trap_private";
}

/* What counts the packets of that verdict, or says whose cleartext does not come in. */
static const char *second_set(enum eroute_action action)
{
	return action == EROUTE_TUNNEL ? "tunnel_ports" : "used_ports";
}

static void put_box(struct batch *b, uint8_t message, const char *stem, const struct ip_pair *pair,
                    const struct box *box, const char *chain)
{
	struct ip_range source = range_of_ip(&pair->source);
	struct ip_range destination = range_of_ip(&pair->destination);
	struct element element = element_of_box(&source, &destination, box);
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(b, message, set_name(name, stem, pair->source.family));

	element.chain = chain;
	element_put(&e, &element);
	elements_end(&e);
}

static void put_piece(struct batch *b, uint8_t message, const struct ip_pair *pair,
                      const struct box *box, enum eroute_action action)
{
	put_box(b, message, "pair_ports", pair, box, piece_chain(action));
	put_box(b, message, second_set(action), pair, box, NULL);
}

void ported_put_change(struct batch *b, const struct pair_change *change)
{
	/* An add first, as for plain pairs: a delete of what is not there would undo it all. */
	if (verdict_set(change->from) != NULL) {
		put_piece(b, NFT_MSG_NEWSETELEM, &change->pair, &change->box, change->from);
		put_piece(b, NFT_MSG_DELSETELEM, &change->pair, &change->box, change->from);
	}
	if (verdict_set(change->to) != NULL)
		put_piece(b, NFT_MSG_NEWSETELEM, &change->pair, &change->box, change->to);
}

/* The kernel did not take this one. */
void ported_refuse(struct steering *s, const struct pair_change *change)
{
	struct ported *ported = ported_find(s, &change->pair);
	struct piece *piece = ported == NULL ? NULL : piece_find(ported, &change->box);

	if (piece == NULL || piece->action != change->to)
		return;
	*piece = ported->pieces[--ported->count];
	s->boxes[change->pair.source.family == IP_V4 ? 0 : 1]--;
	if (ported->count == 0)
		ported_free(s, ported);
}

void ported_put_all(struct steering *s, struct batch *b)
{
	struct hash_node *at = NULL;

	while ((at = hash_walk(&s->ported, at)) != NULL) {
		const struct ported *ported = CONTAINER_OF(at, struct ported, node);

		for (size_t i = 0; i < ported->count; i++)
			put_piece(b, NFT_MSG_NEWSETELEM, &ported->pair, &ported->pieces[i].box,
			          ported->pieces[i].action);
	}
}
