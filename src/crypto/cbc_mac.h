#pragma once
/*
 * AES-CBC, then an HMAC over what is sent (RFC 7296 section 3.14, RFC 3602, RFC 4868): the half of
 * aead.h for peers without an AEAD.
 *
 * The MAC covers aad | iv | ciphertext | tail and is checked, in constant time, before anything is
 * decrypted.
 */
#include "util/bytes.h"

struct cbc_mac;

/* NULL: the crypto library refused. */
struct cbc_mac *cbc_mac_new(const char *cipher, struct bytes key, const char *digest,
                            struct bytes mac_key, size_t tag_len);
void cbc_mac_free(struct cbc_mac *cbc);

MUST_USE bool cbc_mac_seal(struct cbc_mac *cbc, const uint8_t *iv, struct bytes aad,
                           struct bytes plain, struct bytes tail, uint8_t *out);
MUST_USE bool cbc_mac_open(struct cbc_mac *cbc, const uint8_t *iv, struct bytes aad,
                           struct bytes sealed, struct bytes tail, uint8_t *out);
