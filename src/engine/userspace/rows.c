#include "engine/userspace/rows.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/same_rows.h"

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *copy = new_array(count + 1, size);

	if (count > 0)
		memcpy(copy, from, count * size);
	return copy;
}

static void carry_uses(struct row_table *table, const struct row_table *old)
{
	long *same =
	    same_rows(old->written, old->written_count, table->written, table->written_count);

	for (size_t i = 0; i < old->written_count; i++) {
		struct eroute_use use = use_read(old->uses[i]);

		if (same[i] != SAME_ROW_NONE)
			*table->uses[same[i]] =
			    (struct use){ use.packets, use.octets, use.last.ns };
	}
	free(same);
}

static void add_rows(struct row_table *table, const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->flat_count; i++) {
		const struct policy_row *flat = &policy->flat[i];

		assert(policy->flat_row[i] < policy->row_count);
		table->has_ports |= !traffic_is_any(&flat->traffic);
		table->rows[i] = (struct row){ .traffic = flat->traffic,
			                       .action = flat->action,
			                       .is_private = flat->is_private,
			                       .use = table->uses[policy->flat_row[i]] };
	}
	table->count = policy->flat_count;
}

struct row_table *row_table_new(const struct policy_table *policy, const struct row_table *old)
{
	struct row_table *table = new_zeroed(sizeof(*table));

	policy_index_copy(&table->index, &policy->index);
	table->rows = new_array(policy->flat_count + 1, sizeof(*table->rows));
	table->written = copy_array(policy->rows, policy->row_count, sizeof(*table->written));
	table->written_count = policy->row_count;
	table->uses = new_array(policy->row_count + 1, sizeof(*table->uses));
	for (size_t i = 0; i < policy->row_count; i++)
		table->uses[i] = new_zeroed(sizeof(struct use));
	if (old != NULL)
		carry_uses(table, old);
	add_rows(table, policy);
	return table;
}

void row_table_free(struct row_table *table)
{
	for (size_t i = 0; i < table->written_count; i++)
		free(table->uses[i]);
	policy_index_wipe(&table->index);
	free(table->uses);
	free(table->written);
	free(table->rows);
	free(table);
}

struct rules rows_for(const struct row_table *table, const struct ip_pair *addresses)
{
	struct rules rules = { 0 };

	rules.cells = policy_index_cells(&table->index, &addresses->source, &addresses->destination,
	                                 &rules.count);
	if (rules.cells == NULL)
		rules.count = 0;
	return rules;
}

bool rules_have_ports(const struct rules *rules)
{
	return rules->count > 1 || (rules->count == 1 && !traffic_is_any(&rules->cells->traffic));
}

/* How little goes through by it. */
static int strictness(const struct row *row)
{
	switch (row->action) {
	case POLICY_PASS:
		return 0;
	case POLICY_TRAP:
		return row->is_private ? 2 : 1;
	case POLICY_TUNNEL:
		return 3;
	case POLICY_DROP:
	case POLICY_REJECT:
		return 4;
	}
	return 4;
}

/* 0 is said of what is behind extension headers that the fragment does not have. */
static bool may_belong(const struct traffic *t, const struct shown *shown)
{
	return traffic_is_any(t) || shown->protocol == 0 || t->protocol == shown->protocol;
}

static const struct row *pick_strictest(const struct row_table *table, const struct rules *rules,
                                        const struct shown *shown)
{
	const struct row *strictest = NULL;

	for (size_t i = 0; i < rules->count; i++) {
		const struct row *row = &table->rows[rules->cells[i].flat];

		if (may_belong(&row->traffic, shown) &&
		    (strictest == NULL || strictness(row) > strictness(strictest)))
			strictest = row;
	}
	return strictest;
}

const struct row *rules_pick(const struct row_table *table, const struct rules *rules,
                             const struct shown *shown)
{
	if (shown->hides_ports)
		return pick_strictest(table, rules, shown);
	for (size_t i = 0; i < rules->count; i++)
		if (traffic_contains(&rules->cells[i].traffic, shown->protocol, shown->remote_port))
			return &table->rows[rules->cells[i].flat];
	return NULL;
}

const struct row *rows_of_pair(const struct row_table *table, const struct ip_pair *pair)
{
	struct rules rules = rows_for(table, pair);

	for (size_t i = 0; i < rules.count; i++)
		if (traffic_within(&pair->traffic, &rules.cells[i].traffic))
			return &table->rows[rules.cells[i].flat];
	return NULL;
}
