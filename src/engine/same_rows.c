#include "engine/same_rows.h"

#include <stdlib.h>

static int compare_ranges(const struct ip_range *a, const struct ip_range *b)
{
	int order = ip_compare(&a->first, &b->first);

	return order != 0 ? order : ip_compare(&a->last, &b->last);
}

/* Of octets: traffic has no padding. */
static int compare_rows(const struct policy_row *a, const struct policy_row *b)
{
	int order = compare_ranges(&a->remote, &b->remote);

	if (order == 0)
		order = compare_ranges(&a->local, &b->local);
	if (order == 0)
		order = memcmp(&a->traffic, &b->traffic, sizeof(a->traffic));
	if (order == 0)
		order = (int)a->action - (int)b->action;
	return order != 0 ? order : (int)a->is_outcome - (int)b->is_outcome;
}

static int compare(const void *a, const void *b)
{
	return compare_rows(*(const struct policy_row *const *)a,
	                    *(const struct policy_row *const *)b);
}

long *same_rows(const struct policy_row *old, size_t old_count, const struct policy_row *rows,
                size_t count)
{
	const struct policy_row **sorted = new_array(count + 1, sizeof(*sorted));
	long *same = new_array(old_count + 1, sizeof(*same));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &rows[i];
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < old_count; i++) {
		const struct policy_row *key = &old[i];
		const struct policy_row **found =
		    bsearch(&key, sorted, count, sizeof(*sorted), compare);

		same[i] = found == NULL ? SAME_ROW_NONE : *found - rows;
	}
	free(sorted);
	return same;
}
