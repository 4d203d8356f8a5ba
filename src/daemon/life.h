#pragma once
/*
 * The orderly end: Deletes to all peers, then everything out of the kernel, then the answer to
 * whoever asked, then the files, then the process.
 */
#include "daemon/daemon.h"

/* What peers get to answer our Deletes (RST-6). */
enum { LIFE_STOP_WAIT_S = 2 };

/* SIGTERM and SIGINT stop; SIGHUP says how to reload. */
MUST_USE bool life_open(struct daemon *d);
void life_close(struct daemon *d);
/* `open`: the blocks of private conns go too. Asking twice is asking once. */
void life_stop(struct daemon *d, bool open);
/* Without tidying up: the steering stays and holds everything, as after a crash. */
void life_crash(struct daemon *d, const char *why);
