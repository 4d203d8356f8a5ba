#pragma once
/*
 * What comes from outside the core's business: signals, files read anew, and the orderly end:
 * Deletes to all peers, then everything out of the kernel, then the answer to whoever asked, then
 * the files, then the process.
 */
#include "daemon/daemon.h"

/* What peers get to answer our Deletes (RST-6). */
enum { LIFE_STOP_WAIT_S = 2 };

/* SIGTERM and SIGINT stop; SIGHUP has the keeper read the files. */
MUST_USE bool life_open(struct daemon *d);
void life_close(struct daemon *d);
/* `open`: the blocks of private conns go too. Asking twice is asking once. */
void life_stop(struct daemon *d, bool open);
/* The keeper's answers (keeper_events). */
void life_on_files(void *ctx, int bundle, int secrets);
void life_on_trouble(void *ctx, const char *lines);
/* Without tidying up: the steering stays and holds everything, as after a crash. */
void life_crash(struct daemon *d, const char *why);
