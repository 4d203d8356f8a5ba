#pragma once
/*
 * What the daemon and the signer say to each other over a stream socket, and what the keeper
 * hands to the signer.
 *
 * A frame is length(4) kind(1) body, numbers big-endian; the length counts what follows it. A body
 * has the fields that `struct signer_message` names for its kind, in that order; octets take the
 * rest of the frame, except the parts of a secret, which have a length(4) each.
 *
 *      daemon                                signer
 *        SIGN / PSK_MAC / PPK / TOKEN job ----->
 *        <-------------------------- RESULT job   in the order of the jobs; empty: refused
 *
 *      keeper, in a file: ADD secret 0, ADD secret 1, ..., COMMIT 2
 *                                                 the new set replaces the old one, or, if
 *        <----------------- KEY 0, KEY 1, LOADED  anything is wrong, only LOADED comes, the old
 *                                                 one stays, and `bad` says which secret it was
 *
 * The daemon has no way to say ADD or COMMIT, and never sees them: control/keeper_wire.h says how
 * that file comes to the signer.
 *
 * A secret is known by its place in the set, shared secrets and keys counted alike. A set has the
 * number that came with its file (control/keeper_wire.h), LOADED says it again, and a job says of
 * which set its place is. Where that place holds something else by now, or nothing, the job is
 * refused: no peer gets what was made with a secret that is another's. Whoever gets a
 * frame that is none closes the socket; the signer ends with it.
 */
#include "crypto/prf.h"
#include "crypto/pubkey.h"

enum {
	SIGNER_FRAME_MAX = 1 << 17, /* with its length; the longest IKE message to sign is 64 KiB */
	SIGNER_SECRETS_MAX = 1 << 12, /* secrets in a set; a longer one is refused by LOADED */
	SIGNER_SET_MAX = 1 << 26,     /* octets of a set's frames */
	SIGNER_PARTS_MAX = 8,
};

#define SIGNER_BAD_NONE UINT32_C(0xffffffff)
#define SIGNER_BAD_SET  UINT32_C(0xfffffffe) /* these are no frames of a set */

enum signer_message_kind {
	SIGNER_ADD = 1,
	SIGNER_COMMIT,
	SIGNER_SIGN,
	SIGNER_PSK_MAC,
	SIGNER_KEY,
	SIGNER_LOADED,
	SIGNER_RESULT,
	SIGNER_TOKEN,
	SIGNER_PPK,
};

enum signer_secret_kind {
	SIGNER_SECRET_RSA_NUMBERS = 1, /* n e d p q dp dq qinv; the last five may all be empty */
	SIGNER_SECRET_RSA_PEM,         /* one part: PKCS 1 or PKCS 8 in PEM, not encrypted */
	SIGNER_SECRET_ED25519_PEM,     /* one part */
	SIGNER_SECRET_PSK,             /* one part */
	SIGNER_SECRET_ECDSA_PEM,       /* one part: SEC 1 or PKCS 8 */
	SIGNER_SECRET_PPK,             /* one part */
};

/* Views are borrowed: from the caller when written, from the stream when parsed. */
struct signer_message {
	enum signer_message_kind kind;
	uint64_t job_id;   /* SIGN PSK_MAC PPK TOKEN RESULT */
	uint32_t set;      /* SIGN PSK_MAC PPK LOADED: the number of the set */
	uint32_t index;    /* SIGN PSK_MAC PPK KEY: which secret. COMMIT: how many */
	uint32_t bad;      /* LOADED: the wrong one, or one of SIGNER_BAD_* */
	uint8_t algorithm; /* SIGN: signature_id. PSK_MAC PPK: prf_id. KEY: pubkey_type,
	                      PUBKEY_NONE for a shared secret. ADD: secret kind */
	struct bytes data; /* SIGN PSK_MAC PPK TOKEN RESULT; KEY: octets as in struct pubkey */
	struct bytes parts[SIGNER_PARTS_MAX]; /* ADD */
};

enum signer_step {
	SIGNER_MORE,    /* no whole frame yet */
	SIGNER_MESSAGE, /* `out` is set; `used` octets of the stream are done with */
	SIGNER_GARBAGE, /* not ours, or longer than SIGNER_FRAME_MAX: close the socket */
};

MUST_USE enum signer_step signer_message_parse(struct bytes stream, struct signer_message *out,
                                               size_t *used);
/* Appends one frame; false: it is longer than SIGNER_FRAME_MAX, or `out` is full. */
MUST_USE bool signer_message_write(struct writer *out, const struct signer_message *message);
/* Number of parts of a secret of this kind; 0 for an unknown one. */
size_t signer_secret_parts(uint8_t kind);
