#pragma once
/*
 * Our side of one key exchange under way (RFC 7296 sections 1.2, 1.3 and 3.4): a private value of
 * its own, drawn anew for each, and the public one that goes into the KE payload.
 */
#include "crypto/kex.h"
#include "ike/message.h"

struct ike;

struct own_kex {
	enum kex_id method;
	struct secret private_value;
	uint8_t public_value[KEX_PUBLIC_MAX];
};

/* In place of what was there. False: the crypto library refused. */
MUST_USE bool own_kex_start(struct own_kex *kex, enum kex_id method, struct ike *ike);
void own_kex_wipe(struct own_kex *kex);
/* The KE payload. */
void own_kex_write(const struct own_kex *kex, struct message_writer *m);
/* g^ir, with the peer's public value. False: that is none (KDF-9). */
MUST_USE bool own_kex_share(const struct own_kex *kex, struct bytes peer_public,
                            struct secret *shared);
