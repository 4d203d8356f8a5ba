/*
 * Questions in libunbound's hands.
 *
 * All have the same time for an answer, so they are due in the order they were asked, and one timer
 * serves them. libunbound may be later than that: such a question is answered for it, and goes on
 * living until it calls back.
 */
#include "resolver/state.h"

#include <stdlib.h>

static struct asked *asked_new(struct resolver *r, const struct post_question *question)
{
	size_t size = strlen(question->name) + 1;
	struct asked *asked = new_zeroed(sizeof(*asked) + size);

	asked->resolver = r;
	asked->due = instant_after(question->put, r->timeout);
	asked->query = question->post.query;
	asked->type = question->type;
	asked->how = question->how;
	memcpy(asked->name, question->name, size);
	TAILQ_INSERT_TAIL(&r->open, asked, in_list);
	r->asked_count++;
	return asked;
}

static void asked_free(struct asked *asked)
{
	struct resolver *r = asked->resolver;

	(void)follow_end(asked);
	TAILQ_REMOVE(asked->is_answered ? &r->late : &r->open, asked, in_list);
	r->asked_count--;
	free(asked);
}

/* The one answer; the control side needs no other. */
static void answer(struct asked *asked, const struct dns_answer *what)
{
	struct resolver *r = asked->resolver;

	if (asked->is_answered)
		return;
	TAILQ_REMOVE(&r->open, asked, in_list);
	TAILQ_INSERT_TAIL(&r->late, asked, in_list);
	asked->is_answered = true;
	if (asked->fresh != NULL)
		asked->fresh->waiting--;
	loop_tell(r, post_answer(asked->query, what));
}

static enum dns_trust trust_of(bool is_validated, int security)
{
	if (!is_validated || security == 0)
		return DNS_INSECURE;
	return security == 2 ? DNS_SECURE : DNS_BOGUS;
}

/* Whoever waited for it is asked now. */
static void finish(struct asked *asked, const struct dns_answer *what)
{
	struct asked *follower = follow_end(asked);

	answer(asked, what);
	asked_free(asked);
	if (follower != NULL)
		asked_put(follower);
}

/* Late or not, libunbound calls this once for each question it accepted. */
static void on_resolved(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                        int was_ratelimited)
{
	struct asked *asked = ctx;
	struct response response;
	struct dns_answer what = { .status = DNS_FAILED,
		                   .trust = trust_of(asked->is_validated, security) };

	if (!asked->is_answered && rcode == 0 && packet != NULL && len > 0 &&
	    response_parse(BYTES(packet, len), asked->name, asked->type, &response)) {
		what.status = response.status;
		what.ttl_s = response.ttl_s;
		what.rdata = response.rdata;
		what.count = response.count;
	}
	finish(asked, &what);
}

void asked_put(struct asked *asked)
{
	static const struct dns_answer failed = { .status = DNS_FAILED };
	struct resolver *r = asked->resolver;
	struct ub_ctx *ctx = r->is_primed ? r->validating : r->plain;

	asked->is_held = false;
	asked->is_validated = r->is_primed;
	asked->fresh = asked->how == LOOKUP_FRESH ? fresh_for(r) : NULL;
	if (asked->fresh != NULL) {
		asked->fresh->waiting++;
		ctx = asked->fresh->ctx;
	}
	/* What it knows by itself it answers before it returns; `asked` may be gone after it. */
	if (ub_resolve_event(ctx, asked->name, asked->type, CLASS_IN, asked, on_resolved, NULL) !=
	    0)
		finish(asked, &failed);
}

void asked_go_on(struct resolver *r)
{
	struct asked *next;

	for (struct asked *asked = TAILQ_FIRST(&r->open); asked != NULL; asked = next) {
		next = TAILQ_NEXT(asked, in_list);
		if (asked->is_held && asked->leader == NULL)
			asked_put(asked);
	}
}

static void wait_for_due(struct resolver *r)
{
	const struct asked *first = TAILQ_FIRST(&r->open);

	if (first != NULL)
		loop_wake_at(r->due_event, first->due);
}

/* libunbound never heard of it, but may hear of who waited for it. */
static void drop_held(struct asked *asked)
{
	struct asked *follower = follow_end(asked);

	asked_free(asked);
	if (follower != NULL)
		asked_put(follower);
}

/* What it waited for may have been answered long ago: then it is set for the first one left. */
static void on_due(evutil_socket_t fd, short what, void *ctx)
{
	static const struct dns_answer timed_out = { .status = DNS_TIMED_OUT };
	struct resolver *r = ctx;
	struct instant now = loop_clock();
	struct asked *first;

	while ((first = TAILQ_FIRST(&r->open)) != NULL && instant_reached(first->due, now)) {
		answer(first, &timed_out);
		if (first->is_held)
			drop_held(first);
	}
	fresh_drop_retired(r);
	wait_for_due(r);
}

void asked_ask(struct resolver *r, const struct post_question *question)
{
	static const struct dns_answer failed = { .status = DNS_FAILED };
	struct asked *asked;

	if (question->how == LOOKUP_FRESH)
		fresh_retire(r);
	/* Those answered for it count too: a dead forwarder must not fill our memory. */
	if (r->asked_count >= RESOLVER_QUESTIONS_MAX) {
		loop_tell(r, post_answer(question->post.query, &failed));
		return;
	}
	asked = asked_new(r, question);
	asked->is_held = anchor_must_wait(r);
	if (!evtimer_pending(r->due_event, NULL))
		wait_for_due(r);
	if (!asked->is_held && !follow(asked))
		asked_put(asked);
}

static void forget_in(struct asked_list *list, const struct fresh *fresh)
{
	struct asked *next;

	for (struct asked *asked = TAILQ_FIRST(list); asked != NULL; asked = next) {
		next = TAILQ_NEXT(asked, in_list);
		if (asked->fresh == fresh)
			asked_free(asked);
	}
}

void asked_forget(struct resolver *r, const struct fresh *fresh)
{
	forget_in(&r->open, fresh);
	forget_in(&r->late, fresh);
}

bool asked_open(struct resolver *r)
{
	TAILQ_INIT(&r->open);
	TAILQ_INIT(&r->late);
	r->due_event = evtimer_new(r->base, on_due, r);
	return following_open(r) && r->due_event != NULL;
}

void asked_close(struct resolver *r)
{
	struct asked *asked;

	while ((asked = TAILQ_FIRST(&r->open)) != NULL || (asked = TAILQ_FIRST(&r->late)) != NULL)
		asked_free(asked);
	following_close(r);
	if (r->due_event != NULL)
		event_free(r->due_event);
}
