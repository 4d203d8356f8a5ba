#pragma once
/*
 * The outer sockets: UDP ports 500 and 4500 and protocol 50, of each family, and batches on them.
 *
 * They are bound to the wildcard address; each datagram tells by which of our addresses it came and
 * says by which it goes (IP_PKTINFO), with its TOS for the ECN bits. The kernel believes no path
 * MTU that ICMP tells (IP_PMTUDISC_PROBE); it hands the errors to us. Sending is safe from several
 * threads.
 */
#include "engine/userspace/sockaddr.h"

enum { OUTER_BATCH = 32, OUTER_DATAGRAM_MAX = 65535, OUTER_CONTROL_MAX = 128 };

enum outer_socket {
	OUTER_IKE4,
	OUTER_IKE6,
	OUTER_NAT4,
	OUTER_NAT6,
	OUTER_ESP4,
	OUTER_ESP6,
	OUTER_SOCKETS
};

/* -1 for what this machine has no family for. */
struct outer {
	int fd[OUTER_SOCKETS];
	uint16_t port, nat_port;
	unsigned tunnel_device; /* index of the TUN; the owner's to set, 0: none */
};

/* `mark` goes on all of them. False: `error` says why. */
MUST_USE bool outer_open(struct outer *outer, uint16_t port, uint16_t nat_port, uint32_t mark,
                         char *error, size_t size);
void outer_close(struct outer *outer);

/* What stands at the beginning of a datagram on the NAT traversal port (RFC 3948 section 2). */
enum outer_kind { OUTER_KEEPALIVE, OUTER_IKE, OUTER_ESP, OUTER_RUNT };
enum outer_kind outer_kind(struct bytes datagram);
enum { OUTER_MARKER_LEN = 4 };

struct outer_datagram {
	struct path path; /* ports 0 for protocol 50 */
	uint8_t tos;
	bool is_nested; /* it came out of a tunnel of ours (IN-7) */
	uint8_t *data;  /* the receiver's room, for the caller to change */
	size_t len;
};

struct outer_receiver; /* room for one batch */
struct outer_receiver *outer_receiver_new(void);
void outer_receiver_free(struct outer_receiver *rx);
/* Number of datagrams, 0 when there are none now. */
unsigned outer_receive(struct outer_receiver *rx, const struct outer *outer,
                       enum outer_socket from);
struct outer_datagram outer_received(struct outer_receiver *rx, unsigned i);

/* An ICMP error about a datagram of ours. Anybody may have forged it. */
struct outer_error {
	struct ip destination; /* of our datagram */
	unsigned mtu;          /* "too big": what would fit; 0: another error */
	bool is_unreachable;   /* the peer, its port or its protocol */
	uint8_t quoted[8];     /* how our datagram began, zeros where less was quoted */
};
/* Takes one error from the socket's queue; false: there are none. */
MUST_USE bool outer_receive_error(const struct outer *outer, enum outer_socket from,
                                  struct outer_error *error);

/* One octet 0xff, so that a NAT on the way keeps its mapping (RFC 3948 section 4). */
MUST_USE bool outer_send_keepalive(const struct outer *outer, const struct path *path);

struct outer_sender;
/* `size`: the longest datagram that will be put in. `failed` counts what the kernel refused. */
struct outer_sender *outer_sender_new(const struct outer *outer, size_t size, uint64_t *failed);
void outer_sender_free(struct outer_sender *tx);
/* Room for one datagram; sends first if the batch is full. */
uint8_t *outer_sender_slot(struct outer_sender *tx);
/* How one datagram goes. */
struct outer_way {
	bool udp;       /* in UDP, else as protocol 50 */
	bool in_pieces; /* routers, and this machine, may fragment it */
	uint8_t tos;
};
/* What was written into the slot goes with the next flush. */
void outer_sender_commit(struct outer_sender *tx, size_t len, const struct path *path,
                         struct outer_way way);
void outer_sender_flush(struct outer_sender *tx);

/* One IKE message at once, by the socket of the path's local port, with the marker where that wants
 * one. False: the kernel refused. */
MUST_USE bool outer_send_ike(const struct outer *outer, const struct path *path,
                             struct bytes datagram);
