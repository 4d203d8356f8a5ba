#pragma once
/*
 * What the daemon may not even ask of the kernel once it has started: execute, trace, load modules,
 * mount, change its user, look into other processes, open kinds of sockets it does not use.
 *
 * A list of what is forbidden, not of what is allowed: the libraries below (resolver, crypto,
 * threads) make other calls with every version, and a gateway must not die of an update. The
 * signer, which stands alone, has the strict kind.
 */
#include "util/bytes.h"

/* For this thread and all it will start. */
MUST_USE bool sandbox_enter(char *error, size_t size);
