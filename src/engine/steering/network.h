#pragma once
/* What this machine's network looks like: addresses, the default route, MTUs; read over rtnetlink.
 */
#include "util/address.h"

enum { NETWORK_ADDRESSES_MAX = 1024, NETWORK_ROUTES_MAX = 4096 };

struct network_address {
	struct ip address;
	unsigned prefix_bits;
	int ifindex;
	char device[16];
};

struct network {
	struct network_address addresses[NETWORK_ADDRESSES_MAX]; /* but those of a link */
	size_t address_count;
	bool has_more_addresses; /* than fit */
	/* Of the default route of each family: device, its preferred address and next hop. */
	char device4[16];
	char device6[16];
	struct ip source4, next_hop4;
	struct ip source6, next_hop6;
	unsigned mtu4, mtu6;
	/* Destinations that the main table has a route of their own for, not the default, by the
	 * kernel or by hand: proto kernel, boot, static. */
	struct ip_range routes[NETWORK_ROUTES_MAX];
	size_t route_count;
	bool has_more_routes; /* than fit */
};

MUST_USE bool network_read(struct network *out, char *error, size_t size);
/* The source that a packet with that mark to `peer` would get, or IP_NONE. */
struct ip network_source_towards(const struct ip *peer, uint32_t mark);
/* MTU of a device by name, 0 if there is none. */
unsigned network_device_mtu(const char *device);
