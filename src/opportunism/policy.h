#pragma once
/*
 * The policy table: disjoint rows (local range, remote range) and what happens to a packet that no
 * pair decides. Made from the routed conns by longest match (POL-2), replaced as a whole.
 */
#include "opportunism/strength.h"
#include "util/address.h"

enum policy_action {
	POLICY_TRAP,   /* hold, ask the core */
	POLICY_PASS,   /* type=passthrough */
	POLICY_DROP,   /* type=drop */
	POLICY_REJECT, /* type=reject */
	POLICY_TUNNEL, /* a configured tunnel is up: one CHILD SA for the whole row */
};

enum { CONN_NAME_MAX = 64 };

/* One row as an administrator wrote it; rows may overlap. */
struct policy_row {
	struct ip_range local;
	struct ip_range remote;
	struct traffic traffic; /* protocol and remote ports the row is for; zero: all */
	enum policy_action action;
	bool is_private;     /* failureshunt is drop or reject: nothing ever leaves in the clear */
	bool is_own_address; /* local is this gateway's own address, not an inside range */
	unsigned conn;       /* index of the conn that made it */
	uint32_t spi_out;    /* TUNNEL: names an SA that is installed */
	enum strength strength; /* TUNNEL: of the weakest SA by which its packets come in */
	struct ip nat;       /* leftnat=: what `local` is translated to in tunnels; or IP_NONE */
	/* Of negotiations, not of the configuration: stands right before the row of its conn, whose
	 * ranges are these. What another conn says of a part of them goes on to count. */
	bool is_outcome;
	struct ip_range of_local;
	struct ip_range of_remote;
	char name[CONN_NAME_MAX];
};

struct policy_table {
	struct policy_row *rows; /* as written, most specific first */
	size_t row_count;
	struct policy_row *flat; /* disjoint cover of the same, each with the action that wins */
	size_t flat_count;
	unsigned *flat_row; /* index into `rows` for each flat row */
};

/*
 * `rows` are copied. Two rows of the same ranges: the earlier wins, and `clash` (may be NULL) gets
 * the index of the later one, else -1. A conn and what became of it are no clash.
 */
void policy_build(struct policy_table *table, const struct policy_row *rows, size_t count,
                  long *clash);
void policy_wipe(struct policy_table *table);
/* The row that decides for this pair, or NULL. */
const struct policy_row *policy_lookup(const struct policy_table *table,
                                       const struct ip_pair *pair);
