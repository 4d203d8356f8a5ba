#pragma once
/*
 * The inside of the core: what the files of this folder share. Nobody else includes it, but the
 * simulator where it plays a peer of another make.
 */
#include <sys/queue.h>

#include "opportunism/askers.h"
#include "opportunism/conns.h"
#include "opportunism/fair.h"
#include "opportunism/limits.h"
#include "opportunism/nearmiss.h"
#include "opportunism/lookup.h"
#include "opportunism/opportunism.h"
#include "opportunism/protected.h"
#include "opportunism/reason.h"
#include "opportunism/refusal.h"
#include "util/hash.h"
#include "util/heap.h"

struct flow;
struct claim;
struct attempt;
struct self_place;
struct key_check;
struct group_name;
struct leaving;
struct tunnel;
struct reach;
struct closed_pair;
struct recovery;

/* An IKE SA of ours as the flows see it: settled at sa_up, except for the SAs still negotiating. */
struct peer_sa {
	struct hash_node by_handle;
	struct hash_node by_gateway;
	TAILQ_ENTRY(peer_sa) in_idle; /* while it is up without children */
	bool is_idle;
	bool is_gone; /* it ends, or has ended */
	LIST_HEAD(, child) list_of_children;
	unsigned children;
	struct instant up;
	LIST_ENTRY(peer_sa) in_list;
	ike_handle handle;
	struct ip gateway;
	struct ip local; /* where we are in it; IP_NONE: not known yet */
	bool is_up;
	bool is_recovery;   /* from here, without a child, after our restart (recover.c) */
	bool is_full;       /* one of the two makes no further child on it (TS-16) */
	bool is_leaving;    /* its peer renews nothing on it: it goes with its last child (TS-16) */
	enum ike_auth auth; /* how the peer proved its identity */
	bool by_certificate;
	char conn[CONN_NAME_MAX];    /* by whose rules it was made from here; "": by the peer */
	char carries[CONN_NAME_MAX]; /* by whose rules its last child was made; "": none yet */
	struct pubkey key; /* the one that authenticated the peer; PUBKEY_NONE unless it signed */
	struct ike_id id;
	enum strength strength; /* of the proof of the key */
};

/* A CHILD SA in the engine. The flow owns it; the IKE SA may end it. */
struct child {
	struct hash_node by_spi;
	TAILQ_ENTRY(child) in_flow;
	struct flow *flow;
	struct peer_sa *of; /* the one of handle `sa`; NULL: it is forgotten */
	LIST_ENTRY(child) in_sa;
	ike_handle sa;
	uint32_t spi_in;
	uint32_t spi_out;
	struct ip gateway;
	enum strength strength;
	bool is_ours; /* we initiated the exchange that made it: ours to close (COL-27) */
	uint8_t mark[CHILD_MARK_LEN]; /* ike/child.h */
	struct instant up;
	struct instant retired; /* INSTANT_NEVER while it sends */
	/* Rekeying (replace.c). */
	uint32_t replaces;     /* spi_in of the one it takes over from; 0: none */
	struct instant starts; /* to send, at the latest; INSTANT_NEVER: it does, or never will */
	bool is_replaced;
	bool is_told; /* the engine knows its strength */
};

/* What we remember of a gateway beyond a single flow (OIN-11, REU-5). */
struct gateway_memory {
	struct hash_node by_address;
	struct ip address;
	struct instant silent_until;
	struct duration silence;      /* of the last one; 0: it has answered since */
	struct instant tunnel_seen;   /* a CHILD SA with it was there; 0 never */
	struct instant failing_since; /* the minute that `failures` are of */
	unsigned failures;            /* negotiations that came to nothing */
	enum ike_reason last_failure;
	ike_handle negotiating;        /* 0 if no IKE_SA_INIT of ours is under way */
	TAILQ_HEAD(, attempt) waiting; /* for that negotiation */
};

/* What the IKE endpoint told us; handled after it has returned. */
enum event_kind {
	EVENT_AUTH_WANTED,
	EVENT_CHILD_WANTED,
	EVENT_SA_UP,
	EVENT_CHILD_UP,
	EVENT_CHILD_GONE,
	EVENT_CHILD_FAILED,
	EVENT_CHILD_UNRENEWED,
	EVENT_SA_REKEYED,
	EVENT_KEYS_WANTED,
	EVENT_REFUSED_UNPROVEN,
	EVENT_SA_GONE
};

struct event {
	TAILQ_ENTRY(event) in_queue;
	enum event_kind kind;
	ike_handle sa;
	uint64_t tag;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t replaces; /* CHILD_UP */
	enum child_start start;
	uint8_t mark[CHILD_MARK_LEN]; /* CHILD_UP */
	struct ip_pair pair;          /* CHILD_UP: local and remote address */
	bool is_pair;                 /* CHILD_UP: the selectors are single addresses */
	struct reach *reach;          /* CHILD_UP; owned */
	struct path path;
	enum ike_reason reason;
	bool is_proven;
	struct ike_id id;                    /* KEYS_WANTED */
	struct ike_claim *claim;             /* owned */
	struct ike_established *established; /* owned */
};

/* Something of ours with a deadline. */
struct timer {
	struct heap_node node;
	void (*fire)(struct opportunism *opp, struct timer *timer);
};

/* pace.c */
struct pace {
	struct fair_queue waiting; /* attempts */
	unsigned running;          /* negotiations of opportunism */
	struct duration saved;     /* for new gateways: TOKEN_TIME each */
	struct instant seen;       /* when it was saved; 0 never */
	struct timer timer;
};

struct opportunism {
	struct log log;
	struct engine_port engine;
	struct ike_ports ports;
	struct lookups lookups;
	struct ike *ike;

	struct conns conns;
	struct policy_table policy;
	struct own_addresses own; /* `all` owned */
	uint32_t secret_set;
	struct host_key *host_keys;
	size_t host_key_count;
	struct x509_trust *trust; /* CAs and CRLs, or NULL */
	LIST_HEAD(, leaving) leaving;
	LIST_HEAD(, key_check) key_checks;
	LIST_HEAD(, self_place) self_places;
	struct timer self_timer;
	enum dnssec_mode dnssec;
	struct duration shunt_idle;
	bool is_other_world;         /* while configured: answers of before may be others now */
	enum eroute_action overload; /* what a flow gets that there is no time for */
	struct duration tunnel_idle;
	struct hash closed; /* life.c: pairs whose tunnels were closed lately */
	TAILQ_HEAD(, closed_pair) closed_list;
	struct recovery *recovery; /* recover.c; NULL: there was nothing to recover */
	uint64_t peers_version;

	struct hash flows;               /* by pair */
	struct fair_queue waiting;       /* flows that wait for the resolver */
	struct fair_queue asking;        /* flows whose questions it has */
	struct ip last_source;           /* of the newest flow that wants to ask */
	struct instant others_asked;     /* when that was another one than before; 0 never */
	struct fair_queue shunts;        /* flows of opportunism with one, oldest first */
	LIST_HEAD(, flow) silent_shunts; /* that wait for a gateway, and some that do no more */
	struct pace pace;
	struct askers askers;
	TAILQ_HEAD(, claim) waiting_claims; /* for another of their source */
	bool has_done_asker;                /* some of them may go on */
	LIST_HEAD(, tunnel) tunnels;        /* with ranges: in no table of pairs */
	size_t tunnel_count;
	bool is_policy_stale; /* a tunnel has another verdict than the rows say */
	bool has_new_tunnel;
	LIST_HEAD(, group_name) group_names;
	bool has_new_names;      /* of a policy file: an address, or another one */
	struct hash attempts;    /* by tag */
	struct hash claims;      /* by IKE SA */
	struct hash claims_from; /* by outer source */
	struct refusals refusals;
	struct hash sas;    /* by handle */
	struct hash sas_at; /* by gateway */
	LIST_HEAD(, peer_sa) sa_list;
	TAILQ_HEAD(, peer_sa) idle_sas; /* up, without children, longest so first */
	size_t up_count;
	size_t idle_sas_above; /* this many IKE SAs, idle ones go (LIFE-7) */
	bool has_shared_ids;
	struct hash children; /* by spi_in */
	struct hash memories; /* by address */
	struct heap timers;   /* of flows and claims */
	TAILQ_HEAD(, event) events;
	struct near_misses near_misses;
	struct protected_hosts protected_hosts;
	struct opportunism_counts counts;
	uint64_t next_tag;
	struct instant now; /* of the event being handled */
	bool is_shutting_down;
};

void timer_set(struct opportunism *opp, struct timer *timer, struct instant due);

uint64_t core_random(struct opportunism *opp);

/* Says that records of ours are malformed, now and then. */
static inline void core_look_at_misses(struct opportunism *opp, const char *name,
                                       const struct record_set *set)
{
	near_misses_look(&opp->near_misses, &opp->flows, &opp->log, name, set, opp->now);
}

/* sa.c: IKE SAs, children, gateways. */
struct peer_sa *sa_find(struct opportunism *opp, ike_handle handle);
struct peer_sa *sa_add(struct opportunism *opp, ike_handle handle, const struct ip *gateway);
void sa_forget(struct opportunism *opp, struct peer_sa *sa);
/* The first one with that gateway, and the one after it; up or not. */
struct peer_sa *sa_first_at(struct opportunism *opp, const struct ip *gateway);
struct peer_sa *sa_next_at(const struct peer_sa *sa);
/* It is up, and who the peer is, is filled in: others may have to go for it (LIFE-7, SEC-13). */
void sa_is_up(struct opportunism *opp, struct peer_sa *sa);
/* Deletes it. */
void sa_close(struct opportunism *opp, struct peer_sa *sa, const char *why);
/* It ends: nothing more is asked for on it. */
void sa_is_lost(struct opportunism *opp, struct peer_sa *sa);
/* A child is asked for on it, by us or by the peer: among the idle ones it is the newest. */
void sa_touch(struct opportunism *opp, struct peer_sa *sa);
struct gateway_memory *memory_of(struct opportunism *opp, const struct ip *address);
/* NULL: there is nothing to remember. */
struct gateway_memory *memory_find(struct opportunism *opp, const struct ip *address);
/* It did not answer, and is left alone for a while; it did. */
void memory_silent(struct gateway_memory *memory, struct instant now);
void memory_heard(struct gateway_memory *memory);
bool memory_had_tunnel(const struct gateway_memory *memory, struct instant now);
struct child *child_find(struct opportunism *opp, uint32_t spi_in);
/* It is with the peer of that IKE SA: at the same address, known by the same key or identity. */
bool child_is_of_peer(const struct child *child, const struct peer_sa *sa);
void child_add(struct opportunism *opp, struct flow *flow, const struct event *up, bool is_ours,
               enum strength strength);
/* The firewall hears of it: not before what is weaker has stopped to receive (AUZ-14). */
void child_tell_strength(struct opportunism *opp, struct child *child);
void child_forget(struct opportunism *opp, struct child *child);

/* replace.c: rekeyed children. */
void child_remove_later(struct opportunism *opp, const struct child *child);
void children_forget_leaving(struct opportunism *opp);
/* recover.c: who is established has changed; that negotiation is over; all of it. */
void peers_changed(struct opportunism *opp);
void recovery_over(struct opportunism *opp, ike_handle sa);
void recovery_forget(struct opportunism *opp);
/* An IKE SA with it is up. If it was silent before, what was shunted for that tries again. */
void gateway_is_back(struct opportunism *opp, const struct ip *gateway);

/* life.c */
void closed_forget_all(struct opportunism *opp);
/* RKY-7 */
bool child_is_wanted(struct opportunism *opp, uint32_t spi_in);

/* owner.c: struct ike_owner over the queue of events. */
struct ike_owner core_owner(struct opportunism *opp);
void core_run_events(struct opportunism *opp);
void event_release(struct event *event);

/* configure.c: after a change of the conns; of tunnels; a flow closed with its tunnels. */
void core_policy_changed(struct opportunism *opp);
void core_policy_renew(struct opportunism *opp);
void core_close_flow(struct opportunism *opp, struct flow *flow, const char *why);
/* What the core has copied as its own addresses. */
void core_free_own(struct own_addresses *own);

/* opportunism.c: as if a packet had come, but silent gateways are tried too, and caches are not
 * asked. */
void core_decide_by_order(struct opportunism *opp, const struct ip_pair *pair);

/* self.c: how we prove who we are. False: there is nothing to prove it with. */
MUST_USE bool self_for_conn(const struct opportunism *opp, const struct conn_state *conn,
                            const struct ip *outer, struct ike_self *self);

/* What a configured conn's way of proof is worth. */
enum strength strength_of_auth(enum ike_auth auth);
enum strength strength_of_trust(enum dns_trust trust);
