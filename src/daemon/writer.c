#include "daemon/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct writer_thread {
	struct writer_calls calls;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	void *pending; /* to be written, or NULL */
	bool is_stopping;
};

/* NULL: it is over. */
static void *wait_pending(struct writer_thread *t)
{
	void *state;

	pthread_mutex_lock(&t->mutex);
	while (t->pending == NULL && !t->is_stopping)
		pthread_cond_wait(&t->wake, &t->mutex);
	state = t->pending;
	t->pending = NULL;
	pthread_mutex_unlock(&t->mutex);
	return state;
}

static void *run(void *ctx)
{
	struct writer_thread *t = ctx;
	void *state;

	while ((state = wait_pending(t)) != NULL) {
		t->calls.write(t->calls.ctx, state);
		t->calls.free(state);
	}
	return NULL;
}

static void writer_free(struct writer_thread *t)
{
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

/* Signals are the control thread's. */
static bool start_thread(struct writer_thread *t)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the sandbox: it must be heard */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ok = pthread_create(&t->thread, NULL, run, t) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

struct writer_thread *writer_start(const struct writer_calls *calls)
{
	struct writer_thread *t = new_zeroed(sizeof(*t));

	t->calls = *calls;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->wake, NULL);
	if (start_thread(t))
		return t;
	writer_free(t);
	return NULL;
}

void writer_put(struct writer_thread *t, void *state)
{
	void *old;

	pthread_mutex_lock(&t->mutex);
	old = t->pending;
	t->pending = state;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->mutex);
	if (old != NULL)
		t->calls.free(old);
}

void writer_finish(struct writer_thread *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->mutex);
	t->is_stopping = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->thread, NULL);
	writer_free(t);
}
