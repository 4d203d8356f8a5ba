#pragma once
/*
 * The policy before this one, while it is replaced: what the kernel's sets had of it, and what they
 * had counted.
 */
#include "engine/steering/state.h"

struct before {
	struct policy_table policy;
	struct layout layout;
	struct counted *counted[LAYOUT_SETS];
	struct eroute_use *row_before;
	long *same; /* the index of each of its written rows in the new policy */
};

/* All that the steering has of its policy; it is the caller's then. */
struct before before_of(struct steering *s);
/* The counters go on in the policy that is there now. */
void before_carry(struct steering *s, struct before *before);
void before_wipe(struct before *before);
