#pragma once
/*
 * The Security Association payload (RFC 7296 section 3.3): proposals, each a number of transforms
 * of each type. Ours are own_proposals.h's or a conn's (profile.h); what comes of two lists is
 * choice.h's.
 */
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

/* False: INVALID_SYNTAX. Unknown types, identifiers and attributes are kept and parse. */
MUST_USE bool proposals_parse(struct bytes body, struct proposal_list *out);
/* One of them; the last one says so. */
void proposal_write(struct writer *w, const struct proposal *p, bool is_last);
void proposals_write(struct writer *w, const struct proposal_list *list);

/* The header of proposal `number`, without transforms, and one transform more. */
struct proposal *proposals_add(struct proposal_list *list, uint8_t protocol, uint64_t spi,
                               uint8_t spi_len);
void proposal_add_transform(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits);
/* Is this key exchange method in one of the proposals (INI-2, PLD-20)? */
bool proposals_offer_kex(const struct proposal_list *list, uint16_t method);
/* Length of the nonce to go with them (PLD-22). */
size_t proposals_nonce_len(const struct proposal_list *list);
