#include "ike/cert.h"

#include "crypto/x509.h"

enum { ENCODING_X509_SIGNATURE = 4 };

/* More hashes than these would make IKE_SA_INIT long; none at all asks for any (RFC 4945 section
 * 3.2.7). */
enum { HASHES_MAX = 8 };

static void keep(struct buf *chain, struct bytes der)
{
	/* What is too much makes the whole chain malformed, not a part of it good. */
	if (chain->len > X509_CHAIN_LEN_MAX)
		return;
	chain->data = grow_array(chain->data, chain->len + der.len, 1);
	if (der.len > 0)
		memcpy(chain->data + chain->len, der.data, der.len);
	chain->len += der.len;
}

static bool is_x509(const struct payload_view *payload, uint8_t type, struct bytes *data)
{
	struct reader r = reader_of(payload->body);
	uint8_t encoding = read_u8(&r);

	*data = read_rest(&r);
	return payload->type == type && !r.failed && encoding == ENCODING_X509_SIGNATURE;
}

void cert_keep_chain(struct handshake *hs, const struct payloads *p)
{
	struct bytes der;

	for (size_t i = 0; i < p->count; i++) {
		if (is_x509(&p->all[i], PAYLOAD_CERT, &der))
			keep(&hs->peer_chain, der);
	}
}

void cert_keep_request(struct handshake *hs, const struct payloads *p)
{
	struct bytes hashes;

	for (size_t i = 0; i < p->count; i++)
		hs->peer_wants_cert |= is_x509(&p->all[i], PAYLOAD_CERTREQ, &hashes);
}

void cert_keep_ours(struct handshake *hs, struct ike_self *self, const struct ike_certs *certs)
{
	buf_free(&hs->own_chain);
	buf_free(&hs->peer_ca);
	x509_trust_release(hs->trust);
	hs->own_chain = buf_copy(self->chain);
	self->chain = buf_view(&hs->own_chain);
	hs->peer_ca = buf_copy(certs->ca);
	hs->trust = x509_trust_hold(certs->trust);
}

bool cert_is_wanted(const struct ike_sa *sa, struct bytes *hashes)
{
	const struct ike_owner *owner = &sa->ike->owner;

	return owner->wants_certificate != NULL &&
	       owner->wants_certificate(owner->ctx, &sa->path, hashes);
}

/* One DER value from the front; empty: none. Only chains of our own come here. */
static struct bytes next_der(struct bytes *chain)
{
	struct reader r = reader_of(*chain);
	struct bytes one = { 0 };
	size_t len;

	read_skip(&r, 1);
	len = read_u8(&r);
	if (len == 0x81)
		len = read_u8(&r);
	else if (len == 0x82)
		len = read_be16(&r);
	read_skip(&r, len);
	if (r.failed)
		return one;
	one = BYTES(chain->data, (size_t)(r.at - chain->data));
	*chain = read_rest(&r);
	return one;
}

static bool is_wanted(const struct handshake *hs, const struct ike_self *self)
{
	switch (self->send_cert) {
	case IKE_SEND_CERT_ASKED:
		return hs->peer_wants_cert;
	case IKE_SEND_CERT_ALWAYS:
		return true;
	case IKE_SEND_CERT_NEVER:
		break;
	}
	return false;
}

void cert_add(struct message_writer *m, const struct handshake *hs, const struct ike_self *self)
{
	struct bytes left = self->chain;
	struct bytes der;

	if (self->auth != IKE_AUTH_SIGNATURE || !is_wanted(hs, self))
		return;
	while (left.len > 0 && (der = next_der(&left)).len > 0) {
		struct writer *w = payload_start(m, PAYLOAD_CERT);

		write_u8(w, ENCODING_X509_SIGNATURE);
		write_bytes(w, der);
		payload_end(m);
	}
}

void cert_add_request(struct message_writer *m, struct bytes hashes)
{
	struct writer *w = payload_start(m, PAYLOAD_CERTREQ);

	write_u8(w, ENCODING_X509_SIGNATURE);
	if (hashes.len <= HASHES_MAX * X509_CA_HASH_LEN)
		write_bytes(w, hashes);
	payload_end(m);
}
