#pragma once
/*
 * What both messages of IKE_SA_INIT end with: the extensions each side has.
 *
 *   N(NAT_DETECTION_*) N(IKEV2_FRAGMENTATION_SUPPORTED) N(SIGNATURE_HASH_ALGORITHMS) [N(USE_PPK)] V
 *
 * Nobody vouches for them yet: they are no more than what the peer can do.
 */
#include "ike/ike_sa.h"

/* False: the crypto library refused. */
MUST_USE bool extensions_write(struct message_writer *m, const struct ike_sa *sa);
/* What the peer's message, which came along `path`, says. `spi_r` as in its header. */
void extensions_note(struct ike_sa *sa, const struct path *path, uint64_t spi_r,
                     const struct payloads *p);
