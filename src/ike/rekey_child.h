#pragma once
/*
 * Rekeying of a CHILD SA (RFC 7296 sections 1.3.3, 2.8 and 2.25): which SA follows which, and who
 * closes what. The exchange itself is create_child.h's.
 *
 *   --> SK{ N(REKEY_SA, ESP, our inbound SPI) SA Ni [KEi] TSi TSr }
 *   <-- SK{ SA Nr [KEr] TSi TSr }
 *   --> SK{ D(old) }                    by the initiator of the rekey (RKY-2)
 *   <-- SK{ D(old) }                    until now the old one receives (RKY-3)
 *
 * When two of them cross, the old CHILD SA has a heir, made by the peer, when the answer to our
 * request comes: the nonces decide between the two (COL-20, COL-22).
 */
#include "ike/children.h"
#include "ike/request.h"

/* Queues the request, unless the child has a successor or goes away already. */
void rekey_child_start(struct ike_sa *sa, struct child *child, struct instant now);
/*
 * The peer will not make a successor on this IKE SA, however often it is asked: none at all (RFC
 * 7296 section 4), or none by what we offer in CREATE_CHILD_SA. IKE_SA_INIT and IKE_AUTH offer
 * otherwise: there is no key exchange of the child's own, and an additional one (RFC 9370) is
 * chosen or left for good.
 */
bool rekey_is_refused_for_good(uint16_t error);
/* It said so: whoever wants it to go on needs another IKE SA (TS-16). */
void rekey_child_needs_sa(const struct ike_sa *sa, const struct child *child);
/* Its turn has come: is there still something to be rekeyed? */
bool rekey_child_is_wanted(const struct ike_sa *sa, const struct request *request);
void rekey_child_on_error(struct ike_sa *sa, const struct request *request, uint16_t error,
                          struct instant now);
/*
 * The peer agreed, and IKE_FOLLOWUP_KE would come. False: its own rekey counts (COL-20), or there
 * is nothing to be rekeyed any more.
 */
MUST_USE bool rekey_child_goes_on(struct ike_sa *sa, const struct request *request,
                                  struct bytes lowest);
/*
 * The peer agreed: whom the new one takes over from, when it sends; false: nobody wants it any
 * more. After it was added, the one that has to go is closed.
 */
MUST_USE bool rekey_child_place(const struct ike_sa *sa, const struct request *request,
                                struct child_recipe *recipe);
void rekey_child_settle(struct ike_sa *sa, const struct request *request,
                        const struct child_recipe *recipe, struct instant now);

/* Responder: the error to refuse with; 0: it may be rekeyed. */
uint16_t rekey_child_objection(const struct ike_sa *sa, const struct child *old);
/* Responder: what the peer asked for was added. */
void rekey_child_inherit(struct ike_sa *sa, const struct child_recipe *recipe);
/* The peer has deleted what it made by a rekey: should it keep the old one, that is rekeyed again. */
void rekey_child_disinherit(struct ike_sa *sa, uint32_t heir, struct instant now);

/* Its time, or what may be sent by it, is over. */
void rekey_child_expire(struct ike_sa *sa, struct child *child, struct instant now);
/* It is time for one of them to be rekeyed, or to end. */
void rekey_child_on_deadline(struct ike_sa *sa, struct instant now);
