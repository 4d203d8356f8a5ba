#pragma once
/*
 * The IKE_SA_INIT exchange (RFC 7296 sections 1.2, 2.6 and 2.7).
 *
 *   I -> R   [N(COOKIE)] SAi1 KEi Ni N(NAT_DETECTION_*) N(SIGNATURE_HASH_ALGORITHMS) V
 *   R -> I   SAr1 KEr Nr N(NAT_DETECTION_*) N(SIGNATURE_HASH_ALGORITHMS) V
 *
 * Nothing in it is authenticated: as Initiator only COOKIE and INVALID_KE_PAYLOAD change what we
 * do, other errors are remembered and the waiting goes on (INI-7).
 */
#include "ike/ike_sa.h"

/* Octets of our answer to a request, for each octet of the request, at most: more is not sent. */
enum { AMPLIFICATION_MAX = 3 };
/* Octets of either message of ours. */
enum { INIT_MAX = 2048 };

/* What an unprotected error comes to, if nothing better does. */
enum ike_reason init_refusal_reason(uint16_t refusal);
/* Initiator: writes the request from sa->hs and sends it. False: this machine cannot. */
MUST_USE bool init_start(struct ike_sa *sa, struct instant now);
void init_on_response(struct ike_sa *sa, const struct path *path, const struct ike_header *header,
                      struct bytes datagram, struct instant now);
/* Responder. The IKE SA made, or the one that was made when this request came first; else NULL. */
struct ike_sa *init_on_request(struct ike *ike, const struct path *path,
                               const struct ike_header *header, struct bytes datagram,
                               struct instant now);
/* Responder: the keys that were left out while cookies were asked for. False: the peer's public
 * value is none. */
MUST_USE bool init_finish(struct ike_sa *sa);
