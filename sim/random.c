/*
 * A run made of chance: some gateways, some published well and some not, a rough network, packets
 * between all of them; then the network is mended. The promises hold throughout.
 */
#include "sim/world.h"

enum { GATEWAYS_LEAST = 2, GATEWAYS_MORE = 4, HOSTS = 3 };

static void host_address(char *out, size_t size, unsigned gateway, unsigned host)
{
	snprintf(out, size, "10.%u.0.%u", gateway + 1, host + 1);
}

/* Mostly right; sometimes a mistake somebody makes sooner or later. */
static void publish_host(struct sim *sim, unsigned gateway, unsigned host)
{
	struct gateway *own = sim->gateways[gateway];
	struct gateway *other = sim->gateways[sim_below(sim, sim->gateway_count)];
	char address[32];

	host_address(address, sizeof(address), gateway, host);
	switch (sim_below(sim, 12)) {
	case 0:
		return; /* nothing published */
	case 1:
		sim_delegate_with(sim, address, 10, own, other); /* perhaps another's key */
		return;
	case 2:
		sim_delegate(sim, address, other); /* perhaps another's gateway */
		return;
	case 3:
		sim_delegate_with(sim, address, 5, other, other);
		break;
	case 4:
		sim_dns_fails(sim, address, DNS_TIMED_OUT);
		break;
	case 5:
		sim_dns_trust(sim, address, DNS_BOGUS);
		break;
	case 6:
		sim_dns_delay(sim, address, MILLISECONDS(sim_below(sim, 6000)));
		break;
	case 7:
		sim_dns_trust(sim, address, DNS_SECURE);
		break;
	default:
		break;
	}
	sim_delegate(sim, address, own);
}

static void make_world(struct sim *sim)
{
	unsigned count = GATEWAYS_LEAST + (unsigned)sim_below(sim, GATEWAYS_MORE);

	for (unsigned i = 0; i < count; i++) {
		char name[16], address[32], inside[32];

		snprintf(name, sizeof(name), "g%u", i);
		snprintf(address, sizeof(address), "192.0.2.%u", i + 1);
		snprintf(inside, sizeof(inside), "10.%u.0.0/16", i + 1);
		sim_gateway(sim, name, address, inside, sim_chance(sim, 40) ? "drop" : NULL);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!sim_chance(sim, 15))
			sim_publish_key(sim, sim->gateways[i]);
		for (unsigned host = 0; host < HOSTS; host++)
			publish_host(sim, i, host);
	}
}

static void random_packet(struct sim *sim)
{
	unsigned from = (unsigned)sim_below(sim, sim->gateway_count);
	unsigned to = (unsigned)sim_below(sim, sim->gateway_count);
	char source[64], destination[64];

	if (from == to)
		return;
	host_address(source, sizeof(source), from, (unsigned)sim_below(sim, HOSTS));
	host_address(destination, sizeof(destination), to, (unsigned)sim_below(sim, HOSTS));
	if (sim_chance(sim, 5)) /* a stranger, or the gateway itself */
		snprintf(destination, sizeof(destination), "%s",
		         sim_chance(sim, 50) ? "198.18.0.1"
		                             : ip_text(&sim->gateways[to]->address).s);
	if (sim_chance(sim, 10))
		snprintf(source, sizeof(source), "%s", ip_text(&sim->gateways[from]->address).s);
	if (sim_chance(sim, 70))
		sim_ping(sim, source, destination);
	else
		sim_packet(sim, source, destination);
}

static void rough_times(struct sim *sim)
{
	unsigned packets = 20 + (unsigned)sim_below(sim, 60);

	sim->net.loss_percent = (unsigned)sim_below(sim, 40);
	sim->net.double_percent = (unsigned)sim_below(sim, 20);
	sim->net.jitter_percent = (unsigned)sim_below(sim, 50);
	for (unsigned i = 0; i < packets; i++) {
		random_packet(sim);
		if (sim_chance(sim, 2))
			sim_restart(sim, sim->gateways[sim_below(sim, sim->gateway_count)]);
		sim_run_for(sim, MILLISECONDS(sim_below(sim, sim_chance(sim, 20) ? 30000 : 300)));
	}
}

void random_run(uint64_t seed, uint64_t fates[FATE_COUNT])
{
	struct sim *sim = sim_new(seed);

	sim->is_rough = true;
	make_world(sim);
	rough_times(sim);
	sim_mend(sim);
	sim_run_until_idle(sim);
	for (size_t i = 0; i < sim->packet_count; i++)
		fates[sim->packets[i]->fate]++;
	sim_end(sim);
}
