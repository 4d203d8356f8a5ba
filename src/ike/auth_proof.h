#pragma once
/*
 * The proofs of IKE_AUTH: ours made, the peer's checked, by jobs (RFC 7296 section 2.15).
 */
#include "ike/ike_sa.h"

/*
 * Has our AUTH made as `self`. False: nothing fits both sides, or this machine cannot. What needs
 * no job is done at once, so the exchange may be further when this returns: it is the last call.
 */
MUST_USE bool proof_start_making(struct ike_sa *sa, const struct ike_self *self,
                                 struct instant now);
void proof_add(struct message_writer *m, const struct ike_sa *sa, enum ike_auth method,
               struct bytes proof);

/* Keeps the peer's ID and AUTH. False: INVALID_SYNTAX. */
MUST_USE bool proof_keep_peers(struct ike_sa *sa, struct bytes id, const struct auth_payload *auth);
bool proof_is_of_known_method(const struct auth_payload *auth);
/* The candidates for the peer's signature. */
void proof_keep_keys(struct handshake *hs, const struct pubkey *keys, size_t count);
/* Has the peer's AUTH checked; the last call, too. False: there is nothing to check it with. */
MUST_USE bool proof_start_checking(struct ike_sa *sa, unsigned psk, struct instant now);
/* What the job of proof_start_checking() says. */
MUST_USE bool proof_is_good(struct ike_sa *sa, struct bytes result);
/* What it means that it is not. */
enum ike_reason proof_failure(const struct ike_sa *sa);
