#pragma once
/*
 * IKE_INTERMEDIATE (RFC 9242) with one additional key exchange (RFC 9370): ML-KEM-768 beside the
 * method of IKE_SA_INIT, so that who records today and has a quantum computer later learns nothing.
 *
 *   I -> R   SK{ KEi(1) }      the public key
 *   R -> I   SK{ KEr(1) }      the ciphertext
 *
 * Between IKE_SA_INIT and IKE_AUTH; both messages are sealed with the keys before it, and what
 * follows with those after it. AUTH covers what was exchanged (IntAuth).
 */
#include "ike/ike_sa.h"

/* What can be offered and taken in IKE_SA_INIT; NULL: nothing. Only beside our own proposals: a
 * conn that names its algorithms means these. */
const struct kem *intermediate_kem_for(const struct ike *ike, const struct ike_profile *profile);
/* N(INTERMEDIATE_EXCHANGE_SUPPORTED) in IKE_SA_INIT: an additional key exchange takes the word of
 * both (RFC 9370 section 2.2.1). */
void intermediate_add_support(struct message_writer *m);
bool intermediate_is_supported(const struct payloads *p);

void intermediate_wipe(struct intermediate *i);
/* Is the exchange due, so that IKE_AUTH may not come yet? */
bool intermediate_is_due(const struct ike_sa *sa);

/* Initiator, after IKE_SA_INIT. False: this machine cannot. */
MUST_USE bool intermediate_start(struct ike_sa *sa, struct instant now);
/* Before either handler: what the peer's message adds to IntAuth. `first` and `text` as they were
 * sealed, without padding. */
MUST_USE bool intermediate_note(struct ike_sa *sa, const struct ike_header *header, uint8_t first,
                                struct bytes text);
void intermediate_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now);
void intermediate_on_response(struct ike_sa *sa, const struct payloads *p, struct instant now);
/* The end of what is signed: IntAuth_i | IntAuth_r | message ID of IKE_AUTH (RFC 9242
 * section 3.3.1). Empty if there was no such exchange. `out` has room for 2 * PRF_LEN_MAX + 4. */
struct bytes intermediate_int_auth(const struct ike_sa *sa, uint8_t *out);

/*
 * One message's part (RFC 9242 section 3.3.2): prf(SK_p, A | P), A being the headers of the message
 * as if it had been one SK payload with its text in the clear, P the text.
 */
MUST_USE bool int_auth_of_message(enum prf_id id, struct bytes sk_p,
                                  const struct ike_header *header, uint8_t first, struct bytes text,
                                  uint8_t *out);
