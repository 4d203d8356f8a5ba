#pragma once
/*
 * One daemon served over one stream socket: reads a message, answers it, reads the next.
 *
 * Nothing is queued here beyond one frame: what the daemon asks too fast waits in the socket.
 */
#include "signer/crash_secret.h"
#include "signer/keyring.h"

/* Until the socket closes (true), or something comes that is no message, or writing fails (false).
 */
bool service_run(int fd, struct keyring *keyring, const struct secret *crash_secret);
