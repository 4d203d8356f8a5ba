#include "util/heap.h"

#include <assert.h>
#include <stdlib.h>

void heap_wipe(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){ 0 };
}

static void heap_put(struct heap *h, struct heap_node *node, size_t place)
{
	h->nodes[place - 1] = node;
	node->place = place;
}

static void heap_up(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;

	while (place > 1 && node->due.ns < h->nodes[place / 2 - 1]->due.ns) {
		heap_put(h, h->nodes[place / 2 - 1], place);
		place /= 2;
	}
	heap_put(h, node, place);
}

static void heap_down(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;

	for (;;) {
		size_t child = place * 2;

		if (child < h->count && h->nodes[child]->due.ns < h->nodes[child - 1]->due.ns)
			child++;
		if (child > h->count || h->nodes[child - 1]->due.ns >= node->due.ns)
			break;
		heap_put(h, h->nodes[child - 1], place);
		place = child;
	}
	heap_put(h, node, place);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_node *last;
	size_t place = node->place;

	if (place == 0)
		return;
	last = h->nodes[--h->count];
	node->place = 0;
	if (last == node)
		return;
	heap_put(h, last, place);
	heap_up(h, last);
	heap_down(h, last);
}

void heap_set(struct heap *h, struct heap_node *node, struct instant due)
{
	heap_remove(h, node);
	node->due = due;
	if (due.ns == INSTANT_NEVER.ns)
		return;
	if (h->count == h->size) {
		h->size = h->size == 0 ? 64 : h->size * 2;
		h->nodes = grow_array(h->nodes, h->size, sizeof(*h->nodes));
	}
	heap_put(h, node, ++h->count);
	heap_up(h, node);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count == 0 ? NULL : h->nodes[0];
}

struct instant heap_due(const struct heap *h)
{
	return h->count == 0 ? INSTANT_NEVER : h->nodes[0]->due;
}
