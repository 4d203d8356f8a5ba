#pragma once
/*
 * The signer process as the daemon knows it: asked to sign. Its secrets come from the keeper.
 *
 *      signer_link_new -> signer_link_attach -> signer_link_load -> signer_link_job ...
 */
#include "config/secrets.h"
#include "crypto/job.h"
#include "daemon/keeper_link.h"
#include "daemon/results.h"
#include "opportunism/opportunism.h"
#include "util/log.h"

struct signer_link;

/* Jobs without a result; one more is refused at once, with an empty result. */
enum { SIGNER_JOBS_MAX = 1024, SIGNER_LOAD_WAIT_S = 5 };

/* Takes over `stream`, as keeper_link_spawn() made it. */
struct signer_link *signer_link_new(int stream);
/* Results go to `results`; `gone` is called when the signer ended, and it is called once. */
MUST_USE bool signer_link_attach(struct signer_link *link, struct event_base *base,
                                 struct results *results, void (*gone)(void *ctx), void *ctx);
/* The signer ends with its socket. */
void signer_link_free(struct signer_link *link);

/*
 * Replaces the signer's set by the one behind `token`, through the keeper, and waits for it: what
 * was asked before is answered with the old one, or not at all. `set` is its number, for the jobs.
 * `secrets` describes its entries. The host keys among them come back in an array for the caller to
 * free. False: `error` names the entry, the old set stays;
 * or the signer is late, and may take the new one yet: then jobs for secrets that are others in it
 * are refused until a load succeeds.
 */
MUST_USE bool signer_link_load(struct signer_link *link, struct keeper_link *keeper, int token,
                               const struct secrets *secrets, struct host_key **keys,
                               size_t *key_count, uint32_t *set, struct text *error);
/* All but VERIFY and VERIFY_CERT. */
void signer_link_job(struct signer_link *link, uint64_t job_id, const struct crypto_job *job);
