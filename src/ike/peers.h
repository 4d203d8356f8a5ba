#pragma once
/*
 * Which IKE SAs there are with a peer: by its address and by the two identities.
 *
 * By address every IKE SA of ours as Initiator, and as Responder once it is up: what nobody has
 * authenticated counts for nothing. By identities only what came up. Found are also IKE SAs that
 * close or linger; who asks looks at their state.
 */
#include "ike/ike_sa.h"

/* Both may be called again; an SA is entered once. */
void peers_add_address(struct ike_sa *sa);
void peers_add_names(struct ike_sa *sa);
void peers_remove(struct ike_sa *sa);
/* Its peer has another address now (NAT-9). */
void peers_move(struct ike_sa *sa, const struct endpoint *remote);

/* The first IKE SA with that address and the one after `sa`; NULL: no more. */
struct ike_sa *peers_first_at(const struct ike *ike, const struct ip *address);
struct ike_sa *peers_next_at(const struct ike_sa *sa);
/* The first one with the identities of `sa`, and the one after it; may be `sa` itself. */
struct ike_sa *peers_first_named(const struct ike_sa *sa);
struct ike_sa *peers_next_named(const struct ike_sa *sa);
