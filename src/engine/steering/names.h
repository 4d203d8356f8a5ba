#pragma once
/* Names and bounds that the ruleset's text and the netlink messages share. */
#include "opportunism/policy.h"

#define STEERING_TABLE "wildswan"

/* Pairs with a verdict in one set of one family. A full set leaves the pair with the engine. */
enum { STEERING_PAIRS_MAX = 1 << 20, STEERING_SUSPECTS_MAX = 1024 };
/* The same of pairs that rules with ports touch, in boxes. */
enum { STEERING_BOXES_MAX = 1 << 17 };

/* Room for one request that is no list, and for what the kernel answers to a batch at once. */
enum { NETLINK_REQUEST_SIZE = 8192 };

/* The chain that a flat row of the policy map goes to. */
const char *steering_row_chain(const struct policy_row *row);
/* The chain that marks what came by a tunnel of that strength, and the stem of the sets of the pairs
 * that it is for; NULL for none. */
const char *steering_strength_name(enum strength strength);
/* Some row never leaves in the clear. */
bool steering_has_private(const struct policy_table *policy);
/* The same, or is blocked, or has a tunnel now: what is in no row while rows change must wait. */
bool steering_has_closed(const struct policy_table *policy);
/* The local side of the row as a peer sees it: where leftnat= translates, the translated address.
 */
struct ip_range steering_row_reached(const struct policy_row *row);
/* The same for a box of an area with ports. */
const char *steering_box_chain(const struct policy_row *row);
