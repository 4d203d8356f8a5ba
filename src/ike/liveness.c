#include "ike/liveness.h"

#include "ike/request.h"

/* Unless the profile says otherwise. */
enum { SILENCE_S = 30 };
/* Nobody is dead who was not asked a few times (LIV-1), however short his time. */
static const struct duration asking_least = SECONDS(4);
static const struct duration between_hints = SECONDS(60);

static struct instant later(struct instant a, struct instant b)
{
	return a.ns > b.ns ? a : b;
}

static struct duration silence_max(const struct ike_sa *sa)
{
	unsigned s = sa->profile->dpd_delay_s;

	return SECONDS(s == 0 ? SILENCE_S : s);
}

/* What the CHILD SAs say: when the peer was heard by them, and when we sent last. */
struct ike_traffic liveness_traffic(const struct ike_sa *sa)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct ike_traffic all = { 0 };

	if (owner->traffic == NULL)
		return all;
	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		struct ike_traffic one = owner->traffic(owner->ctx, child->spi_in);

		all.last_in = later(all.last_in, one.last_in);
		all.last_out = later(all.last_out, one.last_out);
	}
	return all;
}

void liveness_start(struct ike_sa *sa, struct instant now)
{
	liveness_heard(sa, now);
	sa->hinted = (struct instant){ 0 };
	sa->look = instant_after(now, silence_max(sa));
}

void liveness_heard(struct ike_sa *sa, struct instant now)
{
	sa->heard = now;
	sa->gives_up = INSTANT_NEVER;
}

struct instant liveness_due(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP ? instant_min(sa->look, sa->gives_up) : INSTANT_NEVER;
}

static void ask(struct ike_sa *sa, struct instant now)
{
	unsigned s = sa->profile->dpd_timeout_s;

	if (s != 0 && sa->gives_up.ns == INSTANT_NEVER.ns)
		sa->gives_up =
		    later(instant_after(sa->heard, SECONDS(s)), instant_after(now, asking_least));
	/* Any request under way asks the same. */
	if (sa->sent.data == NULL)
		request_add(sa, request_new(REQUEST_LIVENESS), now);
}

bool liveness_on_deadline(struct ike_sa *sa, struct instant now)
{
	struct ike_traffic traffic = liveness_traffic(sa);
	struct instant heard = later(sa->heard, traffic.last_in);
	struct instant silent = instant_after(heard, silence_max(sa));

	sa->look = instant_after(now, silence_max(sa));
	if (instant_reached(sa->gives_up, now)) {
		/* What came by a CHILD SA meanwhile counts, too. */
		sa->gives_up = instant_after(heard, SECONDS(sa->profile->dpd_timeout_s));
		if (instant_reached(sa->gives_up, now))
			return false;
	}
	if (traffic.last_out.ns <= heard.ns)
		return true;
	if (instant_reached(silent, now))
		ask(sa, now);
	else
		sa->look = silent;
	return true;
}

void liveness_on_hint(struct ike_sa *sa, struct instant now)
{
	if (sa->state != IKE_SA_UP)
		return;
	if (sa->hinted.ns != 0 && instant_since(now, sa->hinted).ns < between_hints.ns)
		return;
	sa->hinted = now;
	ask(sa, now);
}
