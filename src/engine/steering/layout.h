#pragma once
/*
 * What a policy puts into the kernel's sets: the text for `nft -f` and the elements over netlink
 * are made of the same lists.
 *
 * An area without rules for protocols or ports is one element in `policy`, and one more in `rows`,
 * `private` and `inbound` where it belongs. An area with such rules is sent on, by `policy` and
 * `inbound`, to the sets whose names end in `_ports`: they have its boxes. A packet that shows no
 * ports is in none of these; it is trapped, and what cannot be trapped is dropped.
 *
 * The kernel takes sets of two ranges in quadratic time, and a packet's look at them is linear;
 * sets of one range are trees. So the local ranges with most rows have columns of their own: a set
 * `column_a` that has the local range, and `policy_a`, `rows_a` .. that have the remote ones. What
 * is in a column is in no set of two ranges.
 */
#include "engine/area.h"

/* Columns of each family, called a, b and so on. */
enum { LAYOUT_COLUMNS = 8 };

enum layout_set {
	LAYOUT_POLICY,       /* map: what becomes of a packet that no pair decides */
	LAYOUT_ROWS,         /* counts what passes, is dropped or rejected */
	LAYOUT_PRIVATE,      /* map: what must not leave in the clear */
	LAYOUT_INBOUND,      /* map: what must not come in in the clear */
	LAYOUT_CARRIED,      /* map: how well the sender of what a row's tunnel brings is known */
	LAYOUT_ARRANGED,     /* configured tunnels that need no name: questions go into them */
	LAYOUT_TRANSLATE,    /* map: leftnat=, the address that the peer knows */
	LAYOUT_POLICY_PORTS, /* and the same by ports */
	LAYOUT_ROWS_PORTS,
	LAYOUT_OPEN_PORTS,  /* of areas with something private: what may leave in the clear */
	LAYOUT_CLEAR_PORTS, /* of areas with ports: what may come in in the clear */
	LAYOUT_COLUMNED,    /* the local ranges of all columns */
	LAYOUT_COLUMN,      /* that of one, the first of so many columns */
	LAYOUT_COLUMN_POLICY = LAYOUT_COLUMN + LAYOUT_COLUMNS,
	LAYOUT_COLUMN_ROWS = LAYOUT_COLUMN_POLICY + LAYOUT_COLUMNS,
	LAYOUT_COLUMN_PRIVATE = LAYOUT_COLUMN_ROWS + LAYOUT_COLUMNS,
	LAYOUT_COLUMN_INBOUND = LAYOUT_COLUMN_PRIVATE + LAYOUT_COLUMNS,
	LAYOUT_SETS = LAYOUT_COLUMN_INBOUND + LAYOUT_COLUMNS
};

struct layout_kind {
	const char *stem; /* of the set's name */
	bool is_map;
	bool has_ports;
	bool is_single; /* of one range; the others are of two */
	bool has_nat;   /* a map to addresses; the others are to verdicts */
	bool is_counted;
	bool is_kept; /* outlives the daemon */
};
extern const struct layout_kind layout_kinds[LAYOUT_SETS];

struct layout_entry {
	struct ip_range local,
	    remote;        /* `local` of CARRIED as the peer knows it; one range is `remote` */
	struct box box;    /* of sets that have ports */
	const char *chain; /* of maps */
	struct ip nat;     /* of TRANSLATE */
	unsigned flat;     /* index of the flat row it comes from */
};

struct layout_list {
	struct layout_entry *entries; /* sorted by layout_compare() */
	size_t count;
};

struct layout {
	struct layout_list sets[LAYOUT_SETS];
};

/* `is_end`: of what stays when the daemon stops; a tunnel of a row that is not private goes. */
void layout_of_policy(struct layout *layout, const struct policy_table *policy, bool is_end);
void layout_wipe(struct layout *layout);
/* By family, addresses and box: 0 for what is the same element to the kernel, whatever chain. */
int layout_compare(const struct layout_entry *a, const struct layout_entry *b);
