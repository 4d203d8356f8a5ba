#pragma once
/*
 * What the daemon may ask of the kernel once it has started: a list of calls, and nothing else.
 *
 * It cannot execute, fork, trace, mount, load, change its user, open a file for writing, map memory
 * that can be executed, or look into other processes. Whatever is not on the list ends the process
 * by SIGSYS, after a line on stderr (which is the log) with the number of the call. Two things fail
 * instead of ending it, since libraries try them and go on without: sockets of families we do not
 * use (EAFNOSUPPORT), and calls newer than the list that have an older way (ENOSYS).
 *
 * The list is longer than what was seen: glibc, libunbound, libevent and OpenSSL of other versions
 * take other ways to the same ends, and a gateway must not die of an update. Where it does, the
 * line says of which call, and `seccomp=no` in ipsec.conf is the way out until that is put right.
 */
#include "util/bytes.h"

/* For this thread and all it will start. */
MUST_USE bool sandbox_enter(char *error, size_t size);
