#pragma once
/*
 * The secret of quick crash detection (RFC 6290 section 5.1): 32 octets in a file that outlives the
 * daemon, for nobody but root to read. Made at the first start.
 */
#include "util/secret.h"

enum { CRASH_SECRET_LEN = 32 };

/* Before the signer gives up being root. Empty: there is none, and stderr says why; peers then
 * learn of our crash by silence. */
struct secret crash_secret_open(const char *path);
/* HMAC-SHA-256(secret, data); empty without a secret. */
struct buf crash_secret_token(const struct secret *secret, struct bytes data);
