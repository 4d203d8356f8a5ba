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

struct pair pair_in(struct sim *sim, const char *west, const char *east)
{
	struct pair p = { .sim = sim };

	p.west = make(sim, "west", "192.0.2.1", "203.0.113.0/24", west);
	p.east = make(sim, "east", "192.0.2.2", "198.51.100.0/24", east);
	return p;
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
