#pragma once
/*
 * The index of a policy table: which flat row is a packet's? It stands by itself, so that a worker
 * can keep one of its own, and it takes two binary searches however many rows there are.
 *
 *   column   a range of local addresses; columns are disjoint, in order
 *   cell     a range of remote addresses in it and some traffic, in order; cells of one range
 *            follow one another, the most specific first
 */
#include "util/address.h"

struct policy_column {
	struct ip_range local;
	unsigned first; /* of its cells */
	unsigned count;
};

struct policy_cell {
	struct ip_range remote;
	struct traffic traffic;
	unsigned flat;
};

struct policy_index {
	struct policy_column *columns;
	struct policy_cell *cells;
	size_t column_count;
	size_t cell_count;
};

void policy_index_copy(struct policy_index *out, const struct policy_index *index);
void policy_index_wipe(struct policy_index *index);
/*
 * The cells for these two addresses, most specific first; the last one is for all traffic, or for
 * what the others leave nobody decides. NULL: none.
 */
const struct policy_cell *policy_index_cells(const struct policy_index *index,
                                             const struct ip *source, const struct ip *destination,
                                             size_t *count);
/* The cell of a packet, or NULL. `remote_port`: -1 where there is none to see. */
const struct policy_cell *policy_index_find(const struct policy_index *index,
                                            const struct ip *source, const struct ip *destination,
                                            uint8_t protocol, int32_t remote_port);
