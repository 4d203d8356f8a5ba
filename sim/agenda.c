/*
 * The agenda: what happens when, and chance.
 */
#include <stdlib.h>

#include "sim/world.h"

static bool comes_first(const struct sim_event *a, const struct sim_event *b)
{
	return a->due.ns != b->due.ns ? a->due.ns < b->due.ns : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event kept = *a;

	*a = *b;
	*b = kept;
}

void sim_later(struct sim *sim, struct duration delay, void (*happen)(struct sim *, void *),
               void *what)
{
	struct agenda *a = &sim->agenda;
	size_t i = a->count;

	if (a->count == a->size) {
		a->size = a->size == 0 ? 64 : 2 * a->size;
		a->events = grow_array(a->events, a->size, sizeof(*a->events));
	}
	a->events[a->count++] = (struct sim_event){ .due = instant_after(sim->now, delay),
		                                    .order = a->next_order++,
		                                    .happen = happen,
		                                    .what = what };
	for (; i > 0 && comes_first(&a->events[i], &a->events[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&a->events[i], &a->events[(i - 1) / 2]);
}

static void sift_down(struct agenda *a)
{
	for (size_t i = 0;;) {
		size_t child = 2 * i + 1;

		if (child >= a->count)
			return;
		if (child + 1 < a->count && comes_first(&a->events[child + 1], &a->events[child]))
			child++;
		if (!comes_first(&a->events[child], &a->events[i]))
			return;
		swap(&a->events[i], &a->events[child]);
		i = child;
	}
}

struct instant agenda_due(const struct agenda *a)
{
	return a->count == 0 ? INSTANT_NEVER : a->events[0].due;
}

bool agenda_take(struct agenda *a, struct instant limit, struct sim_event *out)
{
	if (a->count == 0 || a->events[0].due.ns > limit.ns)
		return false;
	*out = a->events[0];
	a->events[0] = a->events[--a->count];
	sift_down(a);
	return true;
}

/* xoshiro256** */
static uint64_t rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

uint64_t sim_random(struct sim *sim)
{
	uint64_t *s = sim->random;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t sim_below(struct sim *sim, uint64_t n)
{
	return sim_random(sim) % n;
}

bool sim_chance(struct sim *sim, unsigned percent)
{
	return percent > 0 && sim_below(sim, 100) < percent;
}
