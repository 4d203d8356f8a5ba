#pragma once
/*
 * CREATE_CHILD_SA for one more pair over an IKE SA that is up (RFC 7296 sections 1.3.1, 2.9, 2.17).
 *
 *   --> SK{ SA Ni KEi TSi TSr }
 *   <-- SK{ SA Nr KEr TSi TSr }     or an error; the IKE SA is unharmed (ERR-9)
 *
 * Where both have an additional key exchange, IKE_FOLLOWUP_KE comes behind it (followup.h).
 *
 * Either side may start it. Always with a key exchange of its own (TS-15). Requests to rekey are
 * refused with NO_ADDITIONAL_SAS, which a peer answers by making a new IKE SA (RFC 7296 section 4).
 */
#include "ike/request.h"

/* Initiator of the exchange. */
/* Asks for the pair of one packet, where a peer takes single pairs only (TS-7). */
void create_child_for_packet(struct ike_sa *sa, const struct ike_packet *packet, uint64_t tag,
                             struct instant now);
/* The payloads of our request. False: this machine cannot. */
MUST_USE bool create_child_write(struct ike_sa *sa, struct request *request,
                                 struct message_writer *m);
/* Takes ownership of the request. */
void create_child_on_response(struct ike_sa *sa, struct request *request, const struct payloads *p,
                              struct instant now);
/* Responder of the exchange: asks the owner. */
void create_child_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now);
void create_child_on_permission(struct ike_sa *sa, const struct ike_permission *permission,
                                struct instant now);
/* The last part of what had one more; `f` stays the caller's. */
void create_child_on_followup(struct ike_sa *sa, const struct followup *f, struct instant now);
