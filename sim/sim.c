/*
 * The run: gateways, packets, the loop of the next event, and what a story may ask.
 */
#include <stdlib.h>

#include "sim/world.h"

#define IDLE      SECONDS(100) /* nothing due sooner: the run is idle */
#define QUIET     SECONDS(400) /* so long after the last that anybody sent or asked, too */
#define STEPS_MAX 2000000

/* ---- Words ---- */

void sim_say(struct sim *sim, const char *who, const char *format, ...)
{
	char line[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text_add(&sim->trace, "%12.6f %s: %s\n", (double)sim->now.ns / 1e9, who, line);
}

void sim_fail(const struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->trace.s != NULL)
		fputs(sim->trace.s, stderr);
	fprintf(stderr, "FAILED at %.6f, seed %llu: ", (double)sim->now.ns / 1e9,
	        (unsigned long long)sim->seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

struct ip sim_ip(const char *text)
{
	struct ip address;

	if (!ip_parse(text, &address)) {
		fprintf(stderr, "not an address: %s\n", text);
		abort();
	}
	return address;
}

/* ---- Life ---- */

/* splitmix64, which spreads small seeds */
static void seed_random(struct sim *sim)
{
	uint64_t x = sim->seed;

	for (size_t i = 0; i < ARRAY_LEN(sim->random); i++) {
		uint64_t z = x += 0x9e3779b97f4a7c15;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		sim->random[i] = z ^ (z >> 31);
	}
}

struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = new_zeroed(sizeof(*sim));

	sim->seed = seed;
	sim->keeps_idle_tunnels = true;
	sim->now = (struct instant){ SECONDS(1000).ns };
	sim->net.delay = MILLISECONDS(10);
	seed_random(sim);
	return sim;
}

void sim_let_tunnels_end(struct sim *sim)
{
	sim->keeps_idle_tunnels = false;
}

void sim_give_kem(struct sim *sim)
{
	sim->kem = kem_bed();
}

void sim_let_refuse(struct sim *sim)
{
	sim->may_refuse = true;
}

static void free_gateway(struct gateway *gateway)
{
	if (gateway->core != NULL)
		gateway_stop(gateway);
	text_free(&gateway->log);
	free(gateway->peers);
	free(gateway->conf_text);
	free(gateway->engine.lost_spis);
	free(gateway);
}

void sim_end(struct sim *sim)
{
	struct sim_event event;

	promises_kept(sim);
	for (size_t i = 0; i < sim->gateway_count; i++)
		gateway_stop(sim->gateways[i]);
	/* What was still under way frees itself; everybody is down. */
	while (agenda_take(&sim->agenda, INSTANT_NEVER, &event))
		event.happen(sim, event.what);
	for (size_t i = 0; i < sim->gateway_count; i++)
		free_gateway(sim->gateways[i]);
	for (size_t i = 0; i < sim->packet_count; i++)
		free(sim->packets[i]);
	free(sim->packets);
	free(sim->agenda.events);
	names_wipe(&sim->names);
	net_wipe(&sim->net);
	text_free(&sim->trace);
	free(sim);
}

static void find_fqdn(struct gateway *gateway)
{
	const char *at = strstr(gateway->conf_text, "leftid=@");

	if (at != NULL)
		sscanf(at, "leftid=@%63s", gateway->fqdn);
}

static struct gateway *add_gateway(struct sim *sim, const char *name, const char *address,
                                   const char *inside, char *conf)
{
	struct gateway *gateway = new_zeroed(sizeof(*gateway));

	if (sim->gateway_count == GATEWAYS_MAX_SIM)
		sim_fail(sim, "too many gateways");
	sim->gateways[sim->gateway_count++] = gateway;
	gateway->sim = sim;
	snprintf(gateway->name, sizeof(gateway->name), "%s", name);
	gateway->address = sim_ip(address);
	if (inside != NULL && !range_parse(inside, &gateway->inside))
		sim_fail(sim, "not a range: %s", inside);
	gateway->conf_text = conf;
	find_fqdn(gateway);
	gateway->keeps_peers = true;
	key_make(gateway);
	gateway_start(gateway);
	return gateway;
}

static void add_conn(struct text *conf, const char *name, const char *inside, const char *failure)
{
	text_add(conf, "conn %s\n\tleft=%%defaultroute\n\tright=%%opportunistic\n", name);
	if (inside != NULL)
		text_add(conf, "\tleftsubnet=%s\n", inside);
	if (failure != NULL)
		text_add(conf, "\tfailureshunt=%s\n", failure);
	text_add(conf, "\tauto=route\n");
}

static char *howto_conf(const char *inside, const char *failure)
{
	struct text conf = { 0 };

	add_conn(&conf, "sg-to-anyone", NULL, failure);
	if (inside != NULL)
		add_conn(&conf, "client-to-anyone", inside, failure);
	return conf.s;
}

struct gateway *sim_gateway(struct sim *sim, const char *name, const char *address,
                            const char *inside, const char *failure)
{
	return add_gateway(sim, name, address, inside, howto_conf(inside, failure));
}

struct gateway *sim_gateway_with(struct sim *sim, const char *name, const char *address,
                                 const char *inside, const char *conf)
{
	return add_gateway(sim, name, address, inside, new_string(conf));
}

void sim_arrange(struct sim *sim, struct gateway *gateway)
{
	(void)sim;
	gateway->is_configured = true;
}

static void reload(struct gateway *gateway, char *conf)
{
	sim_say(gateway->sim, gateway->name, "reload");
	free(gateway->conf_text);
	gateway->conf_text = conf;
	gateway_reload(gateway);
}

void sim_reload(struct sim *sim, struct gateway *gateway, const char *failure)
{
	bool has_inside = gateway->inside.first.family != IP_NONE;
	struct range_text inside = { "" };

	if (has_inside)
		inside = range_text(&gateway->inside);
	reload(gateway, howto_conf(has_inside ? inside.s : NULL, failure));
}

void sim_reload_with(struct sim *sim, struct gateway *gateway, const char *conf)
{
	reload(gateway, new_string(conf));
}

static bool has_done(struct gateway *gateway, bool ok, struct text *error)
{
	if (!ok)
		sim_say(gateway->sim, gateway->name, "%s", error->s);
	text_free(error);
	return ok;
}

bool sim_route(struct sim *sim, struct gateway *gateway, const char *conn)
{
	struct text error = { 0 };

	return has_done(gateway, opportunism_conn_route(gateway->core, conn, &error, sim->now),
	                &error);
}

bool sim_up(struct sim *sim, struct gateway *gateway, const char *conn)
{
	struct text error = { 0 };

	return has_done(gateway, opportunism_conn_up(gateway->core, conn, &error, sim->now),
	                &error);
}

struct gateway *sim_impostor(struct sim *sim, struct gateway *victim)
{
	struct gateway *impostor;
	char name[32];

	snprintf(name, sizeof(name), "not-%.20s", victim->name);
	impostor = add_gateway(
	    sim, name, ip_text(&victim->address).s,
	    victim->inside.first.family == IP_NONE ? NULL : range_text(&victim->inside).s,
	    new_string(victim->conf_text));
	impostor->is_impostor = true;
	return impostor;
}

void sim_restart(struct sim *sim, struct gateway *gateway)
{
	sim_say(sim, gateway->name, "restarted");
	gateway_stop(gateway);
	gateway_start(gateway);
}

void sim_kill(struct sim *sim, struct gateway *gateway)
{
	sim_say(sim, gateway->name, "killed");
	gateway_stop(gateway);
}

void sim_start(struct sim *sim, struct gateway *gateway)
{
	sim_say(sim, gateway->name, "started");
	gateway_start(gateway);
}

void sim_keep_few(struct sim *sim, struct gateway *gateway, size_t idle_sas_above)
{
	gateway->idle_sas_above = idle_sas_above;
	sim_restart(sim, gateway);
}

void sim_lose_file(struct gateway *gateway)
{
	gateway->keeps_peers = false;
}

void sim_shutdown(struct sim *sim, struct gateway *gateway)
{
	opportunism_shutdown(gateway->core, sim->now);
}

void sim_order(struct sim *sim, struct gateway *gateway, enum sim_order order, const char *from,
               const char *to)
{
	CLEANUP(text_free) struct text error = { 0 };
	struct opportunism *core = gateway->core;
	struct ip source = { 0 }, destination = { 0 };
	bool ok = true;

	if (from != NULL) {
		source = sim_ip(from);
		destination = sim_ip(to);
	}
	switch (order) {
	case SIM_DELETE:
		ok = opportunism_eroute_delete(core, &source, &destination, &error, sim->now);
		break;
	case SIM_TRY:
		ok = opportunism_eroute_try(core, &source, &destination, &error, sim->now);
		break;
	case SIM_CLEAR:
		ok = opportunism_eroute_clear(core, sim->now) > 0;
		break;
	}
	if (!ok)
		sim_fail(sim, "%s refuses: %s", gateway->name, error.s);
}

void sim_engine_refuses(struct sim *sim, struct gateway *gateway)
{
	gateway->engine.refuses_tunnels = true;
}

unsigned sim_engine_refused(const struct gateway *gateway)
{
	return gateway->engine.refused;
}

void sim_unreachable(struct sim *sim, struct gateway *gateway, struct gateway *peer)
{
	opportunism_on_unreachable(gateway->core, &peer->address, sim->now);
}

struct gateway *sim_owner_of(struct sim *sim, const struct ip *address)
{
	for (size_t i = 0; i < sim->gateway_count; i++)
		if (!sim->gateways[i]->is_impostor && gateway_owns(sim->gateways[i], address))
			return sim->gateways[i];
	return NULL;
}

/* ---- Packets ---- */

struct packet *sim_new_packet(struct sim *sim, const struct ip_pair *pair, bool wants_reply)
{
	struct packet *packet = new_zeroed(sizeof(*packet));

	packet->pair = *pair;
	packet->protocol = 1;
	packet->port = -1;
	packet->wants_reply = wants_reply;
	packet->number = sim->packet_count + 1;
	sim->packets = grow_array(sim->packets, sim->packet_count + 1, sizeof(*sim->packets));
	sim->packets[sim->packet_count++] = packet;
	return packet;
}

void sim_send_packet(struct sim *sim, struct packet *packet)
{
	struct gateway *gateway = sim_owner_of(sim, &packet->pair.source);

	if (gateway == NULL)
		net_send_clear(sim, packet);
	else if (gateway->is_down)
		packet->fate = FATE_CRASHED;
	else
		engine_outbound(&gateway->engine, packet);
}

void sim_deliver(struct sim *sim, struct packet *packet, enum fate fate)
{
	struct ip_pair back = { packet->pair.destination, packet->pair.source };

	if (packet->fate != FATE_UNDER_WAY)
		return; /* a copy came before */
	packet->fate = fate;
	sim_say(sim, "host", "packet %llu arrived %s, %s > %s", (unsigned long long)packet->number,
	        fate == FATE_ARRIVED_BY_TUNNEL ? "by tunnel" : "in the clear",
	        ip_text(&packet->pair.source).s, ip_text(&packet->pair.destination).s);
	if (packet->wants_reply)
		sim_send_packet(sim, sim_new_packet(sim, &back, false));
}

void sim_packet(struct sim *sim, const char *source, const char *destination)
{
	struct ip_pair pair = { sim_ip(source), sim_ip(destination) };

	sim_send_packet(sim, sim_new_packet(sim, &pair, false));
}

void sim_packet_to(struct sim *sim, const char *source, const char *destination, unsigned protocol,
                   int port)
{
	struct ip_pair pair = { sim_ip(source), sim_ip(destination) };
	struct packet *packet = sim_new_packet(sim, &pair, false);

	packet->protocol = (uint8_t)protocol;
	packet->port = port;
	sim_send_packet(sim, packet);
}

void sim_ping(struct sim *sim, const char *source, const char *destination)
{
	struct ip_pair pair = { sim_ip(source), sim_ip(destination) };

	sim_send_packet(sim, sim_new_packet(sim, &pair, true));
}

/* ---- The loop ---- */

static struct gateway *next_gateway(const struct sim *sim, struct instant *due)
{
	struct gateway *next = NULL;

	*due = INSTANT_NEVER;
	for (size_t i = 0; i < sim->gateway_count; i++) {
		struct gateway *gateway = sim->gateways[i];
		struct instant t;

		if (gateway->is_down)
			continue;
		t = opportunism_deadline(gateway->core);
		if (t.ns < due->ns) {
			*due = t;
			next = gateway;
		}
	}
	return next;
}

/* The next thing that happens not later than `limit`; false: nothing does. */
static bool step(struct sim *sim, struct instant limit)
{
	struct instant due;
	struct gateway *gateway = next_gateway(sim, &due);
	struct sim_event event;
	uint64_t order;

	if (++sim->steps > STEPS_MAX)
		sim_fail(sim, "stuck: %d steps and no end", STEPS_MAX);
	if (gateway != NULL && due.ns < agenda_due(&sim->agenda).ns && due.ns <= limit.ns) {
		if (due.ns > sim->now.ns)
			sim->now = due;
		order = sim->agenda.next_order;
		opportunism_on_deadline(gateway->core, sim->now);
		if (sim->agenda.next_order != order)
			sim->active = sim->now;
		return true;
	}
	if (!agenda_take(&sim->agenda, limit, &event))
		return false;
	sim->now = event.due;
	sim->active = sim->now;
	event.happen(sim, event.what);
	return true;
}

void sim_run_for(struct sim *sim, struct duration time)
{
	struct instant end = instant_after(sim->now, time);

	while (step(sim, end))
		;
	sim->now = end;
}

void sim_run_until_idle(struct sim *sim)
{
	sim->active = sim->now;
	while (step(sim,
	            instant_min(instant_after(sim->now, IDLE), instant_after(sim->active, QUIET))))
		;
}

struct instant sim_now(const struct sim *sim)
{
	return sim->now;
}
