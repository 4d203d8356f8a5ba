#include "daemon/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/x509.h"

struct waiting {
	struct waiting *next;
	uint64_t job_id;
	enum signature_id signature_id;
	struct pubkey *keys;
	size_t key_count;
	struct buf data;
	struct buf signature;
	struct x509_trust *trust; /* VERIFY_CERT, with what follows */
	struct x509_claim claim;  /* views of: */
	struct buf chain;
	struct buf ca;
	struct buf id;
};

struct queue {
	struct waiting *first;
	struct waiting **end;
};

struct pool {
	struct results *results;
	struct event *turn;     /* at its end the threads are given what was gathered */
	struct queue gathered;  /* of the control thread alone */
	atomic_size_t unworked; /* jobs that no thread has taken yet */
	pthread_mutex_t lock;   /* of: */
	pthread_cond_t wanted;
	struct queue queue;
	bool is_stopping;
	pthread_t threads[POOL_THREADS_MAX];
	size_t thread_count;
};

static void waiting_free(struct waiting *w)
{
	buf_free(&w->data);
	buf_free(&w->signature);
	x509_trust_release(w->trust);
	buf_free(&w->chain);
	buf_free(&w->ca);
	buf_free(&w->id);
	free(w->keys);
	free(w);
}

/* A certificate is good at the time it is looked at. */
static void verify_certificate(const struct pool *pool, const struct waiting *w)
{
	const struct crypto_job job = { .kind = CRYPTO_JOB_VERIFY_CERT,
		                        .signature_id = w->signature_id,
		                        .data = buf_view(&w->data),
		                        .signature = buf_view(&w->signature),
		                        .trust = w->trust,
		                        .claim = w->claim };
	CLEANUP(buf_free) struct buf result = x509_do_job(&job, time(NULL));

	results_put(pool->results, w->job_id, buf_view(&result));
}

static void verify(const struct pool *pool, const struct waiting *w)
{
	/* The answer is one octet: keys beyond its reach are not tried. */
	for (size_t i = 0; i < w->key_count && i <= UINT8_MAX; i++) {
		uint8_t index = (uint8_t)i;

		if (pubkey_verify(&w->keys[i], w->signature_id, buf_view(&w->data),
		                  buf_view(&w->signature))) {
			results_put(pool->results, w->job_id, BYTES(&index, 1));
			return;
		}
	}
	results_put(pool->results, w->job_id, (struct bytes){ 0 });
}

static struct waiting *take(struct pool *pool)
{
	struct waiting *w;

	pthread_mutex_lock(&pool->lock);
	while (pool->queue.first == NULL && !pool->is_stopping)
		pthread_cond_wait(&pool->wanted, &pool->lock);
	w = pool->is_stopping ? NULL : pool->queue.first;
	if (w != NULL) {
		pool->queue.first = w->next;
		if (pool->queue.first == NULL)
			pool->queue.end = &pool->queue.first;
		atomic_fetch_sub(&pool->unworked, 1);
	}
	pthread_mutex_unlock(&pool->lock);
	return w;
}

static void *thread_main(void *ctx)
{
	struct pool *pool = ctx;
	struct waiting *w;

	while ((w = take(pool)) != NULL) {
		if (w->trust != NULL)
			verify_certificate(pool, w);
		else
			verify(pool, w);
		waiting_free(w);
	}
	return NULL;
}

static void queue_empty(struct queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

/* Waking a thread for each job would take turns with it, one cold cache after the other. */
static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct pool *pool = ctx;

	if (pool->gathered.first == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	*pool->queue.end = pool->gathered.first;
	pool->queue.end = pool->gathered.end;
	if (pool->gathered.first->next == NULL)
		pthread_cond_signal(&pool->wanted);
	else
		pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	queue_empty(&pool->gathered);
}

/* The threads begin when the control thread rests, not in the middle of what it does. */
static bool thread_start(struct pool *pool)
{
	const struct sched_param none = { 0 };
	pthread_t *thread = &pool->threads[pool->thread_count];

	if (pthread_create(thread, NULL, thread_main, pool) != 0)
		return false;
	(void)pthread_setschedparam(*thread, SCHED_BATCH, &none);
	pool->thread_count++;
	return true;
}

struct pool *pool_new(struct event_base *base, struct results *results)
{
	struct pool *pool = new_zeroed(sizeof(*pool));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all;
	sigset_t before;

	pool->results = results;
	queue_empty(&pool->gathered);
	queue_empty(&pool->queue);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->turn = event_new(base, -1, 0, on_turn, pool);
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the sandbox: it must be heard */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (pool->thread_count < POOL_THREADS_MAX &&
	       (pool->thread_count == 0 || (long)pool->thread_count < cpus) && thread_start(pool))
		continue;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pool->thread_count > 0 && pool->turn != NULL)
		return pool;
	pool_free(pool);
	return NULL;
}

static void queue_free(struct queue *queue)
{
	struct waiting *next;

	for (struct waiting *w = queue->first; w != NULL; w = next) {
		next = w->next;
		waiting_free(w);
	}
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_stopping = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	queue_free(&pool->queue);
	queue_free(&pool->gathered);
	if (pool->turn != NULL)
		event_free(pool->turn);
	pthread_cond_destroy(&pool->wanted);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static void keep_certificates(struct waiting *w, const struct crypto_job *job)
{
	w->trust = x509_trust_hold(job->trust);
	w->chain = buf_copy(job->claim.chain);
	w->ca = buf_copy(job->claim.ca);
	w->id = buf_copy(job->claim.id);
	w->claim = (struct x509_claim){ .chain = buf_view(&w->chain),
		                        .ca = buf_view(&w->ca),
		                        .id_type = job->claim.id_type,
		                        .id = buf_view(&w->id) };
}

static struct waiting *waiting_new(uint64_t job_id, const struct crypto_job *job)
{
	struct waiting *w = new_zeroed(sizeof(*w));

	w->job_id = job_id;
	w->signature_id = job->signature_id;
	w->data = buf_copy(job->data);
	w->signature = buf_copy(job->signature);
	w->key_count = job->key_count;
	w->keys = new_array(job->key_count + 1, sizeof(*w->keys));
	if (job->key_count > 0)
		memcpy(w->keys, job->keys, job->key_count * sizeof(*w->keys));
	if (job->kind == CRYPTO_JOB_VERIFY_CERT)
		keep_certificates(w, job);
	return w;
}

void pool_verify(struct pool *pool, uint64_t job_id, const struct crypto_job *job)
{
	struct waiting *w;

	assert(job->kind == CRYPTO_JOB_VERIFY || job->kind == CRYPTO_JOB_VERIFY_CERT);
	if (atomic_load(&pool->unworked) >= POOL_JOBS_MAX) {
		results_put(pool->results, job_id, (struct bytes){ 0 });
		return;
	}
	atomic_fetch_add(&pool->unworked, 1);
	w = waiting_new(job_id, job);
	*pool->gathered.end = w;
	pool->gathered.end = &w->next;
	event_active(pool->turn, 0, 0);
}
