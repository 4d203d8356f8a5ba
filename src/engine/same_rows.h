#pragma once
/* Which row of an older policy a new one still has, so that what was counted for it stays. */
#include "opportunism/policy.h"

enum { SAME_ROW_NONE = -1 };

/* For each of the `old_count` written rows the index of the same row among `rows`, or
 * SAME_ROW_NONE; the caller frees. */
long *same_rows(const struct policy_row *old, size_t old_count, const struct policy_row *rows,
                size_t count);
