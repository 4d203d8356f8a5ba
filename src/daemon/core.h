#pragma once
/* Events on their way into the core, and the timer that follows its deadline. */
#include "daemon/daemon.h"

/* Makes the core with its ports. The engine is open, resolver and signer are not needed yet. */
MUST_USE bool core_open(struct daemon *d);
/* Writes down what is still to be written; takes what is not there. */
void core_close(struct daemon *d);
/* To be called after everything that calls into the core: sets the timer anew. */
void core_settle(struct daemon *d);
/* Tells the core what is configured. */
void core_configure(struct daemon *d);
/* The same after a change of one conn: what commands did to the others stays. */
void core_reconfigure(struct daemon *d);
/* This machine's addresses are others now, and the plan says so. */
void core_readdress(struct daemon *d);
/* For engine_start(), resolver_new() and results_new(). */
struct engine_events core_engine_events(struct daemon *d);
struct resolver_events core_resolver_events(struct daemon *d);
void core_on_job_done(void *ctx, uint64_t job_id, struct bytes result);
/* The kernel's counters, at most once a second and a twentieth of the time. */
void core_refresh_use(struct daemon *d);
