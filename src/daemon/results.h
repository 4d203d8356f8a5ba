#pragma once
/*
 * Results of crypto jobs on their way to the control thread, from whatever thread they come.
 */
#include <event2/event.h>

#include "util/bytes.h"

struct results;

/* `done` is called on `base`'s thread, never from results_put(). */
struct results *results_new(struct event_base *base,
                            void (*done)(void *ctx, uint64_t job_id, struct bytes result),
                            void *ctx);
void results_free(struct results *results);
/* On `base`'s thread and from an event of its own, never from a port: `done` is called at once. */
void results_tell(struct results *results, uint64_t job_id, struct bytes result);
/* Any thread. The octets are copied. */
void results_put(struct results *results, uint64_t job_id, struct bytes result);
