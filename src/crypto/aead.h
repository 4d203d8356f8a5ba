#pragma once
/*
 * Authenticated encryption as IKE (RFC 5282, RFC 7634) and ESP (RFC 4106, RFC 7634) use it: an
 * implicit salt of 4 octets from the keying material, an explicit IV of 8, a tag of 16.
 */
#include "util/bytes.h"

enum aead_id { AEAD_NONE, AEAD_AES_GCM_16_128, AEAD_AES_GCM_16_256, AEAD_CHACHA20_POLY1305 };

enum { AEAD_IV_LEN = 8, AEAD_TAG_LEN = 16, AEAD_SALT_LEN = 4, AEAD_KEY_MAX = 36 };

/* Key and salt together as they come from the keying material; 0 for AEAD_NONE. */
size_t aead_key_len(enum aead_id id);
const char *aead_name(enum aead_id id);

/* One key of one direction, expanded. Not shared between threads. */
struct aead;
/* `key` is aead_key_len(id) octets, salt last. NULL: the crypto library refused. */
struct aead *aead_new(enum aead_id id, struct bytes key);
void aead_free(struct aead *aead);

/*
 * `out` has room for plain.len + AEAD_TAG_LEN and may be plain.data. The caller never gives the
 * same IV twice under one key (RFC 4106 section 3.1).
 */
MUST_USE bool aead_seal(struct aead *aead, const uint8_t iv[AEAD_IV_LEN], struct bytes aad,
			struct bytes plain, uint8_t *out);
/*
 * `sealed` is ciphertext and tag; `out` has room for sealed.len - AEAD_TAG_LEN and may be
 * sealed.data. False: the tag is wrong, or too short; `out` holds nothing of the plaintext.
 */
MUST_USE bool aead_open(struct aead *aead, const uint8_t iv[AEAD_IV_LEN], struct bytes aad,
			struct bytes sealed, uint8_t *out);
