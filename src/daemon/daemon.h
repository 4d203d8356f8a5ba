#pragma once
/*
 * The daemon: the core (opportunism/) with its ports, and what drives it. Everything here belongs
 * to the control thread.
 *
 *      daemon_open (root) -> privileges dropped -> daemon_start -> daemon_run -> daemon_free
 *
 * Events go to the core through core.c alone, which sets the deadline timer after each.
 */
#include <event2/event.h>

#include "control/server.h"
#include "daemon/configuration.h"
#include "daemon/interfaces.h"
#include "daemon/keeper_link.h"
#include "daemon/log.h"
#include "daemon/pool.h"
#include "daemon/results.h"
#include "daemon/rundir.h"
#include "daemon/signer_link.h"
#include "daemon/slots.h"
#include "engine/engine.h"
#include "opportunism/opportunism.h"
#include "resolver/resolver.h"

struct daemon {
	struct daemon_log *log_to;
	struct log log;
	struct start_users users;
	struct rundir run;
	struct peers *peers; /* NULL: none are remembered */
	struct instant started;
	struct event_base *base;

	struct configuration *conf; /* the one that runs */
	struct text notes; /* on the last reload: what it did not change, in lines */
	uint32_t secret_set; /* the signer's number of it */
	struct host_key *host_keys;
	size_t host_key_count;

	/* The ports as the core has them, and what is behind them. */
	struct resolver_port resolver_port;
	struct engine_port engine_port;
	struct ike_ports ike_ports;
	struct resolver *resolver;
	struct engine *engine;
	struct results *results;
	struct pool *pool;
	struct keeper_link *keeper;
	struct signer_link *signer;

	struct interfaces *interfaces;

	struct opportunism *core;
	struct event *deadline;
	struct event *write_protected;
	struct writer_thread *protected_writer;
	struct slots protected_file; /* the writer's, once it has begun */
	uint64_t protected_written; /* how many changes the writer was given */
	struct instant settled; /* when it fires; INSTANT_NEVER: it does not */
	struct instant use_refresh; /* when the kernel's counters may be read next */

	int control_fd; /* until control_server_new() has it */
	struct control_server *control;

	/* The end. */
	struct event *signals[3];
	struct event *stop_poll;
	bool is_stopping;
	bool stops_open;
	struct instant stop_deadline;
	int exit_status;
};

/* As root: whatever needs it is opened. Takes over `conf`. False: `error` says why not. */
MUST_USE bool daemon_open(struct daemon *d, const char *rundir, bool keeps_state,
                          struct configuration *conf, char *error, size_t size);
/* As the daemon's user: threads start, secrets go to the signer, packets may come. */
MUST_USE bool daemon_start(struct daemon *d, char *error, size_t size);
/* Until it was stopped; the exit status. */
int daemon_run(struct daemon *d);
void daemon_free(struct daemon *d);

/* Another configuration. False: `error` says why not, and the old one runs on. Takes over `conf`.
 */
MUST_USE bool daemon_reload(struct daemon *d, struct configuration *conf, struct text *error);
