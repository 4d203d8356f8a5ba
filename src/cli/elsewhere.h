#pragma once
/*
 * Another gateway in the same network: one whose control socket is in another IPSEC_RUNDIR. Its
 * table and its device have the names of ours, and a command that finds no daemon where it looks
 * would take them for what a crash left behind.
 */
#include "cli/cli.h"

/* A process holds our device, and the steering is in place. False as well when it just died. */
bool elsewhere_runs(void);
/* Says so, and what to do. Returns the status for the command. */
int elsewhere_refuse(const struct cli *cli);
