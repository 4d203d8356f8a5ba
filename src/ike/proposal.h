#pragma once
/*
 * The Security Association payload (RFC 7296 section 3.3) and the choice of algorithms
 * (section 2.7).
 *
 * What we allow is a list of proposals in our order: the same list is our offer as Initiator, the
 * rule as Responder, and what the Responder's answer is checked against.
 */
#include "crypto/aead.h"
#include "crypto/kex.h"
#include "crypto/prf.h"
#include "ike/registry.h"

enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_SN = 5,
	/* RFC 9370: key exchanges after the first; we have use for one. */
	TRANSFORM_ADDKE1 = 6,
	TRANSFORM_ADDKE7 = 12,
};

enum encr_id { ENCR_AES_CBC = 12, ENCR_AES_GCM_16 = 20, ENCR_CHACHA20_POLY1305 = 28 };
enum integ_id {
	INTEG_NONE = 0,
	INTEG_HMAC_SHA2_256_128 = 12,
	INTEG_HMAC_SHA2_384_192 = 13,
	INTEG_HMAC_SHA2_512_256 = 14,
};
/* RFC 7296 section 3.3.2: 32-bit sequence numbers, or extended ones. */
enum sn_id { SN_32 = 0, SN_64 = 1 };

enum {
	PROPOSALS_MAX = 16,
	TRANSFORMS_MAX = 64, /* a proposal; beyond either: INVALID_SYNTAX (PLD-10) */
	PROPOSAL_SPI_MAX = 8,
};

struct transform {
	uint8_t type;
	uint16_t id;
	uint16_t key_bits; /* 0: no key length attribute */
	bool has_unknown;  /* holds an attribute we do not know: unacceptable (SA-5) */
};

struct proposal {
	uint8_t number;
	uint8_t protocol; /* enum ike_protocol */
	uint8_t spi_len;
	uint64_t spi; /* in the low octets */
	size_t transform_count;
	struct transform transforms[TRANSFORMS_MAX];
};

struct proposal_list {
	size_t count;
	struct proposal proposals[PROPOSALS_MAX];
};

/* One of everything. */
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

/* False: INVALID_SYNTAX. Unknown types, identifiers and attributes are kept and parse. */
MUST_USE bool proposals_parse(struct bytes body, struct proposal_list *out);
void proposals_write(struct writer *w, const struct proposal_list *list);

/* Our profile. IKE: `spi` 0 for IKE_SA_INIT (SPI size 0), else that of a rekey (8 octets). */
void proposals_for_ike(struct proposal_list *out, uint64_t spi);
/* ESP: `with_kex` in CREATE_CHILD_SA (TS-15), not in IKE_AUTH (SA-12). */
void proposals_for_esp(struct proposal_list *out, uint32_t spi, bool with_kex);
/*
 * What a Responder takes beside its own offer: the same ciphers and all else we have that is sound
 * (ALG-2). It is no offer: that would be longer, and the first message is short.
 */
void proposals_taken_for_ike(struct proposal_list *out, uint64_t spi);
void proposals_taken_for_esp(struct proposal_list *out, bool with_kex);
/* Puts the first proposal of the IKE profile, with this additional key exchange, before all others:
 * who does not know it finds the same without it after it (MKE-7, MKE-9). */
void proposals_add_kem(struct proposal_list *list, uint16_t kem);
/* The cipher that two transforms make; AEAD_NONE: none of ours. INTEG_NONE beside an AEAD. */
enum aead_id proposal_cipher(uint16_t encr, uint16_t key_bits, uint16_t integ);
/* The header of proposal `number`, without transforms, and one transform more. */
struct proposal *proposals_add(struct proposal_list *list, uint8_t protocol, uint64_t spi,
                               uint8_t spi_len);
void proposal_add_transform(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits);
/* Is this key exchange method in one of the proposals (INI-2, PLD-20)? */
bool proposals_offer_kex(const struct proposal_list *list, uint16_t method);
/* Length of the nonce to go with them (PLD-22). */
size_t proposals_nonce_len(const struct proposal_list *list);

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
