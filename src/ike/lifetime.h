#pragma once
/*
 * How long an SA lives, and when its successor is begun (RFC 7296 section 2.8).
 *
 * Each side keeps its own lifetimes (TS-18). A margin before the end the SA is rekeyed, with
 * jitter, and by its Initiator later than by its Responder, so that the two do not begin at once
 * (RKY-5). A try that failed is repeated after 2 to 5 s, then twice that, and so on; after five
 * minutes of failures it is given up (COL-24).
 *
 *   start --> [alive] --rekey--> [begun] --end--> over
 *                ^------put_off-----/
 */
#include "ike/profile.h"
#include "util/time.h"

struct lifetime {
	struct instant rekey;    /* INSTANT_NEVER: begun, or nobody wants it */
	struct instant end;      /* then nothing is sent or accepted by it any more (RKY-6) */
	struct instant gives_up; /* INSTANT_NEVER: no try has failed */
	unsigned failures;
	bool is_refused; /* the peer renews nothing here, and is not asked again */
};

/* Neither rekeyed nor ended by time. */
void lifetime_init(struct lifetime *l);
/* `life_s` of `how`; 0: without end. `chance`: a random octet. */
void lifetime_start(struct lifetime *l, unsigned life_s, const struct ike_lifetimes *how,
                    bool is_initiator, uint8_t chance, struct instant now);
/* The try failed. False: there will be no other. */
MUST_USE bool lifetime_put_off(struct lifetime *l, uint8_t chance, struct instant now);
/* The earlier of both. */
struct instant lifetime_due(const struct lifetime *l);
