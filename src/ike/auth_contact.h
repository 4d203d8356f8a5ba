#pragma once
/*
 * INITIAL_CONTACT: what is known of a peer from before it restarted (RFC 7296 section 2.4).
 */
#include "ike/ike_sa.h"

/* Is this the only IKE SA with that address, as far as we know (IC-1, IC-2)? Never, where the
 * profile says that others may have the same name (IC-3). */
bool contact_is_first(const struct ike_sa *sa);
/*
 * IC-2: the other IKE SAs of this pair of identities are from before the peer restarted. One that
 * came up after this handshake began is not: the peer had part in it. Nor is one whose peer is
 * known better: that the two have one name may be a forgery.
 */
void contact_drop_others(struct ike_sa *sa);
