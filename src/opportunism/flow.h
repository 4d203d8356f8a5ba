#pragma once
/*
 * A flow: one pair of addresses and what becomes of its packets. One object per pair owns the
 * trap, the shunt and the tunnel alike (one eroute, one owner).
 *
 *   acquire --> DNS --> IKE --> TUNNEL
 *                |       |        ^ \
 *                v       v        |  \--gone--> (trap: no flow)
 *               SHUNT <--+--------+
 *                 \--its time is over (shunt.h)--> (trap: no flow)
 *
 * An inbound CHILD SA makes or turns a flow TUNNEL from any state.
 */
#include "opportunism/core.h"
#include "opportunism/discovery.h"
#include "opportunism/evidence.h"

enum flow_state {
	FLOW_DNS,
	FLOW_IKE,
	FLOW_TUNNEL,
	FLOW_SHUNT,
	FLOW_FOLLOWS, /* a translated Source: its carrier finds out (see translate.c) */
};

/* One gateway being tried for one flow. */
enum attempt_state {
	ATTEMPT_ADDRESS, /* its name is being looked up (IPK-5) */
	ATTEMPT_KEYS,    /* its key is being looked up before an SA that exists may be reused */
	ATTEMPT_WAITING, /* for a negotiation of another flow with the same gateway (REU-5) */
	ATTEMPT_PACED,   /* until so many strangers have been tried (pace.c) */
	ATTEMPT_INIT,    /* IKE_SA_INIT and IKE_AUTH */
	ATTEMPT_CHILD,   /* CREATE_CHILD_SA */
	ATTEMPT_REFETCH, /* the signature was wrong: the records are asked for past the cache */
};

struct attempt {
	struct hash_node by_tag;
	LIST_ENTRY(attempt) of_flow;
	TAILQ_ENTRY(attempt) in_waiting; /* of a gateway_memory, in ATTEMPT_WAITING */
	struct fair_entry in_pace;       /* in ATTEMPT_PACED */
	bool is_running;                 /* counts as a negotiation of opportunism */
	struct opportunism *opp;
	struct flow *flow; /* NULL: abandoned, nobody waits for it any more */
	uint64_t tag;
	enum attempt_state state;
	struct gateway *gateway; /* in the flow's inquiry */
	unsigned tries_left;     /* whole IKE attempts; UINT32_MAX: forever */
	ike_handle sa;
	unsigned other_sas;      /* tried after the first */
	struct key_search *keys; /* NULL unless the record had none */
	struct instant keys_asked;
	struct ike_id named;     /* who a Destination that is tried says it is (9B); ID_NONE yet */
	bool is_searched_by_name;
	struct refetch *refetch; /* refetch.h */
	bool is_refetched;
	struct lookup_client address_client;
	enum flow_reason lack; /* why its address or its key was not found; NONE: it is not there */
	enum dns_trust trust;
};

/* What a flow knows while it is being decided. */
struct inquiry {
	struct lookup_client client;
	struct flow *flow;
	struct discovery discovery;
	struct instant first_usable; /* INSTANT_NEVER until an answer came */
	bool is_settled;             /* gateways are known, or there are none */
	struct instant answered;     /* by the DNS, so that it was settled */
	bool is_denied;              /* TRU-3, TRU-4 */
	bool is_forged;              /* an answer about a gateway was: never pass for that */
	bool is_led_unsigned;        /* what was signed led to a gateway, or to nothing, unsigned */
	uint32_t gateway_ttl_s;      /* of what is missing of a gateway; 0: nothing is */
	struct gateways gateways;
	size_t next_gateway;
	struct instant next_due; /* when the next gateway may start beside the others */
	struct instant silent_until; /* of a gateway that was not tried, being silent; 0: none */
	LIST_HEAD(, attempt) attempts;
	unsigned running;
};

/* When an opportunistic tunnel is looked at, whether anybody uses it (life.c). */
struct life {
	struct timer timer;
	struct duration used_within; /* at the next look */
	bool has_grace;              /* it came back soon after it was closed */
	bool is_over;                /* nobody used it; its CHILD SAs are being closed */
};

struct flow {
	struct hash_node by_pair;
	struct timer timer;
	struct fair_entry in_queue; /* of those that wait, that ask, or that have a shunt */
	LIST_ENTRY(flow) in_silent; /* of those that had one because a gateway was silent */
	bool is_in_silent;
	struct opportunism *opp;
	struct ip_pair pair;
	struct conn_state *conn; /* rechecked at every change of the conns; NULL: none any more */
	bool is_private;
	enum eroute_action failure; /* PASS, DROP or REJECT */
	enum flow_state state;
	struct instant acquired; /* or asked again */
	struct instant since;
	enum flow_reason reason; /* what was found out last; of a shunt that stands see `cause` */
	enum dns_trust trust;
	/* FLOW_SHUNT, see shunt.h */
	enum eroute_action shunt;
	enum flow_reason cause;
	struct instant confirmed; /* decided, or asked again with the same result */
	struct instant expires;
	bool is_asking_again;                   /* what `inquiry` is for */
	bool is_ordered;                        /* and somebody wants to know at once */
	TAILQ_HEAD(child_list, child) children; /* the first one sends */
	/* The peer made the tunnel while we held packets of this pair: they would overtake our
	 * IKE_AUTH response, or find the peer still verifying it, and be lost there. They wait
	 * until something has come by that SA. INSTANT_NEVER: not so. */
	struct instant confirm_due;
	struct life life;
	/* The engine asked although there is a verdict. */
	struct instant applied_again;
	unsigned applies_again;
	struct inquiry *inquiry; /* NULL when nothing is being found out */
	struct evidence_log evidence;
	struct tunnel *tunnel;   /* of a configured conn, see tunnel.h; NULL: of opportunism */
	struct flow *carrier;    /* the pair this one is translated to (leftnat=), or NULL */
	LIST_ENTRY(flow) of_carrier;
	LIST_HEAD(, flow) followers;
};

static inline bool flow_is_unconfirmed(const struct flow *flow)
{
	return flow->confirm_due.ns != INSTANT_NEVER.ns;
}

/* The gateways are known. A shunt that is asked again stays as it is meanwhile. */
static inline void flow_begins_ike(struct flow *flow)
{
	if (flow->state != FLOW_SHUNT)
		flow->state = FLOW_IKE;
}

/* Why its verdict is what it is. */
static inline enum flow_reason flow_cause(const struct flow *flow)
{
	return flow->state == FLOW_SHUNT ? flow->cause : flow->reason;
}

/* The peer has the newest SA, or there is no more time to wait for a sign of it. */
void flow_confirm(struct flow *flow);

/* configure.c: what the peer has proven is what the conn wants to be proven now; else the IKE SAs
 * of the flow are no good for anything more. */
bool flow_peer_is_known(const struct flow *flow, const struct conn_state *conn);
void core_leave_peer(struct flow *flow);
/* Ends what is being negotiated for it. */
void core_leave_attempts(struct flow *flow);

/* decide.c: the decision, over plain evidence. */
struct evidence {
	bool tunnel_up;
	bool dns_settled;
	bool denied;
	bool gateways_left;
	bool next_gateway_due;
	unsigned attempts_running;
	bool out_of_time; /* of a held packet, TTL-6 */
};
enum flow_step { FLOW_STEP_WAIT, FLOW_STEP_TUNNEL, FLOW_STEP_TRY_NEXT_GATEWAY, FLOW_STEP_SHUNT };
enum flow_step flow_decide(const struct evidence *e);

/* flow.c */
struct flow *flow_find(struct opportunism *opp, const struct ip_pair *pair);
/* NULL at FLOWS_MAX. */
struct flow *flow_new(struct opportunism *opp, const struct ip_pair *pair, struct conn_state *conn);
/* One that no pair finds: of a tunnel of ranges. */
struct flow *flow_new_wide(struct opportunism *opp, const struct ip_pair *pair,
                           struct conn_state *conn);
/* "10.1.0.2 > 10.2.0.2", or the ranges of a tunnel. */
struct flow_text {
	char s[160];
};
struct flow_text flow_text(const struct flow *flow);
/* The conn that stands for the flow, or NULL, and what it says of failure. */
void flow_take_conn(struct flow *flow, struct conn_state *conn);
/* The pairs of all flows, for whoever ends some of them on the way; the caller frees. */
struct ip_pair *flow_pairs(struct opportunism *opp, size_t *count);
/* Forgets the flow; its pair goes back to the trap. */
void flow_end(struct flow *flow, const char *why);
void flow_free(struct flow *flow);
void flow_step(struct flow *flow);
void flow_stop_inquiry(struct flow *flow);
/* When packets of a pair under decision have waited enough (TTL-6). */
struct instant flow_budget(const struct flow *flow);

/* What happens next without anybody's doing, for people; `at` INSTANT_NEVER: not known. */
struct flow_next {
	const char *what;
	struct instant at;
};
struct flow_next flow_next(const struct flow *flow);

/* shunt.c */
/* Of those that want to know when their gateway is back (recover.c). */
void flow_join_silent(struct flow *flow);
void flow_leave_silent(struct flow *flow);
/* The shunt stands for a lifetime of that cause from now on. */
void flow_stand(struct flow *flow, enum flow_reason cause);
/* The result of asking again, or of an attempt that went on. */
void flow_restate_shunt(struct flow *flow, enum eroute_action action, enum flow_reason cause);
/* After a change of the conns: `conn` is for its pair now, and would leave it as it is. */
bool flow_shunt_is_kept(const struct flow *flow, const struct conn_state *conn);
/* Asks about the pair of a shunt while that stays as it is. */
void flow_ask_again(struct flow *flow);
/* Its deadline, and what to do then. */
struct instant flow_shunt_due(const struct flow *flow);
void flow_look_at_shunt(struct flow *flow);
/* There is no time for its question: dropped for a short while, or what overload= says. */
void flow_overload(struct flow *flow);
/* Held long enough: nobody can say what is right for it. */
void flow_makeshift(struct flow *flow);

/* pace.c */
enum pace_answer { PACE_GO, PACE_WAIT, PACE_NEVER };
/* May a negotiation with that gateway begin? NEVER: its last failure tells why. */
enum pace_answer pace_ask(struct attempt *attempt, struct gateway_memory *memory);
void pace_begin(struct attempt *attempt);
void pace_end(struct attempt *attempt);
void pace_wait(struct attempt *attempt);
/* A negotiation with the gateway is over: NONE is success. */
void pace_failed(struct opportunism *opp, struct gateway_memory *memory, enum ike_reason reason);
void pace_run(struct opportunism *opp);

/* admission.c */
/* Begins to find out, as soon as it is the Source's turn (TTL-8). */
void flow_begin(struct flow *flow);
static inline bool flow_waits(const struct flow *flow)
{
	return fair_queue_of(&flow->in_queue) == &flow->opp->waiting;
}
/* The same for a shunt whose time is over, and which stays meanwhile. */
void flow_wait_to_ask_again(struct flow *flow);
/* One that waits so is asked about now, and must not have its turn as well. */
void flow_skip_wait(struct flow *flow);
/* At the end of every event: whose turn it is begins, and bounds are kept. */
void admission_run(struct opportunism *opp);

/* discover.c */
void flow_discover(struct flow *flow);
void flow_look_at_answers(struct flow *flow);
/* What counts of an answer for this flow; `grace_is_over` is the caller's to say. */
struct discovery_rules flow_discovery_rules(const struct flow *flow);

/* attempt.c */
void flow_try_next_gateway(struct flow *flow);
void attempt_free(struct attempt *attempt);
struct attempt *attempt_find(struct opportunism *opp, uint64_t tag);
/* Its keys are there, or whatever it waited for: to the gateway. */
void attempt_go_on(struct attempt *attempt);
/* The gateway said no, or nothing. */
void attempt_failed(struct attempt *attempt, enum ike_reason reason);
/* Nobody has proven it, so it decides nothing; it is told to whoever asks why. */
void attempt_refused_unproven(struct opportunism *opp, uint64_t tag, enum ike_reason reason);
/* What was found out forbids it: the flow is denied. */
void attempt_deny(struct attempt *attempt, enum flow_reason reason);
/* Those that waited for a negotiation: it ended well (0) or not. */
void attempts_resume(struct opportunism *opp, const struct ip *gateway, enum ike_reason reason);

/* translate.c */
bool flow_is_translated(const struct ip_pair *pair, const struct conn_state *conn);
/* Finds or makes the carrier and takes its verdict, now or when it comes. */
void flow_follow(struct flow *flow);
void flow_follow_flow(struct flow *flow, struct flow *carrier);
/* The carrier's verdict is there, or it is no more: its followers take it. */
void flow_lead(struct flow *carrier);
void flow_abandon_followers(struct flow *carrier);

/* siblings.c */
/* The flow of another rule for the same addresses that finds out, or has a tunnel; or NULL. */
struct flow *flow_leader(struct opportunism *opp, const struct ip_pair *pair);
/* An SA carries all traffic of its pair: one of the pair's rules wants a better proof. */
bool pair_wants_more(struct opportunism *opp, const struct ip_pair *pair, enum strength strength);
/* The flow has a tunnel: the others of its addresses go by it. */
void flow_gather_siblings(struct flow *flow);

/* settle.c */
void flow_settle_shunt(struct flow *flow, enum eroute_action action, enum flow_reason reason);
void flow_settle_tunnel(struct flow *flow, struct child *child, enum flow_reason reason);
/* Applies the flow's standing verdict to the engine again. */
void flow_apply(struct flow *flow);
/* The engine asks about a pair that has its verdict: its set was full, or it has just restarted, or
 * the question crossed with the answer. */
void flow_apply_again(struct flow *flow);
void flow_child_gone(struct flow *flow, struct child *child, enum ike_reason reason);

/* orders.c: at once, whatever its shunt's time; what stands stays until there is an answer. */
void flow_ask_now(struct flow *flow);

/* commands.c: as the listings show them; row `i` of the policy. */
struct eroute_view eroute_of_row(const struct opportunism *opp, size_t i);
struct eroute_view eroute_of_flow(const struct opportunism *opp, const struct flow *flow);

/* replace.c: a CHILD SA that takes over from another came up; those whose time to send has come. */
void flow_replace_child(struct opportunism *opp, const struct event *event);
/* The peer made one on another IKE SA while one stands: this one sends until the peer is heard by the
 * other, which it may not have yet. False: that is not so. */
MUST_USE bool flow_put_beside(struct flow *flow, const struct event *event, enum strength strength);
/* The peer sends by it. */
void flow_heard(struct flow *flow, struct child *child);
void flow_look_at_starting(struct flow *flow);

/* renew.c: the peer renews a CHILD SA on a new IKE SA only. */
void flow_renew_elsewhere(struct opportunism *opp, const struct event *event);

/* life.c: a tunnel begins; ends; was closed by us for a better reason than that; was closed because
 * nobody used it, by us or by the peer. */
void life_begin(struct flow *flow);
void life_end(struct flow *flow);
enum ike_reason life_reason(const struct flow *flow, enum ike_reason reason);
void life_remember_closed(struct opportunism *opp, const struct ip_pair *pair);

/* retired.c: when to look at the CHILD SAs that only receive, and looking. */
struct instant flow_retired_due(const struct flow *flow);
void flow_look_at_retired(struct flow *flow);

/* respond.c */
void respond_auth_wanted(struct opportunism *opp, const struct event *event);
void respond_child_wanted(struct opportunism *opp, const struct event *event);
/* The claim a CHILD SA came from: its strength, its conn and what it rests on, and its end. */
bool respond_take_claim(struct opportunism *opp, ike_handle sa, uint64_t tag,
                        enum strength *strength, struct conn_state **conn,
                        struct evidence_log *evidence);
enum strength respond_key_strength(struct opportunism *opp, ike_handle sa);
/* At the end of an event: claims that waited for others of their source. */
void respond_go_on(struct opportunism *opp);
void respond_forget_sa(struct opportunism *opp, ike_handle sa, enum ike_reason reason);
void respond_forget_all(struct opportunism *opp);
