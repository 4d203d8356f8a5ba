#pragma once
/*
 * SPIs that nobody has: what we say of them, and what we make of it when it is said to us (RFC 7296
 * sections 1.5 and 2.21.4).
 *
 *   ESP under an unknown SPI       with an IKE SA   SK{ N(INVALID_SPI) } on it
 *                                  without          one way, unprotected: N(INVALID_SPI)
 *   a request for an unknown SA                     answer, unprotected: N(INVALID_IKE_SPI)
 *
 * Nothing unprotected is a fact but a token (crash.h): it makes us ask the peer (liveness.h), once in a minute. What we
 * say has limits in all and for each source (ERR-13, ERR-16, ERR-18).
 */
#include "ike/ike_sa.h"

/* ESP came along `path` (ports 0: protocol 50) and no SA has its SPI. */
void unknown_on_esp(struct ike *ike, const struct path *path, uint32_t spi, struct instant now);
/* A message came for an IKE SA that is not there: a request, or N(INVALID_SPI) about ESP of ours.
 */
void unknown_on_message(struct ike *ike, const struct path *path, const struct ike_header *header,
                        struct bytes datagram, struct instant now);
/* An unprotected message with the SPIs of `sa`, which may be N(INVALID_IKE_SPI). */
void unknown_on_unprotected(struct ike_sa *sa, const struct ike_header *header,
                            struct bytes datagram, struct instant now);
/* A well sealed request of the peer whose message ID it may not use yet: it is told (MID-6). */
void unknown_on_message_id(struct ike_sa *sa, uint32_t message_id, struct instant now);
