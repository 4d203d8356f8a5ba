#pragma once
/*
 * From the workers to the control thread: IKE messages and hints, with an eventfd that wakes it.
 *
 * Not the packet path: IKE on the NAT traversal port and ESP nobody knows. Bounded at 1024
 * letters and 4 MiB, for what anybody can send without end at half the number; at the bound a
 * letter is dropped and counted, as the network would do with it.
 */
#include <pthread.h>

#include "util/address.h"

enum { MAILBOX_SIZE = 1024, MAILBOX_OCTETS_MAX = 4 << 20 };

enum letter_kind {
	LETTER_IKE,
	LETTER_UNKNOWN_SPI,
	LETTER_TOO_BIG,
	LETTER_UNREACHABLE,
	LETTER_HEARD,       /* the SA with that inbound SPI has its first packet */
	LETTER_WORN,        /* the SA with that inbound SPI is beyond its soft limits */
	LETTER_SPENT,       /* it is beyond its hard limits, and carries nothing any more */
	LETTER_MOVED,       /* the peer of the SA with that inbound SPI sends along another path */
	LETTER_DEVICE_GONE, /* somebody removed the TUN device */
};

struct letter {
	enum letter_kind kind;
	bool is_bare; /* IKE: knock_is_bare() */
	struct path path;
	uint32_t spi;
	uint32_t
	    sequence_low; /* TOO_BIG: of the packet that was, by an SA with that outbound SPI */
	unsigned mtu;
	struct buf datagram;
};

struct mailbox {
	pthread_mutex_t lock;
	int wake; /* eventfd, readable while there is something to look at */
	struct letter *letters;
	size_t first, count;
	size_t octets; /* of the datagrams in it */
	uint64_t dropped;
};

MUST_USE bool mailbox_init(struct mailbox *m);
void mailbox_wipe(struct mailbox *m);
/* Copies the datagram; `letter->datagram` is not looked at. False: it was full. */
bool mailbox_put(struct mailbox *m, const struct letter *letter, struct bytes datagram);
/* Wakes the control thread without a letter. */
void mailbox_wake(struct mailbox *m);
/* The letter's datagram is the caller's to free. */
MUST_USE bool mailbox_take(struct mailbox *m, struct letter *letter);
/* Before looking: so that a letter put in meanwhile wakes again. */
void mailbox_woken(struct mailbox *m);
