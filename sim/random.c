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

/* Half of them rekey all the time, each in its own rhythm. */
static void make_gateway(struct sim *sim, const char *name, const char *address, const char *inside)
{
	static const char *const ends[] = { "", "\tleftsubnet=" };
	bool is_private = sim_chance(sim, 40);
	unsigned keylife = 20 + (unsigned)sim_below(sim, 200);
	unsigned ikelifetime = 40 + (unsigned)sim_below(sim, 300);
	struct text conf = { 0 };

	if (sim_chance(sim, 50)) {
		sim_gateway(sim, name, address, inside, is_private ? "drop" : NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		text_add(&conf,
		         "conn c%zu\n\tleft=%%defaultroute\n\tright=%%opportunistic\n%s%s\n"
		         "\tkeylife=%u\n\tikelifetime=%u\n\trekeymargin=%u\n%s\tauto=route\n",
		         i, ends[i], i == 0 ? "" : inside, keylife, ikelifetime, 8u,
		         is_private ? "\tfailureshunt=drop\n" : "");
	sim_gateway_with(sim, name, address, inside, conf.s);
	text_free(&conf);
}

static void make_world(struct sim *sim)
{
	unsigned count = GATEWAYS_LEAST + (unsigned)sim_below(sim, GATEWAYS_MORE);

	for (unsigned i = 0; i < count; i++) {
		char name[16], address[32], inside[32];

		snprintf(name, sizeof(name), "g%u", i);
		snprintf(address, sizeof(address), "192.0.2.%u", i + 1);
		snprintf(inside, sizeof(inside), "10.%u.0.0/16", i + 1);
		make_gateway(sim, name, address, inside);
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

/* Somebody in between sends what he overheard, from where it came or from elsewhere. */
static void replay(struct sim *sim)
{
	struct gateway *from = sim->gateways[sim_below(sim, sim->gateway_count)];
	struct gateway *to = sim->gateways[sim_below(sim, sim->gateway_count)];
	struct bytes heard = sim_overheard(sim, from, to);
	uint8_t octets[2048];

	if (heard.len == 0 || heard.len > sizeof(octets))
		return;
	memcpy(octets, heard.data, heard.len);
	if (sim_chance(sim, 50))
		octets[sim_below(sim, heard.len)] ^= (uint8_t)(1u << sim_below(sim, 8));
	sim_forge(sim, sim_chance(sim, 70) ? ip_text(&from->address).s : "198.18.7.7", to,
	          BYTES(octets, heard.len));
}

static void incident(struct sim *sim)
{
	struct gateway *gateway = sim->gateways[sim_below(sim, sim->gateway_count)];

	if (sim_chance(sim, 2))
		sim_restart(sim, gateway);
	if (sim_chance(sim, 2))
		sim_reload(sim, gateway, sim_chance(sim, 50) ? "drop" : NULL);
	if (sim_chance(sim, 20))
		replay(sim);
}

static void rough_times(struct sim *sim)
{
	unsigned packets = 20 + (unsigned)sim_below(sim, 60);

	sim->net.loss_percent = (unsigned)sim_below(sim, 40);
	sim->net.double_percent = (unsigned)sim_below(sim, 20);
	sim->net.jitter_percent = (unsigned)sim_below(sim, 50);
	for (unsigned i = 0; i < packets; i++) {
		random_packet(sim);
		incident(sim);
		sim_run_for(sim, MILLISECONDS(sim_below(sim, sim_chance(sim, 20) ? 30000 : 300)));
	}
}

/* Published as it should be: one record, its own gateway with its own key, and no trouble with the
 * answer. */
static bool is_good(const struct sim *sim, const struct gateway *gateway, const char *text)
{
	struct ip address = sim_ip(text);
	struct dns_name name = reverse_name(&address);
	unsigned records = 0, right = 0;

	for (size_t i = 0; i < sim->names.record_count; i++) {
		const struct sim_record *record = &sim->names.records[i];
		struct delegation d;

		if (strcmp(record->name.s, name.s) != 0)
			continue;
		records++;
		right += ipseckey_parse(buf_view(&record->rdata), &d) == RECORD_OK && d.has_key &&
		         pubkey_equal(&d.key, &gateway->key) &&
		         ip_equal(&d.address, &gateway->address);
	}
	for (size_t i = 0; i < sim->names.rule_count; i++)
		if (strcmp(sim->names.rules[i].name.s, name.s) == 0)
			return false;
	return records == 1 && right == 1;
}

static bool reaches_by_tunnel(struct sim *sim, const char *a, const char *b)
{
	const struct packet *last;

	sim_ping(sim, a, b);
	sim_run_until_idle(sim);
	sim_ping(sim, b, a);
	sim_run_until_idle(sim);
	sim_packet(sim, a, b);
	last = sim->packets[sim->packet_count - 1];
	sim_run_until_idle(sim);
	return last->fate == FATE_ARRIVED_BY_TUNNEL;
}

/*
 * When the network is whole again and old verdicts are forgotten, those who did everything right
 * reach each other by tunnel. Not always at once: a gateway that restarted has to come by itself,
 * and an SA that only one side still has is found out when a request on it stays unanswered.
 */
static void good_times(struct sim *sim)
{
	for (unsigned i = 0; i < 10; i++) {
		unsigned from = (unsigned)sim_below(sim, sim->gateway_count);
		unsigned to = (unsigned)sim_below(sim, sim->gateway_count);
		char a[64], b[64];
		int rounds = 0;

		host_address(a, sizeof(a), from, (unsigned)sim_below(sim, HOSTS));
		host_address(b, sizeof(b), to, (unsigned)sim_below(sim, HOSTS));
		if (from == to || !is_good(sim, sim->gateways[from], a) ||
		    !is_good(sim, sim->gateways[to], b))
			continue;
		sim_run_for(sim, SECONDS(2000));
		while (!reaches_by_tunnel(sim, a, b)) {
			if (++rounds == 3)
				sim_fail(sim, "no tunnel: %s > %s, and both did everything right",
				         a, b);
			sim_run_for(sim, SECONDS(2000));
		}
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
	good_times(sim);
	for (size_t i = 0; i < sim->packet_count; i++)
		fates[sim->packets[i]->fate]++;
	sim_end(sim);
}
