#pragma once
/*
 * Is the peer still there (RFC 7296 section 2.4)?
 *
 * An established IKE SA is looked at when its peer has been silent for a while. Has traffic gone
 * out since the peer was heard last, on IKE or any CHILD SA, an empty INFORMATIONAL asks; has
 * none, there is nothing to find out. Only the silence after all its retransmissions ends the SA
 * (LIV-1). What nobody has authenticated, a notify without protection or an ICMP error, is a hint:
 * it makes us ask at once, once in a minute (LIV-3).
 *
 *      up --> [heard] --30 s--> look --nothing sent--> [heard]
 *                ^               \--sent--> ASK --silence or dpdtimeout--> the end
 *                \--heard----------------------/
 */
#include "ike/ike_sa.h"

void liveness_start(struct ike_sa *sa, struct instant now);
/* Something came by it that the peer's keys protect and that was not there before. */
void liveness_heard(struct ike_sa *sa, struct instant now);
/* When it wants liveness_on_deadline(); INSTANT_NEVER unless the SA is up. */
struct instant liveness_due(const struct ike_sa *sa);
/* False: the peer is dead. */
MUST_USE bool liveness_on_deadline(struct ike_sa *sa, struct instant now);
/* What its CHILD SAs carried last, taken together. */
struct ike_traffic liveness_traffic(const struct ike_sa *sa);
void liveness_on_hint(struct ike_sa *sa, struct instant now);
