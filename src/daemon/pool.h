#pragma once
/*
 * A few threads that verify signatures, so that the control thread never does.
 */
#include "crypto/job.h"
#include "daemon/results.h"

struct pool;

/* Jobs waiting; one more is done with at once, as not verified. */
enum { POOL_THREADS_MAX = 4, POOL_JOBS_MAX = 1024 };

/* NULL: no thread could be made. */
struct pool *pool_new(struct event_base *base, struct results *results);
/* Waits for the jobs being worked at; the waiting ones are forgotten. */
void pool_free(struct pool *pool);
/* CRYPTO_JOB_VERIFY and VERIFY_CERT only, from the loop of `base`, at the end of whose turn the
 * threads begin. Ends with one results_put(). */
void pool_verify(struct pool *pool, uint64_t job_id, const struct crypto_job *job);
