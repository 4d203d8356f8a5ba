#include "opportunism/forgeable.h"

#include <stdlib.h>

static bool is_closed(const struct policy_row *row)
{
	return row->is_private || row->action == POLICY_DROP || row->action == POLICY_REJECT;
}

static bool traffic_overlaps(const struct traffic *a, const struct traffic *b)
{
	if (a->protocol == 0 || b->protocol == 0)
		return true;
	if (a->protocol != b->protocol)
		return false;
	return !a->has_ports || !b->has_ports ||
	       (a->first_port <= b->last_port && b->first_port <= a->last_port);
}

static bool is_closed_from(const struct policy_table *table, const struct ip *local,
                           const struct policy_row *row)
{
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&table->index, local, &row->remote.first, &count);

	for (size_t i = 0; i < count; i++)
		if (traffic_overlaps(&cells[i].traffic, &row->traffic) &&
		    is_closed(&table->rows[table->flat_row[cells[i].flat]]))
			return true;
	return false;
}

/* Would the row, which has one remote address, open something? */
static bool opens(const struct policy_table *firm, const struct policy_row *row)
{
	for (size_t i = 0; i < firm->index.column_count; i++) {
		const struct policy_column *column = &firm->index.columns[i];

		if (range_overlaps(&column->local, &row->local) &&
		    is_closed_from(firm, &column->local.first, row))
			return true;
	}
	return false;
}

/* The firm ones first, each kind in the order written; returns how many they are. */
static size_t put_firm_first(struct policy_row *rows, size_t count)
{
	struct policy_row *forgeable = new_array(count, sizeof(*forgeable));
	size_t firm = 0, others = 0;

	for (size_t i = 0; i < count; i++) {
		if (rows[i].is_forgeable)
			forgeable[others++] = rows[i];
		else
			rows[firm++] = rows[i];
	}
	if (others > 0)
		memcpy(&rows[firm], forgeable, others * sizeof(*rows));
	free(forgeable);
	return firm;
}

static bool has_forgeable(const struct policy_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].is_forgeable)
			return true;
	return false;
}

size_t forgeable_give_way(struct policy_row *rows, size_t count, bool *gives_way)
{
	struct policy_table firm;
	size_t left;
	bool is_known;

	if (!has_forgeable(rows, count))
		return count;
	left = put_firm_first(rows, count);
	is_known = policy_build(&firm, rows, left, NULL);
	for (size_t i = left; i < count; i++) {
		if (is_known && !opens(&firm, &rows[i]))
			rows[left++] = rows[i];
		else
			gives_way[rows[i].named - 1] = true;
	}
	policy_wipe(&firm);
	return left;
}
