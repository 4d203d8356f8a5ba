#pragma once
/*
 * Post-quantum preshared keys (RFC 8784) of one handshake: a secret that both ends have, stirred
 * into SK_d, SK_pi and SK_pr by a job, so that who breaks the key exchange one day still lacks it.
 *
 *   Initiator   [PPK_PLAIN_AUTH: AUTH without it, for a peer that has none] -> PPK_KEYS -> PPK_USED
 *   Responder   PPK_KEYS -> PPK_USED, or it takes the AUTH without it
 */
#include "ike/ike_sa.h"

/* N(USE_PPK) in IKE_SA_INIT, both ways. */
void ppk_add_support(struct message_writer *m, const struct ike_sa *sa);
void ppk_note_support(struct ike_sa *sa, const struct payloads *p);

/* Has the keys stirred with that secret of the signer. */
void ppk_start_job(struct ike_sa *sa, unsigned key);
/* Its result; the keys before are kept. False: there is no such secret. */
MUST_USE bool ppk_take_keys(struct ike_sa *sa, struct bytes result);
/* Back to the keys without it. */
void ppk_put_back(struct ike_sa *sa);

/* Initiator: what comes first; false: the conn insists and the peer cannot. */
MUST_USE bool ppk_begin(struct ike_sa *sa);
/* AUTH without the PPK, to go along as NO_PPK_AUTH. */
void ppk_keep_plain_auth(struct ike_sa *sa, struct bytes proof);
void ppk_add_identity(struct message_writer *m, const struct ike_sa *sa);
/* Does the peer's answer say that it has it? False: it has not, and the conn insists. */
MUST_USE bool ppk_settle(struct ike_sa *sa, const struct payloads *p);

/* Responder: what the request says of it. */
void ppk_keep_request(struct ike_sa *sa, const struct payloads *p);
/* After the owner's decision. False: no proof that the conn would take. */
MUST_USE bool ppk_choose(struct ike_sa *sa);
