#include "engine/userspace/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned int if_nametoindex(const char *name); /* <net/if.h> quarrels with <linux/if.h> */

enum { QUEUE_PACKETS = 4096 };

/* One request over rtnetlink, acknowledged. */
static bool netlink_do(struct nlmsghdr *request)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char answer[8192];
	ssize_t len = -1;

	if (nl == NULL)
		return false;
	request->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(nl, request, request->nlmsg_len) >= 0)
		len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (len > 0)
		len = mnl_cb_run(answer, (size_t)len, 1, mnl_socket_get_portid(nl), NULL, NULL);
	else
		len = -1;
	mnl_socket_close(nl);
	return len >= 0;
}

static bool link_up(unsigned index, unsigned mtu)
{
	char room[512] = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_index = (int)index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_u32(request, IFLA_MTU, mtu);
	mnl_attr_put_u32(request, IFLA_TXQLEN, QUEUE_PACKETS);
	return netlink_do(request);
}

/* `type` is RTM_NEWADDR or RTM_DELADDR, `flags` how a new one is made. */
static bool address_request(unsigned index, const struct ip *address, uint16_t type, uint16_t flags)
{
	char room[512] = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct ifaddrmsg *info;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = 32;
	info->ifa_index = index;
	mnl_attr_put(request, IFA_LOCAL, 4, address->octets);
	mnl_attr_put(request, IFA_ADDRESS, 4, address->octets);
	return netlink_do(request);
}

static bool address_set(unsigned index, const struct ip *address)
{
	return address_request(index, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

/* Of our own device only. An IPv6 knob is missing where the kernel has no IPv6. */
static bool sysctl_set(const char *family, const char *device, const char *knob, const char *value)
{
	char path[128];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && strcmp(family, "ipv6") == 0;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

static bool set_sysctls(const char *device)
{
	/* Loose: decrypted packets come from anywhere, and a strict filter would drop them all. */
	return sysctl_set("ipv4", device, "rp_filter", "2") &&
	       sysctl_set("ipv6", device, "addr_gen_mode", "1") && /* none */
	       sysctl_set("ipv6", device, "accept_ra", "0");
}

static int tun_attach(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *configure(const struct tun_settings *settings)
{
	unsigned index = if_nametoindex(settings->name);

	if (index == 0)
		return "it vanished";
	if (!set_sysctls(settings->name))
		return "its sysctls cannot be set";
	if (!link_up(index, settings->mtu))
		return "it does not come up";
	if (settings->address.family == IP_V4 && !address_set(index, &settings->address))
		return "it does not take its address";
	return NULL;
}

int tun_open(const struct tun_settings *settings, char *error, size_t size)
{
	int fd = tun_attach(settings->name);
	const char *wrong;

	if (fd < 0) {
		snprintf(error, size,
		         "%s: /dev/net/tun: %s; this needs CAP_NET_ADMIN and a kernel with TUN",
		         settings->name, strerror(errno));
		return -1;
	}
	wrong = configure(settings);
	if (wrong == NULL)
		return fd;
	snprintf(error, size, "%s: %s (%s)", settings->name, wrong, strerror(errno));
	close(fd);
	return -1;
}

bool tun_change(const char *name, const struct ip *before, const struct ip *after, unsigned mtu)
{
	unsigned index = if_nametoindex(name);
	bool ok;

	if (index == 0)
		return false;
	ok = link_up(index, mtu);
	if (ip_equal(before, after))
		return ok;
	/* The new one first: without any, the kernel drops what is decrypted. */
	if (after->family == IP_V4)
		ok &= address_set(index, after);
	if (before->family == IP_V4)
		ok &= address_request(index, before, RTM_DELADDR, 0);
	return ok;
}

/* False too if that cannot be told. */
static bool is_down(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	is = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP);
	close(fd);
	return is;
}

/* Told of every address and link there is, so what is as it should be is not touched. */
bool tun_put_back(const struct tun_settings *settings, unsigned mtu_now)
{
	unsigned index = if_nametoindex(settings->name);
	bool is_back = false;

	if (index == 0)
		return false;
	if ((mtu_now != 0 && mtu_now != settings->mtu) || is_down(settings->name))
		is_back = link_up(index, settings->mtu);
	if (settings->address.family == IP_V4)
		is_back |= address_request(index, &settings->address, RTM_NEWADDR,
		                           NLM_F_CREATE | NLM_F_EXCL);
	return is_back;
}
