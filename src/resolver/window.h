#pragma once
/*
 * How many questions at once the resolver keeps up with.
 *
 * Each answer is 0.1 ms of work and more, and whoever's comes waits for those that came before it:
 * with hundreds of them under way these are tens of milliseconds. So fewer are taken at once when
 * answers lie about because of our own work; a network that is slow, or a machine that is busy with
 * others, does not count.
 */
#include "opportunism/limits.h"

enum { WINDOW_LEAST = 48, WINDOW_MOST = LOOKUPS_MAX, WINDOW_STEP = 8 };

/* What waits for longer waits for others: libunbound has more than it can do. */
#define WINDOW_LAG MILLISECONDS(4)

/*
 * The next window: `lag` is how long answers have waited for others, `work` what this thread itself
 * has done since the last look.
 */
unsigned window_adapt(unsigned window, struct duration lag, struct duration work);
