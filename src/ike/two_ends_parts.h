#pragma once
/* The parts of the two endpoints, for each other. */
#include "ike/two_ends.h"

/* two_ends_jobs.c: an end's key, always the same, or that one. */
void end_make_ed25519(struct end *end);
void end_take_key(struct end *end, EVP_PKEY *key);
/* One of struct ike_ports: the job waits. */
void end_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job);
void end_do_job(struct two_ends *t, struct end *end);
void job_wipe(struct job *job);

/* two_ends_ports.c */
void question_wipe(struct question *q);
