#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "engine/outbox.h"
#include "engine/steering/network.h"
#include "engine/steering/steering.h"
#include "engine/userspace/briefs.h"
#include "engine/userspace/knock.h"
#include "engine/userspace/tun.h"
#include "engine/userspace/worker.h"

enum { LETTERS_PER_TURN = 256, REMIND_S = 10 };
/* What one look at the IKE port may take before others have their turn. */
static const struct duration look_max = MILLISECONDS(6);
/* What deciding about new pairs may take of a turn, so that answers are not late in a storm. */
static const struct duration acquires_max = MILLISECONDS(2);
/* A queue that was not empty for so long does not get empty by serving everybody in it. */
static const struct duration behind_max = MILLISECONDS(100);

struct engine {
	struct log log;
	struct engine_settings settings; /* its pointers are ours */
	struct steering_settings steering_settings;
	struct shared shared;
	struct briefs briefs;
	struct worker worker;
	int tun;
	struct steering *steering;
	struct engine_events events;
	struct event_base *base;
	struct event *on_mail, *on_ike4, *on_ike6, *on_settle, *on_tick;
	struct outer_receiver *rx;
	struct instant behind[OUTER_SOCKETS]; /* since when IKE datagrams are left over; 0: none */
	struct outbox outbox;
	bool is_rcu_thread;
	bool is_stopped;
};

static struct instant clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *copy = new_array(count + 1, size);

	if (count > 0)
		memcpy(copy, from, count * size);
	return copy;
}

static void copy_settings(struct engine *engine, const struct engine_settings *from)
{
	struct engine_settings *s = &engine->settings;

	*s = *from;
	s->device = new_string(from->device);
	s->dns_uids = copy_array(from->dns_uids, from->dns_uid_count, sizeof(*from->dns_uids));
	s->inside = copy_array(from->inside, from->inside_count, sizeof(*from->inside));
	s->known = copy_array(from->known, from->known_count, sizeof(*from->known));
	s->bypass = copy_array(from->bypass, from->bypass_count, sizeof(*from->bypass));
	engine->log = from->log;
	engine->shared.mtu = from->mtu;
	engine->steering_settings = (struct steering_settings){
		.device = s->device,
		.marks = s->marks,
		.route_table = s->route_table,
		.rule_priority = s->rule_priority,
		.daemon_down_s = s->daemon_down_s,
		.port = s->port,
		.nat_port = s->nat_port,
		.daemon_uid = s->daemon_uid,
		.dns_uids = s->dns_uids,
		.dns_uid_count = s->dns_uid_count,
		.inside = s->inside,
		.inside_count = s->inside_count,
		.known = s->known,
		.known_count = s->known_count,
		.bypass = s->bypass,
		.bypass_count = s->bypass_count,
	};
}

static void random_octets(void *out, size_t len)
{
	ssize_t got = getrandom(out, len, 0);

	assert(got == (ssize_t)len); /* short requests are never cut once the pool is up */
}

/* Opening. */

static bool open_tables(struct engine *engine, char *error, size_t size)
{
	uint64_t seed[2];

	rcu_register_thread();
	engine->is_rcu_thread = true;
	random_octets(seed, sizeof(seed));
	hold_table_init(&engine->shared.holds, seed);
	if (tables_init(&engine->shared.tables, seed) && mailbox_init(&engine->shared.mailbox))
		return true;
	snprintf(error, size, "no memory for the eroute table");
	return false;
}

static bool open_device(struct engine *engine, char *error, size_t size)
{
	const struct engine_settings *s = &engine->settings;
	struct tun_settings tun = { s->device, s->mtu, s->outer4 };

	engine->tun = tun_open(&tun, error, size);
	return engine->tun >= 0;
}

static bool open_sockets(struct engine *engine, char *error, size_t size)
{
	const struct engine_settings *s = &engine->settings;
	uint32_t marks[RELEASE_WAYS] = {
		[RELEASE_PASS] = s->marks.release_pass, [RELEASE_TUNNEL] = s->marks.release_tunnel
	};

	return outer_open(&engine->shared.outer, s->port, s->nat_port, s->marks.own, error, size) &&
	       release_open(&engine->shared.release, marks, error, size);
}

static bool open_steering(struct engine *engine, char *error, size_t size)
{
	if (!steering_routes_up(&engine->steering_settings, error, size))
		return false;
	engine->steering = steering_open(&engine->steering_settings, &engine->log, error, size);
	return engine->steering != NULL;
}

struct engine *engine_open(const struct engine_settings *settings, char *error, size_t error_size)
{
	struct engine *engine = new_zeroed(sizeof(*engine));

	engine->tun = -1;
	memset(engine->shared.outer.fd, -1, sizeof(engine->shared.outer.fd));
	memset(&engine->shared.release, -1, offsetof(struct release, probe_lock));
	copy_settings(engine, settings);
	if (open_tables(engine, error, error_size) && open_device(engine, error, error_size) &&
	    open_sockets(engine, error, error_size) && open_steering(engine, error, error_size))
		return engine;
	engine_free(engine);
	return NULL;
}

/* Events of the control thread. */

static void flush_outbox(struct engine *engine)
{
	size_t refused = outbox_flush(&engine->outbox, &engine->shared.outer);

	while (refused-- > 0)
		drops_add(&engine->shared.drops, ENGINE_DROP_SEND);
}

/* The end of an event: what the core changed goes to the kernel in one batch, then what it says to
 * its peers leaves, and what the workers can no longer see is freed. */
static void settle(struct engine *engine)
{
	steering_flush(engine->steering);
	flush_outbox(engine);
	tables_collect(&engine->shared.tables);
}

static void on_settle(evutil_socket_t fd, short what, void *ctx)
{
	settle(ctx);
}

static void settle_soon(struct engine *engine)
{
	if (engine->on_settle != NULL)
		event_active(engine->on_settle, 0, 0);
}

static void too_big(struct engine *engine, const struct letter *letter)
{
	if (tables_learn_mtu(&engine->shared.tables, letter, clock_now()))
		log_line(&engine->log, LOG_INFO, "esp0x%x@%s: path carries %u octets now",
		         letter->spi, ip_text(&letter->path.remote.address).s, letter->mtu);
}

static void read_letter(struct engine *engine, struct letter *letter)
{
	switch (letter->kind) {
	case LETTER_IKE:
		engine->events.ike_datagram(engine->events.ctx, &letter->path,
		                            buf_view(&letter->datagram));
		break;
	case LETTER_TOO_BIG:
		too_big(engine, letter);
		break;
	case LETTER_HEARD:
		engine->events.heard(engine->events.ctx, letter->spi);
		break;
	case LETTER_WORN:
		engine->events.worn(engine->events.ctx, letter->spi);
		break;
	case LETTER_MOVED:
		engine->events.peer_moved(engine->events.ctx, letter->spi, &letter->path);
		break;
	case LETTER_UNREACHABLE:
		engine->events.unreachable(engine->events.ctx, &letter->path.remote.address);
		break;
	case LETTER_UNKNOWN_SPI:
		engine->events.unknown_spi(engine->events.ctx, &letter->path, letter->spi);
		break;
	}
	buf_free(&letter->datagram);
}

static bool take_acquire(struct engine *engine, struct acquire *acquire, struct instant now)
{
	bool is_there;

	hold_lock(&engine->shared.holds);
	is_there = hold_next_acquire(&engine->shared.holds, &acquire->pair, now);
	hold_unlock(&engine->shared.holds);
	return is_there;
}

/* True: there may be more. */
static bool raise_acquires(struct engine *engine)
{
	struct instant begin = clock_now(), now = begin;
	struct acquire acquire;

	while (instant_since(now, begin).ns < acquires_max.ns) {
		if (!take_acquire(engine, &acquire, now))
			return false;
		engine->events.acquire(engine->events.ctx, &acquire);
		now = clock_now();
	}
	return true;
}

/* A bounded look at the mail; what is left wakes us again. */
static void on_mail(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *engine = ctx;
	struct letter letter;
	int letters = 0;

	mailbox_woken(&engine->shared.mailbox);
	while (letters < LETTERS_PER_TURN && mailbox_take(&engine->shared.mailbox, &letter)) {
		read_letter(engine, &letter);
		letters++;
	}
	if (raise_acquires(engine) || letters == LETTERS_PER_TURN)
		mailbox_wake(&engine->shared.mailbox);
}

/* `is_late`: what costs its sender nothing is let go. */
static void receive_batch(struct engine *engine, unsigned count, bool is_late)
{
	for (unsigned i = 0; i < count; i++) {
		struct outer_datagram d = outer_received(engine->rx, i);
		struct bytes datagram = BYTES(d.data, d.len);

		if (is_late && knock_is_bare(datagram))
			drops_add(&engine->shared.drops, ENGINE_DROP_FLOOD);
		else
			engine->events.ike_datagram(engine->events.ctx, &d.path, datagram);
	}
}

/*
 * In a flood the queue of the socket would be full all the time, and lose the datagrams of
 * exchanges that are under way with the same odds as forged first requests. So what is read late is
 * sorted: first requests are let go until the queue is empty.
 */
static void receive_ike(struct engine *engine, enum outer_socket from)
{
	struct instant *behind = &engine->behind[from];
	struct instant now = clock_now();
	struct instant begin = now;
	unsigned count;

	do {
		bool is_late = behind->ns != 0 && instant_since(now, *behind).ns > behind_max.ns;

		count = outer_receive(engine->rx, &engine->shared.outer, from);
		receive_batch(engine, count, is_late);
		now = clock_now();
	} while (count == OUTER_BATCH && instant_since(now, begin).ns < look_max.ns);
	if (count < OUTER_BATCH)
		behind->ns = 0;
	else if (behind->ns == 0)
		*behind = begin;
}

static void on_ike4(evutil_socket_t fd, short what, void *ctx)
{
	receive_ike(ctx, OUTER_IKE4);
}

static void on_ike6(evutil_socket_t fd, short what, void *ctx)
{
	receive_ike(ctx, OUTER_IKE6);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *engine = ctx;

	steering_alive(engine->steering);
	steering_suspects(engine->steering, engine->events.cleartext, engine->events.ctx);
	hold_lock(&engine->shared.holds);
	briefs_settle(&engine->briefs, &engine->shared.tables, clock_now());
	hold_remind(&engine->shared.holds, SECONDS(REMIND_S), clock_now());
	hold_unlock(&engine->shared.holds);
	tables_forget_mtus(&engine->shared.tables, clock_now());
	mailbox_wake(&engine->shared.mailbox);
	settle_soon(engine);
}

static struct event *listen_to(struct engine *engine, int fd, event_callback_fn callback)
{
	struct event *event;

	if (fd < 0)
		return NULL;
	event = event_new(engine->base, fd, EV_READ | EV_PERSIST, callback, engine);
	if (event != NULL && event_add(event, NULL) != 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static bool add_events(struct engine *engine)
{
	const struct timeval second = { .tv_sec = 1 };

	engine->on_mail = listen_to(engine, engine->shared.mailbox.wake, on_mail);
	engine->on_ike4 = listen_to(engine, engine->shared.outer.fd[OUTER_IKE4], on_ike4);
	engine->on_ike6 = listen_to(engine, engine->shared.outer.fd[OUTER_IKE6], on_ike6);
	engine->on_settle = event_new(engine->base, -1, 0, on_settle, engine);
	engine->on_tick = event_new(engine->base, -1, EV_PERSIST, on_tick, engine);
	return engine->on_mail != NULL && engine->on_ike4 != NULL && engine->on_settle != NULL &&
	       engine->on_tick != NULL && event_add(engine->on_tick, &second) == 0;
}

bool engine_start(struct engine *engine, struct event_base *base,
                  const struct engine_events *events)
{
	assert(engine->base == NULL);
	engine->base = base;
	engine->events = *events;
	engine->rx = outer_receiver_new();
	steering_alive(engine->steering);
	return add_events(engine) &&
	       steering_watch(engine->steering, base, events->steering_restored, events->ctx) &&
	       worker_start(&engine->worker, &engine->shared, engine->tun);
}

/* The port of the core. */

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

	outbound_release_held(shared, pair, row_actions[row->action], &released, clock_now());
	if (row->action == POLICY_TUNNEL &&
	    tables_set_eroute(&shared->tables, pair, EROUTE_TUNNEL, row->spi_out, &released))
		brief_add(&engine->briefs, pair, clock_now());
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
		outbound_sort_held(&engine->shared, &ported[i], clock_now());
	hold_unlock(&engine->shared.holds);
	free(ported);
	steering_set_policy(engine->steering, table);
	settle_soon(engine);
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
		outbound_release_held(shared, pair, row_actions[action], released, clock_now());
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
			                      clock_now());
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
		outbound_release_held(shared, pair, action, &released, clock_now());
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
	settle_soon(engine);
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
	settle_soon(engine);
}

static void port_add_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct engine *engine = ctx;

	steering_add_strength(engine->steering, pair, strength, 1);
	settle_soon(engine);
}

static void port_remove_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct engine *engine = ctx;

	steering_add_strength(engine->steering, pair, strength, -1);
	settle_soon(engine);
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
	settle_soon(engine);
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
		random_octets(&spi, sizeof(spi));
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

void engine_send_ike(struct engine *engine, const struct path *path, struct bytes datagram)
{
	if (engine->outbox.count == OUTBOX_MAX)
		settle(engine);
	outbox_add(&engine->outbox, path, datagram);
	settle_soon(engine);
}

void engine_send_keepalive(struct engine *engine, const struct path *path)
{
	if (!outer_send_keepalive(&engine->shared.outer, path))
		drops_add(&engine->shared.drops, ENGINE_DROP_SEND);
}

void engine_set_inside(struct engine *engine, const struct ip_range *inside, size_t count)
{
	steering_set_inside(engine->steering, inside, count);
	settle_soon(engine);
}

/* The device may shrink with the outer one. It cannot grow beyond what the workers have room for:
 * then it stays, and larger packets are fragmented before it. */
static unsigned fitting_mtu(const struct engine *engine, unsigned mtu)
{
	return mtu == 0 || mtu > engine->shared.mtu ? engine->shared.mtu : mtu;
}

/* With the last address of a device the kernel takes its routes, and does not say so. */
static void restore_routes(struct engine *engine)
{
	char error[160];

	if (!steering_routes_up(&engine->steering_settings, error, sizeof(error)))
		log_line(&engine->log, LOG_ERROR, "steering: cannot put back: %s", error);
}

void engine_set_network(struct engine *engine, const struct engine_network *network)
{
	struct engine_settings *s = &engine->settings;
	unsigned mtu = fitting_mtu(engine, network->mtu);

	settle(engine); /* a last word from an address that goes: ipsec0 still has it */
	if (!tun_change(s->device, &s->outer4, &network->outer4, mtu))
		log_line(&engine->log, LOG_ERROR, "%s: does not take address %s and MTU %u",
		         s->device, ip_text(&network->outer4).s, mtu);
	restore_routes(engine);
	s->outer4 = network->outer4;
	s->outer6 = network->outer6;
	s->mtu = mtu;
	steering_set_network(engine->steering, network->known, network->known_count,
	                     network->bypass, network->bypass_count);
	settle_soon(engine);
}

void engine_refresh_use(struct engine *engine)
{
	steering_refresh_use(engine->steering, clock_now());
}

/* The end. */

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

static void remove_events(struct engine *engine)
{
	free_event(&engine->on_mail);
	free_event(&engine->on_ike4);
	free_event(&engine->on_ike6);
	free_event(&engine->on_settle);
	free_event(&engine->on_tick);
}

static void close_device(struct engine *engine)
{
	if (engine->tun >= 0)
		close(engine->tun);
	engine->tun = -1;
}

/* The steering comes out last: until then the trap's blackhole catches what still comes. */
void engine_stop(struct engine *engine, bool keep_private, struct text *kept)
{
	flush_outbox(engine);
	remove_events(engine);
	worker_stop(&engine->worker);
	close_device(engine);
	steering_down(engine->steering, keep_private, kept);
	steering_routes_down(&engine->steering_settings);
	engine->is_stopped = true;
}

/* Without engine_stop() the steering stays and holds everything, as after a crash. */
void engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	remove_events(engine);
	worker_stop(&engine->worker);
	close_device(engine);
	if (engine->steering != NULL)
		steering_free(engine->steering);
	outer_receiver_free(engine->rx);
	outbox_wipe(&engine->outbox);
	outer_close(&engine->shared.outer);
	release_close(&engine->shared.release);
	mailbox_wipe(&engine->shared.mailbox);
	hold_table_wipe(&engine->shared.holds);
	briefs_wipe(&engine->briefs);
	tables_wipe(&engine->shared.tables);
	if (engine->is_rcu_thread)
		rcu_unregister_thread();
	free((void *)(uintptr_t)engine->settings.device);
	free((void *)(uintptr_t)engine->settings.dns_uids);
	free((void *)(uintptr_t)engine->settings.inside);
	free((void *)(uintptr_t)engine->settings.known);
	free((void *)(uintptr_t)engine->settings.bypass);
	free(engine);
}

uint64_t engine_dropped(struct engine *engine, enum engine_drop drop)
{
	uint64_t count = __atomic_load_n(&engine->shared.drops.count[drop], __ATOMIC_RELAXED);

	if (drop == ENGINE_DROP_HELD_FULL) {
		hold_lock(&engine->shared.holds);
		count += engine->shared.holds.dropped;
		hold_unlock(&engine->shared.holds);
	}
	return count + steering_dropped(engine->steering, drop);
}

const char *engine_drop_name(enum engine_drop drop)
{
	static const char *const names[ENGINE_DROP_COUNT] = {
#define X(name, word, text) [ENGINE_DROP_##name] = word,
		ENGINE_DROPS(X)
#undef X
	};

	return names[drop];
}
