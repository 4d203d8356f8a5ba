#include "ike/nonce.h"

#include <assert.h>

#include "ike/endpoint.h"

size_t nonce_len(enum prf_id prf)
{
	return prf == PRF_HMAC_SHA2_512 ? 64 : 32;
}

void nonce_draw(struct nonce *nonce, size_t len, struct ike *ike)
{
	assert(len >= NONCE_MIN && len <= NONCE_MAX);
	nonce->len = (uint16_t)len;
	ike->ports.random(ike->ports.ctx, nonce->octets, len);
}
