#include "opportunism/policy.h"

#include <stdlib.h>

/* Pieces of rows; a table that would need more keeps what fits, and the rest of its rows stay with
 * the more general row behind them. */
enum { FLAT_ROWS_MAX = 65536 };

static int compare_ranges(const struct ip_range *a_local, const struct ip_range *a_remote,
                          const struct ip_range *b_local, const struct ip_range *b_remote)
{
	int order = range_compare_size(a_remote, b_remote);

	return order != 0 ? order : range_compare_size(a_local, b_local);
}

/* POL-2: fewer remote addresses first, then fewer local ones; what came of a conn before the conn;
 * the order written breaks ties. */
static int compare_rows(const struct policy_row *a, const struct policy_row *b)
{
	int order = compare_ranges(
	    a->is_outcome ? &a->of_local : &a->local, a->is_outcome ? &a->of_remote : &a->remote,
	    b->is_outcome ? &b->of_local : &b->local, b->is_outcome ? &b->of_remote : &b->remote);

	if (order != 0)
		return order;
	if (a->is_outcome && b->is_outcome)
		return compare_ranges(&a->local, &a->remote, &b->local, &b->remote);
	return (int)b->is_outcome - (int)a->is_outcome;
}

static bool rows_same_ranges(const struct policy_row *a, const struct policy_row *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote);
}

/* Insertion keeps rows of equal rank in the order written. */
static void sort_in(struct policy_table *table, const struct policy_row *row)
{
	size_t place = table->row_count++;

	while (place > 0 && compare_rows(row, &table->rows[place - 1]) < 0) {
		table->rows[place] = table->rows[place - 1];
		place--;
	}
	table->rows[place] = *row;
}

struct pieces {
	struct policy_row *rows;
	size_t count;
};

static void add_piece(struct pieces *p, const struct policy_row *from, const struct ip_range *local,
                      const struct ip_range *remote)
{
	if (p->count >= FLAT_ROWS_MAX)
		return;
	p->rows = grow_array(p->rows, p->count + 1, sizeof(*p->rows));
	p->rows[p->count] = *from;
	p->rows[p->count].local = *local;
	p->rows[p->count++].remote = *remote;
}

/* What of `r` lies before and behind `hole`; `middle` is what lies in it. They do overlap. */
static void split(const struct ip_range *r, const struct ip_range *hole, struct ip_range *before,
                  bool *has_before, struct ip_range *middle, struct ip_range *behind,
                  bool *has_behind)
{
	*middle = *r;
	*before = *r;
	*behind = *r;
	*has_before =
	    ip_compare(&r->first, &hole->first) < 0 && ip_previous(&hole->first, &before->last);
	*has_behind = ip_compare(&hole->last, &r->last) < 0 && ip_next(&hole->last, &behind->first);
	if (*has_before)
		middle->first = hole->first;
	if (*has_behind)
		middle->last = hole->last;
}

/* The rectangle `row` without the rectangle `hole`: up to four rectangles. */
static void subtract(const struct policy_row *row, const struct policy_row *hole,
                     struct pieces *out)
{
	struct ip_range before;
	struct ip_range middle;
	struct ip_range behind;
	struct ip_range inner;
	bool has_before;
	bool has_behind;

	if (!range_overlaps(&row->local, &hole->local) ||
	    !range_overlaps(&row->remote, &hole->remote)) {
		add_piece(out, row, &row->local, &row->remote);
		return;
	}
	split(&row->remote, &hole->remote, &before, &has_before, &middle, &behind, &has_behind);
	if (has_before)
		add_piece(out, row, &row->local, &before);
	if (has_behind)
		add_piece(out, row, &row->local, &behind);
	inner = middle;
	split(&row->local, &hole->local, &before, &has_before, &middle, &behind, &has_behind);
	if (has_before)
		add_piece(out, row, &before, &inner);
	if (has_behind)
		add_piece(out, row, &behind, &inner);
}

/* What `row` still decides after the more specific rows before it took theirs. */
static struct pieces remainder_of(const struct policy_table *table, size_t row)
{
	struct pieces left = { 0 };

	add_piece(&left, &table->rows[row], &table->rows[row].local, &table->rows[row].remote);
	for (size_t i = 0; i < row && left.count > 0; i++) {
		struct pieces next = { 0 };

		for (size_t j = 0; j < left.count; j++)
			subtract(&left.rows[j], &table->rows[i], &next);
		free(left.rows);
		left = next;
	}
	return left;
}

static void flatten(struct policy_table *table)
{
	for (size_t row = 0; row < table->row_count; row++) {
		struct pieces left = remainder_of(table, row);
		size_t room = FLAT_ROWS_MAX - table->flat_count;
		size_t taken = left.count < room ? left.count : room;
		size_t count = table->flat_count + taken;

		table->flat = grow_array(table->flat, count, sizeof(*table->flat));
		table->flat_row = grow_array(table->flat_row, count, sizeof(*table->flat_row));
		for (size_t i = 0; i < taken; i++) {
			table->flat[table->flat_count] = left.rows[i];
			table->flat_row[table->flat_count++] = (unsigned)row;
		}
		free(left.rows);
	}
}

void policy_build(struct policy_table *table, const struct policy_row *rows, size_t count,
                  long *clash)
{
	*table = (struct policy_table){ .rows = new_array(count, sizeof(*rows)) };
	if (clash != NULL)
		*clash = -1;
	for (size_t i = 0; i < count; i++) {
		const struct policy_row *known = NULL;

		for (size_t j = 0; j < table->row_count && known == NULL; j++)
			if (rows_same_ranges(&rows[i], &table->rows[j]))
				known = &table->rows[j];
		if (known == NULL)
			sort_in(table, &rows[i]);
		else if (clash != NULL && *clash < 0 && !known->is_outcome)
			*clash = (long)i;
	}
	flatten(table);
}

void policy_wipe(struct policy_table *table)
{
	free(table->rows);
	free(table->flat);
	free(table->flat_row);
	*table = (struct policy_table){ 0 };
}

const struct policy_row *policy_lookup(const struct policy_table *table, const struct ip_pair *pair)
{
	for (size_t i = 0; i < table->row_count; i++) {
		const struct policy_row *row = &table->rows[i];

		if (range_contains(&row->remote, &pair->destination) &&
		    range_contains(&row->local, &pair->source))
			return row;
	}
	return NULL;
}
