#pragma once
/*
 * One ESP packet in tunnel mode (RFC 4303), with an AEAD (RFC 4106, RFC 7634) or with AES-CBC and
 * an HMAC (RFC 3602, RFC 4868).
 *
 *      SPI (4) | sequence, low half (4) | IV (8) | inner packet, padding, pad length, next header |
 * ICV (16)
 *      \---- associated data, with the high half between them under ESN ----/ \---- encrypted ----/
 *
 * With CBC the IV has 16 octets, what is encrypted fills blocks of 16, the ICV has 16 to 32 octets
 * and covers all before it and the high half behind it.
 *
 * Functions over buffers only. The IV is the 64-bit sequence number (CIP-2), which never comes
 * twice under a key; of CBC random octets of the caller's (CIP-3). Opening is in two steps, because the
 * replay window moves between them: esp_decrypt() tells whether the peer wrote this, esp_strip()
 * what is in it.
 */
#include "crypto/aead.h"
#include "util/address.h"

enum {
	ESP_FIXED_LEN = 8, /* SPI and sequence number */
	/* With an AEAD, whose ciphertext is a multiple of 4; nothing is shorter. */
	ESP_LEAST = ESP_FIXED_LEN + AEAD_IV_LEN + 4 + AEAD_TAG_LEN,
	/* Around an inner packet, with anything. */
	ESP_OVERHEAD_MAX = ESP_FIXED_LEN + AEAD_IV_MAX + AEAD_BLOCK_MAX + 1 + AEAD_TAG_MAX,
	ESP_SPI_FIRST = 256, /* smaller ones are reserved, RFC 4303 section 2.1 */
};

enum { ESP_NEXT_IPV4 = 4, ESP_NEXT_IPV6 = 41, ESP_NEXT_NONE = 59 };

/* One direction of an SA; the owner keeps the AEAD. */
struct esp_key {
	uint32_t spi;
	bool is_esn;
	struct aead *aead;
};

/* Length on the wire, from the SPI to the ICV, of an inner packet that long. */
size_t esp_sealed_len(const struct aead_shape *shape, size_t inner_len);
/* The largest inner packet that fits into an outer one of `mtu` octets (MTU-1); 0: none does. */
size_t esp_inner_limit(const struct aead_shape *shape, size_t mtu, enum ip_family outer, bool udp);
/* Next header for an inner packet, by its version nibble; 0 if it is no IP packet. */
uint8_t esp_next_header(struct bytes inner);
/*
 * `random`: a block that nobody could foretell, for the IV of CBC; other ciphers need none.
 * `out` has room for esp_sealed_len() and does not overlap `inner`. Padding is the least
 * that alignment wants. Returns the length, or 0 if the crypto library refused.
 */
MUST_USE size_t esp_seal(const struct esp_key *key, uint64_t sequence, const uint8_t *random,
                         uint8_t next_header, struct bytes inner, uint8_t *out);

/* The same with an IV of the caller's: for known answers. */
MUST_USE size_t esp_seal_with_iv(const struct esp_key *key, uint64_t sequence, const uint8_t *iv,
                                 uint8_t next_header, struct bytes inner, uint8_t *out);

/* False: shorter than any ESP packet can be, or not a multiple of 4 (FMT-3). */
MUST_USE bool esp_read_header(struct bytes packet, uint32_t *spi, uint32_t *sequence_low);

/*
 * Verifies and decrypts in place; `sequence` is the whole number (replay_infer). `plain` then views
 * the inner packet with its padding. False: the ICV is wrong, or the length is none that this
 * cipher makes; `packet` is worthless.
 */
MUST_USE bool esp_decrypt(const struct esp_key *key, uint64_t sequence, uint8_t *packet, size_t len,
                          struct bytes *plain);

enum esp_strip { ESP_INNER, ESP_DUMMY, ESP_BAD_PADDING, ESP_BAD_INNER };
/* The first half of it: takes off padding and next header. ESP_INNER: there may be one. */
MUST_USE enum esp_strip esp_strip_padding(struct bytes plain, struct bytes *content,
                                          uint8_t *next_header);
/* Takes off padding, next header and TFC padding, and checks that they agree with each other. */
MUST_USE enum esp_strip esp_strip(struct bytes plain, struct bytes *inner);
