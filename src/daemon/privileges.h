#pragma once
/* From root to a user of our own with CAP_NET_ADMIN and CAP_NET_RAW, and never back. */
#include "control/start.h"
#include "util/bytes.h"

/* As root: many descriptors for the resolver, no core files. */
void privileges_prepare(void);
MUST_USE bool privileges_drop(const struct start_users *users, char *error, size_t size);
