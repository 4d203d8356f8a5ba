#include "engine/steering/columns.h"

#include <stdlib.h>

static int compare_ranges(const void *a, const void *b)
{
	const struct ip_range *x = a;
	const struct ip_range *y = b;
	int order = ip_compare(&x->first, &y->first);

	return order != 0 ? order : ip_compare(&x->last, &y->last);
}

struct candidate {
	struct ip_range local;
	size_t rows;
};

/* The most rows first; among equals the lower addresses. */
static bool is_before(const struct candidate *a, const struct candidate *b)
{
	return a->rows != b->rows ? a->rows > b->rows : compare_ranges(&a->local, &b->local) < 0;
}

/* `best` is in order, and the last of it gives way. */
static void consider(struct candidate best[LAYOUT_COLUMNS], const struct candidate *candidate)
{
	size_t at = LAYOUT_COLUMNS;

	if (candidate->rows < COLUMN_ROWS_MIN)
		return;
	while (at > 0 && is_before(candidate, &best[at - 1])) {
		if (at < LAYOUT_COLUMNS)
			best[at] = best[at - 1];
		at--;
	}
	if (at < LAYOUT_COLUMNS)
		best[at] = *candidate;
}

static size_t family_at(const struct ip_range *local)
{
	return local->first.family == IP_V4 ? 0 : 1;
}

/* By address, so that one entry more or less does not make two of them change places. */
static void keep_best(struct columns *columns, size_t family,
                      const struct candidate best[LAYOUT_COLUMNS])
{
	while (columns->count[family] < LAYOUT_COLUMNS && best[columns->count[family]].rows > 0) {
		size_t i = columns->count[family]++;

		columns->local[family][i] = best[i].local;
	}
	if (columns->count[family] > 0)
		qsort(columns->local[family], columns->count[family],
		      sizeof(columns->local[family][0]), compare_ranges);
}

void columns_of_policy(struct columns *columns, const struct policy_table *policy)
{
	struct ip_range *locals = new_array(policy->flat_count + 1, sizeof(*locals));
	struct candidate best[2][LAYOUT_COLUMNS] = { 0 };
	size_t same;

	*columns = (struct columns){ 0 };
	for (size_t i = 0; i < policy->flat_count; i++)
		locals[i] = policy->flat[i].local;
	qsort(locals, policy->flat_count, sizeof(*locals), compare_ranges);
	for (size_t i = 0; i < policy->flat_count; i += same) {
		struct candidate candidate = { .local = locals[i] };

		for (same = 1; i + same < policy->flat_count; same++)
			if (!range_equal(&locals[i], &locals[i + same]))
				break;
		candidate.rows = same;
		consider(best[family_at(&locals[i])], &candidate);
	}
	free(locals);
	for (size_t f = 0; f < 2; f++)
		keep_best(columns, f, best[f]);
}

int column_of(const struct columns *columns, const struct ip_range *local)
{
	size_t f = family_at(local);

	for (size_t i = 0; i < columns->count[f]; i++)
		if (range_equal(&columns->local[f][i], local))
			return (int)i;
	return -1;
}
