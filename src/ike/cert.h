#pragma once
/*
 * CERT and CERTREQ payloads (RFC 7296 sections 3.6 and 3.7) of one handshake.
 *
 * X.509 certificates are kept in the order they came, the peer's own first. Other encodings are
 * passed over: a raw key (15) proves nothing that the candidates for AUTH do not say already
 * (AUT-12), and nothing is ever fetched from a URL.
 */
#include "ike/ike_sa.h"

/* Keeps the peer's chain; only where certificates are looked at. */
void cert_keep_chain(struct handshake *hs, const struct payloads *p);
/* Does the peer ask for ours? */
void cert_keep_request(struct handshake *hs, const struct payloads *p);
/* Keeps copies of what `self` and `certs` borrow; `self` is the handshake's own. */
void cert_keep_ours(struct handshake *hs, struct ike_self *self, const struct ike_certs *certs);
/* Responder: does the owner take certificates from where this peer is? */
bool cert_is_wanted(const struct ike_sa *sa, struct bytes *hashes);
/* Our chain, if the peer is to get it. */
void cert_add(struct message_writer *m, const struct handshake *hs, const struct ike_self *self);
/* Asks for a certificate of one of these CAs (SHA-1 of their keys; many of them: of any). */
void cert_add_request(struct message_writer *m, struct bytes hashes);
