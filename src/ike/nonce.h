#pragma once
/*
 * A nonce of either side (RFC 7296 section 2.10): at least half as long as the key of the PRF
 * that it goes into (PLD-22).
 */
#include <string.h>

#include "crypto/prf.h"
#include "ike/message.h"

struct ike;

struct nonce {
	uint16_t len;
	uint8_t octets[NONCE_MAX];
};

static inline struct bytes nonce_view(const struct nonce *n)
{
	return BYTES(n->octets, n->len);
}

/* A copy of one that nonce_is_valid(). */
static inline struct nonce nonce_of(struct bytes octets)
{
	struct nonce n = { .len = (uint16_t)octets.len };

	memcpy(n.octets, octets.data, octets.len);
	return n;
}

size_t nonce_len(enum prf_id prf);
void nonce_draw(struct nonce *nonce, size_t len, struct ike *ike);
