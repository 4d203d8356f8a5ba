#include "engine/userspace/release.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/userspace/fragment.h"
#include "engine/userspace/sockaddr.h"

/*
 * What a socket sent counts against it until it has left the machine. Behind a slow uplink the
 * usual 200 KiB are a few hundred packets, and a burst of verdicts would lose the rest of what was
 * held; with room for all that, it is the queue of the uplink that decides.
 */
static void make_room(int fd)
{
	int octets = 64 << 20; /* HOLD_OCTETS_MAX; the kernel doubles it for its own needs */

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof(octets)) != 0)
		(void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
}

static int open_marked(int domain, int type, int protocol, uint32_t mark)
{
	int fd = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0) {
		close(fd);
		return -1;
	}
	make_room(fd);
	return fd;
}

/* We only send: a filter that lets nothing in keeps the kernel from queueing copies for us. */
static bool deafen(const struct release *r)
{
	struct icmp_filter none4 = { .data = UINT32_MAX };
	uint32_t none6[8];

	memset(none6, 0xff, sizeof(none6));
	return setsockopt(r->icmp4, SOL_RAW, ICMP_FILTER, &none4, sizeof(none4)) == 0 &&
	       setsockopt(r->icmp6, IPPROTO_ICMPV6, ICMPV6_FILTER, none6, sizeof(none6)) == 0;
}

static bool all_open(const struct release *r)
{
	for (int way = 0; way < RELEASE_WAYS; way++) {
		if (r->raw4[way] < 0 || r->raw6[way] < 0)
			return false;
	}
	return r->icmp4 >= 0 && r->icmp6 >= 0 && r->probe4 >= 0 && r->probe6 >= 0;
}

bool release_open(struct release *r, const uint32_t marks[RELEASE_WAYS], char *error, size_t size)
{
	for (int way = 0; way < RELEASE_WAYS; way++) {
		/* IPPROTO_RAW: we write the IP header, the kernel receives nothing for it. */
		r->raw4[way] = open_marked(AF_INET, SOCK_RAW, IPPROTO_RAW, marks[way]);
		r->raw6[way] = open_marked(AF_INET6, SOCK_RAW, IPPROTO_RAW, marks[way]);
	}
	r->icmp4 = open_marked(AF_INET, SOCK_RAW, IPPROTO_ICMP, marks[RELEASE_PASS]);
	r->icmp6 = open_marked(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, marks[RELEASE_PASS]);
	r->probe4 = open_marked(AF_INET, SOCK_DGRAM, 0, marks[RELEASE_PASS]);
	r->probe6 = open_marked(AF_INET6, SOCK_DGRAM, 0, marks[RELEASE_PASS]);
	pthread_mutex_init(&r->probe_lock, NULL);
	if (all_open(r) && deafen(r))
		return true;
	snprintf(error, size, "raw sockets: %s; this needs CAP_NET_RAW and CAP_NET_ADMIN",
	         strerror(errno));
	release_close(r);
	return false;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void release_close(struct release *r)
{
	for (int way = 0; way < RELEASE_WAYS; way++) {
		close_one(&r->raw4[way]);
		close_one(&r->raw6[way]);
	}
	close_one(&r->icmp4);
	close_one(&r->icmp6);
	close_one(&r->probe4);
	close_one(&r->probe6);
}

static bool send_to(int fd, const struct ip *destination, struct bytes octets)
{
	union sockaddr_any to;
	socklen_t len = sockaddr_from(&to, destination, 0);

	return sendto(fd, octets.data, octets.len, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any, len) >= 0;
}

void release_icmp(struct release *r, enum icmp_error error, const struct packet *about, size_t mtu)
{
	uint8_t message[ICMP_MESSAGE_MAX];
	size_t len = icmp_write(error, about, mtu, message);
	int fd = about->version == 4 ? r->icmp4 : r->icmp6;

	/* The kernel picks the source address, and a lost error is only a lost error. */
	(void)!send_to(fd, &about->pair.source, BYTES(message, len));
}

/* The path is asked of a connected socket, and that is one for all threads. */
static int route_mtu_locked(struct release *r, const struct ip *destination)
{
	bool is_v4 = destination->family == IP_V4;
	int fd = is_v4 ? r->probe4 : r->probe6;
	union sockaddr_any to;
	socklen_t len = sockaddr_from(&to, destination, 9);
	int mtu = 0;
	socklen_t mtu_len = sizeof(mtu);

	if (connect(fd, &to.any, len) != 0)
		return 0;
	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu,
	               &mtu_len) != 0)
		return 0;
	return mtu;
}

/* What the route to `destination` carries, 0 if there is none. */
static int route_mtu(struct release *r, const struct ip *destination)
{
	int mtu;

	pthread_mutex_lock(&r->probe_lock);
	mtu = route_mtu_locked(r, destination);
	pthread_mutex_unlock(&r->probe_lock);
	return mtu;
}

static bool send_fragments(struct release *r, int fd, const struct packet *packet, size_t limit)
{
	struct fragment f;
	uint8_t *piece = new_zeroed(limit);
	size_t len;
	bool is_sent = true;

	fragment_start(&f, packet, limit);
	while (is_sent && (len = fragment_next(&f, piece)) > 0)
		is_sent = send_to(fd, &packet->pair.destination, BYTES(piece, len));
	free(piece);
	return is_sent;
}

static bool send_too_big(struct release *r, int fd, const struct packet *packet)
{
	int mtu = route_mtu(r, &packet->pair.destination);

	if (mtu < FRAGMENT_LIMIT_LEAST || (size_t)mtu >= packet->octets.len)
		return false;
	if (packet->may_fragment)
		return send_fragments(r, fd, packet, (size_t)mtu);
	if (icmp_may_answer(packet))
		release_icmp(r, ICMP_ERROR_TOO_BIG, packet, (size_t)mtu);
	return false;
}

bool release_packet(struct release *r, enum release_way way, const struct packet *packet)
{
	int fd = packet->version == 4 ? r->raw4[way] : r->raw6[way];

	if (send_to(fd, &packet->pair.destination, packet->octets))
		return true;
	return errno == EMSGSIZE && send_too_big(r, fd, packet);
}
