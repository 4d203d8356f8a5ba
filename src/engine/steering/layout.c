#include "engine/steering/layout.h"

#include <stdlib.h>

#include "engine/steering/names.h"

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
};

struct making {
	struct layout *layout;
	const struct policy_row *area;
	size_t area_len;
	unsigned flat; /* of its first row */
	bool is_end;
	bool is_mixed;
};

static struct layout_entry *add(struct making *m, enum layout_set set, size_t row)
{
	struct layout_list *list = &m->layout->sets[set];
	struct layout_entry *entry;

	/* Room in powers of two, so that its size need not be kept. */
	if ((list->count & (list->count - 1)) == 0)
		list->entries =
		    grow_array(list->entries, list->count * 2 + 1, sizeof(*list->entries));
	entry = &list->entries[list->count++];
	*entry = (struct layout_entry){ .local = m->area->local,
		                        .remote = m->area->remote,
		                        .flat = m->flat + (unsigned)row };
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

static void add_plain(struct making *m)
{
	const struct policy_row *row = m->area;

	add(m, LAYOUT_POLICY, 0)->chain = steering_row_chain(row);
	if (is_counted(row))
		add(m, LAYOUT_ROWS, 0);
	if (row->is_arranged && !is_counted(row))
		add(m, LAYOUT_ARRANGED, 0);
	if (is_private(m, row)) {
		add(m, LAYOUT_PRIVATE, 0)->chain = "keep_all";
		add(m, LAYOUT_INBOUND, 0)->chain = inbound_chain(m, row);
	} else if (is_blocked(row)) {
		add(m, LAYOUT_INBOUND, 0)->chain = "cleartext_blocked";
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
	add(m, LAYOUT_POLICY, 0)->chain = is_v4(m) ? "ports4" : "ports6";
	add(m, LAYOUT_INBOUND, 0)->chain = is_v4(m) ? "cleartext_ports4" : "cleartext_ports6";
	if (m->is_mixed)
		add(m, LAYOUT_PRIVATE, 0)->chain = "keep_ports";
	area_divide(m->area, m->area_len, add_box, m);
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
	for (size_t i = 0; i < policy->flat_count; i += m.area_len) {
		m.area = &policy->flat[i];
		m.area_len = area_len(m.area, policy->flat_count - i);
		m.flat = (unsigned)i;
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
