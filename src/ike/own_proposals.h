#pragma once
/*
 * What we propose where a conn says nothing of algorithms (ALG-2): a short list that we
 * offer, and a longer one that we take. A kind of cipher is a proposal.
 */
#include "ike/proposal.h"

/* Our offer. IKE: `spi` 0 for IKE_SA_INIT (SPI size 0), else that of a rekey (8 octets). */
void proposals_for_ike(struct proposal_list *out, uint64_t spi);
/* ESP: `with_kex` in CREATE_CHILD_SA (TS-15), not in IKE_AUTH (SA-12). */
void proposals_for_esp(struct proposal_list *out, uint32_t spi, bool with_kex);
/*
 * What a Responder takes beside its own offer: the same ciphers and all else we have that is sound
 * (ALG-2). It is no offer: that would be longer, and the first message is short.
 */
void proposals_taken_for_ike(struct proposal_list *out, uint64_t spi);
void proposals_taken_for_esp(struct proposal_list *out, bool with_kex);
/* Puts the first proposal of the IKE profile, with this additional key exchange, before all others:
 * who does not know it finds the same without it after it (MKE-7, MKE-9). */
void proposals_add_kem(struct proposal_list *list, uint16_t kem);
