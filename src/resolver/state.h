#pragma once
/*
 * What the files of this folder share of a resolver: the control thread's side (resolver.c), and
 * the other thread's: questions in libunbound's hands (asked.c), those that wait for the one before
 * (following.c), those past its cache (fresh.c), the trust anchor (anchor.c), and the loop they are
 * in (loop.c).
 */
#include <sys/queue.h>

#include "resolver/post.h"
#include "resolver/resolver.h"
#include "resolver/response.h"
#include "resolver/upstream.h"
#include "util/hash.h"
/* Needs libevent and unbound.h before it. */
#include <unbound-event.h>

enum { CLASS_IN = 1 };

/* A context for questions past the cache: it knew nothing when it was born. */
struct fresh {
	struct ub_ctx *ctx;
	struct instant born;
	bool is_primed;
	size_t waiting; /* questions without an answer; others' late answers nobody needs */
};

/* One question; lives until libunbound calls back. */
struct asked {
	struct resolver *resolver;
	TAILQ_ENTRY(asked) in_list; /* `open`, or `late` once it was answered for libunbound */
	struct instant due;
	uint64_t query;
	struct fresh *fresh; /* whose question it is, or NULL */
	/* following.c */
	struct asked *leader;   /* the question before, of the same name, which this waits for */
	struct asked *follower; /* whose leader this is */
	TAILQ_ENTRY(asked) in_following; /* of those that have a leader */
	struct instant follow_until;
	enum dns_type type;
	enum lookup_how how;
	bool is_validated;
	bool is_held;     /* libunbound has not got it yet: it follows, or nothing was primed */
	bool is_answered; /* timed out: the late answer goes to the cache only */
	char name[];
};
TAILQ_HEAD(asked_list, asked);

struct resolver {
	struct log log;
	struct resolver_events events;
	struct duration timeout;
	char anchor[DNS_NAME_MAX];

	/* Control thread. */
	struct event *answers_event;
	enum resolver_trust_state trust;
	size_t unanswered;
	bool said_unprimed;

	/* Both. */
	struct post_box questions;
	struct post_box answers;
	pthread_t thread;
	bool is_running;
	bool is_stopping; /* under questions.lock */
	unsigned window;  /* questions at once that it keeps up with; atomic */

	/* Resolver thread, and whoever has joined it. */
	struct event_base *base;
	struct event *questions_event;
	struct ub_ctx *validating; /* NULL with dnssec=off or without an anchor */
	struct ub_ctx *plain;
	struct resolver_settings settings; /* owned: servers, trust_anchor */

	/* asked.c */
	struct asked_list open; /* in the order they were asked, so the first is due first */
	struct asked_list late;
	size_t asked_count; /* in both */
	struct event *due_event;

	/* following.c */
	struct asked_list following; /* in the order they began to */
	struct event *following_event;

	/* fresh.c */
	struct fresh *fresh;   /* for new questions past the cache, or NULL */
	struct fresh *retired; /* the one before, while somebody waits for it */

	/* anchor.c */
	struct event *prime_event;
	struct event *held_event; /* the first priming is over, or has had its time */
	bool is_primed;
	bool is_prime_over;

	/* loop.c */
	struct event *ready_event;
	struct post *ready, **ready_end; /* answers that go together */
	unsigned ready_count;
	struct instant ready_since;
	struct event *caught_up_event;
	struct instant behind_since;
	struct instant worked; /* the thread's time when the window was adapted last */
};

/* loop.c: the resolver thread. */
MUST_USE bool loop_open(struct resolver *r);
void loop_close(struct resolver *r);
struct instant loop_clock(void);
/* At once, if it is over. */
void loop_wake_at(struct event *timer, struct instant at);
void *loop_run(void *resolver);
/* To the control thread with it, soon; takes it. */
void loop_tell(struct resolver *r, struct post *post);
/* What is left goes at once. */
void loop_tell_now(struct resolver *r);

/* asked.c */
MUST_USE bool asked_open(struct resolver *r);
void asked_close(struct resolver *r);
/* To libunbound with it; it may be gone after that. */
void asked_put(struct asked *asked);
void asked_ask(struct resolver *r, const struct post_question *question);
/* Those that were held go to libunbound. */
void asked_go_on(struct resolver *r);
/* Forgets those of a context that has gone. */
void asked_forget(struct resolver *r, const struct fresh *fresh);

/* following.c */
MUST_USE bool following_open(struct resolver *r);
void following_close(struct resolver *r);
/* True: it waits for the question before it, and asked_put() comes later. */
MUST_USE bool follow(struct asked *asked);
/* It follows nobody, and nobody it, any more. Who did is to be put; NULL: nobody did. */
struct asked *follow_end(struct asked *asked);

/* fresh.c */
/* A new question past the cache: the context before may be too old for it. */
void fresh_retire(struct resolver *r);
/* NULL: there is none to be had, or one that does not validate yet. */
struct fresh *fresh_for(struct resolver *r);
/* The one before goes when nobody waits for it. Not from within the library's call. */
void fresh_drop_retired(struct resolver *r);
void fresh_close(struct resolver *r);

/* anchor.c */
MUST_USE bool anchor_open(struct resolver *r);
void anchor_close(struct resolver *r);
void anchor_start(struct resolver *r);
/* Nobody knows yet whether answers can be validated. */
bool anchor_must_wait(const struct resolver *r);
