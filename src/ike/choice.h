#pragma once
/*
 * The choice of algorithms (RFC 7296 section 2.7).
 *
 * What we allow is a list of proposals in our order: the same list is our offer as Initiator, the
 * rule as Responder, and what the Responder's answer is checked against.
 */
#include "crypto/aead.h"
#include "crypto/kex.h"
#include "crypto/prf.h"
#include "ike/proposal.h"

/* One of everything that was to be chosen. */
struct suite {
	enum aead_id cipher; /* and integrity, where that is a transform of its own */
	enum prf_id prf;     /* IKE; PRF_NONE for ESP */
	enum kex_id kex;     /* KEX_NONE for ESP without PFS */
	bool is_esn;         /* ESP */
	uint16_t addke;      /* the additional key exchange (crypto/kem.h); 0: none */
};

struct proposal_choice {
	uint8_t number;
	uint8_t protocol;
	uint64_t spi; /* the peer's */
	struct suite suite;
	bool has_integ_none; /* the form of the offer, which the answer keeps (SA-8) */
	bool has_kex_none;
	uint8_t addke_nones; /* bits 1 << (type - TRANSFORM_ADDKE1) */
};

/* The cipher that two transforms make; AEAD_NONE: none of ours. INTEG_NONE beside an AEAD. */
enum aead_id proposal_cipher(uint16_t encr, uint16_t key_bits, uint16_t integ);

/*
 * Responder: the first offered proposal that fits `allowed`, inside it our own order of
 * transforms; but the method of the KE payload that came (`kex_sent`, 0: none) is preferred if
 * allowed (SA-11). False: NO_PROPOSAL_CHOSEN. A choice whose kex is not kex_sent: ask for it with
 * INVALID_KE_PAYLOAD.
 */
MUST_USE bool proposals_choose(const struct proposal_list *offered,
                               const struct proposal_list *allowed, uint16_t kex_sent,
                               struct proposal_choice *out);
/* Is this suite of an IKE SA one of the combinations of `allowed`? */
bool proposals_allow(const struct proposal_list *allowed, const struct suite *suite);
/* Initiator: is the answer exactly one combination of what we offered (SA-9)? */
MUST_USE bool proposals_check_answer(const struct proposal_list *answer,
                                     const struct proposal_list *offered,
                                     struct proposal_choice *out);
/* The Responder's answer (SA-8); `spi` is ours, with the length of the chosen one (`spi_len`). */
void proposals_write_choice(struct writer *w, const struct proposal_choice *choice, uint64_t spi,
                            uint8_t spi_len);

/* "AES_GCM_16-256, HMAC_SHA2_256, X25519" */
struct suite_text {
	char s[96];
};
struct suite_text suite_text(const struct suite *suite);
