#pragma once
/*
 * Who may stay when there are too many: the places are shared out evenly, first between the two
 * families, then between the networks of each, then between the networks in those. So somebody with
 * very many addresses, all in the networks that are his, takes the places of his neighbours at
 * most, and not of the rest of the world.
 *
 *   IPv4   /16, then /24     IPv6   /32, then /48, then /64
 *
 * In the last of these networks the most recent stay.
 */
#include "util/address.h"
#include "util/time.h"

struct thinned {
	struct ip address;
	struct instant last;
	void *owner;
	bool stays; /* out */
};

/* Shares out `places` among all `count`, which are sorted anew. */
void thin_out(struct thinned *all, size_t count, size_t places);
