#include "ike/retransmit.h"

#include <assert.h>

static const struct duration first_wait = MILLISECONDS(500);
static const struct duration hurried_wait = SECONDS(2);

/* Within a tenth of `wait`: jitter 0 is 0.9, 128 is 1, 255 just below 1.1. */
static struct duration with_jitter(struct duration wait, uint8_t jitter)
{
	return (struct duration){ wait.ns + wait.ns / 10 * (jitter - 128) / 128 };
}

void retransmit_init(struct retransmit *rt)
{
	*rt = (struct retransmit){ .due = INSTANT_NEVER };
}

void retransmit_start(struct retransmit *rt, unsigned tries, uint8_t jitter, struct instant now)
{
	assert(tries > 0);
	*rt = (struct retransmit){
		.due = instant_after(now, with_jitter(first_wait, jitter)),
		.wait = first_wait,
		.tries_left = tries - 1,
	};
}

void retransmit_hurry(struct retransmit *rt)
{
	/* In waits of half a second: 1 + 2 + 4 + 8 + 16 become 1 + 2 + 7 of 4. */
	unsigned halves = (2u << rt->tries_left) - 1;

	if (rt->tries_left < 2)
		return;
	rt->wait_max = hurried_wait;
	rt->tries_left = 1 + (halves - 3) / 4;
}

void retransmit_stop(struct retransmit *rt)
{
	retransmit_init(rt);
}

enum retransmit_step retransmit_due(struct retransmit *rt, uint8_t jitter, struct instant now)
{
	if (!instant_reached(rt->due, now))
		return RETRANSMIT_WAIT;
	if (rt->tries_left == 0) {
		retransmit_stop(rt);
		return RETRANSMIT_GIVE_UP;
	}
	rt->tries_left--;
	rt->wait.ns *= 2;
	if (rt->wait_max.ns > 0)
		rt->wait = duration_min(rt->wait, rt->wait_max);
	rt->due = instant_after(now, with_jitter(rt->wait, jitter));
	return RETRANSMIT_SEND;
}
