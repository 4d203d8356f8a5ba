#include "engine/steering/cover.h"

#include <stdlib.h>

static int by_first(const void *a, const void *b)
{
	const struct ip_range *x = a;
	const struct ip_range *y = b;

	return ip_compare(&x->first, &y->first);
}

/* True if `b`, which does not begin before `a`, overlaps it or begins right after it. */
static bool joins(const struct ip_range *a, const struct ip_range *b)
{
	struct ip after;

	if (a->first.family != b->first.family)
		return false;
	if (ip_compare(&b->first, &a->last) <= 0)
		return true;
	return ip_next(&a->last, &after) && ip_equal(&after, &b->first);
}

void cover_of_ranges(struct cover *cover, const struct ip_range *ranges, size_t count)
{
	struct ip_range *sorted = new_array(count + 1, sizeof(*sorted));
	size_t kept = 0;

	if (count > 0)
		memcpy(sorted, ranges, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_first);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !joins(&sorted[kept - 1], &sorted[i]))
			sorted[kept++] = sorted[i];
		else if (ip_compare(&sorted[i].last, &sorted[kept - 1].last) > 0)
			sorted[kept - 1].last = sorted[i].last;
	}
	*cover = (struct cover){ .ranges = sorted, .count = kept };
}

void cover_of_policy(struct cover *cover, const struct policy_table *policy)
{
	struct ip_range *locals = new_array(policy->flat_count + 1, sizeof(*locals));

	for (size_t i = 0; i < policy->flat_count; i++)
		locals[i] = policy->flat[i].local;
	cover_of_ranges(cover, locals, policy->flat_count);
	free(locals);
}

void cover_wipe(struct cover *cover)
{
	free(cover->ranges);
	*cover = (struct cover){ 0 };
}
