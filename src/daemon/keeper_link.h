#pragma once
/*
 * The keeper as the daemon knows it (control/keeper_wire.h): the signer's parent, which may read
 * the files when the daemon may not any more.
 *
 *      keeper_link_spawn (root) -> keeper_link_attach -> keeper_link_read -> files or trouble
 */
#include <event2/event.h>

#include "control/start.h"

struct keeper_link;

struct keeper_events {
	void *ctx;
	/* What was read, as `ipsec start` hands it over; both descriptors are the receiver's. */
	void (*files)(void *ctx, int bundle, int secrets);
	/* It could not be read; lines. */
	void (*trouble)(void *ctx, const char *lines);
	void (*gone)(void *ctx);
};

/*
 * Forks and executes wildswan-keeper, for files in `confs`, and it the signer, with the file
 * `crash_secret`. `stream` is the daemon's end of the signer's stream. NULL: `error` says why.
 */
struct keeper_link *keeper_link_spawn(const char *confs, const char *crash_secret,
                                      const struct start_users *users, int *stream, char *error,
                                      size_t size);
MUST_USE bool keeper_link_attach(struct keeper_link *link, struct event_base *base,
                                 const struct keeper_events *events);
/* Keeper and signer end with their sockets; waits a moment for that. */
void keeper_link_free(struct keeper_link *link);

/* Ends with `files` or `trouble`. */
void keeper_link_read(struct keeper_link *link);
/* Hands a token (control/handover.h) on, for the signer to load as set number `set`. It stays the
 * caller's. */
MUST_USE bool keeper_link_load(struct keeper_link *link, int token, uint32_t set);
