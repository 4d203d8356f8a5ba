#pragma once
/* What the parts of a running steering share: pairs.c, rows.c, addresses.c, heartbeat.c, use.c,
 * watch.c. */
#include "engine/steering/baseline.h"
#include "engine/steering/cover.h"
#include "engine/steering/layout.h"
#include "engine/steering/names.h"
#include "engine/steering/steering.h"
#include "util/hash.h"

#include <sys/queue.h>

/* A counter of the kernel, summed up over its rebirths. */
struct counted {
	struct eroute_use use;
	uint64_t packets_seen;
	uint64_t octets_seen;
};

/* A pair with a verdict. Where rules speak of ports it is one of several for the same addresses,
 * told apart by its traffic, and the kernel has boxes of it (ported.c). */
struct pair_node {
	struct hash_node node;
	struct ip_pair pair;
	enum eroute_action action; /* PASS, DROP, REJECT or TUNNEL */
	bool is_plain;             /* the kernel has it as a pair of addresses */
	struct counted counted;    /* of boxes: what those that are gone have counted */
};

/* One box of two addresses that rules with ports touch, as the kernel has it. */
struct piece {
	struct box box;
	enum eroute_action action;
	struct traffic traffic; /* of the rule that has the box */
	struct counted counted;
};

struct ported {
	struct hash_node node;
	struct ip_pair pair; /* its traffic is zero */
	struct piece *pieces;
	size_t count;
};

/* What a transaction changes about one pair, or one box of it; TRAP stands for "no verdict". */
struct pair_change {
	struct ip_pair pair;
	bool has_box;
	bool has_grace; /* cleartext of it may still come in for a moment */
	struct box box;
	enum eroute_action from;
	enum eroute_action to;
};

/* Pairs that have an SA, with its strength: labels.c. */
struct labels {
	struct hash by_pair;
	TAILQ_HEAD(, label) changed; /* since the last flush */
	bool is_whole;               /* the kernel's map; else `carried` marks nothing */
	bool is_refused;             /* the kernel would not have them all; asked again later */
};

struct putback;
struct watch;

struct steering {
	/* Settled by steering_open. */
	struct steering_settings
	    settings; /* device and inside are copies, the users are not kept */
	char device[16];
	struct log log;
	struct nft nft;
	struct baseline baseline;
	/* Change. */
	struct ip_range *inside;
	struct ip_range *known;
	struct ip_range *bypass;
	struct ip_range *routed;
	struct policy_table policy;           /* a copy */
	struct layout layout;                 /* of that policy: what the kernel's sets have */
	struct counted *counted[LAYOUT_SETS]; /* of each entry of sets that count */
	struct eroute_use
	    *row_before; /* of each written row: what elements that are gone counted */
	struct eroute_use
	    *row_now;    /* of each written row: what those that are there had at the last look */
	bool has_policy; /* before, the kernel has what the text said */
	struct hash pairs;
	struct hash ported;
	size_t counts[2][EROUTE_TUNNEL + 1]; /* of plain pairs, by family and verdict */
	size_t boxes[2];                     /* by family */
	struct pair_change *changes;         /* queued for the next flush */
	size_t change_count;
	struct batch batch; /* for them; its memory is kept from flush to flush */
	struct labels labels;
	size_t change_room;
	bool is_gathering; /* changes wait for a transaction that has others with them */
	uint64_t refused;  /* elements that the kernel or a bound refused */
	struct counted drops[ENGINE_DROP_COUNT];
	uint64_t cleartext_seen; /* when suspects were asked for last */
	bool is_lost;            /* a transaction found no table */
	bool is_down;            /* taken out by ourselves: never put back */
	struct watch *watch;
	struct event_base *base; /* that the watch has; else NULL */
	struct putback *putback; /* pairs that wait to be put back */
};

/* Most changes of pairs that wait for a flush; one more flushes. */
enum { PAIR_CHANGES_MAX = 4096 };

/* The rules for two addresses; `len` 0: none. */
struct area {
	const struct policy_row *rows;
	size_t len;
	bool has_ports;
};
struct area area_of(const struct steering *s, const struct ip_pair *pair);

struct pair_node *pair_find(const struct steering *s, const struct ip_pair *pair);
void pairs_wipe(struct steering *s);
/* After another policy: what is touched by ports now, and what no longer is. Queues changes. */
void pairs_follow_policy(struct steering *s);
uint64_t pair_hash(const struct steering *s, const struct ip_pair *pair);
void pair_queue(struct steering *s, const struct pair_change *change);
/* What is queued, into a batch of others. */
void pairs_put_changes(struct steering *s, struct batch *b);
/* So many changes will go into one transaction. */
void pair_queue_room(struct steering *s, size_t count);

struct ported *ported_find(const struct steering *s, const struct ip_pair *pair);
/* The pair, or a rule of its area, has another verdict: queues what that changes. False: no room.
 */
bool ported_follow(struct steering *s, const struct ip_pair *pair, const struct area *area,
                   bool has_grace);
void ported_follow_policy(struct steering *s);
void ported_put_change(struct batch *b, const struct pair_change *change);
void ported_refuse(struct steering *s, const struct pair_change *change);
void ported_put_all(struct steering *s, struct batch *b);
void ported_wipe(struct steering *s);
/* All pairs that have a verdict, for a table made anew: a few now, the others when the loop has
 * time; without a loop, all of them now. */
void putback_start(struct steering *s, struct event_base *base);
void putback_stop(struct steering *s);
void labels_init(struct labels *l, const uint64_t seed[2]);
void labels_wipe(struct labels *l);
bool labels_have_changed(const struct steering *s);
/* What changed, into a batch of others; labels_told() once the kernel took it. */
void labels_put_changes(struct steering *s, struct batch *b);
void labels_told(struct steering *s);
/* In a transaction of their own. */
void labels_flush(struct steering *s);
/* All of them, in a transaction that takes out first what is there. If the kernel refuses, none
 * are there and `carried` marks nothing, until labels_retry() has more luck. */
void labels_put_anew(struct steering *s);
void labels_retry(struct steering *s);
/* Policy, addresses and heartbeat: each empties its sets and fills them again. */
void policy_put(struct steering *s, struct batch *b);
void policy_forget(struct steering *s);
void kept_put(struct steering *s, struct batch *b);
void inside_put(struct steering *s, struct batch *b);
void known_put(struct steering *s, struct batch *b);
void bypass_put(struct steering *s, struct batch *b);
void alive_put(struct steering *s, struct batch *b);
/* Into a set of single ranges: all there are of one family, in place of what it has; one, where it
 * begins (with what the set says of it) and where it is over. */
void cover_put(struct batch *b, const char *stem, enum ip_family family, const struct cover *cover);
void range_put(struct elements *e, const struct ip_range *range, const char *chain);
/* A set of protocols, "changing" and the like: both in it, or none. */
void protocols_put(struct batch *b, const char *set, bool are_in);
/* In a transaction of its own, which waits for the one before to be visible as a whole. */
void protocols_clear(struct steering *s, const char *set);
/* Some pair has a tunnel, which comes behind its row when a table is made anew. */
bool pairs_have_tunnels(const struct steering *s);
/* Makes the whole table anew. False: refused, said in the log. */
bool steering_rebuild(struct steering *s);
/* steering_routes_up() that also tells whether anything was missing. */
MUST_USE bool steering_routes_restore(const struct steering_settings *settings, bool *has_changed,
                                      char *error, size_t size);
void watch_free(struct watch *w);
/* ENOENT: somebody took the table. */
void steering_note(struct steering *s, const char *what, int error);
/* In a transaction of its own; the batch is wiped. */
void steering_commit(struct steering *s, struct batch *b, const char *what);

#define SET_NAME_SIZE 24
struct ip_range *ranges_copy(const struct ip_range *ranges, size_t count);
/* "pass4" and so on. */
static inline const char *set_name(char out[SET_NAME_SIZE], const char *stem, enum ip_family family)
{
	snprintf(out, SET_NAME_SIZE, "%s%c", stem, family == IP_V4 ? '4' : '6');
	return out;
}
const char *verdict_set(enum eroute_action action);

bool check_has_flowtable(struct nft *nft);
/* Warns of filters that would drop what is trapped. */
void check_filters(struct nft *nft, const struct steering_settings *settings,
                   const struct log *log);
