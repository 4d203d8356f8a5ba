#pragma once
/*
 * Public keys as the crypto library holds them, and as a SubjectPublicKeyInfo has them (RFC 5280
 * section 4.1.2.7).
 */
#include <openssl/evp.h>

#include "crypto/pubkey.h"

/* NULL: the library refuses it, as a point that is not on its curve. The caller frees. */
EVP_PKEY *pkey_of_public(const struct pubkey *key);
/* The public half of any key, within the bounds of crypto/pubkey.h. */
MUST_USE bool pkey_public(const EVP_PKEY *pkey, struct pubkey *out);

enum { SPKI_LEN_MAX = PUBKEY_OCTETS_MAX + 64 };
/* One SubjectPublicKeyInfo in DER, and nothing behind it. */
MUST_USE bool spki_parse(struct bytes der, struct pubkey *out);
MUST_USE bool spki_write(const struct pubkey *key, struct writer *out);
