#pragma once
/*
 * When to send an outstanding request again, and when to give up (RFC 7296 sections 2.1 and 2.4).
 *
 * The waits double from half a second, each with a jitter of a tenth, so that many gateways that
 * lost the same link do not all knock at once. The owner keeps the datagram, brings the time and
 * a random octet, and does the sending; every sending has the same octets.
 *
 *      start --> [waiting] --due--> SEND --> [waiting] -- ... --> GIVE_UP
 *                    \--stop
 */
#include "util/time.h"

struct retransmit {
	struct instant due;   /* INSTANT_NEVER while nothing is outstanding */
	struct duration wait; /* without jitter; doubles with every sending */
	struct duration wait_max; /* 0: none */
	unsigned tries_left;
};

enum retransmit_step { RETRANSMIT_WAIT, RETRANSMIT_SEND, RETRANSMIT_GIVE_UP };

void retransmit_init(struct retransmit *rt);
/* The first sending happened at `now`; `tries` counts it. */
void retransmit_start(struct retransmit *rt, unsigned tries, uint8_t jitter, struct instant now);
/* At its start: no wait is longer than 2 s, over the same time in all. */
void retransmit_hurry(struct retransmit *rt);
void retransmit_stop(struct retransmit *rt);
/* What to do at `now`. A late call sends once, not twice: the next wait starts from `now`. */
enum retransmit_step retransmit_due(struct retransmit *rt, uint8_t jitter, struct instant now);
