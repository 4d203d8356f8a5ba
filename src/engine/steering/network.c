#include "engine/steering/network.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/rtnl.h"

/* The default routes as found, before devices have names and sources. */
struct reading {
	struct network *network;
	struct {
		int ifindex;
		uint32_t metric;
		struct ip source, next_hop;
	} best[2]; /* IPv4, IPv6 */
};

static struct ip ip_of_attr(const struct nlattr *attr)
{
	return ip_from_octets(BYTES(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)));
}

static int on_address(const struct nlmsghdr *h, void *ctx)
{
	struct network *n = ((struct reading *)ctx)->network;
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(h);
	struct network_address a = { .prefix_bits = message->ifa_prefixlen,
		                     .ifindex = (int)message->ifa_index };
	uint32_t flags = message->ifa_flags;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(*message))
	{
		uint16_t type = mnl_attr_get_type(attr);

		/* With a peer, IFA_ADDRESS is the other end's and IFA_LOCAL ours. */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && a.address.family == IP_NONE))
			a.address = ip_of_attr(attr);
		if (type == IFA_FLAGS && mnl_attr_get_payload_len(attr) >= 4)
			flags = mnl_attr_get_u32(attr);
	}
	/* Those of a link come and go with every container, and are nothing to anybody here. */
	if (a.address.family == IP_NONE || ip_is_link_local(&a.address) ||
	    (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0)
		return MNL_CB_OK;
	if (n->address_count == NETWORK_ADDRESSES_MAX) {
		n->has_more_addresses = true;
		return MNL_CB_OK;
	}
	if (if_indextoname((unsigned)a.ifindex, a.device) == NULL)
		return MNL_CB_OK;
	n->addresses[n->address_count++] = a;
	return MNL_CB_OK;
}

/* Of the kernel, or set by hand. What routers, DHCP and routing daemons tell is others' word: with
 * it a private destination would be reached past us. */
static bool is_of_this_machine(const struct rtmsg *message)
{
	return message->rtm_protocol == RTPROT_KERNEL || message->rtm_protocol == RTPROT_BOOT ||
	       message->rtm_protocol == RTPROT_STATIC;
}

static void take_route(struct network *n, const struct ip *destination, unsigned bits)
{
	if (n->route_count == NETWORK_ROUTES_MAX)
		n->has_more_routes = true;
	else
		n->routes[n->route_count++] = range_of_prefix(destination, bits);
}

static int on_route(const struct nlmsghdr *h, void *ctx)
{
	struct reading *r = ctx;
	const struct rtmsg *message = mnl_nlmsg_get_payload(h);
	struct ip source = { 0 };
	struct ip next_hop = { 0 };
	struct ip destination = { 0 };
	uint32_t table = message->rtm_table;
	uint32_t metric = 0;
	const struct nlattr *attr;
	int ifindex = 0;
	size_t i = message->rtm_family == AF_INET ? 0 : 1;

	mnl_attr_for_each(attr, h, sizeof(*message))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_TABLE:
			table = mnl_attr_get_u32(attr);
			break;
		case RTA_PRIORITY:
			metric = mnl_attr_get_u32(attr);
			break;
		case RTA_OIF:
			ifindex = (int)mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			next_hop = ip_of_attr(attr);
			break;
		case RTA_DST:
			destination = ip_of_attr(attr);
			break;
		case RTA_PREFSRC:
			source = ip_of_attr(attr);
			break;
		case RTA_MULTIPATH: {
			const struct rtnexthop *hop = mnl_attr_get_payload(attr);

			if (mnl_attr_get_payload_len(attr) >= sizeof(*hop))
				ifindex = hop->rtnh_ifindex;
			break;
		}
		}
	}
	/* What the kernel learnt from an ICMP message is no route of anybody's: a private destination
	 * would be reached past us since somebody said "too big". */
	if (table != RT_TABLE_MAIN || message->rtm_type != RTN_UNICAST ||
	    (message->rtm_flags & RTM_F_CLONED) != 0)
		return MNL_CB_OK;
	/* Through whichever next hops: a nexthop object need not show a device. */
	if (message->rtm_dst_len != 0) {
		if (destination.family != IP_NONE && is_of_this_machine(message))
			take_route(r->network, &destination, message->rtm_dst_len);
		return MNL_CB_OK;
	}
	if (ifindex == 0)
		return MNL_CB_OK;
	if (r->best[i].ifindex != 0 && r->best[i].metric <= metric)
		return MNL_CB_OK;
	r->best[i].ifindex = ifindex;
	r->best[i].metric = metric;
	r->best[i].source = source;
	r->best[i].next_hop = next_hop;
	return MNL_CB_OK;
}

static int dump(struct rtnl *r, uint16_t type, uint8_t family, mnl_cb_t each, void *ctx)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	/* An ifaddrmsg is shorter and also begins with the family. */
	message = mnl_nlmsg_put_extra_header(h, sizeof(*message));
	message->rtm_family = family;
	return rtnl_dump(r, h, each, ctx);
}

/* Without a preferred source: the first address of the device that can be a peer's. */
static struct ip first_source(const struct network *n, int ifindex, uint8_t family)
{
	for (size_t i = 0; i < n->address_count; i++)
		if (n->addresses[i].ifindex == ifindex &&
		    n->addresses[i].address.family == family &&
		    !ip_is_never_peer(&n->addresses[i].address))
			return n->addresses[i].address;
	return (struct ip){ 0 };
}

static void settle(const struct reading *r, size_t i, uint8_t family, char device[16],
                   struct ip *source, struct ip *next_hop, unsigned *mtu)
{
	int ifindex = r->best[i].ifindex;

	if (ifindex == 0 || if_indextoname((unsigned)ifindex, device) == NULL)
		return;
	*next_hop = r->best[i].next_hop;
	*source = r->best[i].source.family != IP_NONE ? r->best[i].source
	                                              : first_source(r->network, ifindex, family);
	*mtu = network_device_mtu(device);
}

static int read_once(struct rtnl *r, struct reading *reading)
{
	int failure = dump(r, RTM_GETADDR, AF_UNSPEC, on_address, reading);

	if (failure == 0)
		failure = dump(r, RTM_GETROUTE, AF_INET, on_route, reading);
	if (failure == 0) /* a kernel without IPv6 has no routes to tell of */
		failure = dump(r, RTM_GETROUTE, AF_INET6, on_route, reading) == EINTR ? EINTR : 0;
	return failure;
}

bool network_read(struct network *out, char *error, size_t size)
{
	struct network *n = new_zeroed(sizeof(*n));
	struct reading reading;
	struct rtnl r;
	int failure = EINTR;

	if (!rtnl_open(&r, error, size)) {
		free(n);
		return false;
	}
	/* The kernel says so when something changed under a dump. */
	for (int tries = 0; tries < 10 && failure == EINTR; tries++) {
		memset(n, 0, sizeof(*n));
		reading = (struct reading){ .network = n };
		failure = read_once(&r, &reading);
	}
	rtnl_close(&r);
	if (failure != 0) {
		snprintf(error, size, "cannot read addresses and routes: %s", strerror(failure));
		free(n);
		return false;
	}
	settle(&reading, 0, IP_V4, n->device4, &n->source4, &n->next_hop4, &n->mtu4);
	settle(&reading, 1, IP_V6, n->device6, &n->source6, &n->next_hop6, &n->mtu6);
	memcpy(out, n, sizeof(*out));
	free(n);
	return true;
}

static int on_link(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_MTU)
			*(unsigned *)ctx = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

unsigned network_device_mtu(const char *device)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	char error[128];
	unsigned mtu = 0;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;
	struct rtnl r;
	unsigned ifindex = if_nametoindex(device);

	if (ifindex == 0 || !rtnl_open(&r, error, sizeof(error)))
		return 0;
	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	link->ifi_index = (int)ifindex;
	if (rtnl_dump(&r, h, on_link, &mtu) != 0)
		mtu = 0;
	rtnl_close(&r);
	return mtu;
}

static int on_source(const struct nlmsghdr *h, void *ctx)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(*message))
	{
		if (mnl_attr_get_type(attr) == RTA_PREFSRC && message->rtm_type == RTN_UNICAST)
			*(struct ip *)ctx = ip_of_attr(attr);
	}
	return MNL_CB_OK;
}

struct ip network_source_towards(const struct ip *peer, uint32_t mark)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct ip source = { 0 };
	struct rtmsg *route;
	char error[128];
	struct rtnl r;

	if (!rtnl_open(&r, error, sizeof(error)))
		return source;
	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	route = mnl_nlmsg_put_extra_header(h, sizeof(*route));
	route->rtm_family = peer->family == IP_V4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = (uint8_t)(8 * ip_len(peer));
	mnl_attr_put(h, RTA_DST, ip_len(peer), peer->octets);
	mnl_attr_put_u32(h, RTA_MARK, mark);
	if (rtnl_dump(&r, h, on_source, &source) != 0)
		source = (struct ip){ 0 };
	rtnl_close(&r);
	return source;
}
