#pragma once
/*
 * Flattening: overlapping rows in order of rank become disjoint ones, and the index over them.
 *
 * The local addresses are cut where any row begins or ends; in each such column the remote
 * addresses are cut the same way, and each piece belongs to the first rows that cover it. Pieces
 * that say the same in neighbouring columns are one flat row again.
 */
#include "opportunism/policy.h"

/* Fills `flat`, `flat_row` and `index` from `rows`. False: more than POLICY_FLAT_MAX. */
MUST_USE bool policy_flatten(struct policy_table *table);
