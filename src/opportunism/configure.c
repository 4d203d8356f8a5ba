/*
 * The configuration that is in force: its policy, and what becomes of flows, tunnels and IKE SAs
 * when it or the addresses of this machine change.
 */
#include "opportunism/group_names.h"
#include "opportunism/ranges.h"
#include "opportunism/self.h"
#include "opportunism/tunnel.h"

#include <stdlib.h>

#include "crypto/x509.h"

void core_free_own(struct own_addresses *own)
{
	free((void *)(uintptr_t)own->all);
	free((void *)(uintptr_t)own->outer);
	free((void *)(uintptr_t)own->covered);
}

static const struct ip *copy_ips(const struct ip *from, size_t count)
{
	struct ip *copy = new_array(count, sizeof(*copy));

	if (count > 0)
		memcpy(copy, from, count * sizeof(*copy));
	return copy;
}

static void copy_own(struct own_addresses *out, const struct own_addresses *from)
{
	*out = *from;
	out->all = copy_ips(from->all, from->count);
	out->outer = copy_ips(from->outer, from->outer_count);
	out->covered = copy_ips(from->covered, from->covered_count);
}

static void copy_host_keys(struct opportunism *opp, const struct opportunism_config *config)
{
	free(opp->host_keys);
	opp->host_key_count = config->host_key_count;
	opp->host_keys = new_array(config->host_key_count, sizeof(*opp->host_keys));
	if (config->host_key_count > 0)
		memcpy(opp->host_keys, config->host_keys,
		       config->host_key_count * sizeof(*opp->host_keys));
}

/* What the core decides by; the engine is told of it later. */
static void make_policy(struct opportunism *opp)
{
	struct policy_row *rows = NULL, *conn_rows = NULL;
	size_t count = tunnel_rows(opp, &rows);
	bool *gives_way = new_array(opp->conns.named_count, sizeof(*gives_way));
	size_t conn_count = conns_rows(&opp->conns, &opp->own, &conn_rows, gives_way);
	struct policy_clash clash;
	struct policy_table table;

	rows = grow_array(rows, count + conn_count + 1, sizeof(*rows));
	if (conn_count > 0)
		memcpy(rows + count, conn_rows, conn_count * sizeof(*rows));
	count += conn_count;
	group_names_tell(opp, gives_way);
	free(gives_way);
	opp->is_policy_stale = false;
	if (!conns_index(&opp->conns, &opp->own, conn_rows, conn_count))
		log_line(&opp->log, LOG_ERROR, "policy: too many rows, groups answer nobody");
	free(conn_rows);
	if (!policy_build(&table, rows, count, &clash)) {
		log_line(&opp->log, LOG_ERROR,
		         "policy: too many rows, the ones that are in force stay");
		free(rows);
		return;
	}
	policy_wipe(&opp->policy);
	opp->policy = table;
	if (clash.is_there)
		log_line(&opp->log, LOG_WARNING,
		         "conn %s: its addresses are those of conn %s, which wins",
		         rows[clash.second].name, rows[clash.first].name);
	free(rows);
}

/* By name: after a reload the flow still has the conn of before. */
static bool is_of_conn(const struct flow *flow, const struct conn_state *conn)
{
	return conn != NULL && flow->conn != NULL &&
	       strcmp(flow->conn->conn.name, conn->conn.name) == 0;
}

/* The conn that stands for a flow now: the one that answers for a tunnel, the row's otherwise. */
static struct conn_state *conn_for(struct opportunism *opp, const struct flow *flow)
{
	const struct policy_row *row = policy_lookup(&opp->policy, &flow->pair);

	/* Its rule is no more: what is for less than all traffic is looked at anew. */
	if (!traffic_is_any(&flow->pair.traffic) &&
	    (row == NULL || !traffic_equal(&row->traffic, &flow->pair.traffic)))
		return NULL;
	if (row != NULL && row->is_outcome) {
		/* A pair that the peer of the same conn asked for by itself may stay beside it. */
		struct conn_state *conn = conns_find(&opp->conns, row->name);

		return flow->state == FLOW_TUNNEL && is_of_conn(flow, conn) ? conn : NULL;
	}
	if (row != NULL && row->action == POLICY_TRAP)
		return conns_find(&opp->conns, row->name);
	if (row != NULL && !row->is_group)
		return NULL;
	if (flow->state != FLOW_TUNNEL)
		return NULL;
	return conns_answering(&opp->conns, &flow->pair.source, &flow->pair.destination, &opp->own,
	                       flow->conn == NULL ? IKE_AUTH_SIGNATURE
	                                          : ike_auth_of(flow->conn->theirs.auth));
}

void core_close_flow(struct opportunism *opp, struct flow *flow, const char *why)
{
	struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow)
		ike_delete_child(opp->ike, child->sa, child->spi_in, opp->now);
	flow_end(flow, why);
}

/* TRU-6: an unsigned record may name another gateway no more. Whether it was the delegation that
 * nobody signed is not known any more, but can be found out again: once, when the word is new. */
static bool is_other_unsigned(const struct conn_state *conn, const struct flow *flow,
                              const struct child *child)
{
	bool is_new = flow->conn == NULL || !flow->conn->conn.trust.unsigned_self;

	return is_new && conn->conn.trust.unsigned_self && child->strength == STRENGTH_DNS &&
	       !ip_equal(&child->gateway, &flow->pair.destination);
}

/* Its conn may name another peer now. Where one that was named has moved to is not asked (NAT-9).
 */
static bool is_for_same_peer(const struct flow *flow, const struct conn_state *conn)
{
	const struct conn_state *old = flow->conn;
	const struct child *child = TAILQ_FIRST(&flow->children);
	const struct ip *peer;

	if (old == NULL || child == NULL || conn->theirs.kind != END_ADDRESS)
		return true;
	peer = old->theirs.kind == END_ADDRESS ? &old->theirs.address : &child->gateway;
	return ip_equal(peer, &conn->theirs.address);
}

bool flow_peer_is_known(const struct flow *flow, const struct conn_state *conn)
{
	const struct child *child = TAILQ_FIRST(&flow->children);

	return flow->conn == NULL || conn == NULL ||
	       conn_knows_alike(conn, flow->conn, child == NULL ? NULL : child->of);
}

void core_leave_peer(struct flow *flow)
{
	const struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow)
		if (child->of != NULL && !child->of->is_gone)
			sa_close(flow->opp, child->of, "its conn wants another proof or suite");
}

/* Whom the conn named until now is not to get a tunnel that is taken back at once. */
void core_leave_attempts(struct flow *flow)
{
	struct attempt *attempt;
	struct peer_sa *sa;

	if (flow->inquiry == NULL)
		return;
	LIST_FOREACH (attempt, &flow->inquiry->attempts, of_flow) {
		sa = attempt->state == ATTEMPT_INIT ? sa_find(flow->opp, attempt->sa) : NULL;
		if (sa != NULL && !sa->is_up && !sa->is_gone)
			sa_close(flow->opp, sa, "its conn names another peer");
	}
}

/* What an opportunistic tunnel was made with, was proof enough then; is it now? */
static bool is_proof_enough(struct opportunism *opp, const struct flow *flow,
                            const struct conn_state *conn)
{
	const struct child *sending = TAILQ_FIRST(&flow->children);
	bool was_null = flow->conn != NULL && flow->conn->theirs.auth == CONN_NULL;

	if (flow->tunnel != NULL || sending == NULL || !conn->is_opportunistic)
		return true;
	if (was_null && conn->theirs.auth != CONN_NULL)
		return false;
	if (is_other_unsigned(conn, flow, sending))
		return false;
	return !pair_wants_more(opp, &flow->pair, sending->strength);
}

/* What was asked and answered, who is being talked to, and what waits meanwhile, was by the old
 * words. */
static bool is_asked_alike(const struct opportunism *opp, const struct flow *flow,
                           const struct conn_state *conn)
{
	const struct conn_state *old = flow->conn;

	if (old == conn)
		return true;
	if (flow->tunnel != NULL)
		return flow->inquiry == NULL || (old != NULL && conn_ends_alike(old, conn));
	if (old == NULL || old->conn.has_negotiation_pass != conn->conn.has_negotiation_pass)
		return false;
	return flow->inquiry == NULL || (!opp->is_other_world && conn_decides_alike(old, conn));
}

/* POL-5: what the new policy forbids, or decides otherwise, ends at once. */
static void recheck_flow(struct opportunism *opp, struct flow *flow)
{
	struct conn_state *conn = conn_for(opp, flow);
	bool is_known = flow_peer_is_known(flow, conn);
	bool is_asked = conn != NULL && is_known && is_asked_alike(opp, flow, conn);
	bool has_proof = conn != NULL && is_known && is_for_same_peer(flow, conn) &&
	                 is_proof_enough(opp, flow, conn);
	bool is_same = conn != NULL && conn_is_private(conn) == flow->is_private;
	bool is_kept = is_same && flow_shunt_is_kept(flow, conn);

	if (flow->tunnel != NULL &&
	    (conn == NULL || strcmp(flow->tunnel->conn, conn->conn.name) != 0))
		tunnel_free(flow);
	flow_take_conn(flow, conn);
	if (!is_known)
		core_leave_peer(flow);
	if (has_proof && flow->state == FLOW_TUNNEL) {
		if (!is_same)
			flow_apply(flow); /* a tunnel is good for a private pair and any other */
		return;
	}
	/* What was only held, since nobody knew what is right for it, is decided now. */
	if (flow->state == FLOW_DNS && flow->inquiry == NULL && !flow_waits(flow))
		is_same = false;
	/* A decision under way goes on, or begins anew with its packets still held. */
	if (is_same && is_asked && (flow->state == FLOW_DNS || flow->state == FLOW_IKE))
		return;
	if (is_kept)
		return; /* TTL-4: nothing is held for what would be found out again */
	if (flow->carrier != NULL && is_same)
		return; /* goes the way of its carrier, which is checked as well */
	if (flow->tunnel != NULL && !is_asked)
		core_leave_attempts(flow);
	core_close_flow(opp, flow, "the configuration changed");
}

/* Its packets leave in the clear now. */
static bool is_open(const struct flow *flow)
{
	const struct conn_state *conn = flow->conn;

	if (flow->state == FLOW_SHUNT)
		return flow->shunt == EROUTE_PASS;
	return flow->state != FLOW_TUNNEL && conn != NULL && conn->conn.has_negotiation_pass;
}

enum recheck { RECHECK_ALL, RECHECK_OUTCOMES };

/* AUZ-1: of the pairs of configured tunnels alone what opportunism made of them before is over. */
static bool is_concerned(const struct opportunism *opp, const struct flow *flow, enum recheck which)
{
	const struct policy_row *row =
	    which == RECHECK_ALL ? NULL : policy_lookup(&opp->policy, &flow->pair);

	return which == RECHECK_ALL || (row != NULL && row->is_outcome);
}

static void recheck_flows(struct opportunism *opp, enum recheck which, bool open)
{
	size_t count;
	struct ip_pair *pairs = flow_pairs(opp, &count);

	for (size_t i = 0; i < count; i++) {
		struct flow *flow = flow_find(opp, &pairs[i]);

		if (flow != NULL && is_open(flow) == open && is_concerned(opp, flow, which))
			recheck_flow(opp, flow);
	}
	free(pairs);
}

/*
 * What the new policy closes is closed before its rows count: else a pair that passed would pass
 * on until it had its turn here. What it had a tunnel for, or was held, waits for the rows: what
 * was before might let it pass.
 */
static void change_policy(struct opportunism *opp, enum recheck which)
{
	make_policy(opp);
	recheck_flows(opp, which, true);
	opp->engine.set_policy(opp->engine.ctx, &opp->policy);
	recheck_flows(opp, which, false);
}

void core_policy_changed(struct opportunism *opp)
{
	tunnels_recheck(opp);
	change_policy(opp, RECHECK_ALL);
	core_run_events(opp);
}

void core_policy_renew(struct opportunism *opp)
{
	bool has_new = opp->has_new_tunnel;

	if (opp->has_new_names) {
		opp->has_new_names = false;
		group_names_refill(opp);
		change_policy(opp, RECHECK_ALL);
	}
	if (!opp->is_policy_stale)
		return;
	opp->has_new_tunnel = false;
	if (has_new) {
		change_policy(opp, RECHECK_OUTCOMES);
		return;
	}
	make_policy(opp);
	opp->engine.set_policy(opp->engine.ctx, &opp->policy);
}

/* Has this machine an address to begin from? */
static bool has_outer(const struct opportunism *opp, const struct conn_state *conn)
{
	enum ip_family family = (enum ip_family)conn->theirs.address.family;

	return conn->theirs.kind != END_ADDRESS ||
	       conn_outer(conn, family, &opp->own).family != IP_NONE;
}

static void start_conn(struct opportunism *opp, struct conn_state *conn)
{
	CLEANUP(text_free) struct text error = { 0 };
	bool is_up = opportunism_conn_up(opp, conn->conn.name, &error, opp->now);

	conn->waits_for_address = !is_up && !has_outer(opp, conn);
	if (!is_up)
		log_line(&opp->log, LOG_WARNING, "conn %s: %s", conn->conn.name, error.s);
}

static void start_conns(struct opportunism *opp)
{
	for (size_t i = 0; i < opp->conns.count; i++)
		if (opp->conns.list[i].conn.auto_action == AUTO_START)
			start_conn(opp, &opp->conns.list[i]);
}

static void start_waiting_conns(struct opportunism *opp)
{
	for (size_t i = 0; i < opp->conns.count; i++) {
		struct conn_state *conn = &opp->conns.list[i];

		if (conn->waits_for_address && has_outer(opp, conn))
			start_conn(opp, conn);
	}
}

/* Some conn names this address as ours. */
static bool is_named(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->conns.count; i++) {
		const struct conn_end *ours = &opp->conns.list[i].ours;

		if (ours->kind == END_ADDRESS && ip_equal(&ours->address, address))
			return true;
	}
	return false;
}

/* Can an IKE SA still be at this address? One that is no outer address any more has no way out,
 * unless somebody wrote that it has. */
static bool is_still_ours(const struct opportunism *opp, const struct own_addresses *before,
                          const struct ip *address)
{
	bool is_here = false;

	for (size_t i = 0; i < opp->own.count; i++)
		is_here |= ip_equal(&opp->own.all[i], address);
	return is_here && (own_is_outer(&opp->own, address) || !own_is_outer(before, address) ||
	                   is_named(opp, address));
}

/* RST-8 */
static void leave_addresses(struct opportunism *opp, const struct own_addresses *before)
{
	struct peer_sa *sa = LIST_FIRST(&opp->sa_list), *next;

	for (; sa != NULL; sa = next) {
		next = LIST_NEXT(sa, in_list);
		if (sa->local.family == IP_NONE || is_still_ours(opp, before, &sa->local))
			continue;
		log_line(&opp->log, LOG_INFO, "IKE SA with %s: our address %s is gone",
		         ip_text(&sa->gateway).s, ip_text(&sa->local).s);
		ike_delete(opp->ike, sa->handle, opp->now);
	}
}

static bool same_addresses(const struct ip *a, size_t a_count, const struct ip *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!ip_equal(&a[i], &b[i]))
			return false;
	return true;
}

static bool same_host_keys(const struct opportunism *opp, const struct opportunism_config *config)
{
	if (opp->host_key_count != config->host_key_count)
		return false;
	for (size_t i = 0; i < opp->host_key_count; i++)
		if (!pubkey_equal(&opp->host_keys[i].key, &config->host_keys[i].key))
			return false;
	return true;
}

static bool is_other_world(const struct opportunism *opp, const struct opportunism_config *config)
{
	const struct own_addresses *a = &opp->own, *b = &config->own;

	return opp->dnssec != config->conf->setup.dnssec || !same_host_keys(opp, config) ||
	       !same_addresses(a->outer, a->outer_count, b->outer, b->outer_count);
}

/* `before`: conns whose states stay, or NULL. */
static void configure(struct opportunism *opp, const struct opportunism_config *config,
                      const struct conns *before)
{
	struct own_addresses was = opp->own;

	opp->is_other_world = is_other_world(opp, config);
	respond_forget_all(opp);
	x509_trust_release(opp->trust);
	opp->trust = x509_trust_hold(config->conf->trust);
	copy_own(&opp->own, &config->own);
	copy_host_keys(opp, config);
	opp->secret_set = config->secret_set;
	conns_load(&opp->conns, config->conf, config->secrets, &opp->own);
	if (before != NULL)
		conns_keep_states(&opp->conns, before);
	opp->dnssec = config->conf->setup.dnssec;
	opp->overload = config->conf->setup.overload_passes ? EROUTE_PASS : EROUTE_DROP;
	opp->shunt_idle = SECONDS(config->conf->setup.shunt_idle_s);
	opp->lookups.skips_key = config->conf->setup.skips_key_records;
	opp->has_shared_ids = config->conf->setup.has_shared_ids;
	opp->tunnel_idle = SECONDS(config->conf->setup.tunnel_idle_s);
	leave_addresses(opp, &was); /* first, so that their Deletes wait for nothing */
	group_names_take(opp);
	tunnels_recheck(opp);
	change_policy(opp, RECHECK_ALL);
	opp->is_other_world = false;
	self_look(opp);
	core_free_own(&was);
}

void opportunism_configure(struct opportunism *opp, const struct opportunism_config *config,
                           struct instant now)
{
	struct conns before = opp->conns; /* flows point to them until they are rechecked */

	opp->now = now;
	configure(opp, config, NULL);
	conns_wipe(&before);
	start_conns(opp);
	core_run_events(opp);
}

void opportunism_reconfigure(struct opportunism *opp, const struct opportunism_config *config,
                             struct instant now)
{
	struct conns before = opp->conns;

	opp->now = now;
	configure(opp, config, &before);
	conns_wipe(&before);
	core_run_events(opp);
}

void opportunism_readdress(struct opportunism *opp, const struct opportunism_config *config,
                           struct instant now)
{
	opportunism_reconfigure(opp, config, now);
	start_waiting_conns(opp);
	core_run_events(opp);
}

size_t policy_rows_of_conf(const struct conf *conf, const struct own_addresses *own,
                           struct policy_row **rows)
{
	struct conns conns;
	size_t count;

	conns_load(&conns, conf, NULL, own);
	count = conns_rows(&conns, own, rows, NULL);
	conns_wipe(&conns);
	return count;
}
