#pragma once
/*
 * How an IKE SA is begun by the rules of a conn: from which of our addresses, who we are there,
 * whom we expect.
 */
#include "opportunism/flow.h"

/* By which of our addresses a gateway is to know us: the Source's own if it is one of those (it
 * need not name another), else that of the device towards the gateway. `source`: or NULL. */
struct ip wish_outer(const struct opportunism *opp, const struct conn_state *conn,
                     const struct ip *source, const struct ip *gateway);
/* For a Source or (NULL) for none; no selectors, no tag. False: there is nothing to prove ourselves
 * with, or no address to do it from. */
MUST_USE bool wish_of_conn(const struct opportunism *opp, const struct conn_state *conn,
                           const struct ip *source, const struct ip *gateway,
                           struct ike_wish *wish);
