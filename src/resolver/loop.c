/*
 * The resolver thread: questions in, answers out.
 *
 * Questions come before answers, and are looked at every TURN however many answers wait: whoever
 * asks for the first time does not stand behind the work for all the others. Answers go together,
 * since each by itself would cost a change of threads: when nothing else is to be done, when they
 * are many, or when the first of them has waited for long enough.
 */
#include "resolver/state.h"

#include <stdlib.h>
#include <time.h>

#include "resolver/window.h"

enum { URGENT, ORDINARY, LAST, PRIORITIES };
enum { READY_MAX = 64, TURN_US = 2000 };
#define READY_TIME MILLISECONDS(1)

static struct instant clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

struct instant loop_clock(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

void loop_wake_at(struct event *timer, struct instant at)
{
	int64_t ns = instant_since(at, loop_clock()).ns;
	struct timeval wait = { .tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000 + 1 };

	if (ns <= 0)
		wait = (struct timeval){ 0 };
	evtimer_add(timer, &wait);
}

/* ---- Answers ---- */

void loop_tell_now(struct resolver *r)
{
	if (r->ready == NULL)
		return;
	post_put_all(&r->answers, r->ready, r->ready_end);
	r->ready = NULL;
	r->ready_count = 0;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
	loop_tell_now(ctx);
}

void loop_tell(struct resolver *r, struct post *post)
{
	struct instant now = loop_clock();

	if (r->ready == NULL) {
		r->ready_end = &r->ready;
		r->ready_since = now;
		event_active(r->ready_event, 0, 0);
	}
	post->next = NULL;
	*r->ready_end = post;
	r->ready_end = &post->next;
	if (++r->ready_count == READY_MAX || instant_since(now, r->ready_since).ns > READY_TIME.ns)
		loop_tell_now(r);
}

/* ---- Questions ---- */

/* Runs when no answer waits any more. */
static void on_caught_up(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;

	r->behind_since.ns = 0;
}

/* Behind: there has been no moment without an answer that waits. */
static void adapt_window(struct resolver *r)
{
	struct instant now = loop_clock();
	struct duration lag = { 0 };
	struct instant worked;
	unsigned window;

	if (r->behind_since.ns != 0)
		lag = instant_since(now, r->behind_since);
	if (r->behind_since.ns != 0 && lag.ns <= WINDOW_LAG.ns)
		return; /* it may still catch up in time */
	r->behind_since = now;
	event_active(r->caught_up_event, 0, 0);
	worked = clock_of(CLOCK_THREAD_CPUTIME_ID);
	window = __atomic_load_n(&r->window, __ATOMIC_RELAXED);
	window = window_adapt(window, lag, instant_since(worked, r->worked));
	r->worked = worked;
	__atomic_store_n(&r->window, window, __ATOMIC_RELAXED);
}

static bool is_stopping(struct resolver *r)
{
	bool is;

	pthread_mutex_lock(&r->questions.lock);
	is = r->is_stopping;
	pthread_mutex_unlock(&r->questions.lock);
	return is;
}

static void on_questions(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct post *next, *first = post_take_all(&r->questions);

	if (first != NULL)
		adapt_window(r);
	for (struct post *post = first; post != NULL; post = next) {
		next = post->next;
		asked_ask(r, CONTAINER_OF(post, struct post_question, post));
		free(post);
	}
	if (is_stopping(r))
		event_base_loopbreak(r->base);
}

/* ---- Life ---- */

static void on_warm(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                    int was_ratelimited)
{
}

void *loop_run(void *resolver)
{
	struct resolver *r = resolver;

	/* The library sets a context up with its first question: one it answers by itself. */
	ub_resolve_event(r->plain, "localhost", DNS_TYPE_A, CLASS_IN, NULL, on_warm, NULL);
	anchor_start(r);
	event_base_dispatch(r->base);
	return NULL;
}

static struct event_base *base_new(void)
{
	const struct timeval turn = { .tv_usec = TURN_US };
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	if (event_config_set_max_dispatch_interval(config, &turn, -1, ORDINARY) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	/* libunbound's events get the one in the middle. */
	if (base != NULL)
		event_base_priority_init(base, PRIORITIES);
	return base;
}

bool loop_open(struct resolver *r)
{
	r->base = base_new();
	if (r->base == NULL)
		return false;
	r->questions_event =
	    event_new(r->base, r->questions.fd, EV_READ | EV_PERSIST, on_questions, r);
	r->ready_event = event_new(r->base, -1, 0, on_ready, r);
	r->caught_up_event = event_new(r->base, -1, 0, on_caught_up, r);
	return r->questions_event != NULL && r->ready_event != NULL && r->caught_up_event != NULL &&
	       event_priority_set(r->questions_event, URGENT) == 0 &&
	       event_priority_set(r->ready_event, LAST) == 0 &&
	       event_priority_set(r->caught_up_event, LAST) == 0 &&
	       event_add(r->questions_event, NULL) == 0;
}

void loop_close(struct resolver *r)
{
	struct event *events[] = { r->questions_event, r->ready_event, r->caught_up_event };

	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (r->base != NULL)
		event_base_free(r->base);
}
