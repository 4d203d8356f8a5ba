#include "engine/steering/layout.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/steering/columns.h"
#include "engine/steering/cover.h"
#include "engine/steering/names.h"

/* clang-format off */
#define COLUMN(n, letter)                                                                          \
	[LAYOUT_COLUMN + (n)] = { "column_" letter, .is_single = true, .is_kept = true },          \
	[LAYOUT_COLUMN_POLICY + (n)] = { "policy_" letter, .is_single = true, .is_map = true },    \
	[LAYOUT_COLUMN_ROWS + (n)] = { "rows_" letter, .is_single = true, .is_counted = true },    \
	[LAYOUT_COLUMN_PRIVATE + (n)] = { "private_" letter, .is_single = true, .is_map = true,    \
	                                  .is_kept = true },                                       \
	[LAYOUT_COLUMN_INBOUND + (n)] = { "inbound_" letter, .is_single = true, .is_map = true }
/* clang-format on */

const struct layout_kind layout_kinds[LAYOUT_SETS] = {
	[LAYOUT_POLICY] = { "policy", .is_map = true },
	[LAYOUT_ROWS] = { "rows", .is_counted = true },
	[LAYOUT_PRIVATE] = { "private", .is_map = true, .is_kept = true },
	[LAYOUT_INBOUND] = { "inbound", .is_map = true },
	[LAYOUT_CARRIED] = { "carried", .is_map = true },
	[LAYOUT_ARRANGED] = { "arranged", .is_kept = true },
	[LAYOUT_TRANSLATE] = { "translate", .is_map = true, .has_nat = true },
	[LAYOUT_POLICY_PORTS] = { "policy_ports", .is_map = true, .has_ports = true },
	[LAYOUT_ROWS_PORTS] = { "rows_ports", .has_ports = true, .is_counted = true },
	[LAYOUT_OPEN_PORTS] = { "open_ports", .has_ports = true, .is_kept = true },
	[LAYOUT_CLEAR_PORTS] = { "clear_ports", .has_ports = true },
	[LAYOUT_COLUMNED] = { "columned", .is_single = true, .is_kept = true },
	COLUMN(0, "a"),
	COLUMN(1, "b"),
	COLUMN(2, "c"),
	COLUMN(3, "d"),
	COLUMN(4, "e"),
	COLUMN(5, "f"),
	COLUMN(6, "g"),
	COLUMN(7, "h"),
};
static_assert(LAYOUT_COLUMNS == 8, "each column has its sets");

struct making {
	struct layout *layout;
	const struct policy_row *area;
	size_t area_len;
	unsigned flat; /* of its first row */
	int column;    /* -1: none */
	bool is_end;
	bool is_mixed;
	struct columns columns;
};

static struct layout_entry *add_to(struct layout_list *list)
{
	struct layout_entry *entry;

	/* Room in powers of two, so that its size need not be kept. */
	if ((list->count & (list->count - 1)) == 0)
		list->entries =
		    grow_array(list->entries, list->count * 2 + 1, sizeof(*list->entries));
	entry = &list->entries[list->count++];
	*entry = (struct layout_entry){ 0 };
	return entry;
}

static struct layout_entry *add(struct making *m, enum layout_set set, size_t row)
{
	struct layout_entry *entry = add_to(&m->layout->sets[set]);

	entry->local = m->area->local;
	entry->remote = m->area->remote;
	entry->flat = m->flat + (unsigned)row;
	return entry;
}

/* All of an area without ports, or that it has some: in its column, or in the set of two ranges. */
static struct layout_entry *add_area(struct making *m, enum layout_set set,
                                     enum layout_set of_columns)
{
	struct layout_entry *entry;

	if (m->column < 0)
		return add(m, set, 0);
	entry = add(m, (enum layout_set)((int)of_columns + m->column), 0);
	entry->local = (struct ip_range){ 0 };
	return entry;
}

static bool is_private(const struct making *m, const struct policy_row *row)
{
	return row->is_private || (!m->is_end && row->action == POLICY_TUNNEL);
}

static bool is_blocked(const struct policy_row *row)
{
	return row->action == POLICY_DROP || row->action == POLICY_REJECT;
}

static bool is_counted(const struct policy_row *row)
{
	return row->action == POLICY_PASS || is_blocked(row);
}

static bool is_v4(const struct making *m)
{
	return m->area->local.first.family == IP_V4;
}

/* What a configured tunnel brings. */
static void add_carried(struct making *m)
{
	for (size_t i = 0; i < m->area_len; i++) {
		const struct policy_row *row = &m->area[i];
		const char *chain = steering_strength_name(row->strength);
		struct layout_entry *entry;

		if (row->action != POLICY_TUNNEL || chain == NULL)
			continue;
		entry = add(m, LAYOUT_CARRIED, i);
		entry->local = steering_row_reached(row);
		entry->chain = chain;
	}
}

/* What is sent into a tunnel of the area by an address that the peer knows. */
static void add_translated(struct making *m)
{
	for (size_t i = 0; i < m->area_len; i++) {
		const struct policy_row *row = &m->area[i];

		bool may_tunnel = row->action == POLICY_TRAP || row->action == POLICY_TUNNEL;

		if (!may_tunnel || row->nat.family != row->local.first.family)
			continue;
		add(m, LAYOUT_TRANSLATE, i)->nat = row->nat;
		return;
	}
}

static const char *inbound_chain(const struct making *m, const struct policy_row *row)
{
	if (row->action == POLICY_TUNNEL)
		return is_v4(m) ? "cleartext_tunnel4" : "cleartext_tunnel6";
	return is_v4(m) ? "cleartext_private4" : "cleartext_private6";
}

static void add_inbound(struct making *m, const char *chain)
{
	add_area(m, LAYOUT_INBOUND, LAYOUT_COLUMN_INBOUND)->chain = chain;
}

static void add_plain(struct making *m)
{
	const struct policy_row *row = m->area;

	add_area(m, LAYOUT_POLICY, LAYOUT_COLUMN_POLICY)->chain = steering_row_chain(row);
	if (is_counted(row))
		add_area(m, LAYOUT_ROWS, LAYOUT_COLUMN_ROWS);
	if (row->is_arranged && !is_counted(row))
		add(m, LAYOUT_ARRANGED, 0);
	if (is_private(m, row)) {
		add_area(m, LAYOUT_PRIVATE, LAYOUT_COLUMN_PRIVATE)->chain = "keep_all";
		add_inbound(m, inbound_chain(m, row));
	} else if (is_blocked(row)) {
		add_inbound(m, "cleartext_blocked");
	}
}

/* What no rule is for is no business of ours. */
static void add_box(void *ctx, size_t which, const struct box *box)
{
	struct making *m = ctx;
	const struct policy_row *row = which < m->area_len ? &m->area[which] : NULL;
	struct layout_entry *entry = add(m, LAYOUT_POLICY_PORTS, which);

	entry->box = *box;
	entry->chain = row == NULL ? "row_pass" : steering_box_chain(row);
	if (row != NULL && is_counted(row))
		add(m, LAYOUT_ROWS_PORTS, which)->box = *box;
	if (m->is_mixed && (row == NULL || !is_private(m, row)))
		add(m, LAYOUT_OPEN_PORTS, which)->box = *box;
	if (row == NULL || (!is_private(m, row) && !is_blocked(row)))
		add(m, LAYOUT_CLEAR_PORTS, which)->box = *box;
}

static void add_with_ports(struct making *m)
{
	m->is_mixed = false;
	for (size_t i = 0; i < m->area_len; i++)
		m->is_mixed |= is_private(m, &m->area[i]);
	add_area(m, LAYOUT_POLICY, LAYOUT_COLUMN_POLICY)->chain = is_v4(m) ? "ports4" : "ports6";
	add_inbound(m, is_v4(m) ? "cleartext_ports4" : "cleartext_ports6");
	if (m->is_mixed)
		add_area(m, LAYOUT_PRIVATE, LAYOUT_COLUMN_PRIVATE)->chain = "keep_ports";
	area_divide(m->area, m->area_len, add_box, m);
}

/* Which sources columns are for. */
static void add_columns(struct making *m, size_t family)
{
	const struct ip_range *locals = m->columns.local[family];
	struct layout_list *sets = m->layout->sets;
	struct cover all;

	cover_of_ranges(&all, locals, m->columns.count[family]);
	for (size_t i = 0; i < all.count; i++)
		add_to(&sets[LAYOUT_COLUMNED])->remote = all.ranges[i];
	cover_wipe(&all);
	for (size_t i = 0; i < m->columns.count[family]; i++)
		add_to(&sets[LAYOUT_COLUMN + i])->remote = locals[i];
}

int layout_compare(const struct layout_entry *a, const struct layout_entry *b)
{
	int order = ip_compare(&a->local.first, &b->local.first);

	/* Elements are disjoint: two never begin at the same addresses and end at others. */
	if (order == 0)
		order = ip_compare(&a->remote.first, &b->remote.first);
	if (order == 0)
		order = ip_compare(&a->local.last, &b->local.last);
	if (order == 0)
		order = ip_compare(&a->remote.last, &b->remote.last);
	return order != 0 ? order : box_compare(&a->box, &b->box);
}

/* Two ranges that are translated to one address are one to the peer. */
static void unite(struct layout_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || layout_compare(&list->entries[kept - 1], &list->entries[i]) != 0)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

static int compare(const void *a, const void *b)
{
	return layout_compare(a, b);
}

void layout_of_policy(struct layout *layout, const struct policy_table *policy, bool is_end)
{
	struct making m = { .layout = layout, .is_end = is_end };

	*layout = (struct layout){ 0 };
	columns_of_policy(&m.columns, policy);
	add_columns(&m, 0);
	add_columns(&m, 1);
	for (size_t i = 0; i < policy->flat_count; i += m.area_len) {
		m.area = &policy->flat[i];
		m.area_len = area_len(m.area, policy->flat_count - i);
		m.flat = (unsigned)i;
		m.column = column_of(&m.columns, &m.area->local);
		if (area_has_ports(m.area, m.area_len))
			add_with_ports(&m);
		else
			add_plain(&m);
		add_carried(&m);
		add_translated(&m);
	}
	for (size_t i = 0; i < LAYOUT_SETS; i++)
		if (layout->sets[i].count > 0)
			qsort(layout->sets[i].entries, layout->sets[i].count,
			      sizeof(*layout->sets[i].entries), compare);
	unite(&layout->sets[LAYOUT_CARRIED]);
}

void layout_wipe(struct layout *layout)
{
	for (size_t i = 0; i < LAYOUT_SETS; i++)
		free(layout->sets[i].entries);
	*layout = (struct layout){ 0 };
}
