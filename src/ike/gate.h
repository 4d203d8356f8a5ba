#pragma once
/*
 * Who may begin an IKE SA with us (RFC 7296 section 2.6, RFC 8019 section 4).
 *
 * While few are half open and few requests are refused, everybody may. Above that an IKE_SA_INIT
 * request without a good cookie is answered with a cookie and forgotten: no public-key work, no
 * state, no allocation, and nothing parsed but the chain of payloads. With a good cookie the source
 * is no forgery, so it can be counted: so many requests a second, so many half-open IKE SAs of it
 * and of its network.
 */
#include "crypto/kex.h"
#include "ike/cookie.h"
#include "ike/message.h"

struct ike;

enum {
	/* Half-open IKE SAs, or refused IKE_SA_INIT requests within a second, that ask for
	 * cookies (DOS-1). */
	GATE_HALF_OPEN = 100,
	GATE_REFUSED = 50,
	/* Requests with a good cookie of one source a second (DOS-5); further ones are dropped. */
	GATE_REQUESTS_PER_SOURCE = 5,
	/* Answers that refuse, to sources that proved to be none of a forger's, a second. */
	GATE_REFUSED_PROVEN = 1000,
	/* Key exchanges a second, while cookies are asked for, with methods that cost ten times
	 * what X25519 does; further ones are dropped (DOS-5). */
	GATE_COSTLY_EXCHANGES = 100,
	/* Sources share counters by a keyed hash: two of one counter share their requests. */
	GATE_COUNTERS = 16384,
};

struct gate {
	struct cookies cookies;
	struct instant since; /* the second that is counted */
	bool is_counting;
	unsigned refused;
	unsigned costly;
	uint8_t requests[GATE_COUNTERS];
};

/* True: go on. False: dropped, or a cookie has left. */
bool gate_open(struct ike *ike, const struct path *path, const struct ike_header *header,
               struct bytes datagram, struct instant now);
/* Are cookies asked for at this moment? */
bool gate_is_guarded(struct ike *ike, struct instant now);
/* A request that came through was refused or broken; it left no half-open IKE SA to count. */
void gate_note_refusal(struct ike *ike, struct instant now);
/* The same; may the sender be told (ERR-18)? */
bool gate_may_refuse(struct ike *ike, struct instant now);
/* While cookies are asked for, a peer that can use a quick key exchange is asked to. */
bool gate_prefers_quick(struct ike *ike, enum kex_id method, struct instant now);
/* May a key exchange with that method be made? False: dropped. */
bool gate_may_exchange(struct ike *ike, enum kex_id method, struct instant now);
