#pragma once
/*
 * The text of the file of established peers, in slots (slot.h):
 *
 *   GATEWAY OURS SECONDS OUR-ID ITS-ID CONN
 *
 * SECONDS since 1970; an ID is its type and its octets in hex, 1:c0000202.
 */
#include "opportunism/recover.h"
#include "opportunism/slot.h"

#define PEERFILE_WHAT "wildswan-peers"

/* One line more. False: no more fit into a slot, and are not written. */
MUST_USE bool peerfile_add(struct text *body, const struct peer_record *peer);
/* The caller frees `*peers`, at most PEER_RECORDS_MAX. */
void peerfile_parse(struct bytes body, struct peer_record **peers, size_t *count);
