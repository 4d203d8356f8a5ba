#pragma once
/*
 * The secrets of the signer: one set in use, and one that is being made to replace it.
 *
 *      keyring_add ... keyring_add, keyring_commit -> the set made becomes the set in use,
 *                                                     whole or not at all
 *
 * A set has a number, higher than those before it. Whoever asks for a secret says of which set its
 * place is, and gets nothing of another one that lies there by now.
 */
#include "crypto/signer_wire.h"
#include "util/secret.h"

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *keyring);

/*
 * A secret for the set in the making. One that cannot be used (no RSA key of 2048 to 8192 bits,
 * halves that do not fit together, an encrypted PEM, an empty PSK, one too many) is remembered and
 * told by the commit.
 */
void keyring_add(struct keyring *keyring, enum signer_secret_kind kind, const struct bytes *parts);
/*
 * SIGNER_BAD_NONE: the set that was made, of `count` secrets, is in use now, as number `number`.
 * Otherwise the place of the first bad one; the set in use stays. Either way the next add begins a
 * new set.
 */
uint32_t keyring_commit(struct keyring *keyring, uint32_t count, uint32_t number);
/* Forgets the set in the making. */
void keyring_drop(struct keyring *keyring);

/* The set in use. */
size_t keyring_count(const struct keyring *keyring);
/* NULL for a shared secret. */
const struct pubkey *keyring_public(const struct keyring *keyring, size_t index);
/* Where a secret is: its place in set number `set`. */
struct keyring_place {
	uint32_t set;
	uint32_t index;
};
/* Octets on the heap; empty: no such key, or not of this algorithm. */
struct buf keyring_sign(const struct keyring *keyring, struct keyring_place at,
                        enum signature_id id, struct bytes data);
/* prf(prf(secret, "Key Pad for IKEv2"), data), RFC 7296 section 2.15; empty: no such secret. */
struct buf keyring_psk_mac(const struct keyring *keyring, struct keyring_place at, enum prf_id id,
                           struct bytes data);
/*
 * RFC 8784 section 3: SK_d', SK_pi' and SK_pr' one behind the other become prf+(PPK, each); empty:
 * no such secret, or not three keys of that PRF.
 */
enum { KEYRING_PPK_KEYS = 3 };
struct buf keyring_ppk(const struct keyring *keyring, struct keyring_place at, enum prf_id id,
                       struct bytes data);
