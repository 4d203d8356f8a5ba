#pragma once
/*
 * Tunnels of configured conns: flows that stand for ranges of addresses, and that may be kept up.
 *
 * A tunnel is a flow like any other as far as negotiation, SAs and verdicts go. What differs: its
 * verdict is rows of the policy instead of a pair, and with auto=start or dpdaction=restart its end
 * is the beginning of the next attempt. A conn that joins one pair of addresses has a pair's flow
 * with `tunnel` set; one that joins more has a flow that no pair finds.
 *
 *   begin --> IKE --> TUNNEL --gone--> (kept up: IKE after a pause | else forgotten)
 *              \--> SHUNT --pause--> (kept up: IKE | else forgotten)
 */
#include "opportunism/flow.h"
#include "opportunism/reach.h"

enum { TUNNELS_MAX = 8192 }; /* with ranges; more are refused */

struct tunnel {
	LIST_ENTRY(tunnel) in_list; /* of opp->tunnels, if wide */
	struct flow *flow;
	char conn[CONN_NAME_MAX]; /* by name: conns come and go */
	struct ike_packet packet; /* that made us begin; IP_NONE: it was an order */
	struct reach reach;       /* wanted; once there are SAs, granted */
	bool is_wide;             /* ranges: rows of the policy, no pair */
	bool is_ours;             /* wanted by us: all that the conn joins */
	bool is_kept_up;
	struct instant retry; /* INSTANT_NEVER: no */
	unsigned failures;    /* in a row; the pause doubles with each */
};

/* A conn with one peer, that negotiates for all its ranges at once. */
bool conn_has_tunnel(const struct conn_state *conn);

/* A packet was trapped by the conn's row. False: this pair needs a verdict of its own. */
MUST_USE bool tunnel_on_acquire(struct opportunism *opp, struct conn_state *conn,
                                const struct acquire *acquire);
/* By order: begins to negotiate, at once, what is not up. False: `error` says why not. */
MUST_USE bool tunnel_start(struct opportunism *opp, struct conn_state *conn, struct text *error);
/* The flow for a CHILD SA that a peer made by this conn: there already, or new. NULL: too many. */
struct flow *tunnel_of_peer(struct opportunism *opp, struct conn_state *conn,
                            const struct reach *reach);
/* The peer asks for addresses that an SA with ranges of somebody else carries, by that conn or
 * (NULL) by any. */
bool tunnel_is_others(struct opportunism *opp, const struct reach *reach, const struct ike_id *id,
                      const struct conn_state *conn);
/* An SA with that reach is up. */
void tunnel_granted(struct flow *flow, const struct reach *reach);

/* For flow.c and settle.c: where `flow->tunnel` is set. */
void tunnel_free(struct flow *flow);
void tunnel_apply(struct flow *flow);
struct instant tunnel_due(const struct flow *flow);
/* Its deadline, with nothing under way. */
void tunnel_fire(struct flow *flow);
/* That gateway is there again: an attempt that waits is made now. The flow may end. */
void tunnel_hurry(struct flow *flow, const struct ip *gateway);
/* Its last SA is gone; false: the flow ends. */
MUST_USE bool tunnel_survives(struct flow *flow, enum ike_reason reason);
/* Nothing is tried any more. */
void tunnel_failed(struct flow *flow);

/* tunnel_rows.c: the verdicts of all wide tunnels, as policy rows; the caller frees. */
size_t tunnel_rows(const struct opportunism *opp, struct policy_row **rows);
/* The wide tunnel that made this row, or NULL. */
const struct flow *tunnel_of_row(const struct opportunism *opp, const struct policy_row *row);
/* After a change of the conns. */
void tunnels_recheck(struct opportunism *opp);
/* Closes the wide ones of a conn. */
void tunnels_close(struct opportunism *opp, const struct conn_state *conn, const char *why);
void tunnels_free(struct opportunism *opp);
