/*
 * Questions that wait for the one before them.
 *
 * When more is asked than libunbound can do, a patient question waits for the one before it at the
 * same name: the proof that this name has no such record often says what others it has (RFC 8198),
 * and then libunbound answers the second by itself. Otherwise both go at once; an answer takes
 * time.
 *
 * Nobody waits for longer than decisions wait for the slower of two answers (CHS-1): a server may
 * be silent about one type and know the other. They began in order, so one timer serves them.
 */
#include "resolver/state.h"

#include "resolver/window.h"

/* It is our own work, not the network's time, that answers wait for. */
static bool is_busy(const struct resolver *r)
{
	return __atomic_load_n(&r->window, __ATOMIC_RELAXED) < WINDOW_MOST;
}

static void wait_for_first(struct resolver *r)
{
	const struct asked *first = TAILQ_FIRST(&r->following);

	if (first != NULL)
		loop_wake_at(r->following_event, first->follow_until);
}

bool follow(struct asked *asked)
{
	struct resolver *r = asked->resolver;
	struct asked *leader = TAILQ_PREV(asked, asked_list, in_list);

	if (asked->how != LOOKUP_PATIENTLY || !is_busy(r) || leader == NULL ||
	    leader->how == LOOKUP_FRESH || strcmp(leader->name, asked->name) != 0)
		return false;
	asked->leader = leader;
	leader->follower = asked;
	asked->is_held = true;
	asked->follow_until = instant_after(loop_clock(), DNS_GRACE);
	TAILQ_INSERT_TAIL(&r->following, asked, in_following);
	if (!evtimer_pending(r->following_event, NULL))
		wait_for_first(r);
	return true;
}

static void part(struct asked *leader, struct asked *follower)
{
	leader->follower = NULL;
	follower->leader = NULL;
	TAILQ_REMOVE(&follower->resolver->following, follower, in_following);
}

struct asked *follow_end(struct asked *asked)
{
	struct asked *follower = asked->follower;

	if (asked->leader != NULL)
		part(asked->leader, asked);
	if (follower != NULL)
		part(asked, follower);
	return follower;
}

/* A chain of three goes on as a pair. */
static void on_waited(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct instant now = loop_clock();
	struct asked *first;

	while ((first = TAILQ_FIRST(&r->following)) != NULL &&
	       instant_reached(first->follow_until, now)) {
		part(first->leader, first);
		asked_put(first);
	}
	wait_for_first(r);
}

bool following_open(struct resolver *r)
{
	TAILQ_INIT(&r->following);
	r->following_event = evtimer_new(r->base, on_waited, r);
	return r->following_event != NULL;
}

void following_close(struct resolver *r)
{
	if (r->following_event != NULL)
		event_free(r->following_event);
}
