#pragma once
/*
 * Between daemon and signer (control/keeper_wire.h): reads the files when asked to, or when told by
 * SIGHUP, and redeems tokens.
 */
#include <signal.h>
#include <stdbool.h>

struct keeper {
	const char *confs;
	int daemon;
	int signer;
	volatile sig_atomic_t *hangup;
	sigset_t waiting; /* signals blocked while it waits: not SIGHUP, which is else */
};

/* Until one of the two is gone. */
void keeper_run(const struct keeper *keeper);
