#pragma once
/*
 * Once a minute for each source address (ERR-18): for what a stranger can make us say.
 *
 * Addresses share slots by a keyed hash; whoever meets a busy slot is not answered, so memory and
 * answers have their bound whatever is forged.
 */
#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

enum { ONCE_SLOTS = 2048 };

/* Zeroed is empty. */
struct once {
	struct once_slot {
		struct ip address;
		struct instant last;
	} slots[ONCE_SLOTS];
};

/* `keyed` lends its seed. True: it is this source's turn, and its last for a minute. */
MUST_USE bool once_take(struct once *once, const struct hash *keyed, const struct ip *source,
                        struct instant now);
