/*
 * The policy rows that conns make: of what they say of both ends, and of the addresses that this
 * machine has.
 */
#include "opportunism/conns.h"

#include <stdlib.h>

#include "opportunism/forgeable.h"

static enum policy_action row_action(enum conn_type type)
{
	switch (type) {
	case CONN_TUNNEL:
		return POLICY_TRAP;
	case CONN_PASSTHROUGH:
		return POLICY_PASS;
	case CONN_DROP:
		return POLICY_DROP;
	case CONN_REJECT:
		return POLICY_REJECT;
	}
	return POLICY_DROP;
}

struct rows {
	struct policy_row *list;
	size_t count;
	size_t room;
};

/* What all rows of a conn have in common. */
static struct policy_row row_of_conn(const struct conn_state *conn, unsigned index,
                                     const struct ip_range *local, bool is_own)
{
	struct policy_row row = { .local = *local,
		                  .action = row_action(conn->conn.type),
		                  .is_private = conn_is_private(conn),
		                  .is_own_address = is_own,
		                  .is_group = conn->is_group,
		                  .is_arranged = conn_needs_no_dns(conn),
		                  .conn = index,
		                  .nat = conn->ours.nat };

	string_copy(row.name, sizeof(row.name), conn->conn.name);
	return row;
}

static void add_row(struct rows *rows, const struct policy_row *like, const struct ip_range *remote)
{
	if (like->local.first.family != remote->first.family)
		return;
	if (rows->count == rows->room) {
		rows->room = rows->room * 2 + 16;
		rows->list = grow_array(rows->list, rows->room, sizeof(*rows->list));
	}
	rows->list[rows->count] = *like;
	rows->list[rows->count++].remote = *remote;
}

/* A name stands for the addresses that are known of it now (POL-6). */
static void add_named_rows(struct rows *rows, const struct policy_row *like, const char *name,
                           const struct conns *conns)
{
	bool is_open =
	    !like->is_private && like->action != POLICY_DROP && like->action != POLICY_REJECT;

	for (size_t i = 0; i < conns->named_count; i++) {
		const struct named_address *named = &conns->named[i];
		struct ip_range range = range_of_ip(&named->address);
		struct policy_row row = *like;

		row.named = (unsigned)i + 1;
		row.is_forgeable = is_open && !named->is_secure;
		if (strcmp(named->name, name) == 0)
			add_row(rows, &row, &range);
	}
}

static void add_group_rows(struct rows *rows, struct policy_row *like,
                           const struct conn_state *conn, const struct conns *conns)
{
	for (size_t i = 0; i < conn->conn.entries.count; i++) {
		const struct policy_entry *entry = &conn->conn.entries.list[i];

		like->traffic = entry->traffic;
		like->line = entry->line;
		if (entry->name != NULL)
			add_named_rows(rows, like, entry->name, conns);
		else
			add_row(rows, like, &entry->range);
	}
}

/* The remote side: what the group or the conn names, or everything of the local side's family. */
static void add_remote_rows(struct rows *rows, const struct conns *conns, unsigned index,
                            const struct ip_range *local, bool is_own)
{
	const struct conn_state *conn = &conns->list[index];
	struct ip_range remote = range_any((enum ip_family)local->first.family);
	struct policy_row like = row_of_conn(conn, index, local, is_own);

	if (conn->is_group) {
		add_group_rows(rows, &like, conn, conns);
		return;
	}
	for (size_t i = 0; i < conn->theirs.subnet_count; i++)
		add_row(rows, &like, &conn->theirs.subnets[i]);
	if (conn->theirs.subnet_count > 0)
		return;
	if (conn->theirs.kind == END_ADDRESS)
		remote = range_of_ip(&conn->theirs.address);
	add_row(rows, &like, &remote);
}

static void add_conn_rows(struct rows *rows, const struct conns *conns, unsigned index,
                          const struct own_addresses *own)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	const struct conn_state *conn = &conns->list[index];
	bool is_all = conn->ours.kind != END_ADDRESS && !conn_is_arranged(conn);

	for (size_t i = 0; i < conn->ours.subnet_count; i++)
		add_remote_rows(rows, conns, index, &conn->ours.subnets[i], false);
	if (conn->ours.subnet_count > 0)
		return;
	for (size_t i = 0; is_all && i < own->covered_count; i++) {
		struct ip_range local = range_of_ip(&own->covered[i]);

		add_remote_rows(rows, conns, index, &local, true);
	}
	for (size_t i = 0; !is_all && i < ARRAY_LEN(families); i++) {
		struct ip outer = conn_outer(conn, families[i], own);
		struct ip_range local = range_of_ip(&outer);

		if (outer.family != IP_NONE)
			add_remote_rows(rows, conns, index, &local, true);
	}
}

static void drop_forgeable(struct rows *rows, const struct conns *conns, bool *gives_way)
{
	bool *unheard = new_array(conns->named_count, sizeof(*unheard));

	rows->count =
	    forgeable_give_way(rows->list, rows->count, gives_way != NULL ? gives_way : unheard);
	free(unheard);
}

size_t conns_rows(const struct conns *conns, const struct own_addresses *own,
                  struct policy_row **out, bool *gives_way)
{
	struct rows rows = { 0 };

	for (size_t i = 0; i < conns->count; i++) {
		if (conns->list[i].is_routed)
			add_conn_rows(&rows, conns, (unsigned)i, own);
	}
	drop_forgeable(&rows, conns, gives_way);
	*out = rows.list;
	return rows.count;
}

static bool has_groups(const struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++)
		if (conns->list[i].is_group && conns->list[i].is_added)
			return true;
	return false;
}

/* Those that answer are those that trap, as is usual. */
static bool all_are_routed(const struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++)
		if (conns->list[i].is_added != conns->list[i].is_routed)
			return false;
	return true;
}

bool conns_index(struct conns *conns, const struct own_addresses *own,
                 const struct policy_row *routed, size_t routed_count)
{
	struct rows rows = { 0 };
	struct policy_table table;
	bool ok;

	policy_wipe(&conns->answering);
	if (!has_groups(conns))
		return true;
	if (routed != NULL && all_are_routed(conns)) {
		ok = policy_build(&table, routed, routed_count, NULL);
	} else {
		for (size_t i = 0; i < conns->count; i++) {
			if (conns->list[i].is_added)
				add_conn_rows(&rows, conns, (unsigned)i, own);
		}
		drop_forgeable(&rows, conns, NULL);
		ok = policy_build(&table, rows.list, rows.count, NULL);
	}
	free(rows.list);
	if (ok)
		conns->answering = table;
	return ok;
}
