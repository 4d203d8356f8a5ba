#pragma once
/*
 * What takes over from an IKE SA after a rekey (RFC 7296 sections 2.8, 2.8.2 and 2.18).
 *
 * The successor has keys of its own and takes the owner's handle, the CHILD SAs and the requests
 * that wait; the owner never notices. When two rekeys cross, the one that the peer made is the
 * rival of ours: it waits without children until the answer to our request, or whatever the peer
 * does next, settles which of the two survives (COL-20, COL-21).
 *
 *      ours:    UP --add_ours--> successor UP, old CLOSING (our Delete is under way)
 *      peer's:  UP --add_peers-> successor UP, old REPLACED (its Delete will come)
 *      crossed: UP + rival --add_ours, settle, on_delete--> one of both
 */
#include "ike/ike_sa.h"

/* What one exchange agreed on. */
struct successor_recipe {
	const struct suite *suite;
	bool is_initiator; /* of the exchange, and so of the new IKE SA */
	uint64_t spi_i;
	uint64_t spi_r;
	struct bytes nonce_i;
	struct bytes nonce_r;
	const struct secret *shared;
	const struct secret *additional; /* of IKE_FOLLOWUP_KE, or NULL */
};

/* It stands beside `old` and has nothing yet. NULL: the crypto library refused. */
struct ike_sa *successor_new(struct ike_sa *old, const struct successor_recipe *r,
                             struct instant now);
/*
 * It takes over. `lowest`: of its exchange's nonces. Of ours and its rival one is closed; the
 * peer's, while ours is under way, becomes the rival.
 */
void successor_add_ours(struct ike_sa *new, struct ike_sa *old, struct bytes lowest,
                        struct instant now);
void successor_add_peers(struct ike_sa *new, struct ike_sa *old, struct bytes lowest,
                         struct instant now);

/* This rival survives: ours failed, or something came by it that only the survivor is asked. */
void successor_settle(struct ike_sa *rival, struct instant now);
/* The peer has the successor it asked for: requests that wait may go by it. */
void successor_heard(struct ike_sa *sa, struct instant now);
/* The old one ends, however it does: its successor asks by itself whether the peer is there. */
void successor_release(const struct ike_sa *old, struct instant now);
/* The peer deletes the old one: its rekey survived, if there was one. */
void successor_on_delete(struct ike_sa *old, struct instant now);
