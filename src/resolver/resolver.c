#include "resolver/resolver.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "opportunism/limits.h"
#include "resolver/response.h"
#include "resolver/upstream.h"
/* Needs libevent and unbound.h before it. */
#include <unbound-event.h>

enum {
	TYPE_DNSKEY = 48,
	CLASS_IN = 1,
	PRIME_EVERY_S = 60,
	PRIME_PATIENCE_S = 2,
	FRESH_S = 1,
	WINDOW_LEAST = 48,
	WINDOW_STEP = 8,
	READY_MAX = 16,
};
/* A question that lies here for longer waits for others: libunbound has more than it can do. */
#define LAG_MAX MILLISECONDS(4)

enum mail_kind { MAIL_QUESTION, MAIL_ANSWER, MAIL_PRIMED, MAIL_NOT_PRIMED };

/* What goes from one thread to the other; owned by the box it lies in. */
struct mail {
	struct mail *next;
	enum mail_kind kind;
	uint64_t query;
	struct instant put;       /* QUESTION */
	char name[DNS_NAME_MAX];  /* QUESTION */
	enum dns_type type;       /* QUESTION */
	bool is_fresh;            /* QUESTION */
	struct dns_answer answer; /* ANSWER: rdata and its octets follow in `octets` */
	struct bytes rdata[RESPONSE_RECORDS_MAX];
	uint8_t octets[];
};

/* A queue with a descriptor that is readable while it is not empty. */
struct mailbox {
	pthread_mutex_t lock;
	struct mail *first;
	struct mail **end;
	int fd;
};

/* A context for questions past the cache: it knew nothing when it was born. */
struct fresh {
	struct ub_ctx *ctx;
	struct timespec born;
	bool is_primed;
	size_t waiting; /* questions without an answer; others' late answers nobody needs */
};

/* One question in libunbound's hands; lives until libunbound calls back. */
struct asked {
	struct resolver *resolver;
	struct asked *next;
	struct asked **place;
	struct event *timer;
	uint64_t query;
	char name[DNS_NAME_MAX];
	enum dns_type type;
	bool is_validated;
	bool is_fresh;       /* wants to be asked of a context that knows nothing */
	struct fresh *fresh; /* whose question it is, or NULL */
	bool is_held;     /* libunbound has not got it yet */
	bool is_answered; /* timed out: the late answer goes to the cache only */
};

struct resolver {
	struct log log;
	struct resolver_events events;
	struct duration timeout;
	char anchor[DNS_NAME_MAX];

	/* Control thread. */
	struct event *answers_event;
	enum resolver_trust_state trust;
	uint64_t *open; /* queries without an answer, `open_count` of RESOLVER_QUESTIONS_MAX */
	size_t open_count;
	bool said_unprimed;

	/* Both. */
	struct mailbox questions;
	struct mailbox answers;
	pthread_t thread;
	bool is_running;

	/* Resolver thread, and whoever has joined it. */
	struct event_base *base;
	struct event *questions_event;
	struct event *prime_event;
	struct event *ready_event;
	struct mail *ready, **ready_end; /* answers of this round */
	unsigned ready_count;
	struct event *held_event;  /* the first priming is over, or has had its time */
	struct ub_ctx *validating; /* NULL with dnssec=off or without an anchor */
	struct ub_ctx *plain;
	struct resolver_settings settings; /* owned: servers, trust_anchor */
	struct fresh *fresh;               /* for new questions past the cache, or NULL */
	struct fresh *retired;             /* the one before, while somebody waits for it */
	struct asked *asked;
	size_t asked_count;
	bool is_primed;
	bool is_prime_over;
	bool is_stopping;      /* under questions.lock */
	unsigned window;       /* questions at once that it keeps up with; atomic */
	struct instant worked; /* the thread's time when it was adapted last */
};

static bool mailbox_init(struct mailbox *box)
{
	pthread_mutex_init(&box->lock, NULL);
	box->end = &box->first;
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return box->fd >= 0;
}

static void mailbox_poke(struct mailbox *box)
{
	uint64_t one = 1;
	ssize_t n = write(box->fd, &one, sizeof(one));

	(void)n; /* full means that it is readable already */
}

/* Whoever finds it empty wakes the reader, who takes all there is. */
static void mailbox_put(struct mailbox *box, struct mail *mail)
{
	bool was_empty;

	pthread_mutex_lock(&box->lock);
	was_empty = box->first == NULL;
	mail->next = NULL;
	*box->end = mail;
	box->end = &mail->next;
	pthread_mutex_unlock(&box->lock);
	if (was_empty)
		mailbox_poke(box);
}

static void mailbox_put_all(struct mailbox *box, struct mail *first, struct mail **end)
{
	pthread_mutex_lock(&box->lock);
	*box->end = first;
	box->end = end;
	pthread_mutex_unlock(&box->lock);
	mailbox_poke(box);
}

static struct mail *mailbox_take_all(struct mailbox *box)
{
	struct mail *first;
	uint64_t count;
	ssize_t n = read(box->fd, &count, sizeof(count));

	(void)n;
	pthread_mutex_lock(&box->lock);
	first = box->first;
	box->first = NULL;
	box->end = &box->first;
	pthread_mutex_unlock(&box->lock);
	return first;
}

static void mailbox_wipe(struct mailbox *box)
{
	struct mail *next;

	for (struct mail *mail = mailbox_take_all(box); mail != NULL; mail = next) {
		next = mail->next;
		free(mail);
	}
	close(box->fd);
	pthread_mutex_destroy(&box->lock);
}

static struct mail *answer_mail(uint64_t query, enum dns_status status, enum dns_trust trust,
                                const struct response *response)
{
	struct mail *mail;
	size_t len = 0;
	size_t count = response != NULL ? response->count : 0;
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		len += response->rdata[i].len;
	mail = new_zeroed(sizeof(*mail) + len);
	mail->kind = MAIL_ANSWER;
	mail->query = query;
	mail->answer = (struct dns_answer){ .status = status,
		                            .trust = trust,
		                            .ttl_s = response != NULL ? response->ttl_s : 0,
		                            .rdata = mail->rdata,
		                            .count = count };
	at = mail->octets;
	for (size_t i = 0; i < count; i++) {
		memcpy(at, response->rdata[i].data, response->rdata[i].len);
		mail->rdata[i] = BYTES(at, response->rdata[i].len);
		at += response->rdata[i].len;
	}
	return mail;
}

/* ---- resolver thread ---- */

/* The answers of one round of the loop go together: each by itself would cost a change of threads.
 */
static void deliver_ready(struct resolver *r)
{
	if (r->ready == NULL)
		return;
	mailbox_put_all(&r->answers, r->ready, r->ready_end);
	r->ready = NULL;
	r->ready_count = 0;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
	deliver_ready(ctx);
}

static void put_answer(struct resolver *r, struct mail *mail)
{
	if (r->ready == NULL) {
		r->ready_end = &r->ready;
		event_active(r->ready_event, 0, 0); /* behind what else has come this round */
	}
	mail->next = NULL;
	*r->ready_end = mail;
	r->ready_end = &mail->next;
	if (++r->ready_count == READY_MAX)
		deliver_ready(r);
}

static void asked_free(struct asked *asked)
{
	*asked->place = asked->next;
	if (asked->next != NULL)
		asked->next->place = asked->place;
	asked->resolver->asked_count--;
	if (asked->timer != NULL)
		event_free(asked->timer);
	free(asked);
}

static struct asked *asked_new(struct resolver *r)
{
	struct asked *asked = new_zeroed(sizeof(*asked));

	asked->resolver = r;
	asked->next = r->asked;
	asked->place = &r->asked;
	if (r->asked != NULL)
		r->asked->place = &asked->next;
	r->asked = asked;
	r->asked_count++;
	return asked;
}

static enum dns_trust trust_of(bool is_validated, int security)
{
	if (!is_validated || security == 0)
		return DNS_INSECURE;
	return security == 2 ? DNS_SECURE : DNS_BOGUS;
}

/* The one answer; the control side needs no other. */
static void answer(struct asked *asked, enum dns_status status, enum dns_trust trust,
                   const struct response *response)
{
	if (asked->is_answered)
		return;
	asked->is_answered = true;
	if (asked->fresh != NULL)
		asked->fresh->waiting--;
	put_answer(asked->resolver, answer_mail(asked->query, status, trust, response));
}

/* With the questions that nobody waits for. Not from within the library's call. */
static void fresh_free(struct resolver *r, struct fresh *fresh)
{
	struct asked *next;

	if (fresh == NULL)
		return;
	ub_ctx_delete(fresh->ctx); /* may call back, with failures */
	for (struct asked *asked = r->asked; asked != NULL; asked = next) {
		next = asked->next;
		if (asked->fresh == fresh)
			asked_free(asked);
	}
	free(fresh);
}

static void drop_retired(struct resolver *r)
{
	if (r->retired == NULL || r->retired->waiting > 0)
		return;
	fresh_free(r, r->retired);
	r->retired = NULL;
}

/* Late or not, libunbound calls this once for each question it accepted. */
static void on_resolved(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                        int was_ratelimited)
{
	struct asked *asked = ctx;
	struct response response;
	bool ok = rcode == 0 && packet != NULL && len > 0 &&
	          response_parse(BYTES(packet, len), asked->name, asked->type, &response);

	answer(asked, ok ? response.status : DNS_FAILED, trust_of(asked->is_validated, security),
	       ok ? &response : NULL);
	asked_free(asked);
}

static void on_timeout(evutil_socket_t fd, short what, void *ctx)
{
	struct asked *asked = ctx;

	struct resolver *r = asked->resolver;

	answer(asked, DNS_TIMED_OUT, DNS_INSECURE, NULL);
	drop_retired(r); /* perhaps `asked` with it */
}

static struct timeval timeval_of(struct duration d)
{
	return (struct timeval){ .tv_sec = d.ns / 1000000000, .tv_usec = d.ns % 1000000000 / 1000 };
}

static bool fresh_is_stale(const struct resolver *r, const struct fresh *fresh)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - fresh->born.tv_sec > FRESH_S || fresh->is_primed != r->is_primed;
}

/*
 * A context gets no new questions after FRESH_S, and goes with the last one somebody waits for, so
 * within `timeout`. Two live at once: one that is old while the one before is waited for still is
 * asked until that has gone, so its cache is never older than the longer of FRESH_S and `timeout`,
 * however slow a server answers.
 */
static void fresh_retire(struct resolver *r)
{
	drop_retired(r);
	if (r->retired != NULL || r->fresh == NULL || !fresh_is_stale(r, r->fresh))
		return;
	r->retired = r->fresh;
	r->fresh = NULL;
	drop_retired(r);
}

/* The library has no other way past its cache, and its limits of TTLs hold for all contexts. */
static struct fresh *fresh_open(struct resolver *r)
{
	unsigned kind = UPSTREAM_FRESH | (r->is_primed ? UPSTREAM_VALIDATING : 0);
	struct fresh *fresh = new_zeroed(sizeof(*fresh));
	char error[256];

	fresh->ctx = upstream_new(&r->settings, kind, r->base, error, sizeof(error));
	fresh->is_primed = r->is_primed;
	clock_gettime(CLOCK_MONOTONIC, &fresh->born);
	if (fresh->ctx != NULL)
		return fresh;
	free(fresh);
	return NULL;
}

static struct ub_ctx *context_for(struct resolver *r, struct asked *asked)
{
	if (asked->is_fresh && r->fresh == NULL)
		r->fresh = fresh_open(r);
	/* Before the first priming one did not validate: then what validates goes first. */
	if (asked->is_fresh && r->fresh != NULL && r->fresh->is_primed == r->is_primed) {
		asked->fresh = r->fresh;
		asked->fresh->waiting += !asked->is_answered;
		return asked->fresh->ctx;
	}
	return r->is_primed ? r->validating : r->plain;
}

/* To libunbound with it. */
static void put_question(struct asked *asked)
{
	struct resolver *r = asked->resolver;
	struct ub_ctx *ctx = context_for(r, asked);

	asked->is_held = false;
	asked->is_validated = r->is_primed;
	/* What it knows by itself it answers before it returns; `asked` may be gone after it. */
	if (ub_resolve_event(ctx, asked->name, asked->type, CLASS_IN, asked, on_resolved, NULL) !=
	    0) {
		answer(asked, DNS_FAILED, DNS_INSECURE, NULL);
		asked_free(asked);
	}
}

/*
 * At the very first start nobody knows yet whether answers can be validated. Their questions wait
 * for that, or they would all count as insecure; but not for long, since a network without the
 * root has to be served as well (TRU-1).
 */
static bool must_wait(const struct resolver *r)
{
	return r->validating != NULL && !r->is_primed && !r->is_prime_over;
}

static void on_prime_over(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct asked *next;

	r->is_prime_over = true;
	for (struct asked *asked = r->asked; asked != NULL; asked = next) {
		next = asked->next;
		if (asked->is_held)
			put_question(asked);
	}
}

static void ask(struct resolver *r, const struct mail *question)
{
	struct timeval timeout = timeval_of(r->timeout);
	struct asked *asked;

	if (question->is_fresh)
		fresh_retire(r);
	/* Abandoned questions count too: a dead forwarder must not fill our memory. */
	if (r->asked_count >= RESOLVER_QUESTIONS_MAX) {
		put_answer(r, answer_mail(question->query, DNS_FAILED, DNS_INSECURE, NULL));
		return;
	}
	asked = asked_new(r);
	asked->query = question->query;
	asked->type = question->type;
	asked->is_fresh = question->is_fresh;
	memcpy(asked->name, question->name, sizeof(asked->name));
	asked->timer = evtimer_new(r->base, on_timeout, asked);
	if (asked->timer == NULL || evtimer_add(asked->timer, &timeout) != 0)
		abort();
	asked->is_held = must_wait(r);
	if (!asked->is_held)
		put_question(asked);
}

static struct instant clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static struct instant clock_now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

/*
 * One round of the loop serves everybody whose answer has come, and only then looks at questions:
 * with hundreds of them under way a round takes tens of milliseconds, and whoever asks for the
 * first time waits for two of them. So fewer are taken at once when questions lie about because of
 * our own work; a network that is slow, or a machine that is busy, does not count.
 */
static void adapt_window(struct resolver *r, struct duration lag)
{
	unsigned window = __atomic_load_n(&r->window, __ATOMIC_RELAXED);
	struct instant worked = clock_of(CLOCK_THREAD_CPUTIME_ID);
	struct duration work = instant_since(worked, r->worked);

	r->worked = worked;
	if (lag.ns > LAG_MAX.ns && work.ns > LAG_MAX.ns)
		window -= window / 8;
	else
		window += WINDOW_STEP;
	if (window < WINDOW_LEAST)
		window = WINDOW_LEAST;
	if (window > LOOKUPS_MAX)
		window = LOOKUPS_MAX;
	__atomic_store_n(&r->window, window, __ATOMIC_RELAXED);
}

static void on_questions(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct mail *next;
	struct mail *first = mailbox_take_all(&r->questions);
	bool is_stopping;

	if (first != NULL)
		adapt_window(r, instant_since(clock_now(), first->put));
	for (struct mail *mail = first; mail != NULL; mail = next) {
		next = mail->next;
		ask(r, mail);
		free(mail);
	}
	pthread_mutex_lock(&r->questions.lock);
	is_stopping = r->is_stopping;
	pthread_mutex_unlock(&r->questions.lock);
	if (is_stopping)
		event_base_loopbreak(r->base);
}

static void prime_later(struct resolver *r, int seconds)
{
	struct timeval wait = { .tv_sec = seconds };

	evtimer_add(r->prime_event, &wait);
}

static void tell(struct resolver *r, enum mail_kind kind)
{
	struct mail *mail = new_zeroed(sizeof(*mail));

	mail->kind = kind;
	put_answer(r, mail);
}

static void on_primed(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                      int was_ratelimited)
{
	static const struct timeval now = { 0 };
	struct resolver *r = ctx;

	evtimer_add(r->held_event, &now); /* not from within the library's call */
	if (rcode == 0 && security == 2) {
		if (!r->is_primed)
			tell(r, MAIL_PRIMED);
		r->is_primed = true;
		return;
	}
	tell(r, MAIL_NOT_PRIMED);
	prime_later(r, PRIME_EVERY_S);
}

/*
 * The anchor is primed when the keys it vouches for are found secure. Asked at every start, also
 * when it was primed in an earlier run: the first answer should not wait for these keys, and if
 * they cannot be had all answers are bogus, which somebody should know.
 */
static void prime(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	const char *name = r->anchor[0] != '\0' ? r->anchor : ".";

	if (ub_resolve_event(r->validating, name, TYPE_DNSKEY, CLASS_IN, r, on_primed, NULL) != 0)
		prime_later(r, PRIME_EVERY_S);
}

static void on_warm(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                    int was_ratelimited)
{
}

static void *thread_main(void *ctx)
{
	static const struct timeval patience = { .tv_sec = PRIME_PATIENCE_S };
	struct resolver *r = ctx;

	/* The library sets a context up with its first question: one it answers by itself. */
	ub_resolve_event(r->plain, "localhost", DNS_TYPE_A, CLASS_IN, NULL, on_warm, NULL);
	if (r->validating != NULL) {
		evtimer_add(r->held_event, &patience);
		prime_later(r, 0);
	}
	event_base_dispatch(r->base);
	return NULL;
}

/* ---- control thread ---- */

static void open_add(struct resolver *r, uint64_t query)
{
	r->open[r->open_count++] = query;
}

static void open_remove(struct resolver *r, uint64_t query)
{
	for (size_t i = 0; i < r->open_count; i++) {
		if (r->open[i] == query) {
			r->open[i] = r->open[--r->open_count];
			return;
		}
	}
}

static void lookup(void *ctx, uint64_t query, const char *name, enum dns_type type, bool is_fresh)
{
	struct resolver *r = ctx;
	struct mail *mail;

	/* No port calls back before it returns: a refusal too comes by mail. */
	if (r->open_count >= RESOLVER_QUESTIONS_MAX || strlen(name) >= DNS_NAME_MAX) {
		mailbox_put(&r->answers, answer_mail(query, DNS_FAILED, DNS_INSECURE, NULL));
		return;
	}
	open_add(r, query);
	mail = new_zeroed(sizeof(*mail));
	mail->kind = MAIL_QUESTION;
	mail->query = query;
	mail->put = clock_now();
	mail->type = type;
	mail->is_fresh = is_fresh;
	strcpy(mail->name, name);
	mailbox_put(&r->questions, mail);
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
		    PRIME_EVERY_S);
	else
		log_line(
		    &r->log, LOG_WARNING,
		    "dnssec: the trust anchor could not be verified yet; until it is, all answers "
		    "count as insecure; tried again every %d s (dnssec=off for a network without "
		    "the root)",
		    PRIME_EVERY_S);
}

static void deliver(struct resolver *r, const struct mail *mail)
{
	switch (mail->kind) {
	case MAIL_ANSWER:
		open_remove(r, mail->query);
		r->events.answer(r->events.ctx, mail->query, &mail->answer);
		break;
	case MAIL_PRIMED:
		r->trust = RESOLVER_PRIMED;
		log_line(&r->log, LOG_INFO,
		         "dnssec: the trust anchor is verified, answers are validated");
		if (r->events.primed != NULL)
			r->events.primed(r->events.ctx);
		break;
	case MAIL_NOT_PRIMED:
		say_unprimed(r);
		break;
	case MAIL_QUESTION:
		break;
	}
}

static void on_answers(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct mail *next;

	for (struct mail *mail = mailbox_take_all(&r->answers); mail != NULL; mail = next) {
		next = mail->next;
		deliver(r, mail);
		free(mail);
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

static bool events_add(struct resolver *r, struct event_base *control)
{
	r->questions_event =
	    event_new(r->base, r->questions.fd, EV_READ | EV_PERSIST, on_questions, r);
	r->prime_event = evtimer_new(r->base, prime, r);
	r->ready_event = event_new(r->base, -1, 0, on_ready, r);
	r->held_event = evtimer_new(r->base, on_prime_over, r);
	r->answers_event = event_new(control, r->answers.fd, EV_READ | EV_PERSIST, on_answers, r);
	return r->questions_event != NULL && r->prime_event != NULL && r->ready_event != NULL &&
	       r->held_event != NULL && r->answers_event != NULL &&
	       event_add(r->questions_event, NULL) == 0 && event_add(r->answers_event, NULL) == 0;
}

/* Signals are the control thread's. */
static bool thread_start(struct resolver *r)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the sandbox: it must be heard */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r->is_running = pthread_create(&r->thread, NULL, thread_main, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r->is_running;
}

struct resolver *resolver_new(const struct resolver_settings *settings, struct event_base *base,
                              const struct resolver_events *events, char *error, size_t error_size)
{
	struct resolver *r = new_zeroed(sizeof(*r));

	snprintf(error, error_size, "the resolver cannot be set up");
	r->log = settings->log;
	r->events = *events;
	r->timeout = settings->timeout;
	r->window = LOOKUPS_MAX;
	r->open = new_array(RESOLVER_QUESTIONS_MAX, sizeof(*r->open));
	r->questions.fd = r->answers.fd = -1;
	r->base = event_base_new();
	if (r->base != NULL && mailbox_init(&r->questions) && mailbox_init(&r->answers) &&
	    contexts_open(r, settings, error, error_size) && events_add(r, base) && thread_start(r))
		return r;
	r->open_count = 0;
	resolver_free(r);
	return NULL;
}

static void thread_stop(struct resolver *r)
{
	pthread_mutex_lock(&r->questions.lock);
	r->is_stopping = true;
	pthread_mutex_unlock(&r->questions.lock);
	mailbox_poke(&r->questions);
	pthread_join(r->thread, NULL);
}

static void events_free(struct resolver *r)
{
	struct event *events[] = { r->questions_event, r->prime_event, r->ready_event,
		                   r->held_event, r->answers_event };

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
}

static void open_fail(struct resolver *r)
{
	struct dns_answer failed = { .status = DNS_FAILED };

	while (r->open_count > 0)
		r->events.answer(r->events.ctx, r->open[--r->open_count], &failed);
}

void resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	if (r->is_running)
		thread_stop(r);
	open_fail(r);
	/* Contexts before what their callbacks point at; they do not call back any more. */
	ub_ctx_delete(r->validating);
	ub_ctx_delete(r->plain);
	fresh_free(r, r->fresh);
	fresh_free(r, r->retired);
	while (r->asked != NULL)
		asked_free(r->asked);
	events_free(r);
	deliver_ready(r);
	mailbox_wipe(&r->questions);
	mailbox_wipe(&r->answers);
	if (r->base != NULL)
		event_base_free(r->base);
	free((void *)r->settings.servers);
	free((void *)r->settings.trust_anchor);
	free(r->open);
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
