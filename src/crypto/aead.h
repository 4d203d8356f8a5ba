#pragma once
/*
 * Authenticated encryption as IKE and ESP use it, one interface for two kinds:
 *
 *   AEAD      AES-GCM, ChaCha20-Poly1305 (RFC 4106, RFC 5282, RFC 7634): an implicit salt of 4
 *             octets from the keying material, an explicit IV of 8, a tag of 16
 *   CBC, MAC  AES-CBC, then an HMAC over what is sent (RFC 3602, RFC 4868): an IV of a block, a
 *             tag of half the HMAC; what is encrypted fills whole blocks
 */
#include "util/bytes.h"

enum aead_id {
	AEAD_NONE,
	AEAD_AES_GCM_16_128,
	AEAD_AES_GCM_16_256,
	AEAD_CHACHA20_POLY1305,
	AEAD_AES_CBC_128_SHA2_256,
	AEAD_AES_CBC_128_SHA2_384,
	AEAD_AES_CBC_128_SHA2_512,
	AEAD_AES_CBC_256_SHA2_256,
	AEAD_AES_CBC_256_SHA2_384,
	AEAD_AES_CBC_256_SHA2_512,
};

enum {
	/* of the true AEADs */
	AEAD_IV_LEN = 8,
	AEAD_TAG_LEN = 16,
	AEAD_SALT_LEN = 4,
	/* of any */
	AEAD_IV_MAX = 16,
	AEAD_TAG_MAX = 32,
	AEAD_BLOCK_MAX = 16,
	AEAD_KEY_MAX = 32 + 64,
};

/* The sizes of one kind, all in octets. */
struct aead_shape {
	enum aead_id id;
	uint8_t key_len;     /* all of it: cipher key, then salt or MAC key */
	uint8_t mac_key_len; /* 0: a true AEAD */
	uint8_t iv_len;      /* on the wire */
	uint8_t tag_len;
	uint8_t block; /* what is encrypted is a multiple of it; 1: of any length */
	const char *name;
};
/* Of AEAD_NONE all sizes are 0. */
const struct aead_shape *aead_shape(enum aead_id id);
/* All of the key as it comes from the keying material; 0 for AEAD_NONE. */
size_t aead_key_len(enum aead_id id);
const char *aead_name(enum aead_id id);

/* One key of one direction, expanded when it is first used. Not shared between threads. */
struct aead;
/* `key` is aead_key_len(id) octets. NULL: no such algorithm, or the crypto library refused; a
 * refusal at first use fails that use. */
struct aead *aead_new(enum aead_id id, struct bytes key);
void aead_free(struct aead *aead);
/* Gives back the expanded key, a kilobyte, until the next packet: for keys of seldom use. */
void aead_rest(struct aead *aead);
const struct aead_shape *aead_shape_of(const struct aead *aead);

/*
 * The IV of message `number`, which never comes twice under one key: of an AEAD the number itself
 * (RFC 4106 section 3.1), of CBC the shape's iv_len octets of `random` (RFC 3602 section 3), which
 * nobody could foretell and which go into no other message. An AEAD does not look at them. `iv` has
 * room for the shape's iv_len.
 */
void aead_iv(const struct aead *aead, uint64_t number, const uint8_t *random, uint8_t *iv);

/*
 * `out` has room for plain.len and the tag and may be plain.data; plain.len is a multiple of the
 * shape's block. The caller never gives the same IV twice under one key.
 */
MUST_USE bool aead_seal(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes plain,
                        uint8_t *out);
/*
 * `sealed` is ciphertext and tag; `out` has room for the ciphertext and may be sealed.data. False:
 * the tag is wrong, or the length; `out` holds nothing of the plaintext.
 */
MUST_USE bool aead_open(struct aead *aead, const uint8_t *iv, struct bytes aad, struct bytes sealed,
                        uint8_t *out);

/* The same with octets that the MAC covers behind the ciphertext, though nobody sends them: the
 * high half of an extended sequence number (RFC 4303 section 2.2.1). Not for true AEADs. */
MUST_USE bool aead_seal_tailed(struct aead *aead, const uint8_t *iv, struct bytes aad,
                               struct bytes plain, struct bytes tail, uint8_t *out);
MUST_USE bool aead_open_tailed(struct aead *aead, const uint8_t *iv, struct bytes aad,
                               struct bytes sealed, struct bytes tail, uint8_t *out);
