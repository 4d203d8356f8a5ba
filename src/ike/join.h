#pragma once
/*
 * Pieces of a message put together again (RFC 7383 section 2.6).
 *
 * Only what passed the integrity check comes here, so nobody but the peer can spoil a join. Still,
 * the peer of a half-open IKE SA is anybody: all joins together have a bound, and at the bound the
 * oldest is forgotten. Its sender sends all pieces again.
 */
#include "ike/message.h"

enum { JOIN_OCTETS_MAX = 4 << 20 /* of pieces kept, of all IKE SAs */ };

struct join; /* one message under way */

struct joins {
	struct join *oldest;
	struct join *newest;
	size_t octets;
};

enum join_verdict {
	JOIN_WAITS,   /* kept, or a repetition */
	JOIN_REFUSED, /* of a cut that is over, or more than a message may be */
	JOIN_DONE,    /* it was the last one missing */
};

/*
 * `text`: the inner payloads of this piece. `*join` is the place of the receiver's one join: NULL
 * at first; it may become NULL whenever another join needs the room. On JOIN_DONE the whole is
 * written to `out`, which has room for IKE_MESSAGE_MAX octets and may be where `text` is.
 */
enum join_verdict join_add(struct joins *all, struct join **join, uint32_t message_id,
                           struct piece piece, uint8_t first, struct bytes text, uint8_t *out,
                           uint8_t *joined_first, struct bytes *joined);
/* Takes NULL in the place. */
void join_drop(struct joins *all, struct join **join);
