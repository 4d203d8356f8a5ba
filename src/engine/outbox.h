#pragma once
/*
 * IKE datagrams that wait for the end of an event.
 *
 * What a datagram says must be true when it arrives: an answer to a Delete leaves after the pair
 * went back to the trap in the kernel's sets, not before, or the peer's next packet, in the clear
 * and rightly so, would still be dropped as a forgery of the tunnel.
 */
#include "engine/userspace/outer.h"

enum { OUTBOX_MAX = 256 };

struct outbox {
	struct outbox_item {
		struct path path;
		struct buf datagram;
	} items[OUTBOX_MAX];
	size_t count;
	struct ip refused_to; /* of the last flush that had any: one of them, */
	int refused_why;      /* and its errno */
};

/* The datagram is copied. The owner flushes a full box (count == OUTBOX_MAX) before. */
void outbox_add(struct outbox *box, const struct path *path, struct bytes datagram);
/* Sends all in order; how many the kernel refused. */
size_t outbox_flush(struct outbox *box, const struct outer *outer);
/* Forgets all. */
void outbox_wipe(struct outbox *box);
