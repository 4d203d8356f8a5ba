/*
 * A run made of chance: some gateways, some published well and some not, a rough network, packets
 * between all of them; then the network is mended. The promises hold throughout.
 */
#include <stdlib.h>

#include "sim/world.h"

enum { GATEWAYS_LEAST = 2, GATEWAYS_MORE = 4, GATEWAYS_MAX = 8, HOSTS = 3 };

/* Which gateways have arranged a tunnel between their networks, and how one of them writes it. */
struct arrangements {
	bool are_any;
	const char *automatic[GATEWAYS_MAX][GATEWAYS_MAX]; /* auto=; NULL: nothing arranged */
	unsigned keylife_s[GATEWAYS_MAX][GATEWAYS_MAX];
	bool is_split[GATEWAYS_MAX][GATEWAYS_MAX]; /* two subnets for one */
};

/* At least one side negotiates when a packet wants it. */
static void arrange(struct sim *sim, struct arrangements *a, unsigned count)
{
	static const char *const words[] = { "route", "start", "route", "start", "add" };

	a->are_any = sim_chance(sim, 30);
	for (unsigned i = 0; a->are_any && i < count; i++) {
		for (unsigned j = i + 1; j < count; j++) {
			bool is_split = sim_chance(sim, 30);

			if (!sim_chance(sim, 50))
				continue;
			a->automatic[i][j] = words[sim_below(sim, 4)];
			a->automatic[j][i] = words[sim_below(sim, 5)];
			a->is_split[i][j] = a->is_split[j][i] = is_split;
			a->keylife_s[i][j] = 1200 + (unsigned)sim_below(sim, 5000);
			a->keylife_s[j][i] = 1200 + (unsigned)sim_below(sim, 5000);
		}
	}
}

static void add_subnet(struct text *conf, const char *end, unsigned gateway, bool is_split)
{
	if (is_split)
		text_add(conf, "\t%ssubnet=10.%u.0.0/17,10.%u.128.0/17\n", end, gateway + 1,
		         gateway + 1);
	else
		text_add(conf, "\t%ssubnet=10.%u.0.0/16\n", end, gateway + 1);
}

static void add_arranged(struct text *conf, const struct arrangements *a, unsigned i, unsigned j)
{
	static const char *const actions[] = { "hold", "clear", "restart" };

	text_add(conf, "conn to-%u\n\tleft=192.0.2.%u\n\tright=192.0.2.%u\n", j, i + 1, j + 1);
	add_subnet(conf, "left", i, a->is_split[i][j]);
	add_subnet(conf, "right", j, a->is_split[i][j]);
	text_add(conf, "\tauthby=secret\n\tauto=%s\n\tkeylife=%u\n\tdpdaction=%s\n",
	         a->automatic[i][j], a->keylife_s[i][j], actions[a->keylife_s[i][j] % 3]);
	text_add(conf, "\tdpddelay=10\n\tkeyingtries=%%forever\n");
}

/* The HowTo's two conns, and those that were arranged. The caller frees. */
static char *conf_of(const struct arrangements *a, unsigned i, bool is_private)
{
	const char *failure = is_private ? "\tfailureshunt=drop\n" : "";
	struct text conf = { 0 };

	text_add(&conf,
	         "conn anyone\n\tleft=%%defaultroute\n\tright=%%opportunistic\n"
	         "\tauto=route\n%s",
	         failure);
	text_add(&conf, "conn clients\n\tleftsubnet=10.%u.0.0/16\n\talso=anyone\n", i + 1);
	for (unsigned j = 0; j < GATEWAYS_MAX; j++) {
		if (a->automatic[i][j] != NULL)
			add_arranged(&conf, a, i, j);
	}
	return conf.s;
}

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

static void add_gateway(struct sim *sim, const struct arrangements *a, unsigned i,
                        const char *address, const char *inside)
{
	char name[16];
	char *conf;

	snprintf(name, sizeof(name), "g%u", i);
	if (!a->are_any) {
		make_gateway(sim, name, address, inside);
		return;
	}
	conf = conf_of(a, i, sim_chance(sim, 40));
	sim_arrange(sim, sim_gateway_with(sim, name, address, inside, conf));
	free(conf);
}

static void make_world(struct sim *sim, struct arrangements *a)
{
	unsigned count = GATEWAYS_LEAST + (unsigned)sim_below(sim, GATEWAYS_MORE);

	arrange(sim, a, count);
	for (unsigned i = 0; i < count; i++) {
		char address[32], inside[32];

		snprintf(address, sizeof(address), "192.0.2.%u", i + 1);
		snprintf(inside, sizeof(inside), "10.%u.0.0/16", i + 1);
		add_gateway(sim, a, i, address, inside);
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

static void reload(struct sim *sim, const struct arrangements *a, unsigned i)
{
	struct gateway *gateway = sim->gateways[i];
	bool is_private = sim_chance(sim, 50);
	char *conf;

	if (!a->are_any) {
		sim_reload(sim, gateway, is_private ? "drop" : NULL);
		return;
	}
	conf = conf_of(a, i, is_private);
	sim_reload_with(sim, gateway, conf);
	free(conf);
}

static void incident(struct sim *sim, const struct arrangements *a)
{
	unsigned i = (unsigned)sim_below(sim, sim->gateway_count);

	if (sim_chance(sim, 2))
		sim_restart(sim, sim->gateways[i]);
	if (sim_chance(sim, 2))
		reload(sim, a, i);
	if (sim_chance(sim, 20))
		replay(sim);
}

static void rough_times(struct sim *sim, const struct arrangements *a)
{
	unsigned packets = 20 + (unsigned)sim_below(sim, 60);

	sim->net.loss_percent = (unsigned)sim_below(sim, 40);
	sim->net.double_percent = (unsigned)sim_below(sim, 20);
	sim->net.jitter_percent = (unsigned)sim_below(sim, 50);
	for (unsigned i = 0; i < packets; i++) {
		random_packet(sim);
		incident(sim, a);
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
static void good_times(struct sim *sim, const struct arrangements *arranged)
{
	for (unsigned i = 0; i < 10; i++) {
		unsigned from = (unsigned)sim_below(sim, sim->gateway_count);
		unsigned to = (unsigned)sim_below(sim, sim->gateway_count);
		char a[64], b[64];
		int rounds = 0;

		host_address(a, sizeof(a), from, (unsigned)sim_below(sim, HOSTS));
		host_address(b, sizeof(b), to, (unsigned)sim_below(sim, HOSTS));
		if (from == to)
			continue;
		if (arranged->automatic[from][to] == NULL &&
		    (!is_good(sim, sim->gateways[from], a) || !is_good(sim, sim->gateways[to], b)))
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

void random_run(uint64_t seed, bool has_kem, uint64_t fates[FATE_COUNT])
{
	struct sim *sim = sim_new(seed);
	struct arrangements arrangements = { 0 };

	sim->is_rough = true;
	if (has_kem)
		sim_give_kem(sim);
	sim_let_tunnels_end(sim);
	make_world(sim, &arrangements);
	rough_times(sim, &arrangements);
	sim_mend(sim);
	sim_run_until_idle(sim);
	good_times(sim, &arrangements);
	for (size_t i = 0; i < sim->packet_count; i++)
		fates[sim->packets[i]->fate]++;
	sim_end(sim);
}
