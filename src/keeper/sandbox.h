#pragma once
/*
 * What the keeper keeps: user root and CAP_DAC_READ_SEARCH, to read files that are root's alone;
 * and system calls to read files, to make sealed ones, and to use the sockets it has. It cannot
 * write a file, execute, fork, or open a socket. Its memory is locked, and nobody may look at it.
 */
#include <stdbool.h>

/* False: it said on stderr why not. */
bool sandbox_enter(void);
