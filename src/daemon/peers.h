#pragma once
/*
 * The file of established peers (opportunism/peerfile.h): read once at a start, written at most
 * once a second while they change, and now and then when they do not, so that their age is known.
 *
 * Opened as root, before the daemon may open nothing any more. A thread of its own makes
 * and writes the text; the control thread copies the list, and waits the longer the longer that took.
 */
#include "daemon/daemon.h"

/* Without a file (-1) nothing is remembered. False: no timer or no thread could be made. */
MUST_USE bool peers_open(struct daemon *d);
/* After an unclean end: whom we had IKE SAs with. After core_configure(). */
void peers_recover(struct daemon *d);
/* Called after events. */
void peers_look(struct daemon *d);
/* All were told: the next start has nothing to recover. */
void peers_forget(struct daemon *d);
/* Waits for what is being written. */
void peers_close(struct daemon *d);
