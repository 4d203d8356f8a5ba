#include "opportunism/policy.h"

#include <stdlib.h>

#include "opportunism/policy_flat.h"

static const struct ip_range *rank_local(const struct policy_row *row)
{
	return row->is_outcome ? &row->of_local : &row->local;
}

static const struct ip_range *rank_remote(const struct policy_row *row)
{
	return row->is_outcome ? &row->of_remote : &row->remote;
}

static int compare_numbers(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int compare_traffic(const struct traffic *a, const struct traffic *b)
{
	int order = traffic_compare(a, b);

	if (order != 0)
		return order;
	order = compare_numbers(a->protocol, b->protocol);
	return order != 0 ? order : compare_numbers(a->first_port, b->first_port);
}

/* POL-2, and the addresses last, so that rows for the same stand together. */
static int compare_rules(const struct policy_row *a, const struct policy_row *b)
{
	int order = range_compare_size(rank_remote(a), rank_remote(b));

	if (order == 0)
		order = range_compare_size(rank_local(a), rank_local(b));
	if (order == 0)
		order = compare_traffic(&a->traffic, &b->traffic);
	if (order == 0)
		order = (int)a->is_group - (int)b->is_group;
	if (order == 0)
		order = ip_compare(&rank_remote(a)->first, &rank_remote(b)->first);
	if (order == 0)
		order = ip_compare(&rank_local(a)->first, &rank_local(b)->first);
	return order;
}

/* What came of a conn before the conn; the order written breaks ties. */
static int compare_rows(const void *x, const void *y)
{
	const struct policy_row *a = *(const struct policy_row *const *)x;
	const struct policy_row *b = *(const struct policy_row *const *)y;
	int order = compare_rules(a, b);

	if (order == 0)
		order = (int)b->is_outcome - (int)a->is_outcome;
	if (order == 0 && a->is_outcome)
		order = range_compare_size(&a->remote, &b->remote);
	if (order == 0 && a->is_outcome)
		order = range_compare_size(&a->local, &b->local);
	return order != 0 ? order : (a > b) - (a < b);
}

static bool is_same_place(const struct policy_row *a, const struct policy_row *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote) &&
	       traffic_equal(&a->traffic, &b->traffic) && a->is_group == b->is_group;
}

/* Two rules for the same; the first in the order written. */
static void note_clash(struct policy_clash *clash, const struct policy_row *rows,
                       const struct policy_row *first, const struct policy_row *second)
{
	bool is_one = strcmp(first->name, second->name) == 0;
	size_t place = (size_t)(second - rows);

	if (clash == NULL || is_one || first->is_outcome || second->is_outcome ||
	    (clash->is_there && clash->second < place))
		return;
	*clash = (struct policy_clash){ true, (size_t)(first - rows), place };
}

static void take_sorted(struct policy_table *table, const struct policy_row *rows,
                        const struct policy_row *const *sorted, size_t count,
                        struct policy_clash *clash)
{
	const struct policy_row *last = NULL;

	for (size_t i = 0; i < count; i++) {
		if (last != NULL && is_same_place(last, sorted[i])) {
			note_clash(clash, rows, last, sorted[i]);
			continue;
		}
		last = sorted[i];
		table->rows[table->row_count++] = *last;
	}
}

bool policy_build(struct policy_table *table, const struct policy_row *rows, size_t count,
                  struct policy_clash *clash)
{
	const struct policy_row **sorted = new_array(count, sizeof(*sorted));

	*table = (struct policy_table){ .rows = new_array(count, sizeof(*rows)) };
	if (clash != NULL)
		*clash = (struct policy_clash){ 0 };
	for (size_t i = 0; i < count; i++)
		sorted[i] = &rows[i];
	qsort(sorted, count, sizeof(*sorted), compare_rows);
	take_sorted(table, rows, sorted, count, clash);
	free(sorted);
	if (policy_flatten(table))
		return true;
	policy_wipe(table);
	return false;
}

void policy_wipe(struct policy_table *table)
{
	free(table->rows);
	free(table->flat);
	free(table->flat_row);
	policy_index_wipe(&table->index);
	*table = (struct policy_table){ 0 };
}

static const struct policy_row *row_of_cell(const struct policy_table *table,
                                            const struct policy_cell *cell)
{
	return cell == NULL ? NULL : &table->rows[table->flat_row[cell->flat]];
}

const struct policy_row *policy_lookup_packet(const struct policy_table *table,
                                              const struct ip_pair *pair, uint8_t protocol,
                                              int32_t remote_port)
{
	return row_of_cell(table, policy_index_find(&table->index, &pair->source,
	                                            &pair->destination, protocol, remote_port));
}

const struct policy_row *policy_lookup(const struct policy_table *table, const struct ip_pair *pair)
{
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&table->index, &pair->source, &pair->destination, &count);

	for (size_t i = 0; i < count; i++)
		if (traffic_within(&pair->traffic, &cells[i].traffic))
			return row_of_cell(table, &cells[i]);
	return NULL;
}
