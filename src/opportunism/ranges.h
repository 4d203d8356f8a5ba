#pragma once
/*
 * Which configured conn answers a peer that asks for ranges of addresses, and with how much of
 * them.
 */
#include "opportunism/reach.h"

struct peer_sa;

/* AUT-3: rightid, or the address of the gateway that the conn names; ID_NONE: whoever has the key.
 */
struct ike_id conn_peer_id(const struct conn_state *conn);
/* Would the peer of a tunnel that was made by `old` have to prove the same by `conn`, and agree to
 * the same? `sa`: where it did, or NULL. */
bool conn_knows_alike(const struct conn_state *conn, const struct conn_state *old,
                      const struct peer_sa *sa);
/* The conn that names the peer before one for anybody. NULL: none takes any of it. `grant` is empty
 * where it takes the addresses, but not for single protocols or ports. */
struct conn_state *conn_of_ranges(const struct conns *conns, const struct ike_claim *said,
                                  const struct own_addresses *own, struct reach *grant);
