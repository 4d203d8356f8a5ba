#pragma once
/*
 * The half-open IKE SAs of the Responder (RFC 7296 section 2.6, RFC 8019 section 4): how many there
 * are, from which sources and networks, and which is to go first.
 *
 * A peer in good faith comes back with IKE_AUTH a round trip later, one that floods does not come
 * back at all. So the oldest goes first when there is no room. One whose IKE_AUTH was opened is
 * shielded from that; when there are many of those, the rest of what the owner can look into is for
 * networks that have few.
 */
#include "util/address.h"
#include "util/hash.h"

struct ike_sa;

enum {
	/* All together (INI-10); one more takes the place of the oldest. */
	HALF_OPEN_MAX = 10000,
	/* Of one IPv4 address or IPv6 /64, of one /24 or /48: further ones are dropped, but only
	 * while cookies are asked for (DOS-5), so that sources cannot be forged. */
	HALF_OPEN_SOURCE_MAX = 10,
	HALF_OPEN_PREFIX_MAX = 100,
	/* Above so many shielded ones IKE_AUTH is dropped, to be sent again, if it comes from a
	 * network with so many of them. */
	HALF_OPEN_SHIELDED_FREE = 1024,
	HALF_OPEN_SHIELDED_PREFIX = 8,
};

struct half_open;
struct half_open_origin; /* a source or a network, with its number */

struct half_opens {
	struct half_open *oldest;
	struct half_open *newest;
	size_t count; /* the shielded ones too */
	size_t shielded;
	struct hash origins;
};

void half_opens_init(struct half_opens *all, const uint64_t seed[2]);
void half_opens_wipe(struct half_opens *all); /* all were removed before */
/* Is there room for one more of this source and its network? */
bool half_opens_welcome(const struct half_opens *all, const struct ip *source);
/* The one to go first; NULL: none may. */
struct ike_sa *half_opens_oldest(const struct half_opens *all);

struct half_open *half_open_add(struct half_opens *all, struct ike_sa *sa, const struct ip *source);
/* May its IKE_AUTH be looked into now? */
bool half_open_may_claim(const struct half_opens *all, const struct half_open *half_open);
void half_open_shield(struct half_opens *all, struct half_open *half_open);
/* The opposite: the newest of those that may go. */
void half_open_expose(struct half_opens *all, struct half_open *half_open);
/* Takes NULL. */
void half_open_remove(struct half_opens *all, struct half_open *half_open);
