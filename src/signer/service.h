#pragma once
/*
 * One daemon served over one stream socket: reads messages, answers them, reads the next. And one
 * keeper, over a socket of its own, who brings the secrets (control/keeper_wire.h).
 *
 * Nothing is queued here beyond one frame: what the daemon asks too fast waits in the socket.
 */
#include "signer/crash_secret.h"
#include "signer/keyring.h"

/*
 * Until one of the sockets closes (true), or something comes from the daemon that is no question of
 * its, or writing fails (false).
 */
bool service_run(int stream, int keeper, struct keyring *keyring,
                 const struct secret *crash_secret);
