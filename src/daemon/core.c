#include "daemon/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/life.h"
#include "daemon/peers.h"
#include "daemon/writer.h"
#include "opportunism/protected.h"

/* Reading the counters of a hundred thousand pairs takes time: one part in so many. */
enum { REFRESH_SHARE = 20, PROTECTED_WRITE_S = 5 };

/* Ports: what the core wants. */

static void port_lookup(void *ctx, uint64_t query, const char *name, enum dns_type type,
                        enum lookup_how how)
{
	struct daemon *d = ctx;
	struct resolver_port port = resolver_port(d->resolver);

	port.lookup(port.ctx, query, name, type, how);
}

static unsigned port_window(void *ctx)
{
	struct daemon *d = ctx;
	struct resolver_port port = resolver_port(d->resolver);

	return port.window(port.ctx);
}

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct daemon *d = ctx;

	engine_send_ike(d->engine, path, datagram);
}

static void port_keepalive(void *ctx, const struct path *path)
{
	struct daemon *d = ctx;

	engine_send_keepalive(d->engine, path);
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	while (len > 0) {
		ssize_t n = getrandom(out, len, 0);

		if (n > 0) {
			out += n;
			len -= (size_t)n;
		}
	}
}

static void port_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct daemon *d = ctx;

	if (job->kind == CRYPTO_JOB_VERIFY || job->kind == CRYPTO_JOB_VERIFY_CERT)
		pool_verify(d->pool, job_id, job);
	else
		signer_link_job(d->signer, job_id, job);
}

static uint32_t port_new_spi(void *ctx)
{
	struct daemon *d = ctx;

	return d->engine_port.new_spi(d->engine_port.ctx);
}

/* Events: what happens to the core. */

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	d->settled = INSTANT_NEVER;
	core_refresh_use(d);
	opportunism_on_deadline(d->core, clock_now());
	core_settle(d);
}

static void on_acquire(void *ctx, const struct acquire *acquire)
{
	struct daemon *d = ctx;

	opportunism_on_acquire(d->core, acquire, clock_now());
	core_settle(d);
}

static void on_datagram(void *ctx, const struct path *path, struct bytes datagram)
{
	struct daemon *d = ctx;

	opportunism_on_datagram(d->core, path, datagram, clock_now());
	core_settle(d);
}

static void on_unknown_spi(void *ctx, const struct path *path, uint32_t spi)
{
	struct daemon *d = ctx;

	log_line(&d->log, LOG_INFO, "esp0x%x@%s from %s: nobody has this SPI", spi,
	         ip_text(&path->local.address).s, ip_text(&path->remote.address).s);
	opportunism_on_unknown_spi(d->core, path, spi, clock_now());
	core_settle(d);
}

static void on_peer_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
	struct daemon *d = ctx;

	opportunism_on_peer_moved(d->core, spi_in, path, clock_now());
	core_settle(d);
}

static void on_heard(void *ctx, uint32_t spi_in)
{
	struct daemon *d = ctx;

	opportunism_on_heard(d->core, spi_in, clock_now());
	core_settle(d);
}

static void on_worn(void *ctx, uint32_t spi_in)
{
	struct daemon *d = ctx;

	opportunism_on_worn(d->core, spi_in, clock_now());
	core_settle(d);
}

static void on_spent(void *ctx, uint32_t spi_in)
{
	struct daemon *d = ctx;

	opportunism_on_spent(d->core, spi_in, clock_now());
	core_settle(d);
}

static void on_device_gone(void *ctx)
{
	struct daemon *d = ctx;
	char why[64];

	snprintf(why, sizeof(why), "%s was removed", d->conf->plan.engine.device);
	life_crash(d, why);
}

static void on_cleartext(void *ctx, const struct ip_pair *pair)
{
	struct daemon *d = ctx;

	opportunism_on_cleartext(d->core, pair, clock_now());
	core_settle(d);
}

static void on_unreachable(void *ctx, const struct ip *peer)
{
	struct daemon *d = ctx;

	opportunism_on_unreachable(d->core, peer, clock_now());
	core_settle(d);
}

static void on_steering_restored(void *ctx, const char *what)
{
	struct daemon *d = ctx;

	log_line(&d->log, LOG_WARNING, "steering: somebody removed %s; it was put back", what);
}

static void on_answer(void *ctx, uint64_t query, const struct dns_answer *answer)
{
	struct daemon *d = ctx;

	opportunism_on_answer(d->core, query, answer, clock_now());
	core_settle(d);
}

static void on_primed(void *ctx)
{
	struct daemon *d = ctx;

	rundir_set_primed(&d->run, BYTES_STR(d->conf->anchor));
}

void core_on_job_done(void *ctx, uint64_t job_id, struct bytes result)
{
	struct daemon *d = ctx;

	opportunism_on_job_done(d->core, job_id, result, clock_now());
	core_settle(d);
}

struct engine_events core_engine_events(struct daemon *d)
{
	return (struct engine_events){ .ctx = d,
		                       .acquire = on_acquire,
		                       .ike_datagram = on_datagram,
		                       .unknown_spi = on_unknown_spi,
		                       .unreachable = on_unreachable,
		                       .cleartext = on_cleartext,
		                       .peer_moved = on_peer_moved,
		                       .heard = on_heard,
		                       .worn = on_worn,
		                       .spent = on_spent,
		                       .device_gone = on_device_gone,
		                       .steering_restored = on_steering_restored };
}

struct resolver_events core_resolver_events(struct daemon *d)
{
	return (struct resolver_events){ .ctx = d, .answer = on_answer, .primed = on_primed };
}

void core_refresh_use(struct daemon *d)
{
	struct instant before = clock_now();
	struct duration wait = SECONDS(1);
	int64_t cost_ns;

	if (!instant_reached(d->use_refresh, before))
		return;
	engine_refresh_use(d->engine);
	cost_ns = instant_since(clock_now(), before).ns;
	if (cost_ns * REFRESH_SHARE > wait.ns)
		wait.ns = cost_ns * REFRESH_SHARE;
	d->use_refresh = instant_after(before, wait);
}

/* In the writer's thread. */
static void write_protected_text(void *ctx, const void *copy)
{
	struct daemon *d = ctx;
	struct text text = { 0 };

	protected_write(copy, &text);
	slots_write(&d->protected_file, BYTES((const uint8_t *)text.s, text.len));
	text_free(&text);
}

static void write_protected(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	d->protected_written = opportunism_counts(d->core).protected_changes;
	writer_put(d->protected_writer,
	           opportunism_copy_protected(d->core, time(NULL), clock_now()));
}

/* Not more often than that, since all of it is written. */
static void write_protected_soon(struct daemon *d)
{
	static const struct timeval wait = { .tv_sec = PROTECTED_WRITE_S };

	if (opportunism_counts(d->core).protected_changes != d->protected_written &&
	    !evtimer_pending(d->write_protected, NULL))
		evtimer_add(d->write_protected, &wait);
}

/* So that the time this daemon has seen pass counts for the next one. */
static void write_protected_last(struct daemon *d)
{
	struct opportunism_counts counts = opportunism_counts(d->core);

	if (counts.protected_changes != d->protected_written || counts.protected_hosts > 0)
		write_protected(-1, 0, d);
}

void core_close(struct daemon *d)
{
	if (d->core != NULL && d->write_protected != NULL && d->protected_writer != NULL)
		write_protected_last(d);
	writer_finish(d->protected_writer);
	d->protected_writer = NULL;
	opportunism_free(d->core);
	if (d->write_protected != NULL)
		event_free(d->write_protected);
	if (d->deadline != NULL)
		event_free(d->deadline);
}

void core_settle(struct daemon *d)
{
	struct instant due = opportunism_deadline(d->core);
	struct timeval wait;
	int64_t ns;

	write_protected_soon(d);
	peers_look(d);
	if (due.ns == d->settled.ns)
		return; /* the timer is set for that already */
	d->settled = due;
	ns = instant_since(due, clock_now()).ns;
	if (due.ns == INSTANT_NEVER.ns) {
		event_del(d->deadline);
		return;
	}
	/* Rounded up: the timer must not come before the deadline is reached. */
	ns = ns > 0 ? ns + 999 : 0;
	wait = (struct timeval){ .tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000 };
	event_add(d->deadline, &wait);
}

static struct opportunism_config core_config(const struct daemon *d)
{
	const struct plan *plan = &d->conf->plan;

	return (struct opportunism_config){ .conf = &d->conf->conf,
		                            .secrets = &d->conf->secrets,
		                            .secret_set = d->secret_set,
		                            .host_keys = d->host_keys,
		                            .host_key_count = d->host_key_count,
		                            .own = own_of(plan->outer, plan->outer_count,
		                                          plan->covered, plan->covered_count,
		                                          plan->own, plan->own_count) };
}

/* The policy has said what may be sent from a new address before the kernel lets anything. */
static void set_network(struct daemon *d)
{
	const struct plan *plan = &d->conf->plan;
	const struct engine_network network = { .outer4 = plan->own4,
		                                .outer6 = plan->own6,
		                                .mtu = plan->engine.mtu,
		                                .known = plan->known,
		                                .known_count = plan->known_count,
		                                .bypass = plan->bypass,
		                                .bypass_count = plan->bypass_count,
		                                .routed = plan->routed,
		                                .routed_count = plan->routed_count };

	engine_set_network(d->engine, &network);
}

void core_configure(struct daemon *d)
{
	struct opportunism_config config = core_config(d);

	opportunism_configure(d->core, &config, clock_now());
	set_network(d);
	core_settle(d);
}

void core_readdress(struct daemon *d)
{
	const struct plan *plan = &d->conf->plan;
	struct opportunism_config config = core_config(d);

	engine_set_inside(d->engine, plan->inside, plan->inside_count);
	opportunism_readdress(d->core, &config, clock_now());
	set_network(d);
	core_settle(d);
}

void core_reconfigure(struct daemon *d)
{
	const struct plan *plan = &d->conf->plan;
	struct opportunism_config config = core_config(d);

	engine_set_inside(d->engine, plan->inside, plan->inside_count);
	opportunism_reconfigure(d->core, &config, clock_now());
	/* The plan was made of what the machine is now; nobody will find it changed any more. */
	set_network(d);
	core_settle(d);
}

bool core_open(struct daemon *d)
{
	struct opportunism_settings settings = { .log = d->log,
		                                 .resolver = &d->resolver_port,
		                                 .engine = &d->engine_port,
		                                 .ike = &d->ike_ports };
	struct text text = { 0 };

	d->resolver_port = (struct resolver_port){ .ctx = d, .lookup = port_lookup, .window = port_window };
	d->engine_port = engine_port(d->engine);
	d->ike_ports = (struct ike_ports){ .ctx = d,
		                           .send = port_send,
		                           .keepalive = port_keepalive,
		                           .random = port_random,
		                           .start_job = port_start_job,
		                           .new_spi = port_new_spi };
	d->settled = INSTANT_NEVER;
	d->deadline = evtimer_new(d->base, on_deadline, d);
	d->write_protected = evtimer_new(d->base, write_protected, d);
	d->protected_writer = writer_start(&(struct writer_calls){ d, write_protected_text, free });
	d->core = opportunism_new(&settings);
	if (d->core == NULL)
		return false;
	d->protected_file = (struct slots){ d->run.protected_hosts, PROTECTED_WHAT, 0 };
	slots_read(&d->protected_file, &text);
	opportunism_load_protected(d->core, BYTES((const uint8_t *)text.s, text.len), time(NULL),
	                           clock_now());
	text_free(&text);
	return d->deadline != NULL && d->write_protected != NULL && d->protected_writer != NULL;
}
