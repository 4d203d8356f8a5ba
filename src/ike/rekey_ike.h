#pragma once
/*
 * Rekeying of an IKE SA (RFC 7296 sections 1.3.2, 2.8, 2.18 and 2.25).
 *
 *   --> SK{ SA(with our SPI) Ni KEi }
 *   <-- SK{ SA(with the peer's SPI) Nr KEr }
 *  [--> IKE_FOLLOWUP_KE <--, where both have an additional key exchange: followup.h]
 *   --> SK{ D(IKE) }      the last request on the old one, by the initiator of the rekey (RKY-4)
 *
 * What becomes of the old one and the new one is successor.h's.
 */
#include "ike/request.h"

/* Queues the request, unless one is under way. */
void rekey_ike_start(struct ike_sa *sa, struct instant now);
/* The payloads of our request. False: this machine cannot. */
MUST_USE bool rekey_ike_write(struct ike_sa *sa, struct request *request, struct message_writer *m);
/* Takes ownership of the request. */
void rekey_ike_on_response(struct ike_sa *sa, struct request *request, const struct payloads *p,
                           struct instant now);
/* Our request has left and has no answer yet (COL-12). */
bool rekey_ike_is_under_way(const struct ike_sa *sa);

/* Responder; `offered` is of an IKE SA. */
void rekey_ike_on_request(struct ike_sa *sa, const struct payloads *p,
                          const struct proposal_list *offered, struct instant now);
/* The second part of what had one more; `f` stays the caller's. */
void rekey_ike_on_followup(struct ike_sa *sa, const struct followup *f, struct instant now);

/* It is time to be rekeyed, or to end. */
void rekey_ike_on_deadline(struct ike_sa *sa, struct instant now);
/* Counts messages: long before a counter is used up, the SA is rekeyed (SK-9, MID-13). */
void rekey_ike_look_at_counters(struct ike_sa *sa);
