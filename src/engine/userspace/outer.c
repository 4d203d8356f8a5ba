#include "engine/userspace/outer.h"

#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/udp.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 8 << 20, PROTOCOL_ESP = 50, IPV6_LEAST_MTU = 1280, TRIES = 2 };

enum outer_kind outer_kind(struct bytes datagram)
{
	static const uint8_t marker[OUTER_MARKER_LEN];

	if (datagram.len == 1 && datagram.data[0] == 0xff)
		return OUTER_KEEPALIVE;
	if (datagram.len < 8)
		return OUTER_RUNT;
	return memcmp(datagram.data, marker, sizeof(marker)) == 0 ? OUTER_IKE : OUTER_ESP;
}

/* Opening. */

static bool is_v4(enum outer_socket which)
{
	return which == OUTER_IKE4 || which == OUTER_NAT4 || which == OUTER_ESP4;
}

static bool is_esp(enum outer_socket which)
{
	return which == OUTER_ESP4 || which == OUTER_ESP6;
}

static uint16_t port_of(const struct outer *outer, enum outer_socket which)
{
	if (is_esp(which))
		return 0;
	return which == OUTER_IKE4 || which == OUTER_IKE6 ? outer->port : outer->nat_port;
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_options4(int fd)
{
	return set(fd, IPPROTO_IP, IP_PKTINFO, 1) && set(fd, IPPROTO_IP, IP_RECVTOS, 1) &&
	       set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

static bool set_options6(int fd, bool is_udp)
{
	/* A checksum of zero is accepted where the socket gives it to us (RFC 6935). */
	if (is_udp)
		(void)set(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
	if (is_udp && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return false;
	return set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
	       set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
	       set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
}

/* ICMP errors about ESP; those about IKE prove nothing and change nothing. */
static bool hear_errors(int fd, enum outer_socket which)
{
	if (which == OUTER_IKE4 || which == OUTER_IKE6)
		return true;
	return is_v4(which) ? set(fd, IPPROTO_IP, IP_RECVERR, 1)
	                    : set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static bool set_options(int fd, enum outer_socket which, uint32_t mark)
{
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
		return false;
	if (!hear_errors(fd, which))
		return false;
	return is_v4(which) ? set_options4(fd) : set_options6(fd, !is_esp(which));
}

/* -1: errno says why. */
static int open_one(const struct outer *outer, enum outer_socket which, uint32_t mark)
{
	int type = is_esp(which) ? SOCK_RAW : SOCK_DGRAM;
	int fd = socket(is_v4(which) ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                is_esp(which) ? PROTOCOL_ESP : 0);
	struct ip any = { .family = is_v4(which) ? IP_V4 : IP_V6 };
	union sockaddr_any address;
	socklen_t len = sockaddr_from(&address, &any, port_of(outer, which));
	int saved;

	if (fd < 0)
		return -1;
	if (set_options(fd, which, mark) && (is_esp(which) || bind(fd, &address.any, len) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool outer_open(struct outer *outer, uint16_t port, uint16_t nat_port, uint32_t mark, char *error,
                size_t size)
{
	*outer = (struct outer){ .port = port, .nat_port = nat_port };
	memset(outer->fd, -1, sizeof(outer->fd));
	for (int which = 0; which < OUTER_SOCKETS; which++) {
		outer->fd[which] = open_one(outer, which, mark);
		if (outer->fd[which] >= 0 || (!is_v4(which) && errno == EAFNOSUPPORT))
			continue;
		if (is_esp(which))
			snprintf(error, size, "socket for ESP: %s; this needs CAP_NET_RAW",
			         strerror(errno));
		else
			snprintf(error, size,
			         "UDP port %u of IPv%d: %s; is another IKE daemon running?",
			         port_of(outer, which), is_v4(which) ? 4 : 6, strerror(errno));
		outer_close(outer);
		return false;
	}
	return true;
}

void outer_close(struct outer *outer)
{
	for (int which = 0; which < OUTER_SOCKETS; which++) {
		if (outer->fd[which] >= 0)
			close(outer->fd[which]);
		outer->fd[which] = -1;
	}
}

/* Receiving. */

struct outer_receiver {
	struct mmsghdr headers[OUTER_BATCH];
	struct iovec vectors[OUTER_BATCH];
	union sockaddr_any from[OUTER_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[OUTER_BATCH][OUTER_CONTROL_MAX];
	enum outer_socket which;
	uint16_t port;
	unsigned tunnel_device;
	uint8_t *room;
};

enum { ROOM = OUTER_DATAGRAM_MAX + 1 };

struct outer_receiver *outer_receiver_new(void)
{
	struct outer_receiver *rx = new_zeroed(sizeof(*rx));

	rx->room = new_array(OUTER_BATCH, ROOM);
	return rx;
}

void outer_receiver_free(struct outer_receiver *rx)
{
	if (rx == NULL)
		return;
	free(rx->room);
	free(rx);
}

unsigned outer_receive(struct outer_receiver *rx, const struct outer *outer, enum outer_socket from)
{
	int count;

	for (unsigned i = 0; i < OUTER_BATCH; i++) {
		rx->vectors[i] = (struct iovec){ rx->room + (size_t)i * ROOM, OUTER_DATAGRAM_MAX };
		rx->headers[i].msg_hdr = (struct msghdr){ .msg_name = &rx->from[i],
			                                  .msg_namelen = sizeof(rx->from[i]),
			                                  .msg_iov = &rx->vectors[i],
			                                  .msg_iovlen = 1,
			                                  .msg_control = rx->control[i],
			                                  .msg_controllen = OUTER_CONTROL_MAX };
	}
	rx->which = from;
	rx->port = port_of(outer, from);
	rx->tunnel_device = outer->tunnel_device;
	count = recvmmsg(outer->fd[from], rx->headers, OUTER_BATCH, MSG_DONTWAIT, NULL);
	return count < 0 ? 0 : (unsigned)count;
}

/* By which device it came, 0: this is about something else. */
static unsigned read_control(struct cmsghdr *c, struct outer_datagram *d)
{
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	int tos;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, CMSG_DATA(c), sizeof(info4));
		d->path.local.address = ip_from_octets(BYTES(&info4.ipi_addr, 4));
		return (unsigned)info4.ipi_ifindex;
	}
	if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		d->path.local.address = ip_from_octets(BYTES(&info6.ipi6_addr, 16));
		return (unsigned)info6.ipi6_ifindex;
	}
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		d->tos = *CMSG_DATA(c);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		memcpy(&tos, CMSG_DATA(c), sizeof(tos));
		d->tos = (uint8_t)tos;
	}
	return 0;
}

/* A raw IPv4 socket gives the IP header with the packet; the kernel has checked it. */
static void strip_header(struct outer_datagram *d)
{
	size_t len = d->len > 0 ? (size_t)(d->data[0] & 15) * 4 : 0;

	if (len > d->len)
		len = d->len;
	d->data += len;
	d->len -= len;
}

struct outer_datagram outer_received(struct outer_receiver *rx, unsigned i)
{
	struct msghdr *header = &rx->headers[i].msg_hdr;
	struct outer_datagram d = { .data = rx->vectors[i].iov_base,
		                    .len = rx->headers[i].msg_len };

	d.path.remote = sockaddr_endpoint(&rx->from[i]);
	d.path.local.port = rx->port;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c))
		d.is_nested |= read_control(c, &d) == rx->tunnel_device && rx->tunnel_device != 0;
	if (is_esp(rx->which))
		d.path.remote.port = 0;
	if (rx->which == OUTER_ESP4)
		strip_header(&d);
	return d;
}

static void read_error(struct cmsghdr *c, struct outer_error *error)
{
	bool is_4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
	bool is_6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
	struct sock_extended_err e;

	if (!is_4 && !is_6)
		return;
	memcpy(&e, CMSG_DATA(c), sizeof(e));
	/* Our own "too big" (SO_EE_ORIGIN_LOCAL) was the answer to a call and is known. */
	if (e.ee_errno == EMSGSIZE &&
	    e.ee_origin == (is_4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6))
		error->mtu = e.ee_info;
	error->is_unreachable =
	    e.ee_errno != EMSGSIZE &&
	    ((is_4 && e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == ICMP_DEST_UNREACH) ||
	     (is_6 && e.ee_origin == SO_EE_ORIGIN_ICMP6 && e.ee_type == ICMPV6_DEST_UNREACH));
}

bool outer_receive_error(const struct outer *outer, enum outer_socket from,
                         struct outer_error *error)
{
	_Alignas(struct cmsghdr) uint8_t control[4 * OUTER_CONTROL_MAX];
	union sockaddr_any destination = { 0 };
	struct iovec vector = { error->quoted, sizeof(error->quoted) };
	struct msghdr header = { .msg_name = &destination,
		                 .msg_namelen = sizeof(destination),
		                 .msg_iov = &vector,
		                 .msg_iovlen = 1,
		                 .msg_control = control,
		                 .msg_controllen = sizeof(control) };

	*error = (struct outer_error){ 0 };
	if (recvmsg(outer->fd[from], &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	error->destination = sockaddr_endpoint(&destination).address;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c != NULL; c = CMSG_NXTHDR(&header, c))
		read_error(c, error);
	return true;
}

/* Sending. */

struct outgoing {
	struct iovec vectors[2];
	union sockaddr_any to;
	_Alignas(struct cmsghdr) uint8_t control[OUTER_CONTROL_MAX];
	int fd;
	bool in_pieces;
};

static void add_control(struct msghdr *header, int level, int type, const void *data, size_t len)
{
	uint8_t *room = header->msg_control;
	struct cmsghdr *c = (struct cmsghdr *)(void *)(room + header->msg_controllen);

	assert(header->msg_controllen + CMSG_SPACE(len) <= OUTER_CONTROL_MAX);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	header->msg_controllen += CMSG_SPACE(len);
}

static void add_source(struct msghdr *header, const struct ip *source)
{
	struct in_pktinfo info4 = { 0 };
	struct in6_pktinfo info6 = { 0 };

	if (source->family == IP_V4) {
		memcpy(&info4.ipi_spec_dst, source->octets, 4);
		add_control(header, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	} else if (source->family == IP_V6) {
		memcpy(&info6.ipi6_addr, source->octets, 16);
		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
}

static void prepare(struct outgoing *o, struct msghdr *header, const struct path *path,
                    uint16_t port, uint8_t tos)
{
	int value = tos;

	memset(o->control, 0, sizeof(o->control));
	*header = (struct msghdr){ .msg_name = &o->to, .msg_iov = o->vectors, .msg_iovlen = 1 };
	header->msg_namelen = sockaddr_from(&o->to, &path->remote.address, port);
	header->msg_control = o->control;
	add_source(header, &path->local.address);
	if (tos != 0 && path->remote.address.family == IP_V4)
		add_control(header, IPPROTO_IP, IP_TOS, &value, sizeof(value));
	else if (tos != 0)
		add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
}

/*
 * What must be larger than the path carries (IPv6 inside, and 1280 does not fit: RFC 8200 section
 * 5) goes in fragments: IPv4 without DF, IPv6 cut to the least MTU. Seldom, so options are
 * switched.
 */
static bool allow_pieces(int fd, bool is_4, bool allow)
{
	if (is_4)
		return set(fd, IPPROTO_IP, IP_MTU_DISCOVER,
		           allow ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE);
	return set(fd, IPPROTO_IPV6, IPV6_MTU, allow ? IPV6_LEAST_MTU : 0) &&
	       set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
	           allow ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE);
}

static bool send_in_pieces(int fd, const struct msghdr *header)
{
	bool is_4 = ((const struct sockaddr *)header->msg_name)->sa_family == AF_INET;
	bool is_sent =
	    allow_pieces(fd, is_4, true) && sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;

	return allow_pieces(fd, is_4, false) && is_sent;
}

/* The parts of `header` are set. */
static bool send_now(int fd, const struct msghdr *header)
{
	if (fd < 0)
		return false;
	/* An ICMP error that waits on the socket is told to the next call, which then does nothing.
	 */
	for (int i = 0; i < TRIES; i++) {
		if (sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return true;
	}
	return errno == EMSGSIZE && send_in_pieces(fd, header);
}

bool outer_send_keepalive(const struct outer *outer, const struct path *path)
{
	static const uint8_t octet = 0xff;
	struct outgoing o;
	struct msghdr header;

	prepare(&o, &header, path, path->remote.port, 0);
	o.vectors[0] = (struct iovec){ (void *)(uintptr_t)&octet, sizeof(octet) };
	return send_now(outer->fd[path->remote.address.family == IP_V4 ? OUTER_NAT4 : OUTER_NAT6],
	                &header);
}

bool outer_send_ike(const struct outer *outer, const struct path *path, struct bytes datagram)
{
	static const uint8_t marker[OUTER_MARKER_LEN];
	bool is_nat = path->local.port == outer->nat_port;
	bool is_4 = path->remote.address.family == IP_V4;
	int fd = outer->fd[is_nat ? (is_4 ? OUTER_NAT4 : OUTER_NAT6)
	                   : is_4 ? OUTER_IKE4
	                          : OUTER_IKE6];
	struct outgoing o;
	struct msghdr header;

	prepare(&o, &header, path, path->remote.port, 0);
	o.vectors[0] = (struct iovec){ (void *)(uintptr_t)marker, is_nat ? sizeof(marker) : 0 };
	o.vectors[1] = (struct iovec){ (void *)(uintptr_t)datagram.data, datagram.len };
	header.msg_iovlen = 2;
	return send_now(fd, &header);
}

struct outer_sender {
	const struct outer *outer;
	struct mmsghdr headers[OUTER_BATCH];
	struct outgoing outgoing[OUTER_BATCH];
	size_t size;
	unsigned count;
	uint64_t *failed;
	uint8_t *room;
};

struct outer_sender *outer_sender_new(const struct outer *outer, size_t size, uint64_t *failed)
{
	struct outer_sender *tx = new_zeroed(sizeof(*tx));

	tx->outer = outer;
	tx->size = size;
	tx->failed = failed;
	tx->room = new_array(OUTER_BATCH, size);
	return tx;
}

void outer_sender_free(struct outer_sender *tx)
{
	if (tx == NULL)
		return;
	free(tx->room);
	free(tx);
}

static void send_alone(struct outer_sender *tx, unsigned i)
{
	if (!send_in_pieces(tx->outgoing[i].fd, &tx->headers[i].msg_hdr))
		__atomic_fetch_add(tx->failed, 1, __ATOMIC_RELAXED);
}

/* Whole datagrams for one socket, [first, end); as in outer_send_ike() each has a second try. */
static void send_whole(struct outer_sender *tx, unsigned first, unsigned end)
{
	int tries = 0;

	while (first < end) {
		int sent = sendmmsg(tx->outgoing[first].fd, tx->headers + first, end - first,
		                    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			first += (unsigned)sent;
			tries = 0;
		} else if (++tries == TRIES) {
			if (errno == EMSGSIZE)
				send_alone(tx, first);
			else
				__atomic_fetch_add(tx->failed, 1, __ATOMIC_RELAXED);
			first++;
			tries = 0;
		}
	}
}

/* All that may go together, from `first`; returns the first that does not belong. */
static unsigned send_run(struct outer_sender *tx, unsigned first)
{
	unsigned end = first + 1;

	if (tx->outgoing[first].in_pieces) {
		send_alone(tx, first);
		return end;
	}
	while (end < tx->count && tx->outgoing[end].fd == tx->outgoing[first].fd &&
	       !tx->outgoing[end].in_pieces)
		end++;
	send_whole(tx, first, end);
	return end;
}

void outer_sender_flush(struct outer_sender *tx)
{
	for (unsigned i = 0; i < tx->count;)
		i = send_run(tx, i);
	tx->count = 0;
}

uint8_t *outer_sender_slot(struct outer_sender *tx)
{
	if (tx->count == OUTER_BATCH)
		outer_sender_flush(tx);
	return tx->room + tx->count * tx->size;
}

void outer_sender_commit(struct outer_sender *tx, size_t len, const struct path *path,
                         struct outer_way way)
{
	struct outgoing *o = &tx->outgoing[tx->count];
	bool is_4 = path->remote.address.family == IP_V4;

	assert(tx->count < OUTER_BATCH);
	assert(len <= tx->size);
	prepare(o, &tx->headers[tx->count].msg_hdr, path, way.udp ? path->remote.port : 0, way.tos);
	o->vectors[0] = (struct iovec){ tx->room + tx->count * tx->size, len };
	o->fd = tx->outer->fd[way.udp ? (is_4 ? OUTER_NAT4 : OUTER_NAT6)
	                      : is_4  ? OUTER_ESP4
	                              : OUTER_ESP6];
	o->in_pieces = way.in_pieces;
	tx->count++;
}
