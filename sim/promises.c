/*
 * The promises, watched in every run.
 */
#include "opportunism/limits.h"
#include "sim/world.h"

#define VERDICT_TIME_PASS    MILLISECONDS(10100) /* TTL-6, and a moment */
#define VERDICT_TIME_PRIVATE MILLISECONDS(60100)

static const struct policy_row *row_of(const struct gateway *gateway, const struct ip_pair *pair)
{
	return policy_lookup(&gateway->engine.policy, pair);
}

/* No leak: what policy says is private never leaves in the clear, whatever the core says. */
void promise_no_leak(const struct gateway *gateway, const struct packet *packet)
{
	const struct policy_row *row = row_of(gateway, &packet->pair);

	if (row != NULL && (row->is_private || row->action == POLICY_TUNNEL))
		sim_fail(gateway->sim, "leak: %s lets %s > %s out in the clear, conn %s is private",
		         gateway->name, ip_text(&packet->pair.source).s,
		         ip_text(&packet->pair.destination).s, row->name);
}

/* No leak: what new rows close has been closed when they come. */
void promise_nothing_open(const struct gateway *gateway, const struct policy_table *table)
{
	const struct sim_engine *e = &gateway->engine;

	for (size_t i = 0; i < e->pair_count; i++) {
		const struct pair_entry *entry = &e->pairs[i];
		const struct policy_row *row = policy_lookup(table, &entry->pair);

		if (entry->action == EROUTE_PASS && row != NULL &&
		    (row->is_private || row->action == POLICY_TUNNEL))
			sim_fail(gateway->sim,
			         "leak: %s still passes %s > %s, conn %s is private now",
			         gateway->name, ip_text(&entry->pair.source).s,
			         ip_text(&entry->pair.destination).s, row->name);
	}
}

/* No stuck flow: the verdict comes in bounded time. */
void promise_in_time(const struct gateway *gateway, const struct pair_entry *entry,
                     enum eroute_action action)
{
	struct duration took = instant_since(gateway->sim->now, entry->held_since);
	struct duration limit =
	    entry->is_private || action != EROUTE_PASS ? VERDICT_TIME_PRIVATE : VERDICT_TIME_PASS;

	if (gateway->sim->names.slow.ns > 0)
		limit.ns += QUEUE_TIME.ns;

	if (took.ns > limit.ns)
		sim_fail(gateway->sim, "stuck: %s decided %s > %s only after %lld ms",
		         gateway->name, ip_text(&entry->pair.source).s,
		         ip_text(&entry->pair.destination).s, (long long)took.ns / 1000000);
}

void promise_in_order(const struct gateway *gateway, struct pair_entry *entry,
                      const struct packet *packet)
{
	if (packet->number < entry->last_number)
		sim_fail(gateway->sim, "order: %s lets packet %llu of %s > %s out after %llu",
		         gateway->name, (unsigned long long)packet->number,
		         ip_text(&entry->pair.source).s, ip_text(&entry->pair.destination).s,
		         (unsigned long long)entry->last_number);
	entry->last_number = packet->number;
}

static bool names(const struct conn_end *end, const struct ip *address)
{
	return end->kind == END_ANY ||
	       (end->kind == END_ADDRESS && ip_equal(&end->address, address));
}

/* One of its conns says that this peer, or anybody, may have these addresses. */
static bool is_arranged(const struct gateway *gateway, const struct child_sa *sa)
{
	for (size_t i = 0; gateway->is_configured && i < gateway->conf.conn_count; i++) {
		const struct conn *conn = &gateway->conf.conns[i];
		const struct conn_end *theirs = NULL;

		conn_ours(conn, &gateway->address, 1, &theirs);
		if (theirs->auth == CONN_NULL &&
		    ip_equal(&sa->remote.range.first, &sa->path.remote.address))
			return true;
		if (!names(theirs, &sa->path.remote.address))
			continue;
		if (theirs->subnet_count == 0 ||
		    (conn_end_contains(theirs, &sa->remote.range.first) &&
		     conn_end_contains(theirs, &sa->remote.range.last)))
			return true;
	}
	return false;
}

/* No impostor: whom we have an SA with is who the DNS says, with the key the DNS says. */
void promise_no_impostor(const struct gateway *gateway, const struct child_sa *sa)
{
	struct sim *sim = gateway->sim;
	const struct gateway *peer = net_gateway_at(sim, &sa->path.remote.address);
	const struct ip *remote = &sa->remote.range.first;

	if (gateway->is_impostor)
		return; /* it may believe what it likes */
	if (peer == NULL || peer->is_impostor)
		sim_fail(sim, "impostor: %s has an SA with somebody at %s", gateway->name,
		         ip_text(&sa->path.remote.address).s);
	if (!range_contains(&sa->local.range, &sa->local.range.first) ||
	    !gateway_owns(gateway, &sa->local.range.first))
		sim_fail(sim, "impostor: %s has an SA for %s, which is not its own", gateway->name,
		         ip_text(&sa->local.range.first).s);
	if (is_arranged(gateway, sa))
		return;
	if (!range_is_single(&sa->remote.range) || !names_allow(sim, peer, remote))
		sim_fail(sim, "impostor: %s lets %s speak for %s, the DNS does not", gateway->name,
		         peer->name, range_text(&sa->remote.range).s);
}

void promise_true_sender(const struct gateway *gateway, const struct gateway *sender,
                         const struct packet *packet)
{
	if (sender->is_impostor || !gateway_owns(sender, &packet->pair.source))
		sim_fail(gateway->sim, "impostor: %s took a packet of %s from %s", gateway->name,
		         ip_text(&packet->pair.source).s, sender->name);
}

static bool is_explained(const struct sim *sim, const struct packet *packet)
{
	switch (packet->fate) {
	case FATE_ARRIVED_BY_TUNNEL:
	case FATE_ARRIVED_IN_CLEAR:
	case FATE_DROPPED:
	case FATE_OVERFLOW:
	case FATE_CRASHED:
		return true;
	case FATE_UNDER_WAY:
		return false;
	case FATE_REFUSED:
		return sim->is_rough || sim->may_refuse;
	case FATE_EARLY:
	case FATE_NO_SA:
	case FATE_UNROUTABLE:
		return sim->is_rough;
	case FATE_COUNT:
		break;
	}
	return false;
}

/* No lost first packet: each one arrived, or a verdict said that it should not. */
static void no_packet_lost(struct sim *sim)
{
	static const char *const fates[] = { "is still under way",
		                             "arrived",
		                             "arrived",
		                             "dropped",
		                             "overflowed",
		                             "crashed",
		                             "came in the clear where a tunnel is or must be",
		                             "came before its SA",
		                             "came without an SA",
		                             "found nobody there" };

	for (size_t i = 0; i < sim->packet_count; i++) {
		const struct packet *packet = sim->packets[i];

		if (!is_explained(sim, packet))
			sim_fail(sim, "lost: packet %llu, %s > %s, %s",
			         (unsigned long long)packet->number,
			         ip_text(&packet->pair.source).s,
			         ip_text(&packet->pair.destination).s, fates[packet->fate]);
	}
}

static void no_flow_stuck(struct sim *sim)
{
	for (size_t i = 0; i < sim->gateway_count; i++) {
		const struct sim_engine *e = &sim->gateways[i]->engine;

		for (size_t j = 0; j < e->pair_count; j++)
			if (e->pairs[j].action == EROUTE_HOLD)
				sim_fail(sim, "stuck: %s still holds %s > %s",
				         sim->gateways[i]->name,
				         ip_text(&e->pairs[j].pair.source).s,
				         ip_text(&e->pairs[j].pair.destination).s);
	}
}

void promises_kept(struct sim *sim)
{
	no_flow_stuck(sim);
	no_packet_lost(sim);
	for (size_t i = 0; i < sim->gateway_count; i++) {
		if (!sim->gateways[i]->is_down)
			promise_somebody_knows_why(sim, sim->gateways[i]);
	}
}
