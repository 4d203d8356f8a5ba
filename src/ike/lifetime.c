#include "ike/lifetime.h"

static const struct duration patience = SECONDS(300);
enum { WAIT_MS = 2000, WAIT_MORE_MS = 3000 };

void lifetime_init(struct lifetime *l)
{
	*l = (struct lifetime){ .rekey = INSTANT_NEVER,
		                .end = INSTANT_NEVER,
		                .gives_up = INSTANT_NEVER };
}

/* Between the margin and the margin with all its fuzz; half of that for the Initiator. */
static int64_t margin_ms(const struct ike_lifetimes *how, bool is_initiator, uint8_t chance)
{
	int64_t margin = (int64_t)how->margin_s * 1000;

	margin += margin * how->fuzz_percent / 100 * chance / 255;
	return is_initiator ? margin / 2 : margin;
}

void lifetime_start(struct lifetime *l, unsigned life_s, const struct ike_lifetimes *how,
                    bool is_initiator, uint8_t chance, struct instant now)
{
	int64_t life_ms = (int64_t)life_s * 1000, margin;

	lifetime_init(l);
	if (life_s == 0)
		return;
	l->end = instant_after(now, SECONDS(life_s));
	margin = margin_ms(how, is_initiator, chance);
	/* However it was written: most of the life belongs to the SA. */
	if (margin > life_ms / 4 * 3)
		margin = life_ms / 4 * 3;
	if (how->rekey)
		l->rekey = instant_after(now, MILLISECONDS(life_ms - margin));
}

bool lifetime_put_off(struct lifetime *l, uint8_t chance, struct instant now)
{
	int64_t wait_ms = WAIT_MS + WAIT_MORE_MS * (int64_t)chance / 255;

	if (l->failures == 0)
		l->gives_up = instant_after(now, patience);
	if (instant_reached(l->gives_up, now))
		return false;
	/* 2^7 times five seconds is beyond our patience. */
	wait_ms <<= l->failures < 7 ? l->failures : 7;
	l->failures++;
	l->rekey = instant_min(instant_after(now, MILLISECONDS(wait_ms)), l->gives_up);
	return true;
}

struct instant lifetime_due(const struct lifetime *l)
{
	return instant_min(l->rekey, l->end);
}
