#pragma once
/*
 * The run directory: control.sock, wildswan.pid, and nothing else of the daemon's but perhaps
 * wildswan.log. And the state that outlives a run, three files.
 *
 * Made and opened as root. The directory is given to the daemon's user, so that it can take its
 * files out at the end, unless somebody else keeps files there.
 */
#include <sys/types.h>

#include "util/bytes.h"

struct rundir {
	const char *path; /* borrowed */
	int dir;
	int pid;   /* locked for as long as we live */
	int state; /* which trust anchor was primed, or -1 */
	int protected_hosts; /* opportunism/protected.h, or -1 */
	int peers;               /* peers.h, or -1 */
	char crash_secret[4096]; /* path of a file that is the signer's to make and read */
};

#define RUNDIR_UNOPENED \
	((struct rundir){ .dir = -1, .pid = -1, .state = -1, .protected_hosts = -1, .peers = -1 })

/* False: `error` says why not; another daemon runs there, perhaps. `keeps_state`: in RUNDIR too. */
MUST_USE bool rundir_open(struct rundir *run, const char *path, bool keeps_state, uid_t uid,
                          gid_t gid, char *error, size_t size);
MUST_USE bool rundir_write_pid(struct rundir *run);
/* Takes pid file and socket out, as far as that is allowed. */
void rundir_close(struct rundir *run);

/* Was an anchor of this text primed in an earlier run? */
bool rundir_was_primed(const struct rundir *run, struct bytes anchor);
void rundir_set_primed(const struct rundir *run, struct bytes anchor);
