#pragma once
/*
 * Authentication of IKE_AUTH: what is signed (RFC 7296 section 2.15) and the AUTH payload
 * (section 3.8, RFC 7427, RFC 8420).
 */
#include "crypto/prf.h"
#include "crypto/pubkey.h"
#include "ike/message.h"

/*
 * InitiatorSignedOctets or ResponderSignedOctets: RealMessage | Nonce | prf(SK_p, ID body), and
 * IntAuth where there were intermediate exchanges (RFC 9242 section 3.3.1).
 *
 *   message  the signer's IKE_SA_INIT message as sent, without the non-ESP marker
 *   nonce    data of the *other* side's nonce
 *   sk_p     SK_pi for the Initiator's octets, SK_pr for the Responder's
 *   id_body  ID payload after its generic header, reserved octets as received (AUT-4)
 *   int_auth empty: there were none
 *   out      the caller's to free
 */
MUST_USE bool auth_signed_octets(enum prf_id prf_id, struct bytes sk_p, struct bytes message,
                                 struct bytes nonce, struct bytes id_body, struct bytes int_auth,
                                 struct buf *out);

struct auth_payload {
	uint8_t method;                 /* enum ike_auth_method, or a number we do not know */
	enum signature_id signature_id; /* method 14; SIGNATURE_NONE: an algorithm we refuse */
	struct bytes value;             /* the signature or MAC */
};

/* False: INVALID_SYNTAX. */
MUST_USE bool auth_parse(struct bytes body, struct auth_payload *out);
/*
 * prf(prf(secret, "Key Pad for IKEv2"), octets), RFC 7296 section 2.15. With SK_pi or SK_pr as the
 * secret it is the AUTH of who proves nothing (RFC 7619 section 2.1). `out`: prf_len() octets.
 */
MUST_USE bool auth_mac(enum prf_id prf_id, struct bytes secret, struct bytes octets,
                       uint8_t out[PRF_LEN_MAX]);
/* AUTH bodies. */
void auth_write_signature(struct writer *w, enum signature_id id, struct bytes signature);
void auth_write_shared_key(struct writer *w, struct bytes mac);
void auth_write_null(struct writer *w, struct bytes mac);

/* Hashes of SIGNATURE_HASH_ALGORITHMS as bits 1 << enum hash_id. */
typedef uint32_t hash_set;
#define HASH_SET(id) ((hash_set)1 << (id))
#define HASH_SET_OURS                                                                  \
	(HASH_SET(HASH_SHA2_256) | HASH_SET(HASH_SHA2_384) | HASH_SET(HASH_SHA2_512) | \
	 HASH_SET(HASH_IDENTITY))
/* From the data of the notify; numbers we do not know are left out, an odd octet is ignored. */
hash_set hash_set_parse(struct bytes data);
/* The data of our notify (DS-1). */
void hash_set_write(struct writer *w, hash_set set);

/* With what to sign towards a peer that listed `theirs` (DS-2, DS-7, DS-9); SIGNATURE_NONE: nothing
 * fits. */
enum signature_id auth_choose(enum pubkey_type key, hash_set theirs);
/* May the peer sign with this towards us (DS-3)? */
bool auth_is_acceptable(enum signature_id id);
