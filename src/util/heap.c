#include "util/heap.h"

#include <assert.h>
#include <stdlib.h>

void heap_wipe(struct heap *h)
{
	free(h->entries);
	*h = (struct heap){ 0 };
}

static void heap_put(struct heap *h, struct heap_entry entry, size_t place)
{
	h->entries[place - 1] = entry;
	entry.node->place = place;
}

static struct instant due_at(const struct heap *h, size_t place)
{
	return h->entries[place - 1].due;
}

static void heap_up(struct heap *h, struct heap_entry entry, size_t place)
{
	while (place > 1 && entry.due.ns < due_at(h, place / 2).ns) {
		heap_put(h, h->entries[place / 2 - 1], place);
		place /= 2;
	}
	heap_put(h, entry, place);
}

static void heap_down(struct heap *h, struct heap_entry entry, size_t place)
{
	for (;;) {
		size_t child = place * 2;

		if (child < h->count && due_at(h, child + 1).ns < due_at(h, child).ns)
			child++;
		if (child > h->count || due_at(h, child).ns >= entry.due.ns)
			break;
		heap_put(h, h->entries[child - 1], place);
		place = child;
	}
	heap_put(h, entry, place);
}

/* To where it belongs, from a place that is free. */
static void heap_settle(struct heap *h, struct heap_entry entry, size_t place)
{
	if (place > 1 && entry.due.ns < due_at(h, place / 2).ns)
		heap_up(h, entry, place);
	else
		heap_down(h, entry, place);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_entry last;
	size_t place = node->place;

	if (place == 0)
		return;
	last = h->entries[--h->count];
	node->place = 0;
	if (last.node != node)
		heap_settle(h, last, place);
}

void heap_set(struct heap *h, struct heap_node *node, struct instant due)
{
	bool is_in = node->place != 0;

	if (is_in && node->due.ns == due.ns)
		return;
	if (due.ns == INSTANT_NEVER.ns) {
		heap_remove(h, node);
		node->due = due;
		return;
	}
	node->due = due;
	if (is_in) {
		heap_settle(h, (struct heap_entry){ due, node }, node->place);
		return;
	}
	if (h->count == h->size) {
		h->size = h->size == 0 ? 64 : h->size * 2;
		h->entries = grow_array(h->entries, h->size, sizeof(*h->entries));
	}
	h->count++;
	heap_up(h, (struct heap_entry){ due, node }, h->count);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count == 0 ? NULL : h->entries[0].node;
}

struct instant heap_due(const struct heap *h)
{
	return h->count == 0 ? INSTANT_NEVER : h->entries[0].due;
}
