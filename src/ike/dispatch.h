#pragma once
/*
 * From a datagram to the exchange that handles it (RFC 7296 sections 2.1, 2.2, 2.3 and 2.21).
 *
 * Which IKE SA, request or response, new or repeated, well sealed, well formed; then a table says
 * what a message of this exchange means in this state.
 */
#include "ike/ike_sa.h"

/* The IKE SA it was for, or NULL. */
struct ike_sa *dispatch_datagram(struct ike *ike, const struct path *path, struct bytes datagram,
                                 struct instant now);
