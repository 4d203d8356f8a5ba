/*
 * Questions past the cache: contexts that knew nothing when they were born.
 *
 * The library has no other way past its cache, and its limits of TTLs hold for all contexts. A
 * context gets no new questions after FRESH_TIME, and goes with the last one somebody waits for, so
 * within `timeout`. Two live at once: one that is old while the one before is waited for still is
 * asked until that has gone, so its cache is never older than the longer of FRESH_TIME and
 * `timeout`, however slow a server answers.
 */
#include "resolver/state.h"

#include <stdlib.h>

#define FRESH_TIME SECONDS(1)

/* With the questions that nobody waits for. */
static void fresh_free(struct resolver *r, struct fresh *fresh)
{
	if (fresh == NULL)
		return;
	ub_ctx_delete(fresh->ctx); /* may call back, with failures */
	asked_forget(r, fresh);
	free(fresh);
}

void fresh_drop_retired(struct resolver *r)
{
	if (r->retired == NULL || r->retired->waiting > 0)
		return;
	fresh_free(r, r->retired);
	r->retired = NULL;
}

static bool is_stale(const struct resolver *r, const struct fresh *fresh)
{
	return instant_since(loop_clock(), fresh->born).ns > FRESH_TIME.ns ||
	       fresh->is_primed != r->is_primed;
}

void fresh_retire(struct resolver *r)
{
	fresh_drop_retired(r);
	if (r->retired != NULL || r->fresh == NULL || !is_stale(r, r->fresh))
		return;
	r->retired = r->fresh;
	r->fresh = NULL;
	fresh_drop_retired(r);
}

static struct fresh *fresh_new(struct resolver *r)
{
	unsigned kind = UPSTREAM_FRESH | (r->is_primed ? UPSTREAM_VALIDATING : 0);
	struct fresh *fresh = new_zeroed(sizeof(*fresh));
	char error[256];

	fresh->ctx = upstream_new(&r->settings, kind, r->base, error, sizeof(error));
	fresh->is_primed = r->is_primed;
	fresh->born = loop_clock();
	if (fresh->ctx != NULL)
		return fresh;
	free(fresh);
	return NULL;
}

struct fresh *fresh_for(struct resolver *r)
{
	if (r->fresh == NULL)
		r->fresh = fresh_new(r);
	/* Before the first priming one did not validate: then what validates goes first. */
	return r->fresh != NULL && r->fresh->is_primed == r->is_primed ? r->fresh : NULL;
}

void fresh_close(struct resolver *r)
{
	fresh_free(r, r->fresh);
	fresh_free(r, r->retired);
}
