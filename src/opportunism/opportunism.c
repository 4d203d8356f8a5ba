#include "opportunism/tunnel.h"
#include "opportunism/group_names.h"
#include "opportunism/keycheck.h"
#include "opportunism/self.h"

#include <stdlib.h>

#include "crypto/kem.h"
#include "crypto/x509.h"

/* ---- Life ---- */

void timer_set(struct opportunism *opp, struct timer *timer, struct instant due)
{
	heap_set(&opp->timers, &timer->node, due);
}

uint64_t core_random(struct opportunism *opp)
{
	uint64_t v;

	opp->ports.random(opp->ports.ctx, (uint8_t *)&v, sizeof(v));
	return v;
}

enum strength strength_of_trust(enum dns_trust trust)
{
	return trust == DNS_SECURE ? STRENGTH_DNSSEC : STRENGTH_DNS;
}

enum strength strength_of_auth(enum ike_auth auth)
{
	return auth == IKE_AUTH_PSK    ? STRENGTH_PSK
	       : auth == IKE_AUTH_NULL ? STRENGTH_NULL
	                               : STRENGTH_RAWKEY;
}

const char *strength_name(enum strength strength)
{
	static const char *const names[] = { "none", "null", "dns",   "dnssec",
		                             "psk",  "cert", "rawkey" };

	return names[strength];
}

struct opportunism *opportunism_new(const struct opportunism_settings *settings)
{
	struct opportunism *opp = new_zeroed(sizeof(*opp));
	struct ike_settings ike = {
		.log = settings->log,
		.port = 500,
		.nat_port = 4500,
		.tries = 5,
		.kem = settings->kem != NULL ? settings->kem : kem_ml_kem_768(),
	};
	struct hash *tables[] = { &opp->flows,  &opp->attempts, &opp->claims,
		                  &opp->sas,    &opp->children, &opp->memories,
		                  &opp->closed, &opp->sas_at,   &opp->claims_from };
	struct ike_owner owner = core_owner(opp);
	uint64_t seed[2];

	opp->log = settings->log;
	opp->engine = *settings->engine;
	opp->ports = *settings->ike;
	opp->next_tag = 1;
	seed[0] = core_random(opp);
	seed[1] = core_random(opp);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		hash_init(tables[i], seed);
	lookups_init(&opp->lookups, settings->resolver, seed);
	fair_init(&opp->waiting, seed);
	fair_init(&opp->asking, seed);
	fair_init(&opp->shunts, seed);
	fair_init(&opp->pace.waiting, seed);
	askers_init(&opp->askers, seed);
	TAILQ_INIT(&opp->waiting_claims);
	protected_init(&opp->protected_hosts, seed);
	LIST_INIT(&opp->sa_list);
	TAILQ_INIT(&opp->idle_sas);
	opp->idle_sas_above = settings->idle_sas_above == 0 ? (size_t)IDLE_SAS_ABOVE
	                                                    : settings->idle_sas_above;
	LIST_INIT(&opp->leaving);
	LIST_INIT(&opp->self_places);
	LIST_INIT(&opp->key_checks);
	LIST_INIT(&opp->group_names);
	LIST_INIT(&opp->tunnels);
	TAILQ_INIT(&opp->events);
	TAILQ_INIT(&opp->closed_list);
	opp->ike = ike_new(settings->ike, &owner, &ike);
	return opp;
}

static void free_all_sas(struct opportunism *opp)
{
	struct peer_sa *sa;

	while ((sa = LIST_FIRST(&opp->sa_list)) != NULL)
		sa_forget(opp, sa);
}

static void free_all_flows(struct opportunism *opp)
{
	struct hash_node *node;

	while ((node = hash_walk(&opp->flows, NULL)) != NULL)
		flow_free(CONTAINER_OF(node, struct flow, by_pair));
}

static void free_all_memories(struct opportunism *opp)
{
	struct hash_node *node;

	while ((node = hash_walk(&opp->memories, NULL)) != NULL) {
		hash_remove(&opp->memories, node);
		free(CONTAINER_OF(node, struct gateway_memory, by_address));
	}
}

void opportunism_free(struct opportunism *opp)
{
	struct event *event;

	if (opp == NULL)
		return;
	respond_forget_all(opp);
	refusals_wipe(&opp->refusals);
	free_all_sas(opp); /* first: one that is leaving would be closed with its last child */
	free_all_flows(opp);
	tunnels_free(opp);
	children_forget_leaving(opp);
	closed_forget_all(opp);
	recovery_forget(opp);
	self_forget(opp);
	key_checks_forget(opp);
	group_names_free(opp);
	while ((event = TAILQ_FIRST(&opp->events)) != NULL) {
		TAILQ_REMOVE(&opp->events, event, in_queue);
		event_release(event);
	}
	free_all_memories(opp);
	protected_wipe(&opp->protected_hosts);
	ike_free(opp->ike);
	lookups_wipe(&opp->lookups);
	fair_wipe(&opp->waiting);
	fair_wipe(&opp->asking);
	fair_wipe(&opp->shunts);
	fair_wipe(&opp->pace.waiting);
	askers_wipe(&opp->askers);
	conns_wipe(&opp->conns);
	x509_trust_release(opp->trust);
	policy_wipe(&opp->policy);
	core_free_own(&opp->own);
	free(opp->host_keys);
	hash_wipe(&opp->flows);
	hash_wipe(&opp->attempts);
	hash_wipe(&opp->claims);
	hash_wipe(&opp->claims_from);
	hash_wipe(&opp->sas);
	hash_wipe(&opp->children);
	hash_wipe(&opp->memories);
	hash_wipe(&opp->closed);
	hash_wipe(&opp->sas_at);
	heap_wipe(&opp->timers);
	free(opp);
}

/* ---- Events ---- */

static void set_pair(struct opportunism *opp, const struct ip_pair *pair, enum eroute_action action)
{
	opp->engine.set_pair(opp->engine.ctx, pair, action, 0, false);
}

/* A policy file shared by many hosts may list them all. */
static bool is_own(const struct opportunism *opp, const struct ip *address)
{
	for (size_t i = 0; i < opp->own.count; i++)
		if (ip_equal(&opp->own.all[i], address))
			return true;
	return false;
}

static void decide(struct opportunism *opp, const struct acquire *acquire, bool is_ordered)
{
	const struct ip_pair *pair = &acquire->pair;
	const struct policy_row *row = policy_lookup(&opp->policy, pair);
	struct conn_state *conn = row == NULL ? NULL : conns_find(&opp->conns, row->name);
	struct flow *flow, *leader;

	/* The policy changed under the packet: the engine has the row, and no pair outlives it. */
	if (row == NULL || (conn != NULL && row->action != POLICY_TRAP)) {
		set_pair(opp, pair, EROUTE_TRAP);
		return;
	}
	/* Not to the trap, which would ask again at once. */
	if (conn == NULL) {
		set_pair(opp, pair, EROUTE_DROP);
		return;
	}
	/* NEV-1 */
	if (ip_is_never_peer(&pair->destination)) {
		set_pair(opp, pair, EROUTE_PASS);
		return;
	}
	/* What waits leaves, and nothing of it stays: the address may be another's soon. */
	if (is_own(opp, &pair->destination)) {
		set_pair(opp, pair, EROUTE_PASS);
		set_pair(opp, pair, EROUTE_TRAP);
		return;
	}
	if (conn_has_tunnel(conn) && tunnel_on_acquire(opp, conn, acquire))
		return;
	flow = flow_new(opp, pair, conn);
	if (flow == NULL)
		return;
	flow->is_ordered = is_ordered;
	leader = conn->is_opportunistic ? flow_leader(opp, pair) : NULL;
	if (flow_is_translated(pair, conn)) {
		flow_follow(flow);
		return;
	}
	if (leader != NULL) {
		flow_follow_flow(flow, leader);
		return;
	}
	flow_begin(flow);
}

void opportunism_on_acquire(struct opportunism *opp, const struct acquire *acquire,
                            struct instant now)
{
	struct flow *flow;

	opp->now = now;
	flow = flow_find(opp, &acquire->pair);
	if (flow != NULL)
		flow_apply_again(flow);
	else
		decide(opp, acquire, false);
	core_run_events(opp);
}

void core_decide_by_order(struct opportunism *opp, const struct ip_pair *pair)
{
	if (flow_find(opp, pair) == NULL)
		decide(opp, &(struct acquire){ .pair = *pair }, true);
	core_run_events(opp);
}

void opportunism_on_answer(struct opportunism *opp, uint64_t query, const struct dns_answer *answer,
                           struct instant now)
{
	opp->now = now;
	(void)lookups_on_answer(&opp->lookups, query, answer);
	core_run_events(opp);
}

void opportunism_on_datagram(struct opportunism *opp, const struct path *path,
                             struct bytes datagram, struct instant now)
{
	opp->now = now;
	ike_on_datagram(opp->ike, path, datagram, now);
	core_run_events(opp);
}

void opportunism_on_job_done(struct opportunism *opp, uint64_t job_id, struct bytes result,
                             struct instant now)
{
	opp->now = now;
	ike_on_job_done(opp->ike, job_id, result, now);
	core_run_events(opp);
}

void opportunism_on_unknown_spi(struct opportunism *opp, const struct path *path, uint32_t spi,
                                struct instant now)
{
	opp->now = now;
	ike_on_unknown_spi(opp->ike, path, spi, now);
	core_run_events(opp);
}

void opportunism_on_heard(struct opportunism *opp, uint32_t spi_in, struct instant now)
{
	struct child *child = child_find(opp, spi_in);

	opp->now = now;
	if (child != NULL)
		flow_heard(child->flow, child);
	core_run_events(opp);
}

void opportunism_on_worn(struct opportunism *opp, uint32_t spi_in, struct instant now)
{
	const struct child *child = child_find(opp, spi_in);

	opp->now = now;
	if (child != NULL)
		ike_rekey_child(opp->ike, child->sa, spi_in, now);
	core_run_events(opp);
}

void opportunism_on_spent(struct opportunism *opp, uint32_t spi_in, struct instant now)
{
	const struct child *child = child_find(opp, spi_in);

	opp->now = now;
	if (child != NULL)
		ike_expire_child(opp->ike, child->sa, spi_in, now);
	core_run_events(opp);
}

void opportunism_on_unreachable(struct opportunism *opp, const struct ip *peer, struct instant now)
{
	opp->now = now;
	ike_hint(opp->ike, peer, now);
	core_run_events(opp);
}

void opportunism_on_cleartext(struct opportunism *opp, const struct ip_pair *pair,
                              struct instant now)
{
	const struct policy_row *row = policy_lookup(&opp->policy, pair);
	const struct flow *flow = row == NULL ? NULL : tunnel_of_row(opp, row);
	const struct child *child;

	opp->now = now;
	if (flow == NULL)
		flow = flow_find(opp, pair);
	child = flow == NULL ? NULL : TAILQ_FIRST(&flow->children);
	if (child != NULL)
		ike_hint_sa(opp->ike, child->sa, now);
	core_run_events(opp);
}

void opportunism_on_peer_moved(struct opportunism *opp, uint32_t spi_in, const struct path *path,
                               struct instant now)
{
	const struct child *child = child_find(opp, spi_in);

	opp->now = now;
	if (child != NULL)
		ike_peer_moved(opp->ike, child->sa, path, now);
	core_run_events(opp);
}

void opportunism_on_deadline(struct opportunism *opp, struct instant now)
{
	opp->now = now;
	if (instant_reached(ike_deadline(opp->ike), now))
		ike_on_deadline(opp->ike, now);
	core_run_events(opp);
	while (instant_reached(heap_due(&opp->timers), now)) {
		struct timer *timer = CONTAINER_OF(heap_first(&opp->timers), struct timer, node);

		heap_remove(&opp->timers, &timer->node);
		timer->fire(opp, timer);
		core_run_events(opp);
	}
}

struct instant opportunism_deadline(const struct opportunism *opp)
{
	return instant_min(heap_due(&opp->timers), ike_deadline(opp->ike));
}

void opportunism_shutdown(struct opportunism *opp, struct instant now)
{
	opp->now = now;
	opp->is_shutting_down = true;
	ike_shutdown(opp->ike, now);
	/* The verdicts stay as they are: what the engine does without us is policy's to say. */
}

bool opportunism_is_quiet(const struct opportunism *opp)
{
	return ike_is_quiet(opp->ike);
}

const struct ike *opportunism_ike(const struct opportunism *opp)
{
	return opp->ike;
}
