#pragma once
/*
 * Protocol and remote ports as a rectangle, as an interval set of the kernel wants them.
 *
 * Rules for the same addresses overlap: "TCP port 80" before "everything". The kernel has no order
 * among overlapping elements, so an area is divided: each box belongs to the first rule that has
 * it.
 */
#include "opportunism/policy.h"

struct box {
	uint8_t first_protocol, last_protocol;
	uint16_t first_port, last_port;
};

struct box box_of_traffic(const struct traffic *t);
int box_compare(const struct box *a, const struct box *b);

/* How many of the `count` flat rows from here on are for the same addresses: one area. */
size_t area_len(const struct policy_row *flat, size_t count);
/* True if a rule of it speaks of protocols or ports: its pairs need sets that know them. */
bool area_has_ports(const struct policy_row *area, size_t count);
/*
 * Disjoint boxes that together are everything. `row` is the index of the row of the area that has
 * the box, or `count` where none does.
 */
void area_divide(const struct policy_row *area, size_t count,
                 void (*each)(void *ctx, size_t row, const struct box *box), void *ctx);
/*
 * A CHILD SA is for all traffic of its pair. One that was made because of the rule `made` carries
 * what other rules would trap, and what a less specific one would let pass; never what a rule
 * blocks.
 */
bool area_is_carried(enum policy_action action, const struct traffic *traffic,
                     const struct traffic *made);
