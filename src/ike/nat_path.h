#pragma once
/*
 * An IKE SA and the NAT between it and its peer (RFC 7296 section 2.23, RFC 3948 section 4).
 *
 * Who is behind the NAT keeps its mapping alive: one octet when nothing has gone out for 20 s and
 * there are CHILD SAs. Who is not follows: from a new, authenticated message that came from
 * elsewhere on, IKE and ESP go there. Who is behind a NAT does not follow, because what changes on
 * the outside of his own NAT he cannot see, and a peer that moves is somebody who wants traffic.
 */
#include "ike/ike_sa.h"

void nat_path_start(struct ike_sa *sa, struct instant now);
/* When it wants nat_path_on_deadline(); INSTANT_NEVER unless the SA is up and behind a NAT. */
struct instant nat_path_due(const struct ike_sa *sa);
void nat_path_on_deadline(struct ike_sa *sa, struct instant now);
/* A new, authenticated message or ESP packet of the peer came by `path`. */
void nat_path_follow(struct ike_sa *sa, const struct path *path);
