#include "util/test.h"
#include "util/heap.h"

enum { NODES = 500 };

/* A sequence that looks like chance and is the same in every run. */
static uint32_t next_number(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void assert_is_heap(const struct heap *h)
{
	for (size_t place = 1; place <= h->count; place++) {
		const struct heap_entry *entry = &h->entries[place - 1];

		assert_int_equal(entry->node->place, place);
		assert_true(entry->node->due.ns == entry->due.ns);
		if (place > 1)
			assert_true(h->entries[place / 2 - 1].due.ns <= entry->due.ns);
	}
}

static void gives_deadlines_in_order(void **state)
{
	struct heap_node nodes[NODES] = { 0 };
	struct heap h = { 0 };
	uint32_t chance = 1;
	int64_t before = -1;

	for (size_t i = 0; i < NODES; i++)
		heap_set(&h, &nodes[i], (struct instant){ next_number(&chance) % 100 });
	assert_is_heap(&h);
	for (size_t left = NODES; left > 0; left--) {
		struct heap_node *first = heap_first(&h);

		assert_int_equal(h.count, left);
		assert_true(heap_due(&h).ns == first->due.ns && first->due.ns >= before);
		before = first->due.ns;
		heap_remove(&h, first);
		assert_int_equal(first->place, 0);
	}
	assert_null(heap_first(&h));
	assert_true(heap_due(&h).ns == INSTANT_NEVER.ns);
	heap_wipe(&h);
}

static void moves_and_removes_anywhere(void **state)
{
	struct heap_node nodes[NODES] = { 0 };
	struct heap h = { 0 };
	uint32_t chance = 7;
	size_t in = 0;

	for (unsigned step = 0; step < 20000; step++) {
		struct heap_node *node = &nodes[next_number(&chance) % NODES];
		uint32_t what = next_number(&chance) % 4;

		in -= node->place != 0;
		if (what == 0) {
			heap_remove(&h, node);
		} else if (what == 1) {
			heap_set(&h, node, INSTANT_NEVER);
		} else {
			heap_set(&h, node, (struct instant){ next_number(&chance) % 1000 });
			in++;
		}
		assert_int_equal(node->place != 0, what > 1);
		assert_int_equal(h.count, in);
		if (step % 100 == 0)
			assert_is_heap(&h);
	}
	heap_wipe(&h);
}

static void removing_what_is_not_in_does_nothing(void **state)
{
	struct heap_node in = { 0 };
	struct heap_node out = { 0 };
	struct heap h = { 0 };

	heap_set(&h, &in, (struct instant){ 5 });
	heap_remove(&h, &out);
	assert_ptr_equal(heap_first(&h), &in);
	heap_set(&h, &out, INSTANT_NEVER);
	assert_int_equal(h.count, 1);
	heap_wipe(&h);
	heap_wipe(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_deadlines_in_order),
		cmocka_unit_test(moves_and_removes_anywhere),
		cmocka_unit_test(removing_what_is_not_in_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
