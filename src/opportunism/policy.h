#pragma once
/*
 * The policy table: disjoint rows (local range, remote range, traffic) and what happens to a packet
 * that no pair decides. Made from the routed conns and the policy groups by longest match (POL-2),
 * replaced as a whole.
 *
 * The most specific row decides: fewer remote addresses, then fewer local ones, then protocol, then
 * ports, then a conn before a group. `flat` says the same in rows whose ranges do not overlap, so
 * that they fit sets of a kernel; rows of the same ranges follow one another there and differ in
 * traffic, the most specific first.
 */
#include "opportunism/policy_index.h"
#include "opportunism/strength.h"
#include "util/address.h"

enum policy_action {
	POLICY_TRAP,   /* hold, ask the core */
	POLICY_PASS,   /* type=passthrough */
	POLICY_DROP,   /* type=drop */
	POLICY_REJECT, /* type=reject */
	POLICY_TUNNEL, /* a configured tunnel is up: one CHILD SA for the whole row */
};

enum {
	CONN_NAME_MAX = 64,
	/* Flat rows; a configuration that makes more is refused as a whole. */
	POLICY_FLAT_MAX = 1 << 18,
};

/* One row as an administrator wrote it; rows may overlap. */
struct policy_row {
	struct ip_range local;
	struct ip_range remote;
	struct traffic traffic; /* protocol and remote ports the row is for; zero: all */
	enum policy_action action;
	bool is_private;     /* failureshunt is drop or reject: nothing ever leaves in the clear */
	bool is_own_address; /* local is this gateway's own address, not an inside range */
	bool is_group;       /* an entry of a policy group */
	bool is_arranged;    /* a configured tunnel whose peer and key are known without the DNS */
	unsigned conn;       /* index of the conn that made it */
	unsigned line;       /* of the entry in its group's file; 0: the conn itself says so */
	unsigned named;      /* 1 + index of the name's address it stands for; 0: it is no name's */
	bool is_forgeable;   /* lets cleartext pass by an unsigned answer */
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
	unsigned *flat_row;        /* index into `rows` for each flat row */
	struct policy_index index; /* finds the flat row of a packet */
};

/* Two rows for the same ranges and traffic, neither of them before the other: their indexes. */
struct policy_clash {
	bool is_there;
	size_t first;
	size_t second;
};

/*
 * `rows` are copied. Of two rows for the same the earlier wins, and `clash` (may be NULL) gets the
 * first such two, unless one conn or group said both. A conn and what became of it are no clash,
 * nor are a conn and a group. False: more than POLICY_FLAT_MAX flat rows; the table is empty then.
 */
MUST_USE bool policy_build(struct policy_table *table, const struct policy_row *rows, size_t count,
                           struct policy_clash *clash);
void policy_wipe(struct policy_table *table);
/* The row that decides for this packet of the pair (whose own traffic is not looked at), or NULL.
 * `remote_port`: -1 where there is none to see. */
const struct policy_row *policy_lookup_packet(const struct policy_table *table,
                                              const struct ip_pair *pair, uint8_t protocol,
                                              int32_t remote_port);
/*
 * The row that decides for all that the pair stands for, or NULL: the one with the pair's own
 * traffic, or, where no rule says just that, the most specific one which has it all in it.
 */
const struct policy_row *policy_lookup(const struct policy_table *table,
                                       const struct ip_pair *pair);
