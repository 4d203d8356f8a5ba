#pragma once
/* Private keys of the crypto library from what a LOAD brings. NULL: unusable. */
#include "crypto/signer_wire.h"

#include <openssl/evp.h>

/* n e d p q dp dq qinv, as of SIGNER_SECRET_RSA_NUMBERS. */
EVP_PKEY *private_from_numbers(const struct bytes *parts);
/* `type`: EVP_PKEY_RSA, EVP_PKEY_ED25519 or EVP_PKEY_EC; a key of another type is refused. */
EVP_PKEY *private_from_pem(struct bytes pem, int type);
/* Octets on the heap; empty: refused. */
struct buf private_sign(EVP_PKEY *pkey, enum signature_id id, struct bytes data);
