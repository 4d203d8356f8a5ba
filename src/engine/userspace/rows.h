#pragma once
/*
 * The policy as the workers have it: an index that finds a packet's row in two binary searches, and
 * what each row has carried. Made by the control thread and never changed but for its counters.
 */
#include "engine/userspace/use.h"
#include "opportunism/policy.h"

struct child;

/* A flat row of the policy; `use` is shared by all that came from one written row. A TUNNEL row is
 * the eroute of a whole range of pairs. */
struct row {
	struct traffic traffic;
	enum policy_action action;
	bool is_private;
	struct child *child; /* TUNNEL */
	struct use *use;
};

struct row_table {
	struct policy_index index;
	struct row *rows; /* by the number that the index tells */
	size_t count;
	bool has_ports;             /* some rule speaks of protocols or ports */
	struct policy_row *written; /* to carry counters over a reload */
	struct use **uses;
	size_t written_count;
	struct row_table *next_garbage;
};

/* What a packet shows of itself, for the rules. */
struct shown {
	uint8_t protocol;
	int32_t remote_port; /* -1: none, or none of that protocol */
	/* Its ports are not in it: a later fragment whose first one nobody saw. */
	bool hides_ports;
};

/* The rules for two addresses, most specific first. */
struct rules {
	const struct policy_cell *cells;
	size_t count;
};

/* Without children; `old` (may be NULL) has the counters of rows that stay. */
struct row_table *row_table_new(const struct policy_table *policy, const struct row_table *old);
void row_table_free(struct row_table *table);

struct rules rows_for(const struct row_table *table, const struct ip_pair *addresses);
/* True if there is more to know of a packet than its addresses. */
bool rules_have_ports(const struct rules *rules);
/*
 * The row of a packet, or NULL. Of what hides its ports it is the one that lets least through of
 * those it may belong to: so a fragment of private traffic never leaves by a rule that passes.
 */
const struct row *rules_pick(const struct row_table *table, const struct rules *rules,
                             const struct shown *shown);
/* The row for all that the pair, with its traffic, stands for; or NULL. */
const struct row *rows_of_pair(const struct row_table *table, const struct ip_pair *pair);
