#include "opportunism/tunnel.h"

#include <stdlib.h>

#define PAUSE_AFTER_LOSS MILLISECONDS(500)
#define PAUSE_LEAST_S    5
#define PAUSE_MOST_S     300
#define SHUNT_TIME       SECONDS(60) /* of a tunnel that is not kept up; then packets ask again */

/* A translated Source and one host are a pair, which translate.c follows. */
static bool joins_one_host(const struct conn_end *theirs)
{
	return theirs->subnet_count == 0 ||
	       (theirs->subnet_count == 1 && range_is_single(&theirs->subnets[0]));
}

bool conn_has_tunnel(const struct conn_state *conn)
{
	return conn->conn.type == CONN_TUNNEL && conn->theirs.kind == END_ADDRESS &&
	       (conn->ours.nat.family == IP_NONE || !joins_one_host(&conn->theirs));
}

/* ---- Life ---- */

static struct ip_pair pair_of_reach(const struct reach *reach)
{
	for (size_t i = 0; i < reach->local_count; i++) {
		for (size_t j = 0; j < reach->remote_count; j++) {
			const struct ip *a = &reach->local[i].first, *b = &reach->remote[j].first;

			if (a->family == b->family)
				return (struct ip_pair){ *a, *b };
		}
	}
	return (struct ip_pair){ reach->local[0].first, reach->remote[0].first };
}

static void attach(struct flow *flow, const struct reach *reach, bool is_ours)
{
	struct tunnel *tunnel = new_zeroed(sizeof(*tunnel));
	const struct conn *conn = &flow->conn->conn;

	tunnel->flow = flow;
	string_copy(tunnel->conn, sizeof(tunnel->conn), conn->name);
	tunnel->reach = *reach;
	tunnel->is_wide = !reach_is_pair(reach);
	tunnel->is_ours = is_ours;
	tunnel->is_kept_up = conn->auto_action == AUTO_START;
	tunnel->retry = INSTANT_NEVER;
	flow->tunnel = tunnel;
	if (tunnel->is_wide) {
		LIST_INSERT_HEAD(&flow->opp->tunnels, tunnel, in_list);
		flow->opp->tunnel_count++;
	}
}

void tunnel_free(struct flow *flow)
{
	struct tunnel *tunnel = flow->tunnel;

	if (tunnel == NULL)
		return;
	if (tunnel->is_wide) {
		LIST_REMOVE(tunnel, in_list);
		flow->opp->tunnel_count--;
		flow->opp->is_policy_stale = true;
	}
	free(tunnel);
	flow->tunnel = NULL;
}

/* NULL at the bound. */
static struct flow *tunnel_new(struct opportunism *opp, struct conn_state *conn,
                               const struct reach *reach, bool is_ours)
{
	struct ip_pair pair = pair_of_reach(reach);
	bool is_wide = !reach_is_pair(reach);
	struct flow *flow;

	if (is_wide && opp->tunnel_count >= TUNNELS_MAX)
		return NULL;
	flow = is_wide ? NULL : flow_find(opp, &pair);
	if (flow == NULL)
		flow = is_wide ? flow_new_wide(opp, &pair, conn) : flow_new(opp, &pair, conn);
	if (flow == NULL)
		return NULL;
	flow_take_conn(flow, conn);
	if (flow->tunnel == NULL)
		attach(flow, reach, is_ours);
	return flow;
}

static bool is_of(const struct tunnel *tunnel, const struct conn_state *conn)
{
	return strcmp(tunnel->conn, conn->conn.name) == 0;
}

/* The one that we negotiate for all of `reach`, or that somebody did for us; or NULL. */
static struct flow *find_whole(struct opportunism *opp, const struct conn_state *conn,
                               const struct reach *reach)
{
	struct ip_pair pair = pair_of_reach(reach);
	struct tunnel *tunnel;

	if (reach_is_pair(reach)) {
		struct flow *flow = flow_find(opp, &pair);

		return flow != NULL && flow->tunnel != NULL ? flow : NULL;
	}
	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		if (is_of(tunnel, conn) && (tunnel->is_ours || reach_equal(&tunnel->reach, reach)))
			return tunnel->flow;
	}
	return NULL;
}

/* ---- Negotiating ---- */

static void begin(struct flow *flow)
{
	struct tunnel *tunnel = flow->tunnel;
	struct reach whole;

	if (reach_of_conn(&whole, flow->conn, &flow->conn->theirs.address, &flow->opp->own) &&
	    reach_is_pair(&whole) != tunnel->is_wide)
		tunnel->reach = whole; /* what was granted last time is no bound for this time */
	tunnel->is_ours = true;
	tunnel->retry = INSTANT_NEVER;
	flow_stop_inquiry(flow);
	if (flow->state != FLOW_IKE)
		flow->acquired = flow->opp->now; /* else it holds packets already */
	flow->state = FLOW_IKE;
	flow->since = flow->opp->now;
	flow_apply(flow);
	flow_discover(flow);
	flow_step(flow);
}

/* `packet`: one that waits, as the peer is to know it, or NULL. */
static struct flow *find_or_begin(struct opportunism *opp, struct conn_state *conn,
                                  const struct ike_packet *packet, struct text *error)
{
	struct reach reach;
	struct flow *flow;

	if (!reach_of_conn(&reach, conn, &conn->theirs.address, &opp->own)) {
		text_add(error, "this machine has no address in the family of the other end");
		return NULL;
	}
	flow = find_whole(opp, conn, &reach);
	if (flow != NULL)
		return flow;
	flow = tunnel_new(opp, conn, &reach, true);
	if (flow != NULL && packet != NULL)
		flow->tunnel->packet = *packet;
	if (flow == NULL)
		text_add(error, "the table of tunnels is full");
	else if (flow->state != FLOW_TUNNEL)
		begin(flow);
	return flow;
}

/* To the peer. What is translated may get another port. */
static struct ike_packet packet_of(const struct acquire *acquire, const struct conn_state *conn)
{
	bool is_translated = flow_is_translated(&acquire->pair, conn);

	return (struct ike_packet){
		.source = is_translated ? conn->ours.nat : acquire->pair.source,
		.destination = acquire->pair.destination,
		.protocol = acquire->protocol,
		.has_ports = acquire->has_ports && !is_translated,
		.source_port = acquire->source_port,
		.destination_port = acquire->destination_port,
	};
}

bool tunnel_on_acquire(struct opportunism *opp, struct conn_state *conn,
                       const struct acquire *acquire)
{
	CLEANUP(text_free) struct text ignored = { 0 };
	struct ike_packet packet = packet_of(acquire, conn);
	struct ip_pair said = { packet.source, packet.destination, { 0 } };
	struct flow *flow = find_or_begin(opp, conn, &packet, &ignored);

	if (flow == NULL)
		return false;
	/* The peer took less than we asked for: this pair it is asked for by itself. */
	return flow->state != FLOW_TUNNEL || reach_covers(&flow->tunnel->reach, &said);
}

bool tunnel_start(struct opportunism *opp, struct conn_state *conn, struct text *error)
{
	struct flow *flow = find_or_begin(opp, conn, NULL, error);

	if (flow == NULL)
		return false;
	if (flow->state != FLOW_TUNNEL && flow->inquiry == NULL)
		begin(flow);
	return true;
}

struct flow *tunnel_of_peer(struct opportunism *opp, struct conn_state *conn,
                            const struct reach *reach)
{
	struct reach whole;
	bool is_whole = conn_has_tunnel(conn) &&
	                reach_of_conn(&whole, conn, &conn->theirs.address, &opp->own) &&
	                reach_equal(&whole, reach);
	struct tunnel *tunnel;

	if (reach_is_pair(reach) && !is_whole) {
		struct ip_pair pair = pair_of_reach(reach);
		struct flow *flow = flow_find(opp, &pair);

		return flow == NULL ? flow_new(opp, &pair, conn) : flow;
	}
	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		if (is_of(tunnel, conn) && reach_equal(&tunnel->reach, reach))
			return tunnel->flow;
	}
	return tunnel_new(opp, conn, reach, is_whole);
}

bool tunnel_is_others(struct opportunism *opp, const struct reach *reach, const struct ike_id *id,
                      const struct conn_state *conn)
{
	const struct tunnel *tunnel;

	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		const struct child *child = TAILQ_FIRST(&tunnel->flow->children);
		const struct peer_sa *sa = child == NULL ? NULL : sa_find(opp, child->sa);

		if (sa != NULL && (conn == NULL || is_of(tunnel, conn)) &&
		    reach_overlaps(&tunnel->reach, reach) && !id_equal(&sa->id, id))
			return true;
	}
	return false;
}

void tunnel_granted(struct flow *flow, const struct reach *reach)
{
	flow->tunnel->failures = 0;
	flow->tunnel->retry = INSTANT_NEVER;
	if (!flow->tunnel->is_wide)
		return;
	flow->tunnel->reach = *reach;
	/* What opportunism made of pairs that are the tunnel's now is to end. */
	flow->opp->is_policy_stale = flow->opp->has_new_tunnel = true;
}

/* ---- Being kept up ---- */

void tunnel_apply(struct flow *flow)
{
	flow->opp->is_policy_stale = true;
}

struct instant tunnel_due(const struct flow *flow)
{
	const struct tunnel *tunnel = flow->tunnel;

	if (tunnel->retry.ns != INSTANT_NEVER.ns)
		return tunnel->retry;
	if (flow->state == FLOW_SHUNT && flow->inquiry == NULL)
		return instant_after(flow->since, SHUNT_TIME);
	return INSTANT_NEVER;
}

void tunnel_fire(struct flow *flow)
{
	struct opportunism *opp = flow->opp;

	if (!instant_reached(tunnel_due(flow), opp->now))
		timer_set(opp, &flow->timer, tunnel_due(flow));
	else if (instant_reached(flow->tunnel->retry, opp->now))
		begin(flow);
	else
		flow_end(flow, "the next packet asks again");
}

void tunnel_hurry(struct flow *flow, const struct ip *gateway)
{
	if (flow->conn == NULL || !conn_has_tunnel(flow->conn) ||
	    !ip_equal(&flow->conn->theirs.address, gateway) || flow->state != FLOW_SHUNT ||
	    flow->inquiry != NULL)
		return;
	if (flow->tunnel->retry.ns != INSTANT_NEVER.ns)
		timer_set(flow->opp, &flow->timer, flow->tunnel->retry = flow->opp->now);
	else
		flow_end(flow, "its gateway is there again");
}

/* Both ends of a lost tunnel need not begin in the same moment. */
static struct duration jitter(struct opportunism *opp)
{
	return (struct duration){ (int64_t)(core_random(opp) % 500) * 1000000 };
}

static bool wants_restart(const struct flow *flow, enum ike_reason reason)
{
	bool is_dead = reason == IKE_REASON_SILENT || reason == IKE_REASON_CRASHED;

	if (is_dead && flow->conn->conn.dealings.dpdaction == DPD_CLEAR)
		return false;
	return flow->tunnel->is_kept_up ||
	       (is_dead && flow->conn->conn.dealings.dpdaction == DPD_RESTART);
}

bool tunnel_survives(struct flow *flow, enum ike_reason reason)
{
	struct opportunism *opp = flow->opp;
	struct conn_state *conn = flow->conn;

	if (conn == NULL || !conn_has_tunnel(conn) || opp->is_shutting_down)
		return false;
	if (reason == IKE_REASON_SILENT && conn->conn.dealings.dpdaction == DPD_HOLD &&
	    !conn->is_routed) {
		conn->is_routed = true; /* the next packet is held, and negotiates anew */
		opp->is_policy_stale = true;
	}
	if (!wants_restart(flow, reason))
		return false;
	log_line(&opp->log, LOG_INFO, "conn %s: %s, negotiating again", conn->conn.name,
	         ike_reason_text(reason));
	flow->state = FLOW_IKE;
	flow->since = opp->now;
	/* One that was never confirmed still holds what it held before: its time goes on. */
	if (!flow_is_unconfirmed(flow))
		flow->acquired = opp->now;
	flow->confirm_due = INSTANT_NEVER;
	flow->tunnel->retry = instant_after(instant_after(opp->now, PAUSE_AFTER_LOSS), jitter(opp));
	flow_apply(flow);
	timer_set(opp, &flow->timer, flow->tunnel->retry);
	return true;
}

void tunnel_failed(struct flow *flow)
{
	struct tunnel *tunnel = flow->tunnel;
	unsigned pause_s = PAUSE_LEAST_S << (tunnel->failures < 6 ? tunnel->failures : 6);

	/* keyingtries= ran out; or it is %forever. */
	if (!tunnel->is_kept_up || flow->conn == NULL || flow->conn->conn.keyingtries != 0)
		return;
	tunnel->failures++;
	tunnel->retry = instant_after(
	    instant_after(flow->opp->now, SECONDS(pause_s < PAUSE_MOST_S ? pause_s : PAUSE_MOST_S)),
	    jitter(flow->opp));
}

/* ---- All of them ---- */

/* Would the conn, as it is now, make this tunnel with this peer? */
static bool still_fits(const struct flow *flow, const struct conn_state *conn)
{
	const struct child *child = TAILQ_FIRST(&flow->children);
	const struct ip *peer = child == NULL ? &conn->theirs.address : &child->gateway;
	struct reach whole;
	bool is_asking = flow->inquiry != NULL && flow->state != FLOW_TUNNEL;

	if (conn == NULL || !conn->is_added || conn->conn.type != CONN_TUNNEL ||
	    conn->is_opportunistic || (child == NULL && !conn_has_tunnel(conn)))
		return false;
	if (conn->theirs.kind == END_ADDRESS && !ip_equal(peer, &conn->theirs.address))
		return false;
	/* Who is being talked to was another one. */
	if (is_asking && (flow->conn == NULL || !conn_ends_alike(flow->conn, conn)))
		return false;
	/* A road warrior behind a NAT has an address of its own. */
	if (conn->theirs.kind != END_ADDRESS && conn->theirs.subnet_count == 0)
		peer = &flow->tunnel->reach.remote[0].first;
	return reach_of_conn(&whole, conn, peer, &flow->opp->own) &&
	       reach_within(&flow->tunnel->reach, &whole);
}

/* Promise 1: what a failure opened does not stay open where the conn is private now. What one has
 * closed is for the next attempt to open. */
static void keep_tunnel(struct flow *flow, struct conn_state *conn)
{
	enum eroute_action before = flow->failure;

	flow_take_conn(flow, conn);
	if (flow->state == FLOW_SHUNT && flow->failure != before && flow->failure != EROUTE_PASS) {
		flow->shunt = flow->failure;
		log_line(&flow->opp->log, LOG_INFO, "flow %s: closed, the configuration changed",
		         flow_text(flow).s);
	}
	flow->tunnel->is_kept_up = conn->conn.auto_action == AUTO_START;
	flow->opp->is_policy_stale = true;
}

void tunnels_recheck(struct opportunism *opp)
{
	struct tunnel *tunnel = LIST_FIRST(&opp->tunnels), *next;

	for (; tunnel != NULL; tunnel = next) {
		struct conn_state *conn = conns_find(&opp->conns, tunnel->conn);

		bool is_known = flow_peer_is_known(tunnel->flow, conn);

		next = LIST_NEXT(tunnel, in_list);
		if (!is_known)
			core_leave_peer(tunnel->flow);
		if (is_known && still_fits(tunnel->flow, conn)) {
			keep_tunnel(tunnel->flow, conn);
		} else {
			core_leave_attempts(tunnel->flow);
			flow_take_conn(tunnel->flow, NULL);
			core_close_flow(opp, tunnel->flow, "the configuration changed");
		}
	}
}

void tunnels_close(struct opportunism *opp, const struct conn_state *conn, const char *why)
{
	struct tunnel *tunnel = LIST_FIRST(&opp->tunnels), *next;

	for (; tunnel != NULL; tunnel = next) {
		next = LIST_NEXT(tunnel, in_list);
		if (is_of(tunnel, conn))
			core_close_flow(opp, tunnel->flow, why);
	}
}

void tunnels_free(struct opportunism *opp)
{
	struct tunnel *tunnel;

	while ((tunnel = LIST_FIRST(&opp->tunnels)) != NULL)
		flow_free(tunnel->flow);
}
