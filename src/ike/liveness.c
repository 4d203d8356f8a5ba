#include "ike/liveness.h"

#include "ike/request.h"

static const struct duration silence_max = SECONDS(30);
static const struct duration between_hints = SECONDS(60);

static struct instant later(struct instant a, struct instant b)
{
	return a.ns > b.ns ? a : b;
}

/* What the CHILD SAs say: when the peer was heard by them, and when we sent last. */
static struct ike_traffic children_traffic(const struct ike_sa *sa)
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
	sa->heard = now;
	sa->hinted = (struct instant){ 0 };
	sa->look = instant_after(now, silence_max);
}

void liveness_heard(struct ike_sa *sa, struct instant now)
{
	sa->heard = now;
}

struct instant liveness_due(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP ? sa->look : INSTANT_NEVER;
}

static void ask(struct ike_sa *sa, struct instant now)
{
	/* Any request under way asks the same. */
	if (sa->sent.data == NULL)
		request_add(sa, request_new(REQUEST_LIVENESS), now);
}

void liveness_on_deadline(struct ike_sa *sa, struct instant now)
{
	struct ike_traffic traffic = children_traffic(sa);
	struct instant heard = later(sa->heard, traffic.last_in);
	struct instant silent = instant_after(heard, silence_max);

	sa->look = instant_after(now, silence_max);
	if (traffic.last_out.ns <= heard.ns)
		return;
	if (instant_reached(silent, now))
		ask(sa, now);
	else
		sa->look = silent;
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
