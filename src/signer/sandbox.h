#pragma once
/*
 * What the signer gives up before it reads its first secret.
 *
 * Afterwards it is a user of its own with no capabilities, cannot gain any, leaves no core, is not
 * swapped (where this was allowed), holds no file above `last_fd`, and may make two dozen
 * system calls: none opens, connects, forks or executes. Any other ends it.
 */
#include <stdbool.h>
#include <sys/types.h>

/* Says on stderr what failed. As a user already, `uid` and `gid` must be the ones it has. */
__attribute__((warn_unused_result)) bool sandbox_enter(int last_fd, uid_t uid, gid_t gid);
