#pragma once
/*
 * A thread that writes the newest state of something to disk, so that no slow disk stalls the
 * control thread. One state waits at most: a newer one takes its place.
 */
#include "util/bytes.h"

struct writer_thread;

struct writer_calls {
	void *ctx;
	void (*write)(void *ctx, const void *state); /* in the thread; takes as long as it takes */
	void (*free)(void *state);
};

/* NULL: no thread could be made. */
struct writer_thread *writer_start(const struct writer_calls *calls);
/* Takes `state`; returns at once. */
void writer_put(struct writer_thread *t, void *state);
/* After what waits was written. */
void writer_finish(struct writer_thread *t);
