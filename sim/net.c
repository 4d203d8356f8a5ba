/*
 * The virtual internet: datagrams and packets between gateways, with mishaps by rule and by seed.
 */
#include <stdlib.h>

#include "ike/message.h"
#include "sim/world.h"

struct gateway *net_gateway_at(struct sim *sim, const struct ip *address)
{
	/* The last one wins: an impostor comes after its victim. */
	for (size_t i = sim->gateway_count; i-- > 0;)
		if (ip_equal(&sim->gateways[i]->address, address))
			return sim->gateways[i];
	return NULL;
}

struct flying {
	struct path path; /* the sender's view */
	struct gateway *to;
	struct buf datagram;
};

static void land(struct sim *sim, void *what)
{
	struct flying *f = what;
	struct path path = { .local = f->path.remote, .remote = f->path.local };

	if (!f->to->is_down)
		opportunism_on_datagram(f->to->core, &path, buf_view(&f->datagram), sim->now);
	buf_free(&f->datagram);
	free(f);
}

static void launch(struct sim *sim, struct gateway *to, const struct path *path,
                   struct bytes datagram, struct duration delay)
{
	struct flying *f = new_zeroed(sizeof(*f));

	*f = (struct flying){ .path = *path, .to = to, .datagram = buf_copy(datagram) };
	sim_later(sim, delay, land, f);
}

/* What happens to this datagram by the rules of the story; counts all of them down. */
static bool find_mishap(struct net *net, const struct gateway *from, const struct gateway *to,
                        struct net_rule *out)
{
	bool found = false;

	for (size_t i = 0; i < net->rule_count; i++) {
		struct net_rule *rule = &net->rules[i];

		if (rule->from != from || rule->to != to || rule->countdown == 0)
			continue;
		if (--rule->countdown == 0) {
			*out = *rule;
			found = true;
		}
	}
	return found;
}

static bool is_cut(const struct net *net, const struct gateway *from, const struct gateway *to)
{
	for (size_t i = 0; i < net->cut_count; i++)
		if (net->cuts[i].from == from && net->cuts[i].to == to)
			return true;
	return false;
}

static void overhear(struct net *net, struct gateway *from, struct gateway *to,
                     struct bytes datagram)
{
	struct overheard *heard = NULL;

	for (size_t i = 0; i < net->heard_count; i++)
		if (net->heard[i].from == from && net->heard[i].to == to)
			heard = &net->heard[i];
	if (heard == NULL && net->heard_count < ARRAY_LEN(net->heard))
		heard = &net->heard[net->heard_count++];
	if (heard == NULL)
		return;
	buf_free(&heard->datagram);
	*heard = (struct overheard){ from, to, buf_copy(datagram) };
}

static void say_datagram(struct gateway *from, const struct path *path, struct bytes datagram,
                         const char *what)
{
	struct ike_header h;

	if (header_parse(datagram, &h))
		sim_say(from->sim, from->name, "%s %s %u to %s, %zu octets%s%s",
		        exchange_name(h.exchange), header_is_response(&h) ? "response" : "request",
		        h.message_id, endpoint_text(&path->remote).s, datagram.len,
		        what[0] ? ": " : "", what);
	else
		sim_fail(from->sim, "%s sends a datagram that is no IKE message", from->name);
}

static void send_with_chance(struct gateway *from, struct gateway *to, const struct path *path,
                             struct bytes datagram)
{
	struct sim *sim = from->sim;
	struct net *net = &sim->net;
	struct duration delay = net->delay;

	if (sim_chance(sim, net->loss_percent)) {
		say_datagram(from, path, datagram, "lost");
		return;
	}
	if (sim_chance(sim, net->jitter_percent))
		delay.ns += MILLISECONDS(sim_below(sim, 200)).ns;
	say_datagram(from, path, datagram, "");
	launch(sim, to, path, datagram, delay);
	if (sim_chance(sim, net->double_percent))
		launch(sim, to, path, datagram,
		       (struct duration){ delay.ns + MILLISECONDS(sim_below(sim, 50)).ns });
}

static void send_by_rule(struct gateway *from, struct gateway *to, const struct path *path,
                         struct bytes datagram, const struct net_rule *rule)
{
	static const char *const words[] = { "lost", "doubled", "delayed" };
	struct sim *sim = from->sim;

	say_datagram(from, path, datagram, words[rule->mishap]);
	if (rule->mishap == MISHAP_LOSE)
		return;
	launch(sim, to, path, datagram, (struct duration){ sim->net.delay.ns + rule->delay.ns });
	if (rule->mishap == MISHAP_DOUBLE)
		launch(sim, to, path, datagram, sim->net.delay);
}

void net_send_ike(struct gateway *from, const struct path *path, struct bytes datagram)
{
	struct sim *sim = from->sim;
	struct gateway *to = net_gateway_at(sim, &path->remote.address);
	struct net_rule rule;

	sim->net.ike_datagrams++;
	if (!ip_equal(&path->local.address, &from->address))
		sim_fail(sim, "%s sends from an address that is not its own", from->name);
	if (to == NULL) {
		say_datagram(from, path, datagram, "nobody there");
		sim->net.nobody++;
		return;
	}
	overhear(&sim->net, from, to, datagram);
	to->knocks++;
	if (is_cut(&sim->net, from, to))
		say_datagram(from, path, datagram, "cut off");
	else if (sim->net.narrow != 0 && datagram.len > sim->net.narrow)
		say_datagram(from, path, datagram, "too long");
	else if (find_mishap(&sim->net, from, to, &rule))
		send_by_rule(from, to, path, datagram, &rule);
	else
		send_with_chance(from, to, path, datagram);
}

uint64_t sim_knocks(const struct sim *sim, const struct gateway *gateway)
{
	return gateway == NULL ? sim->net.nobody : gateway->knocks;
}

void sim_forge(struct sim *sim, const char *from, struct gateway *gateway, struct bytes datagram)
{
	struct path path = { .local = { sim_ip(from), 500 }, .remote = { gateway->address, 500 } };

	launch(sim, gateway, &path, datagram, sim->net.delay);
}

struct bytes sim_overheard(struct sim *sim, struct gateway *from, struct gateway *to)
{
	for (size_t i = 0; i < sim->net.heard_count; i++)
		if (sim->net.heard[i].from == from && sim->net.heard[i].to == to)
			return buf_view(&sim->net.heard[i].datagram);
	return (struct bytes){ 0 };
}

/* ---- Rules ---- */

static void add_rule(struct sim *sim, struct net_rule rule)
{
	if (sim->net.rule_count == ARRAY_LEN(sim->net.rules))
		sim_fail(sim, "too many rules of the network");
	sim->net.rules[sim->net.rule_count++] = rule;
}

void sim_lose_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth)
{
	add_rule(sim, (struct net_rule){ from, to, MISHAP_LOSE, nth, { 0 } });
}

void sim_double_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth)
{
	add_rule(sim, (struct net_rule){ from, to, MISHAP_DOUBLE, nth, MILLISECONDS(3) });
}

void sim_delay_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth,
                    struct duration delay)
{
	add_rule(sim, (struct net_rule){ from, to, MISHAP_DELAY, nth, delay });
}

void sim_narrow(struct sim *sim, size_t octets)
{
	sim->net.narrow = octets;
}

void sim_lose_some(struct sim *sim, unsigned percent)
{
	sim->net.loss_percent = percent;
}

void sim_cut(struct sim *sim, struct gateway *from, struct gateway *to)
{
	if (sim->net.cut_count == ARRAY_LEN(sim->net.cuts))
		sim_fail(sim, "too many cuts of the network");
	sim->net.cuts[sim->net.cut_count++] = (struct cut){ from, to };
}

void sim_mend(struct sim *sim)
{
	sim->net.cut_count = 0;
	sim->net.rule_count = 0;
	sim->net.loss_percent = 0;
	sim->net.double_percent = 0;
	sim->net.jitter_percent = 0;
}

/* ---- Packets ---- */

static void land_esp(struct sim *sim, void *what)
{
	struct esp *esp = what;
	struct gateway *to = net_gateway_at(sim, &esp->path.remote.address);

	if (to == NULL)
		esp->packet->fate = FATE_UNROUTABLE;
	else if (to->is_down)
		esp->packet->fate = FATE_CRASHED;
	else
		engine_esp_inbound(&to->engine, esp);
	secret_free(&esp->key);
	free(esp);
}

void net_send_esp(struct gateway *from, const struct child_sa *sa, uint64_t sequence,
                  struct packet *packet)
{
	struct esp *esp = new_zeroed(sizeof(*esp));

	*esp = (struct esp){ .path = sa->path,
		             .spi = sa->spi_out,
		             .sequence = sequence,
		             .key = secret_copy(secret_view(&sa->key_out)),
		             .packet = packet,
		             .sealed_by = from };
	from->sim->net.esp_packets++;
	sim_later(from->sim, from->sim->net.delay, land_esp, esp);
}

static void land_clear(struct sim *sim, void *what)
{
	struct packet *packet = what;
	struct gateway *to = sim_owner_of(sim, &packet->pair.destination);

	if (to == NULL)
		sim_deliver(sim, packet, FATE_ARRIVED_IN_CLEAR); /* a stranger */
	else if (to->is_down)
		packet->fate = FATE_UNROUTABLE;
	else
		engine_clear_inbound(&to->engine, packet);
}

void net_send_clear(struct sim *sim, struct packet *packet)
{
	sim->net.clear_packets++;
	sim_later(sim, sim->net.delay, land_clear, packet);
}

void net_wipe(struct net *net)
{
	for (size_t i = 0; i < net->heard_count; i++)
		buf_free(&net->heard[i].datagram);
}
