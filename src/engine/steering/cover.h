#pragma once
/*
 * What a policy covers: its sources as a sorted list of ranges that neither overlap nor touch, as
 * an interval set of the kernel wants them.
 */
#include "opportunism/policy.h"

struct cover {
	struct ip_range *ranges;
	size_t count;
};

/* The local sides of the flat rows. */
void cover_of_policy(struct cover *cover, const struct policy_table *policy);
void cover_of_ranges(struct cover *cover, const struct ip_range *ranges, size_t count);
struct steering_settings;
/* Sources that are known: ruleset.c. */
void steering_known(struct cover *cover, const struct steering_settings *settings);
void cover_wipe(struct cover *cover);
