#pragma once
/*
 * Two rekeys of one SA that crossed (RFC 7296 sections 2.8.1 and 2.8.2): four nonces were sent, and
 * what the exchange with the lowest of them made is closed by whoever initiated it (COL-20).
 */
#include "util/bytes.h"

/* Octet by octet; a beginning of the other is lower than it. */
bool collision_is_lower(struct bytes a, struct bytes b);
struct bytes collision_lowest(struct bytes nonce_i, struct bytes nonce_r);
