#include "resolver/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "opportunism/limits.h"

static void lookup(void *ctx, uint64_t query, const char *name, enum dns_type type,
                   enum lookup_how how)
{
	static const struct dns_answer failed = { .status = DNS_FAILED };
	struct resolver *r = ctx;

	r->unanswered++;
	/* No port calls back before it returns: a refusal too comes by post. */
	if (r->unanswered > RESOLVER_QUESTIONS_MAX || strlen(name) >= DNS_NAME_MAX) {
		post_put(&r->answers, post_answer(query, &failed));
		return;
	}
	post_put(&r->questions, post_question(query, name, type, how, loop_clock()));
}

static unsigned window(void *ctx)
{
	struct resolver *r = ctx;

	return __atomic_load_n(&r->window, __ATOMIC_RELAXED);
}

static void say_unprimed(struct resolver *r)
{
	if (r->said_unprimed)
		return;
	r->said_unprimed = true;
	if (r->trust == RESOLVER_PRIMED)
		log_line(
		    &r->log, LOG_WARNING,
		    "dnssec: the trust anchor was verified in an earlier run and cannot be now; "
		    "until it is, all answers are bogus; tried again every %d s (dnssec=off for "
		    "a network without the root)",
		    RESOLVER_PRIME_EVERY_S);
	else
		log_line(
		    &r->log, LOG_WARNING,
		    "dnssec: the trust anchor could not be verified yet; until it is, all answers "
		    "count as insecure; tried again every %d s (dnssec=off for a network without "
		    "the root)",
		    RESOLVER_PRIME_EVERY_S);
}

static void deliver(struct resolver *r, struct post *post)
{
	switch (post->kind) {
	case POST_ANSWER:
		r->unanswered--;
		r->events.answer(r->events.ctx, post->query,
		                 &CONTAINER_OF(post, struct post_answer, post)->answer);
		break;
	case POST_PRIMED:
		r->trust = RESOLVER_PRIMED;
		log_line(&r->log, LOG_INFO,
		         "dnssec: the trust anchor is verified, answers are validated");
		if (r->events.primed != NULL)
			r->events.primed(r->events.ctx);
		break;
	case POST_NOT_PRIMED:
		say_unprimed(r);
		break;
	case POST_QUESTION:
		break;
	}
}

static void on_answers(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct post *next;

	for (struct post *post = post_take_all(&r->answers); post != NULL; post = next) {
		next = post->next;
		deliver(r, post);
		free(post);
	}
}

static void settings_keep(struct resolver *r, const struct resolver_settings *s)
{
	struct ip *servers = new_array(s->server_count, sizeof(*servers));

	memcpy(servers, s->servers, s->server_count * sizeof(*servers));
	r->settings = *s;
	r->settings.servers = servers;
	r->settings.trust_anchor = s->trust_anchor == NULL ? NULL : new_string(s->trust_anchor);
}

static bool contexts_open(struct resolver *r, const struct resolver_settings *s, char *error,
                          size_t size)
{
	bool validates = s->dnssec != DNSSEC_OFF && anchor_owner(s->trust_anchor, r->anchor);

	r->trust = RESOLVER_OFF;
	settings_keep(r, s);
	r->plain = upstream_new(s, UPSTREAM_PLAIN, r->base, error, size);
	if (r->plain == NULL)
		return false;
	if (s->dnssec != DNSSEC_OFF && !validates)
		log_line(&r->log, LOG_WARNING,
		         "dnssec: there is no trust anchor; install dns-root-data, or set "
		         "trust-anchor=FILE or dnssec=off; all answers count as insecure");
	if (!validates)
		return true;
	r->validating = upstream_new(s, UPSTREAM_VALIDATING, r->base, error, size);
	r->is_primed = s->was_primed;
	r->trust = s->was_primed ? RESOLVER_PRIMED : RESOLVER_UNPRIMED;
	return r->validating != NULL;
}

static bool listen_to_answers(struct resolver *r, struct event_base *control)
{
	r->answers_event = event_new(control, r->answers.fd, EV_READ | EV_PERSIST, on_answers, r);
	return r->answers_event != NULL && event_add(r->answers_event, NULL) == 0;
}

/* Signals are the control thread's. */
static bool thread_start(struct resolver *r)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the sandbox: it must be heard */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r->is_running = pthread_create(&r->thread, NULL, loop_run, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r->is_running;
}

struct resolver *resolver_new(const struct resolver_settings *settings, struct event_base *base,
                              const struct resolver_events *events, char *error, size_t error_size)
{
	struct resolver *r = new_zeroed(sizeof(*r));
	char why[512] = "the resolver cannot be set up";

	r->log = settings->log;
	r->events = *events;
	r->timeout = settings->timeout;
	r->window = LOOKUPS_MAX;
	r->questions.fd = r->answers.fd = -1;
	if (post_box_init(&r->questions) && post_box_init(&r->answers) && loop_open(r) &&
	    asked_open(r) && anchor_open(r) && contexts_open(r, settings, why, sizeof(why)) &&
	    listen_to_answers(r, base) && thread_start(r))
		return r;
	snprintf(error, error_size, "%s", why);
	resolver_free(r);
	return NULL;
}

static void thread_stop(struct resolver *r)
{
	pthread_mutex_lock(&r->questions.lock);
	r->is_stopping = true;
	pthread_mutex_unlock(&r->questions.lock);
	post_wake(&r->questions);
	pthread_join(r->thread, NULL);
}

static void fail(struct resolver *r, uint64_t query)
{
	static const struct dns_answer failed = { .status = DNS_FAILED };

	r->events.answer(r->events.ctx, query, &failed);
}

static void fail_posted(struct resolver *r, struct post_box *box)
{
	struct post *next;

	for (struct post *post = post_take_all(box); post != NULL; post = next) {
		next = post->next;
		if (post->kind == POST_QUESTION || post->kind == POST_ANSWER)
			fail(r, post->query);
		free(post);
	}
}

/* Wherever they are: still on their way here, asked, or on their way back. */
static void fail_all(struct resolver *r)
{
	const struct asked *asked;

	TAILQ_FOREACH (asked, &r->open, in_list)
		fail(r, asked->query);
	loop_tell_now(r);
	fail_posted(r, &r->answers);
	fail_posted(r, &r->questions);
}

void resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	if (r->is_running)
		thread_stop(r);
	if (r->answers_event != NULL)
		fail_all(r);
	/* Contexts before what their callbacks point at; they do not call back any more. */
	ub_ctx_delete(r->validating);
	ub_ctx_delete(r->plain);
	fresh_close(r);
	asked_close(r);
	anchor_close(r);
	loop_tell_now(r);
	loop_close(r);
	if (r->answers_event != NULL)
		event_free(r->answers_event);
	post_box_wipe(&r->questions);
	post_box_wipe(&r->answers);
	free((void *)r->settings.servers);
	free((void *)r->settings.trust_anchor);
	free(r);
}

struct resolver_port resolver_port(struct resolver *resolver)
{
	return (struct resolver_port){ .ctx = resolver, .lookup = lookup, .window = window };
}

enum resolver_trust_state resolver_trust_state(const struct resolver *resolver)
{
	return resolver->trust;
}
