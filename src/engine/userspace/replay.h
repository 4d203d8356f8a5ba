#pragma once
/*
 * The anti-replay window of one inbound SA (RFC 4303 section 3.4.3 and appendix A, RFC 6479).
 *
 * A ring of bits below the highest number accepted so far. The order is always: check, verify the
 * ICV, accept; nothing is remembered of a packet whose ICV is wrong. One worker owns a window, so
 * check and accept are one step as seen by everybody else.
 */
#include "util/bytes.h"

enum {
	REPLAY_WINDOW = 1024,
	REPLAY_WINDOW_LEAST = 32,
	REPLAY_WINDOW_MOST = 65536,
};

struct replay {
	uint64_t highest; /* T of the RFC: accepted last at the upper edge */
	uint32_t window;  /* bits; settled at creation */
	bool is_esn;      /* settled at creation */
	uint64_t *ring;   /* a word more than the window, so that a whole word can be cleared */
	uint32_t words;   /* power of two */
};

enum replay_verdict { REPLAY_NEW, REPLAY_SEEN, REPLAY_OLD, REPLAY_ZERO };

/* `window` is a multiple of 32 within the limits above. */
void replay_init(struct replay *rp, uint32_t window, bool is_esn);
void replay_wipe(struct replay *rp);

/* The whole number behind the 32 bits on the wire; without ESN just those. False: it would lie
 * before the first packet of the SA. */
MUST_USE bool replay_infer(const struct replay *rp, uint32_t low, uint64_t *sequence);
enum replay_verdict replay_check(const struct replay *rp, uint64_t sequence);
/* After the ICV was found right, and only for what replay_check() called new. */
void replay_accept(struct replay *rp, uint64_t sequence);
