#pragma once
/*
 * Brief eroutes: pairs of a row that became a tunnel while packets of theirs were held. Their own
 * eroute keeps what comes later behind what was held (settling.h); a second later the row does as
 * well, and every new policy begins without them.
 *
 * No more of them than pairs were held at once: HOLD_PAIRS_MAX. Control thread only.
 */
#include "engine/userspace/tables.h"

struct briefs {
	struct ip_pair *pairs;
	size_t count;
	struct instant since; /* the newest */
};

void brief_add(struct briefs *briefs, const struct ip_pair *pair, struct instant now);
/* The core has a verdict of its own for the pair: that eroute stays. */
void brief_forget(struct briefs *briefs, const struct ip_pair *pair);
/* Takes out all, or all once they have settled. */
void briefs_end(struct briefs *briefs, struct tables *tables);
void briefs_settle(struct briefs *briefs, struct tables *tables, struct instant now);
void briefs_wipe(struct briefs *briefs);
