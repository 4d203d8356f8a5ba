#pragma once
/*
 * Rows of unsigned names give way.
 *
 * Who forges the address of a name in a group that lets cleartext pass would open, with its one
 * address, whatever range that address is in. So such a row counts only where nothing is private,
 * dropped or rejected without it.
 */
#include "opportunism/policy.h"

/*
 * Takes those that give way out of `rows`, and says in `gives_way[row.named - 1]` that it did.
 * Returns how many rows are left. Where they are too many to judge, all of them give way.
 */
size_t forgeable_give_way(struct policy_row *rows, size_t count, bool *gives_way);
