#pragma once
/* The local ranges of a policy that have most rows: they get sets of their own (layout.h). */
#include "engine/steering/layout.h"

/* So few rows are as quick in the sets of two ranges. */
enum { COLUMN_ROWS_MIN = 4 };

struct columns {
	struct ip_range local[2][LAYOUT_COLUMNS]; /* of each family, in order; may overlap */
	size_t count[2];
};

void columns_of_policy(struct columns *columns, const struct policy_table *policy);
/* The column for just this range, or -1. */
int column_of(const struct columns *columns, const struct ip_range *local);
