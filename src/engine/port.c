/*
 * The port of the core: eroutes, CHILD SAs and policy, in the order that loses and leaks nothing.
 */
#include <stdlib.h>

#include "engine/state.h"
#include "engine/steering/network.h"

static const enum eroute_action row_actions[] = {
	[POLICY_TRAP] = EROUTE_TRAP,     [POLICY_PASS] = EROUTE_PASS,
	[POLICY_DROP] = EROUTE_DROP,     [POLICY_REJECT] = EROUTE_REJECT,
	[POLICY_TUNNEL] = EROUTE_TUNNEL,
};

/*
 * A row has a verdict: what is held of its pairs leaves by it. Those that go to a tunnel have an
 * eroute of their own for a moment, that keeps later packets behind them.
 */
static void release_by_row(struct engine *engine, const struct ip_pair *pair,
                           const struct policy_row *row)
{
	struct shared *shared = &engine->shared;
	struct released released = { 0 };

	outbound_release_held(shared, pair, row_actions[row->action], &released, engine_clock());
	if (row->action == POLICY_TUNNEL &&
	    tables_set_eroute(&shared->tables, pair, EROUTE_TUNNEL, row->spi_out, &released))
		brief_add(&engine->briefs, pair, engine_clock());
}

static bool is_decided(const struct policy_row *row)
{
	return row != NULL && row->action != POLICY_TRAP;
}

static bool has_eroute(struct engine *engine, const struct ip_pair *pair)
{
	bool has;

	tables_read_begin(&engine->shared.tables);
	has = tables_eroute(&engine->shared.tables, pair) != NULL;
	tables_read_end(&engine->shared.tables);
	return has;
}

static void release_if_decided(struct engine *engine, const struct ip_pair *pair,
                               const struct policy_table *table)
{
	const struct policy_row *row = policy_lookup(table, pair);

	if (is_decided(row) && !has_eroute(engine, pair))
		release_by_row(engine, pair, row);
}

static bool asks_for_ports(const struct policy_table *table, const struct ip_pair *pair)
{
	size_t count = 0;
	const struct policy_cell *cells =
	    policy_index_cells(&table->index, &pair->source, &pair->destination, &count);

	return cells != NULL && (count > 1 || !traffic_is_any(&cells->traffic));
}

/* Pairs whose rules asked for ports, or ask now, are held by other names than before; the others'
 * come first. */
static struct ip_pair *release_by_rows(struct engine *engine, const struct policy_table *table,
                                       size_t *ported)
{
	size_t count;
	struct ip_pair *pairs = hold_pairs(&engine->shared.holds, &count);

	*ported = 0;
	for (size_t i = 0; i < count; i++) {
		if (tables_has_ports(&engine->shared.tables, &pairs[i]) ||
		    asks_for_ports(table, &pairs[i]))
			pairs[(*ported)++] = pairs[i];
		else
			release_if_decided(engine, &pairs[i], table);
	}
	return pairs;
}

static void port_set_policy(void *ctx, const struct policy_table *table)
{
	struct engine *engine = ctx;
	struct ip_pair *ported;
	size_t count;

	hold_lock(&engine->shared.holds);
	briefs_end(&engine->briefs, &engine->shared.tables);
	ported = release_by_rows(engine, table, &count);
	tables_set_policy(&engine->shared.tables, table);
	for (size_t i = 0; i < count; i++)
		outbound_sort_held(&engine->shared, &ported[i], engine_clock());
	hold_unlock(&engine->shared.holds);
	free(ported);
	steering_set_policy(engine->steering, table);
	engine_settle_soon(engine);
}

/*
 * A pair that goes back to the trap while packets of it are held: they wait, and are asked about
 * again. Where its row does not trap it they go the way of that row; where there is none they are
 * dropped.
 */
static void trap_held(struct shared *shared, const struct ip_pair *pair, struct released *released)
{
	const struct row *row;
	enum policy_action action = POLICY_DROP;

	tables_read_begin(&shared->tables);
	row = tables_row(&shared->tables, pair);
	if (row != NULL)
		action = row->action;
	tables_read_end(&shared->tables);
	if (action != POLICY_TRAP)
		outbound_release_held(shared, pair, row_actions[action], released, engine_clock());
	else if (hold_ask_again(&shared->holds, pair))
		mailbox_wake(&shared->mailbox);
}

/* CLR-2: packets of the pair may be under way in the clear; not if it was held, or had a tunnel. */
static bool was_open(struct shared *shared, const struct ip_pair *pair)
{
	const struct eroute *eroute;
	bool is_open;

	tables_read_begin(&shared->tables);
	eroute = tables_eroute(&shared->tables, pair);
	is_open = eroute == NULL || eroute->action == EROUTE_PASS;
	tables_read_end(&shared->tables);
	return is_open && hold_find(&shared->holds, pair) == NULL;
}

/* What is held for other rules of the same addresses goes by the tunnel too, if it carries that. */
static void release_carried(struct shared *shared, const struct ip_pair *made,
                            struct released *released)
{
	size_t count = tables_rule_count(&shared->tables, made);
	struct ip_pair carried;

	for (size_t i = 0; i < count; i++)
		if (tables_carries(&shared->tables, made, i, &carried))
			outbound_release_held(shared, &carried, EROUTE_TUNNEL, released,
			                      engine_clock());
}

/* The pair is that of our own sockets and a host behind another gateway. */
static bool is_through(struct engine *engine, const struct ip_pair *pair)
{
	const struct eroute *eroute;
	const struct child *child;
	const struct path *path;
	bool is = false;

	tables_read_begin(&engine->shared.tables);
	eroute = tables_eroute(&engine->shared.tables, pair);
	child = eroute != NULL && eroute->action == EROUTE_TUNNEL ? eroute_child(eroute) : NULL;
	if (child != NULL) {
		path = child_path(child);
		is = ip_equal(&path->local.address, &pair->source) &&
		     !ip_equal(&path->remote.address, &pair->destination);
	}
	tables_read_end(&engine->shared.tables);
	return is;
}

/*
 * The order is the promise: what is held leaves first, then the worker sends by the eroute, then
 * the kernel does without us. The lock keeps the worker from holding one more in between.
 */
static void port_set_pair(void *ctx, const struct ip_pair *pair, enum eroute_action action,
                          uint32_t spi_out, bool is_private)
{
	struct engine *engine = ctx;
	struct shared *shared = &engine->shared;
	struct released released = { 0 };
	bool is_set = true, has_grace;

	hold_lock(&shared->holds);
	has_grace = action == EROUTE_TUNNEL && !is_private && was_open(shared, pair);
	brief_forget(&engine->briefs, pair);
	if (action == EROUTE_TRAP)
		trap_held(shared, pair, &released);
	else if (action != EROUTE_HOLD)
		outbound_release_held(shared, pair, action, &released, engine_clock());
	if (action == EROUTE_TUNNEL && tables_has_ports(&shared->tables, pair))
		release_carried(shared, pair, &released);
	if (action == EROUTE_TRAP)
		tables_remove_eroute(&shared->tables, pair);
	else
		is_set = tables_set_eroute(&shared->tables, pair, action, spi_out, &released);
	hold_unlock(&shared->holds);
	if (!is_set)
		log_line(&engine->log, action == EROUTE_TUNNEL ? LOG_DEBUG : LOG_ERROR,
		         "eroute %s > %s: not set, %s", ip_text(&pair->source).s,
		         ip_text(&pair->destination).s,
		         action == EROUTE_TUNNEL ? "no SA for it" : "the table is full");
	/* A translated Source has no SA of its own: sent to the device, it comes out there as the
	 * pair that has one. Any other comes to the device as well, and is held. */
	if (!is_set && action != EROUTE_TUNNEL)
		action = EROUTE_TRAP;
	(void)steering_set_pair(engine->steering, pair, action, has_grace && is_set);
	steering_set_through(engine->steering, pair, is_through(engine, pair));
	engine_settle_soon(engine);
}

static void port_add_child(void *ctx, const struct child_sa *child)
{
	struct engine *engine = ctx;

	if (!tables_add_child(&engine->shared.tables, child, engine->settings.mtu))
		log_line(&engine->log, LOG_ERROR, "esp0x%x: the SA was not installed",
		         child->spi_in);
}

static void port_remove_child(void *ctx, uint32_t spi_in)
{
	struct engine *engine = ctx;

	tables_remove_child(&engine->shared.tables, spi_in);
	engine_settle_soon(engine);
}

static void port_add_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct engine *engine = ctx;

	steering_add_strength(engine->steering, pair, strength, 1);
	engine_settle_soon(engine);
}

static void port_remove_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct engine *engine = ctx;

	steering_add_strength(engine->steering, pair, strength, -1);
	engine_settle_soon(engine);
}

static struct ip port_source_towards(void *ctx, const struct ip *peer)
{
	struct engine *engine = ctx;

	return network_source_towards(peer, engine->settings.marks.own);
}

static void port_move_child(void *ctx, uint32_t spi_in, const struct path *path)
{
	struct engine *engine = ctx;

	tables_move_child(&engine->shared.tables, spi_in, path);
	engine_settle_soon(engine);
}

static struct eroute_use use_sum(struct eroute_use a, struct eroute_use b)
{
	return (struct eroute_use){ a.packets + b.packets, a.octets + b.octets,
		                    a.last.ns > b.last.ns ? a.last : b.last };
}

static struct eroute_use held_use(struct engine *engine, const struct ip_pair *pair)
{
	struct eroute_use use = { 0 };
	const struct hold *hold;

	hold_lock(&engine->shared.holds);
	hold = hold_find(&engine->shared.holds, pair);
	if (hold != NULL)
		use = (struct eroute_use){ hold->caught, hold->caught_octets, hold->last };
	hold_unlock(&engine->shared.holds);
	return use;
}

static struct eroute_use port_pair_use(void *ctx, const struct ip_pair *pair)
{
	struct engine *engine = ctx;
	struct eroute_use use = held_use(engine, pair);
	struct eroute *eroute;
	bool is_tunnel;

	tables_read_begin(&engine->shared.tables);
	eroute = tables_eroute(&engine->shared.tables, pair);
	is_tunnel = eroute != NULL && eroute->action == EROUTE_TUNNEL;
	if (eroute != NULL)
		use = use_sum(use, use_read(&eroute->use));
	tables_read_end(&engine->shared.tables);
	/* What goes by a tunnel came through us and is counted; the kernel has seen it too. */
	return is_tunnel ? use : use_sum(use, steering_pair_use(engine->steering, pair));
}

static struct eroute_use port_row_use(void *ctx, size_t index)
{
	struct engine *engine = ctx;

	return use_sum(tables_row_use(&engine->shared.tables, index),
	               steering_row_use(engine->steering, index));
}

static struct child_use port_child_use(void *ctx, uint32_t spi_in)
{
	struct engine *engine = ctx;
	struct child_use use = { 0 };
	struct child *child;

	tables_read_begin(&engine->shared.tables);
	child = tables_child(&engine->shared.tables, spi_in);
	if (child != NULL) {
		struct eroute_use in = use_read(&child->use_in), out = use_read(&child->use_out);

		use = (struct child_use){ in.packets, out.packets, in.last, out.last };
	}
	tables_read_end(&engine->shared.tables);
	return use;
}

static uint32_t port_new_spi(void *ctx)
{
	struct engine *engine = ctx;
	uint32_t spi;
	bool is_taken;

	do {
		engine_random(&spi, sizeof(spi));
		tables_read_begin(&engine->shared.tables);
		is_taken = tables_child(&engine->shared.tables, spi) != NULL;
		tables_read_end(&engine->shared.tables);
	} while (spi < ESP_SPI_FIRST || is_taken);
	return spi;
}

struct engine_port engine_port(struct engine *engine)
{
	return (struct engine_port){
		.ctx = engine,
		.set_policy = port_set_policy,
		.set_pair = port_set_pair,
		.add_child = port_add_child,
		.remove_child = port_remove_child,
		.add_strength = port_add_strength,
		.remove_strength = port_remove_strength,
		.move_child = port_move_child,
		.pair_use = port_pair_use,
		.row_use = port_row_use,
		.child_use = port_child_use,
		.new_spi = port_new_spi,
		.source_towards = port_source_towards,
	};
}
