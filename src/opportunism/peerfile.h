#pragma once
/*
 * The text of the file of established peers. It is kept twice, in two slots of one file, and each
 * writing goes to the older one: a text that was cut short by a crash is found by its digest, and
 * the other one counts.
 *
 *   wildswan-peers 1 SEQUENCE OCTETS DIGEST
 *   GATEWAY OURS SECONDS OUR-ID ITS-ID CONN
 *
 * SECONDS since 1970; an ID is its type and its octets in hex, 1:c0000202; OCTETS and DIGEST
 * (SHA-256) are of what follows the first line.
 */
#include "opportunism/recover.h"
#include "util/text.h"

enum { PEERFILE_SLOT = 4 << 20 }; /* octets; peers that do not fit in are not written */

/* One line more. False: it is full. */
MUST_USE bool peerfile_add(struct text *body, const struct peer_record *peer);
/* The whole text of a slot; the caller frees. False: the crypto library refused. */
MUST_USE bool peerfile_write(const struct text *body, uint64_t sequence, struct text *out);

/* The caller frees `*peers`, at most PEER_RECORDS_MAX. False: this is no such text, or is broken.
 */
MUST_USE bool peerfile_parse(struct bytes slot, uint64_t *sequence, struct peer_record **peers,
                             size_t *count);
