/*
 * What an administrator does to conns while the gateway runs, and what the listings show.
 */
#include "opportunism/tunnel.h"

#include <stdlib.h>

static struct conn_state *named(struct opportunism *opp, const char *name, struct text *error)
{
	struct conn_state *conn = conns_find(&opp->conns, name);

	if (conn == NULL)
		text_add(error, "no conn %s in the configuration; ipsec auto --status lists them",
		         name);
	return conn;
}

/* Who is answered changes with it. */
static void set_added(struct opportunism *opp, struct conn_state *conn, bool is_added)
{
	conn->is_added = is_added;
	if (!conns_index(&opp->conns, &opp->own, NULL, 0))
		log_line(&opp->log, LOG_ERROR, "policy: too many rows, groups answer nobody");
}

bool opportunism_conn_add(struct opportunism *opp, const char *name, struct text *error,
                          struct instant now)
{
	struct conn_state *conn = named(opp, name, error);

	opp->now = now;
	if (conn == NULL)
		return false;
	set_added(opp, conn, true);
	return true;
}

bool opportunism_conn_delete(struct opportunism *opp, const char *name, struct text *error,
                             struct instant now)
{
	struct conn_state *conn = named(opp, name, error);

	if (conn == NULL || !opportunism_conn_unroute(opp, name, error, now))
		return false;
	set_added(opp, conn, false);
	return opportunism_conn_down(opp, name, error, now);
}

static bool is_of(const struct policy_row *row, const struct conn_state *conn)
{
	return strcmp(row->name, conn->conn.name) == 0;
}

/* What checkconfig refuses of two that are routed by their files. */
static bool rows_are_free(const struct opportunism *opp, const struct conn_state *conn,
                          struct text *error)
{
	struct policy_row *rows = NULL;
	size_t count = conns_rows(&opp->conns, &opp->own, &rows, NULL);
	const struct policy_row *first, *second;
	struct policy_clash clash;
	struct policy_table table;
	bool is_free = policy_build(&table, rows, count, &clash);

	if (is_free)
		policy_wipe(&table);
	else
		text_add(error, "conn %s: the policy would have too many rows", conn->conn.name);
	first = clash.is_there ? &rows[clash.first] : NULL;
	second = clash.is_there ? &rows[clash.second] : NULL;
	if (is_free && clash.is_there && (is_of(first, conn) || is_of(second, conn))) {
		text_add(error, "conn %s: conn %s, which is routed, is for the same addresses",
		         conn->conn.name, is_of(first, conn) ? second->name : first->name);
		is_free = false;
	}
	free(rows);
	return is_free;
}

bool opportunism_conn_route(struct opportunism *opp, const char *name, struct text *error,
                            struct instant now)
{
	struct conn_state *conn = named(opp, name, error);
	bool was_routed;

	opp->now = now;
	if (conn == NULL)
		return false;
	if (!conn->is_added) {
		text_add(error, "conn %s is not added; ipsec auto --add %s first", name, name);
		return false;
	}
	was_routed = conn->is_routed;
	conn->is_routed = true;
	if (!was_routed && !rows_are_free(opp, conn, error)) {
		conn->is_routed = false;
		return false;
	}
	core_policy_changed(opp);
	return true;
}

bool opportunism_conn_unroute(struct opportunism *opp, const char *name, struct text *error,
                              struct instant now)
{
	struct conn_state *conn = named(opp, name, error);

	opp->now = now;
	if (conn == NULL)
		return false;
	conn->is_routed = false;
	core_policy_changed(opp);
	return true;
}

/* The one pair a conn names, if it names one. */
static bool conn_pair(const struct opportunism *opp, const struct conn_state *conn,
                      struct ip_pair *pair)
{
	const struct conn_end *theirs = &conn->theirs;

	if (theirs->subnet_count == 1 && range_is_single(&theirs->subnets[0]))
		pair->destination = theirs->subnets[0].first;
	else if (theirs->subnet_count == 0 && theirs->kind == END_ADDRESS)
		pair->destination = theirs->address;
	else
		return false;
	if (conn->ours.subnet_count > 1 ||
	    (conn->ours.subnet_count == 1 && !range_is_single(&conn->ours.subnets[0])))
		return false;
	pair->source = conn->ours.subnet_count == 1
	                   ? conn->ours.subnets[0].first
	                   : conn_outer(conn, (enum ip_family)pair->destination.family, &opp->own);
	return pair->source.family != IP_NONE;
}

static bool may_be_started(const struct conn_state *conn, struct text *error)
{
	const char *name = conn->conn.name;

	if (!conn->is_added)
		text_add(error, "conn %s is not added; ipsec auto --add %s first", name, name);
	else if (conn->conn.type != CONN_TUNNEL)
		text_add(error, "conn %s is no tunnel: there is nothing to bring up", name);
	else if (conn->theirs.kind == END_ANY)
		text_add(error, "conn %s has right=%%any: the peer has to come", name);
	else
		return true;
	return false;
}

bool opportunism_conn_up(struct opportunism *opp, const char *name, struct text *error,
                         struct instant now)
{
	struct conn_state *conn = named(opp, name, error);
	struct ip_pair pair = { 0 };
	struct flow *flow;

	opp->now = now;
	if (conn == NULL)
		return false;
	if (!may_be_started(conn, error))
		return false;
	if (conn_has_tunnel(conn)) {
		if (!tunnel_start(opp, conn, error))
			return false;
		core_run_events(opp);
		return true;
	}
	if (!conn_pair(opp, conn, &pair)) {
		text_add(error,
		         "conn %s does not name one pair of addresses; route it, and traffic "
		         "brings its tunnels up",
		         name);
		return false;
	}
	flow = flow_find(opp, &pair);
	if (flow != NULL)
		return true;
	flow = flow_new(opp, &pair, conn);
	if (flow == NULL) {
		text_add(error, "the table of flows is full");
		return false;
	}
	flow_apply(flow);
	flow_discover(flow);
	flow_step(flow);
	core_run_events(opp);
	return true;
}

bool opportunism_conn_down(struct opportunism *opp, const char *name, struct text *error,
                           struct instant now)
{
	struct conn_state *conn = named(opp, name, error);
	struct ip_pair *pairs;
	size_t count;

	opp->now = now;
	if (conn == NULL)
		return false;
	pairs = flow_pairs(opp, &count);
	for (size_t i = 0; i < count; i++) {
		struct flow *flow = flow_find(opp, &pairs[i]);

		if (flow != NULL && flow->conn == conn)
			core_close_flow(opp, flow, "taken down by command");
	}
	free(pairs);
	tunnels_close(opp, conn, "taken down by command");
	core_run_events(opp);
	return true;
}

/* ---- Listings ---- */

static enum eroute_action row_action(enum policy_action action)
{
	switch (action) {
	case POLICY_TRAP:
		return EROUTE_TRAP;
	case POLICY_PASS:
		return EROUTE_PASS;
	case POLICY_DROP:
		return EROUTE_DROP;
	case POLICY_REJECT:
		return EROUTE_REJECT;
	case POLICY_TUNNEL:
		return EROUTE_TUNNEL;
	}
	return EROUTE_DROP;
}

static void see_next(const struct flow *flow, struct eroute_view *view)
{
	struct flow_next next = flow_next(flow);

	view->next = next.what;
	view->next_at = next.at;
}

/* What became of a conn's row. */
static void see_tunnel(const struct flow *flow, struct eroute_view *view)
{
	const struct child *sending = flow == NULL ? NULL : TAILQ_FIRST(&flow->children);

	if (flow == NULL)
		return;
	view->reason = flow_reason_text(flow_cause(flow));
	view->since = flow->since;
	see_next(flow, view);
	if (flow->state != FLOW_TUNNEL)
		return;
	view->spi_out = sending->spi_out;
	view->gateway = sending->gateway;
	view->strength = sending->strength;
}

struct eroute_view eroute_of_row(const struct opportunism *opp, size_t i)
{
	const struct policy_row *row = &opp->policy.rows[i];
	struct eroute_view view = { .source = row->local,
		                    .destination = row->remote,
		                    .traffic = row->traffic,
		                    .packets = opp->engine.row_use(opp->engine.ctx, i).packets,
		                    .action = row_action(row->action),
		                    .conn = row->name,
		                    .reason = "configured",
		                    .expires = INSTANT_NEVER,
		                    .next_at = INSTANT_NEVER };

	see_tunnel(tunnel_of_row(opp, row), &view);
	return view;
}

struct eroute_view eroute_of_flow(const struct opportunism *opp, const struct flow *flow)
{
	const struct flow *carrier = flow->carrier == NULL ? flow : flow->carrier;
	const struct child *sending = TAILQ_FIRST(&carrier->children);
	struct eroute_use use = opp->engine.pair_use(opp->engine.ctx, &flow->pair);
	struct eroute_view view = {
		.source = range_of_ip(&flow->pair.source),
		.destination = range_of_ip(&flow->pair.destination),
		.traffic = flow->pair.traffic,
		.packets = use.packets,
		.last = use.last,
		.action = EROUTE_HOLD,
		.conn = flow->conn == NULL ? "" : flow->conn->conn.name,
		.reason = flow_reason_text(flow_cause(flow)),
		.trust = flow->trust,
		.since = flow->since,
		.expires = INSTANT_NEVER,
	};

	see_next(flow, &view);
	if (flow->state == FLOW_SHUNT) {
		view.action = flow->shunt;
		view.confirmed = flow->confirmed;
		view.expires = flow->carrier == NULL ? flow->expires : INSTANT_NEVER;
	}
	if (flow->state == FLOW_TUNNEL) {
		view.action = EROUTE_TUNNEL;
		view.spi_out = sending->spi_out;
		view.gateway = sending->gateway;
		view.strength = sending->strength;
	}
	return view;
}

void opportunism_list_eroutes(const struct opportunism *opp,
                              void (*see)(void *ctx, const struct eroute_view *view), void *ctx)
{
	for (size_t i = 0; i < opp->policy.row_count; i++) {
		struct eroute_view view = eroute_of_row(opp, i);

		see(ctx, &view);
	}
	for (struct hash_node *node = hash_walk(&opp->flows, NULL); node != NULL;
	     node = hash_walk(&opp->flows, node)) {
		struct eroute_view view =
		    eroute_of_flow(opp, CONTAINER_OF(node, struct flow, by_pair));

		see(ctx, &view);
	}
}

const char *conn_progress_name(enum conn_progress progress)
{
	static const char *const names[] = { "down", "failed", "negotiating", "up" };

	return names[progress];
}

static enum conn_progress progress_of(const struct flow *flow)
{
	switch (flow->state) {
	case FLOW_DNS:
	case FLOW_IKE:
	case FLOW_FOLLOWS:
		return CONN_NEGOTIATING;
	case FLOW_TUNNEL:
		return CONN_UP;
	case FLOW_SHUNT:
		break;
	}
	/* An attempt may go on beyond the time of what was held. */
	return flow->inquiry != NULL && flow->inquiry->running > 0 ? CONN_NEGOTIATING : CONN_FAILED;
}

/* What its gateway said is more than that it refused. */
static const char *reason_of(const struct flow *flow, enum conn_progress progress)
{
	enum flow_reason cause = flow_cause(flow);
	const struct evidence_gateway *gateway;
	const char *said = NULL;

	STAILQ_FOREACH(gateway, &flow->evidence.gateways, next)
	said = gateway->result;
	if (progress == CONN_NEGOTIATING)
		return said;
	if (said != NULL && (cause == FLOW_REASON_REFUSED || cause == FLOW_REASON_FAILED ||
	                     cause == FLOW_REASON_REFUSED_UNPROVEN))
		return said;
	return flow_reason_text(cause);
}

static void count_in(struct conn_view *view, const struct flow *flow)
{
	enum conn_progress progress = progress_of(flow);

	if (progress <= view->progress)
		return;
	view->progress = progress;
	view->reason = reason_of(flow, progress);
}

static void fill_progress(const struct opportunism *opp, const struct conn_state *conn,
                          struct conn_view *view)
{
	const struct tunnel *tunnel;

	LIST_FOREACH (tunnel, &opp->tunnels, in_list) {
		if (tunnel->flow->conn == conn)
			count_in(view, tunnel->flow);
	}
	for (struct hash_node *node = hash_walk(&opp->flows, NULL); node != NULL;
	     node = hash_walk(&opp->flows, node)) {
		const struct flow *flow = CONTAINER_OF(node, struct flow, by_pair);

		if (flow->conn == conn)
			count_in(view, flow);
	}
}

void opportunism_list_conns(const struct opportunism *opp,
                            void (*see)(void *ctx, const struct conn_view *view), void *ctx)
{
	for (size_t i = 0; i < opp->conns.count; i++) {
		const struct conn_state *conn = &opp->conns.list[i];
		struct conn_view view = { .name = conn->conn.name,
			                  .is_added = conn->is_added,
			                  .is_routed = conn->is_routed,
			                  .conn = &conn->conn };

		fill_progress(opp, conn, &view);
		see(ctx, &view);
	}
}
