#pragma once
/*
 * Whose turn it is to start or to stop the gateway: one command at a time, the others wait.
 *
 * The lock is a file of root's beside the run directory. A directory would not do: whoever may read
 * one may lock it, and a start that waits for a stranger is a gateway without its steering.
 */
#include "cli/cli.h"

/* Waits for it; it ends when the descriptor is closed. -1: without a lock, which is no reason not
 * to start. */
int turn_take(const struct cli *cli);
