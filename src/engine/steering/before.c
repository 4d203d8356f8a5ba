#include "engine/steering/before.h"

#include <stdlib.h>

#include "engine/same_rows.h"

struct before before_of(struct steering *s)
{
	struct before before = { .policy = s->policy,
		                 .layout = s->layout,
		                 .row_before = s->row_before };

	memcpy(before.counted, s->counted, sizeof(before.counted));
	return before;
}

static void add_use(struct steering *s, const struct before *before, unsigned row,
                    const struct eroute_use *use)
{
	long same = before->same[row];
	struct eroute_use *sum;

	if (same == SAME_ROW_NONE)
		return;
	sum = &s->row_before[same];
	sum->packets += use->packets;
	sum->octets += use->octets;
	if (use->last.ns > sum->last.ns)
		sum->last = use->last;
}

/* An element that stays goes on counting, maybe for another row; one that went has counted. */
static void carry_set(struct steering *s, const struct before *before, enum layout_set set)
{
	const struct layout_list *old = &before->layout.sets[set];
	const struct layout_list *now = &s->layout.sets[set];
	size_t j = 0;

	for (size_t i = 0; i < old->count; i++) {
		const struct counted *counted = &before->counted[set][i];
		unsigned row = before->policy.flat_row[old->entries[i].flat];

		add_use(s, before, row, &counted->use);
		while (j < now->count && layout_compare(&now->entries[j], &old->entries[i]) < 0)
			j++;
		if (j == now->count || layout_compare(&now->entries[j], &old->entries[i]) != 0)
			continue;
		s->counted[set][j].packets_seen = counted->packets_seen;
		s->counted[set][j].octets_seen = counted->octets_seen;
	}
}

void before_carry(struct steering *s, struct before *before)
{
	before->same = same_rows(before->policy.rows, before->policy.row_count, s->policy.rows,
	                         s->policy.row_count);
	for (size_t i = 0; i < before->policy.row_count; i++)
		add_use(s, before, (unsigned)i, &before->row_before[i]);
	for (size_t set = 0; set < LAYOUT_SETS; set++)
		if (layout_kinds[set].is_counted)
			carry_set(s, before, (enum layout_set)set);
	free(before->same);
}

void before_wipe(struct before *before)
{
	policy_wipe(&before->policy);
	layout_wipe(&before->layout);
	for (size_t i = 0; i < LAYOUT_SETS; i++)
		free(before->counted[i]);
	free(before->row_before);
}
