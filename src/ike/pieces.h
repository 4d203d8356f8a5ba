#pragma once
/*
 * A message that is too long for the path, cut into pieces that are messages of their own
 * (RFC 7383 section 2.5): routers and firewalls need not carry fragments of IP.
 *
 * A message on its way is one buffer, whole or cut: its pieces stand one behind the other, and each
 * says in its header how long it is. So what is kept for retransmission is the same either way.
 */
#include "ike/sk.h"
#include "util/address.h"

enum {
	PIECES_MAX = 64, /* more than that is not sent, and not joined (FRG-9) */
	/* IP datagrams: what every path carries as a rule, and what it must (FRG-8). */
	PIECES_IP_USUAL = 1280,
	PIECES_IP_SMALL = 576,
};

/* Octets of an IKE message in an IP datagram of that size on this path; with the non-ESP marker. */
size_t pieces_limit(const struct path *path, size_t ip_size);

/*
 * Seals: whole if that fits `limit` octets, else in pieces (FRG-10). False: too many, or sk_seal()
 * refused; `out` is untouched.
 */
MUST_USE bool pieces_seal(struct sk *sk, const struct ike_header *header, uint8_t first,
                          struct bytes inner, size_t limit, struct buf *out);
/* Each datagram in turn: start with *at = 0; false when there is no more. */
bool pieces_next(struct bytes all, size_t *at, struct bytes *one);
