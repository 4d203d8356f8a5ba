#include "opportunism/policy_flat.h"

#include <stdlib.h>

/* The same piece lies in many columns; a table that repeats itself more often is refused. */
enum { CELLS_MAX = 1 << 20 };

/* A row begins here, or is over. */
struct edge {
	struct ip at;
	unsigned row;
	bool is_end;
};

struct edges {
	struct edge *list;
	size_t count;
};

/* Rows that cover the point which a sweep has come to, in order of rank. */
struct active {
	unsigned *rows;
	size_t count;
};

/* A range of remote addresses in one column, and who decides there. */
struct piece {
	struct ip_range remote;
	size_t first; /* of its `winners` */
	size_t count;
};

struct sweep {
	struct policy_table *table;
	struct edges local;
	struct edges remote; /* of the rows of one column */
	struct active covering_local;
	struct active covering;
	struct piece *pieces; /* of one column */
	size_t piece_count;
	size_t piece_room;
	unsigned *winners;
	size_t winner_count;
	size_t winner_room;
	struct policy_column *previous; /* the column before, if it touches this one; or NULL */
	size_t passed;                  /* cells of it that lie before this one's piece */
	size_t flat_room;
	size_t cell_room;
	size_t column_room;
};

static void *make_room(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = *room * 2 + 64;
	return grow_array(list, *room, size);
}

static int compare_edges(const void *a, const void *b)
{
	return ip_compare(&((const struct edge *)a)->at, &((const struct edge *)b)->at);
}

static void add_edges(struct edges *edges, const struct ip_range *range, unsigned row)
{
	struct ip after;

	edges->list[edges->count++] = (struct edge){ .at = range->first, .row = row };
	if (ip_next(&range->last, &after))
		edges->list[edges->count++] = (struct edge){ after, row, true };
}

static size_t place_of(const struct active *active, unsigned row)
{
	size_t low = 0, high = active->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (active->rows[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void pass_edge(struct active *active, const struct edge *edge)
{
	size_t place = place_of(active, edge->row);
	unsigned *at = active->rows + place;

	if (edge->is_end) {
		active->count--;
		memmove(at, at + 1, (active->count - place) * sizeof(*at));
	} else {
		memmove(at + 1, at, (active->count - place) * sizeof(*at));
		*at = edge->row;
		active->count++;
	}
}

/* All edges at the point where `*next` stands; what is behind them up to the next point. False: the
 * end, or a piece that nothing covers. */
static bool next_piece(const struct edges *edges, size_t *next, struct active *active,
                       struct ip_range *piece)
{
	/* What covers the end of one family's addresses does not go on into the other's. */
	if (*next > 0 && edges->list[*next - 1].at.family != edges->list[*next].at.family)
		active->count = 0;
	piece->first = edges->list[*next].at;
	while (*next < edges->count && ip_equal(&edges->list[*next].at, &piece->first))
		pass_edge(active, &edges->list[(*next)++]);
	if (active->count == 0)
		return false;
	piece->last = range_any((enum ip_family)piece->first.family).last;
	if (*next < edges->count && edges->list[*next].at.family == piece->first.family)
		(void)!ip_previous(&edges->list[*next].at, &piece->last);
	return true;
}

/* ---- One column ---- */

/* The rows that decide in a piece: the first for all traffic, and those for some of it before. */
static size_t add_winners(struct sweep *s)
{
	const struct policy_row *rows = s->table->rows;
	size_t first = s->winner_count;

	for (size_t i = 0; i < s->covering.count; i++) {
		const struct traffic *traffic = &rows[s->covering.rows[i]].traffic;
		bool is_hidden = false;

		for (size_t j = first; j < s->winner_count && !is_hidden; j++)
			is_hidden = traffic_within(traffic, &rows[s->winners[j]].traffic);
		if (is_hidden)
			continue;
		s->winners =
		    make_room(s->winners, s->winner_count, &s->winner_room, sizeof(*s->winners));
		s->winners[s->winner_count++] = s->covering.rows[i];
		if (traffic_is_any(traffic))
			break;
	}
	return s->winner_count - first;
}

/* What the last piece says goes on beyond its end. */
static bool goes_on(const struct sweep *s, const struct ip_range *remote, size_t count)
{
	const struct piece *last = s->piece_count == 0 ? NULL : &s->pieces[s->piece_count - 1];
	struct ip after;

	return last != NULL && last->count == count && ip_next(&last->remote.last, &after) &&
	       ip_equal(&after, &remote->first) &&
	       memcmp(s->winners + last->first, s->winners + s->winner_count - count,
	              count * sizeof(*s->winners)) == 0;
}

static void add_piece(struct sweep *s, const struct ip_range *remote)
{
	size_t count = add_winners(s);

	if (goes_on(s, remote, count)) {
		s->winner_count -= count;
		s->pieces[s->piece_count - 1].remote.last = remote->last;
		return;
	}
	s->pieces = make_room(s->pieces, s->piece_count, &s->piece_room, sizeof(*s->pieces));
	s->pieces[s->piece_count++] = (struct piece){ *remote, s->winner_count - count, count };
}

static void cut_column(struct sweep *s)
{
	struct ip_range remote;

	s->remote.count = s->piece_count = s->winner_count = s->covering.count = 0;
	for (size_t i = 0; i < s->covering_local.count; i++) {
		unsigned row = s->covering_local.rows[i];

		add_edges(&s->remote, &s->table->rows[row].remote, row);
	}
	qsort(s->remote.list, s->remote.count, sizeof(*s->remote.list), compare_edges);
	for (size_t next = 0; next < s->remote.count;)
		if (next_piece(&s->remote, &next, &s->covering, &remote))
			add_piece(s, &remote);
}

/* ---- All columns ---- */

static void add_cell(struct sweep *s, const struct piece *piece, size_t i, size_t flat)
{
	struct policy_index *index = &s->table->index;
	const struct policy_row *row = &s->table->rows[s->winners[piece->first + i]];

	index->cells =
	    make_room(index->cells, index->cell_count, &s->cell_room, sizeof(*index->cells));
	index->cells[index->cell_count++] =
	    (struct policy_cell){ piece->remote, row->traffic, (unsigned)flat };
}

static void add_flat(struct sweep *s, const struct ip_range *local, const struct piece *piece,
                     size_t i)
{
	struct policy_table *t = s->table;
	unsigned row = s->winners[piece->first + i];
	size_t room = s->flat_room;

	t->flat = make_room(t->flat, t->flat_count, &s->flat_room, sizeof(*t->flat));
	t->flat_row = make_room(t->flat_row, t->flat_count, &room, sizeof(*t->flat_row));
	t->flat[t->flat_count] = t->rows[row];
	t->flat[t->flat_count].local = *local;
	t->flat[t->flat_count].remote = piece->remote;
	t->flat_row[t->flat_count++] = row;
}

/* Where the column before says the same as this piece: its first cell there; else SIZE_MAX. */
static size_t find_beside(struct sweep *s, const struct piece *piece)
{
	const struct policy_table *t = s->table;
	const struct policy_cell *cells = t->index.cells;
	size_t end = s->previous == NULL ? 0 : s->previous->first + s->previous->count;

	while (s->passed < end &&
	       ip_compare(&cells[s->passed].remote.first, &piece->remote.first) < 0)
		s->passed++;
	for (size_t i = 0; i < piece->count; i++) {
		size_t cell = s->passed + i;

		if (cell >= end || !range_equal(&cells[cell].remote, &piece->remote) ||
		    t->flat_row[cells[cell].flat] != s->winners[piece->first + i])
			return SIZE_MAX;
	}
	if (s->passed + piece->count < end &&
	    range_equal(&cells[s->passed + piece->count].remote, &piece->remote))
		return SIZE_MAX;
	return s->passed;
}

/* Its flat rows: those beside it, made wider, or new ones. */
static void keep_piece(struct sweep *s, const struct ip_range *local, const struct piece *piece)
{
	struct policy_table *t = s->table;
	size_t beside = find_beside(s, piece);

	for (size_t i = 0; i < piece->count; i++) {
		size_t flat = t->flat_count;

		if (beside == SIZE_MAX) {
			add_flat(s, local, piece, i);
		} else {
			flat = t->index.cells[beside + i].flat;
			t->flat[flat].local.last = local->last;
		}
		add_cell(s, piece, i, flat);
	}
}

static bool touches(const struct policy_column *column, const struct ip_range *local)
{
	struct ip after;

	return ip_next(&column->local.last, &after) && ip_equal(&after, &local->first);
}

static bool keep_column(struct sweep *s, const struct ip_range *local)
{
	struct policy_index *index = &s->table->index;
	struct policy_column *column;

	index->columns = make_room(index->columns, index->column_count, &s->column_room,
	                           sizeof(*index->columns));
	column = &index->columns[index->column_count++];
	*column = (struct policy_column){ .local = *local, .first = (unsigned)index->cell_count };
	s->previous = index->column_count > 1 && touches(column - 1, local) ? column - 1 : NULL;
	s->passed = s->previous == NULL ? 0 : s->previous->first;
	for (size_t i = 0; i < s->piece_count; i++)
		keep_piece(s, local, &s->pieces[i]);
	column->count = (unsigned)index->cell_count - column->first;
	return s->table->flat_count <= POLICY_FLAT_MAX && index->cell_count <= CELLS_MAX;
}

static bool sweep_all(struct sweep *s)
{
	struct ip_range local;

	for (size_t next = 0; next < s->local.count;) {
		if (!next_piece(&s->local, &next, &s->covering_local, &local))
			continue;
		cut_column(s);
		if (!keep_column(s, &local))
			return false;
	}
	return true;
}

bool policy_flatten(struct policy_table *table)
{
	size_t rows = table->row_count;
	struct sweep s = { .table = table };
	bool ok;

	s.local.list = new_array(2 * rows, sizeof(struct edge));
	s.remote.list = new_array(2 * rows, sizeof(struct edge));
	s.covering_local.rows = new_array(rows, sizeof(unsigned));
	s.covering.rows = new_array(rows, sizeof(unsigned));
	for (size_t i = 0; i < rows; i++)
		add_edges(&s.local, &table->rows[i].local, (unsigned)i);
	qsort(s.local.list, s.local.count, sizeof(struct edge), compare_edges);
	ok = sweep_all(&s);
	free(s.local.list);
	free(s.remote.list);
	free(s.covering_local.rows);
	free(s.covering.rows);
	free(s.pieces);
	free(s.winners);
	return ok;
}
