/*
 * The trust anchor: primed when the keys it vouches for are found secure.
 *
 * Asked at every start, also when it was primed in an earlier run: the first answer should not wait
 * for these keys, and if they cannot be had all answers are bogus, which somebody should know. At
 * the very first start nobody knows yet whether answers can be validated. Questions wait for that,
 * or they would all count as insecure; but not for long, since a network without the root has to be
 * served as well (TRU-1).
 */
#include "resolver/state.h"

enum { TYPE_DNSKEY = 48, PRIME_PATIENCE_S = 2 };

bool anchor_must_wait(const struct resolver *r)
{
	return r->validating != NULL && !r->is_primed && !r->is_prime_over;
}

static void on_prime_over(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;

	r->is_prime_over = true;
	asked_go_on(r);
}

static void prime_later(struct resolver *r, int seconds)
{
	struct timeval wait = { .tv_sec = seconds };

	evtimer_add(r->prime_event, &wait);
}

static void on_primed(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                      int was_ratelimited)
{
	static const struct timeval now = { 0 };
	struct resolver *r = ctx;

	evtimer_add(r->held_event, &now); /* not from within the library's call */
	if (rcode == 0 && security == 2) {
		if (!r->is_primed)
			loop_tell(r, post_note(POST_PRIMED));
		r->is_primed = true;
		return;
	}
	loop_tell(r, post_note(POST_NOT_PRIMED));
	prime_later(r, RESOLVER_PRIME_EVERY_S);
}

static void prime(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	const char *name = r->anchor[0] != '\0' ? r->anchor : ".";

	if (ub_resolve_event(r->validating, name, TYPE_DNSKEY, CLASS_IN, r, on_primed, NULL) != 0)
		prime_later(r, RESOLVER_PRIME_EVERY_S);
}

void anchor_start(struct resolver *r)
{
	static const struct timeval patience = { .tv_sec = PRIME_PATIENCE_S };

	if (r->validating == NULL)
		return;
	evtimer_add(r->held_event, &patience);
	prime_later(r, 0);
}

bool anchor_open(struct resolver *r)
{
	r->prime_event = evtimer_new(r->base, prime, r);
	r->held_event = evtimer_new(r->base, on_prime_over, r);
	return r->prime_event != NULL && r->held_event != NULL;
}

void anchor_close(struct resolver *r)
{
	if (r->prime_event != NULL)
		event_free(r->prime_event);
	if (r->held_event != NULL)
		event_free(r->held_event);
}
