#include "engine/userspace/replay.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t ring_words(uint32_t window)
{
	uint32_t words = 1;

	while (words * 64 < window + 64)
		words *= 2;
	return words;
}

void replay_init(struct replay *rp, uint32_t window, bool is_esn)
{
	assert(window >= REPLAY_WINDOW_LEAST && window <= REPLAY_WINDOW_MOST);
	assert(window % 32 == 0);
	*rp = (struct replay){ .window = window, .is_esn = is_esn, .words = ring_words(window) };
	rp->ring = new_array(rp->words, sizeof(*rp->ring));
}

void replay_wipe(struct replay *rp)
{
	free(rp->ring);
	*rp = (struct replay){ 0 };
}

/* RFC 4303 appendix A2.2: the window lies either inside one run of 2^32 numbers or across two. */
bool replay_infer(const struct replay *rp, uint32_t low, uint64_t *sequence)
{
	uint32_t top_low = (uint32_t)rp->highest;
	uint32_t high = (uint32_t)(rp->highest >> 32);
	uint32_t bottom_low = top_low - rp->window + 1; /* modulo 2^32 on purpose */

	if (!rp->is_esn) {
		*sequence = low;
		return true;
	}
	if (top_low >= rp->window - 1) {
		if (low < bottom_low)
			high++;
	} else if (low >= bottom_low) {
		if (high == 0)
			return false;
		high--;
	}
	*sequence = (uint64_t)high << 32 | low;
	return true;
}

static uint64_t *ring_word(const struct replay *rp, uint64_t sequence)
{
	return &rp->ring[sequence / 64 & (rp->words - 1)];
}

static uint64_t bit_of(uint64_t sequence)
{
	return UINT64_C(1) << sequence % 64;
}

enum replay_verdict replay_check(const struct replay *rp, uint64_t sequence)
{
	if (sequence == 0)
		return REPLAY_ZERO;
	if (sequence > rp->highest)
		return REPLAY_NEW;
	if (rp->highest - sequence >= rp->window)
		return REPLAY_OLD;
	return *ring_word(rp, sequence) & bit_of(sequence) ? REPLAY_SEEN : REPLAY_NEW;
}

/* The words between the old top and the new one still hold bits of a lap ago. */
static void clear_ahead(struct replay *rp, uint64_t sequence)
{
	uint64_t steps = sequence / 64 - rp->highest / 64;

	if (steps > rp->words)
		steps = rp->words;
	for (uint64_t i = 0; i < steps; i++)
		*ring_word(rp, sequence - i * 64) = 0;
}

void replay_accept(struct replay *rp, uint64_t sequence)
{
	assert(replay_check(rp, sequence) == REPLAY_NEW);
	if (sequence > rp->highest) {
		clear_ahead(rp, sequence);
		rp->highest = sequence;
	}
	*ring_word(rp, sequence) |= bit_of(sequence);
}
