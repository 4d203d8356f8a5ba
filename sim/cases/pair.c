#include "sim/cases/pair.h"

#include <string.h>

const char *const source = "203.0.113.7", *const destination = "198.51.100.5";

static struct gateway *make(struct sim *sim, const char *name, const char *address,
                            const char *inside, const char *words)
{
	if (words != NULL && strchr(words, '\n') != NULL)
		return sim_gateway_with(sim, name, address, inside, words);
	return sim_gateway(sim, name, address, inside, words);
}

static struct gateway *west_by(struct sim *sim, const char *words)
{
	return make(sim, "west", "192.0.2.1", "203.0.113.0/24", words);
}

static struct gateway *east_by(struct sim *sim, const char *words)
{
	return make(sim, "east", "192.0.2.2", "198.51.100.0/24", words);
}

struct pair pair_in(struct sim *sim, const char *west, const char *east)
{
	struct pair p = { .sim = sim };

	p.west = west_by(sim, west);
	p.east = east_by(sim, east);
	return p;
}

struct gateway *make_west(struct sim *sim, const char *words)
{
	struct pair p = { .sim = sim, .west = west_by(sim, words) };

	pair_publish_west(&p);
	return p.west;
}

struct gateway *make_east(struct sim *sim)
{
	return east_by(sim, NULL);
}

void pair_publish_west(const struct pair *p)
{
	sim_delegate(p->sim, source, p->west);
	sim_publish_key(p->sim, p->west);
}

void pair_publish_east(const struct pair *p)
{
	sim_delegate(p->sim, destination, p->east);
	sim_publish_key(p->sim, p->east);
}

void pair_arrange(const struct pair *p)
{
	sim_arrange(p->sim, p->west);
	sim_arrange(p->sim, p->east);
}

void pair_meet_at(const struct pair *p, const char *file, int line)
{
	struct sim *sim = p->sim;

	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel_at(sim, source, destination, file, line);
	expect_tunnel_at(sim, destination, source, file, line);
	expect_arrived_at(sim, source, destination, 1, 0, file, line);
	expect_arrived_at(sim, destination, source, 1, 0, file, line);
	expect_sas_at(sim, p->west, 1, 1, file, line);
	expect_sas_at(sim, p->east, 1, 1, file, line);
}

struct pair pair_configured(const char *west, const char *east)
{
	struct pair p = pair_in(sim_new(1), west, east);

	pair_arrange(&p);
	return p;
}

void pair_cut(const struct pair *p)
{
	sim_cut(p->sim, p->west, p->east);
	sim_cut(p->sim, p->east, p->west);
}
