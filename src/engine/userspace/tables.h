#pragma once
/*
 * What the workers look up: pair -> eroute, SPI -> CHILD SA, pair -> policy row. Where rules speak
 * of ports, a pair is two addresses and the traffic of one rule, and has an eroute for each.
 *
 * The control thread alone writes; workers read under RCU and never wait. What was taken out is
 * freed by tables_collect(), after every worker has passed a quiet point. Both kinds of thread are
 * registered with RCU by their owner.
 *
 * Bounds: 2^20 eroutes and 2^20 CHILD SAs; what comes above is refused, and a pair without an
 * eroute goes on being held or decided by its policy row, never sent.
 */
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "engine/userspace/child.h"
#include "engine/userspace/mailbox.h"
#include "engine/userspace/rows.h"
#include "engine/userspace/settling.h"
#include "util/hash.h"

enum { TABLES_EROUTES_MAX = 1 << 20, TABLES_CHILDREN_MAX = 1 << 20 };

/* The verdict on one pair. Another action is another eroute; only the child may change. */
struct eroute {
	struct cds_lfht_node node;
	struct ip_pair pair;
	enum eroute_action action;
	struct child *child; /* TUNNEL; RCU */
	struct use use;
	struct settling settling; /* TUNNEL; the worker's once the eroute is published */
	struct eroute *next_garbage;
};

/* What left a hold by a verdict, before that was published. */
struct released {
	struct use use;
	struct settling settling;
};

struct tables {
	struct cds_lfht *eroutes;
	struct cds_lfht *children;
	struct hash children_out; /* control thread only */
	size_t mtus_learned;      /* children whose mtu is less than the device's; control thread */
	struct row_table *rows;   /* RCU */
	size_t eroute_count;
	uint64_t serial;
	struct eroute *garbage_eroutes;
	struct child *garbage_children;
	struct moved *garbage_moved;
	struct row_table *garbage_rows;
};

MUST_USE bool tables_init(struct tables *t, const uint64_t seed[2]);
/* No worker runs any more. */
void tables_wipe(struct tables *t);

/* Answers of the lookups live from begin to end; between them a worker does a whole batch. */
void tables_read_begin(struct tables *t);
void tables_read_end(struct tables *t);

/* For readers. */
struct eroute *tables_eroute(struct tables *t, const struct ip_pair *pair);
struct child *tables_child(struct tables *t, uint32_t spi_in);
const struct row *tables_row(struct tables *t, const struct ip_pair *pair);
/*
 * The eroute that decides for a packet: that of its own rule, or that of a tunnel of another rule
 * which carries it. Sets the traffic of `pair` to that of the packet's rule. NULL: its row decides
 * (tables_row), or nobody.
 */
struct eroute *tables_decide(struct tables *t, struct ip_pair *pair, const struct shown *shown);
/* The CHILD SA to send by, or NULL if it was removed under the eroute, or is spent (then: hold). */
struct child *eroute_child(const struct eroute *eroute);
/* The same for a row of the policy; NULL too for one that is no tunnel. */
struct child *row_child(const struct row *row);
/* For the control thread. A TUNNEL row takes the newest CHILD SA with its SPI whose selectors hold
 * all of it; without one its packets are held. */
void tables_set_policy(struct tables *t, const struct policy_table *policy);
struct eroute_use tables_row_use(struct tables *t, size_t row);
/*
 * An action that stays keeps its counters, another begins anew; `released` (may be NULL) is what
 * left a hold by this verdict before it was published, and counts with it. TUNNEL takes the newest
 * CHILD SA with that outbound SPI whose selectors hold the pair: two peers may choose the same SPI,
 * and one may do so on purpose. False: no such CHILD SA, or the table is full; an older eroute of
 * the pair is gone then.
 */
MUST_USE bool tables_set_eroute(struct tables *t, const struct ip_pair *pair,
                                enum eroute_action action, uint32_t spi_out,
                                const struct released *released);
void tables_remove_eroute(struct tables *t, const struct ip_pair *pair);
/* How many rules there are for the addresses of the pair; and whether a tunnel made for the pair
 * carries what is held for rule `i` of them, as `carried`. */
size_t tables_rule_count(struct tables *t, const struct ip_pair *pair);
MUST_USE bool tables_carries(struct tables *t, const struct ip_pair *made, size_t i,
                             struct ip_pair *carried);
/* True if rules for the addresses of the pair speak of ports, or the pair does. */
bool tables_has_ports(struct tables *t, const struct ip_pair *pair);
/* Keys are expanded here. False: the crypto library refused, the SPI is taken, or the table is
 * full. */
MUST_USE bool tables_add_child(struct tables *t, const struct child_sa *sa, unsigned mtu);
void tables_remove_child(struct tables *t, uint32_t spi_in);
/* From now on it sends along `path`. */
void tables_move_child(struct tables *t, uint32_t spi_in, const struct path *path);
/*
 * A router says that a packet of ours was too big. Anybody could say so: the packet must be one
 * that an SA to `peer` sent lately, and the path never gets below 576 or 1280 octets, nor lower
 * twice in a second (MTU-9). True: the SA's limit was lowered.
 */
MUST_USE bool tables_learn_mtu(struct tables *t, const struct letter *letter, struct instant now);
/* Paths may have got wider: limits learned ten minutes ago are forgotten. */
void tables_forget_mtus(struct tables *t, struct instant now);
/* Waits for the workers' quiet point and frees what was taken out before. */
void tables_collect(struct tables *t);
