#pragma once
/*
 * What the files of this folder share of an engine: its life (engine.c), what wakes it (events.c)
 * and what the core asks of it (port.c).
 */
#include <time.h>

#include "engine/engine.h"
#include "engine/outbox.h"
#include "engine/steering/steering.h"
#include "engine/userspace/briefs.h"
#include "engine/userspace/worker.h"

struct engine {
	struct log log;
	struct engine_settings settings; /* its pointers are ours */
	struct steering_settings steering_settings;
	struct shared shared;
	struct briefs briefs;
	struct worker worker;
	int tun;
	struct steering *steering;
	struct engine_events events;
	struct event_base *base;
	struct event *on_mail, *on_ike4, *on_ike6, *on_settle, *on_tick;
	struct outer_receiver *rx;
	struct instant behind[OUTER_SOCKETS]; /* since when IKE datagrams are left over; 0: none */
	struct outbox outbox;
	bool is_rcu_thread;
	bool is_stopped;
};

static inline struct instant engine_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

/* events.c. False: there is no event to be had. */
MUST_USE bool engine_add_events(struct engine *engine);
void engine_remove_events(struct engine *engine);
/* What the core changed goes to the kernel and what it says leaves: now, or at the end of the
 * event. */
void engine_settle(struct engine *engine);
void engine_settle_soon(struct engine *engine);
void engine_flush_outbox(struct engine *engine);

/* engine.c. From the kernel. */
void engine_random(void *out, size_t len);
