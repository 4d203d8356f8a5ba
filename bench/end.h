#pragma once
/*
 * One end of IKE without a daemon, for benches and tests: the core (ike/ike.h) on two sockets, with
 * jobs that wait to be done. What goes wrong ends the program.
 */
#include "crypto/prf.h"
#include "engine/userspace/outer.h"
#include "ike/ike.h"

enum { END_JOBS_MAX = 4096 };

struct end_job {
	uint64_t id;
	enum crypto_job_kind kind;
	enum prf_id prf;
	enum signature_id signature_id;
	struct buf data;
	struct buf signature;
	struct instant came; /* end.came when it began */
};

struct end {
	struct outer outer;
	struct outer_receiver *rx;
	struct instant came; /* the user's to set: the datagram at work */
	struct end_job *jobs;
	unsigned job_count;
	uint32_t spi;
};

struct instant end_now(void);

/* UDP ports 500 and 4500. */
void end_open(struct end *end);
/* `ctx` is the end; a user with a port of its own replaces it. */
struct ike_ports end_ports(struct end *end);
struct ike_settings end_settings(void);
/* Lets everything happen; the user puts in what it wants to know. */
struct ike_owner end_owner(void *ctx);

/* Until a datagram is there or `due` is, 100 ms at most. */
void end_wait(const struct end *end, struct instant due);
/* What is there of both sockets, IKE messages without the marker. */
void end_receive(struct end *end,
                 void (*see)(void *ctx, const struct path *path, struct bytes datagram), void *ctx);

/* Answers a job of a shared secret; with nothing any other. */
void end_do_psk_job(struct ike *ike, const struct end_job *job, const char *secret);
void end_job_wipe(struct end_job *job);
