#pragma once
/*
 * Transport mode (RFC 4303 section 3.1.1): of a packet between the two ends of an SA only what
 * stands behind its IP header is sent; the receiver makes a new header from the addresses of the
 * SA. IPv4 options do not survive, and what is a fragment or has IPv6 extension headers cannot be
 * sent at all: it is dropped and counted.
 */
#include "engine/userspace/packet.h"

/* What is sent of it, and the next header. False: it cannot be sent. */
MUST_USE bool transport_open(const struct packet *p, struct bytes *payload, uint8_t *next_header);

/* Octets of the header that is made. */
size_t transport_header_len(enum ip_family family);
/*
 * The packet once more, from `pair.source` to `pair.destination`, with the ECN of `tos`. The
 * length, or 0: it does not fit into `size`. `out` does not overlap `payload`.
 */
MUST_USE size_t transport_close(const struct ip_pair *pair, uint8_t tos, uint8_t next_header,
                                struct bytes payload, uint8_t *out, size_t size);
