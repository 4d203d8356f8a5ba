#pragma once
/*
 * Cuts an IPv4 packet that may be fragmented into pieces that fit (RFC 791 section 3.2), before
 * they are sealed: each piece is an ESP packet of its own (MTU-4).
 */
#include "engine/userspace/packet.h"

struct fragment {
	const struct packet *packet; /* IPv4, may_fragment */
	size_t limit;                /* octets of the largest piece */
	size_t done;                 /* octets of payload cut off so far */
};

enum { FRAGMENT_LIMIT_LEAST = 68 }; /* the longest header and 8 octets */

void fragment_start(struct fragment *f, const struct packet *packet, size_t limit);
/* The next piece, into `out` with room for `limit` octets; 0: there are no more. */
size_t fragment_next(struct fragment *f, uint8_t *out);
