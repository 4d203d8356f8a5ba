#include "engine/state.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "engine/steering/network.h"
#include "engine/userspace/tun.h"

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

void engine_random(void *out, size_t len)
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
	engine_random(seed, sizeof(seed));
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

	if (!outer_open(&engine->shared.outer, s->port, s->nat_port, s->marks.own, error, size))
		return false;
	engine->shared.outer.tunnel_device = if_nametoindex(s->device);
	return release_open(&engine->shared.release, marks, error, size);
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

bool engine_start(struct engine *engine, struct event_base *base,
                  const struct engine_events *events)
{
	assert(engine->base == NULL);
	engine->base = base;
	engine->events = *events;
	engine->rx = outer_receiver_new();
	steering_alive(engine->steering);
	return engine_add_events(engine) &&
	       steering_watch(engine->steering, base, events->steering_restored, events->ctx) &&
	       worker_start(&engine->worker, &engine->shared, engine->tun);
}

void engine_send_ike(struct engine *engine, const struct path *path, struct bytes datagram)
{
	if (engine->outbox.count == OUTBOX_MAX)
		engine_settle(engine);
	outbox_add(&engine->outbox, path, datagram);
	engine_settle_soon(engine);
}

void engine_send_keepalive(struct engine *engine, const struct path *path)
{
	if (!outer_send_keepalive(&engine->shared.outer, path))
		drops_add(&engine->shared.drops, ENGINE_DROP_SEND);
}

void engine_set_inside(struct engine *engine, const struct ip_range *inside, size_t count)
{
	steering_set_inside(engine->steering, inside, count);
	engine_settle_soon(engine);
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

	engine_settle(engine); /* a last word from an address that goes: ipsec0 still has it */
	if (!tun_change(s->device, &s->outer4, &network->outer4, mtu))
		log_line(&engine->log, LOG_ERROR, "%s: does not take address %s and MTU %u",
		         s->device, ip_text(&network->outer4).s, mtu);
	restore_routes(engine);
	s->outer4 = network->outer4;
	s->outer6 = network->outer6;
	s->mtu = mtu;
	steering_set_network(engine->steering, network->known, network->known_count,
	                     network->bypass, network->bypass_count);
	steering_set_routed(engine->steering, network->routed, network->routed_count);
	engine_settle_soon(engine);
}

void engine_keep_device(struct engine *engine)
{
	const struct engine_settings *s = &engine->settings;
	const struct tun_settings tun = { s->device, s->mtu, s->outer4 };

	if (!tun_put_back(&tun, network_device_mtu(s->device)))
		return;
	restore_routes(engine);
	log_line(&engine->log, LOG_ERROR,
	         "%s: somebody changed its address or MTU, or set it down; put back", s->device);
}

void engine_refresh_use(struct engine *engine)
{
	steering_refresh_use(engine->steering, engine_clock());
}

/* The end. */

static void close_device(struct engine *engine)
{
	if (engine->tun >= 0)
		close(engine->tun);
	engine->tun = -1;
}

/* The steering comes out last: until then the trap's blackhole catches what still comes. */
void engine_stop(struct engine *engine, bool keep_private, struct text *kept)
{
	engine_flush_outbox(engine);
	engine_remove_events(engine);
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
	engine_remove_events(engine);
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
