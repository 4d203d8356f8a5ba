#include "ike/auth_proof.h"

#include <stdlib.h>

#include "ike/auth_exchange.h"
#include "ike/intermediate.h"

static bool keep_own_id(struct ike_sa *sa, const struct ike_id *id)
{
	uint8_t body[4 + ID_DATA_MAX];
	struct writer w = writer_on(body, sizeof(body));

	id_write(&w, id);
	if (w.failed)
		return false;
	buf_free(&sa->local_id);
	sa->local_id = id_keep(id);
	buf_free(&sa->hs->id_body);
	sa->hs->id_body = buf_copy(writer_view(&w));
	return true;
}

/* What `by_initiator` signs (RFC 7296 section 2.15). */
static bool signed_octets(const struct ike_sa *sa, bool by_initiator, struct buf *out)
{
	const struct handshake *hs = sa->hs;
	bool is_ours = by_initiator == sa->is_initiator;
	uint8_t int_auth[2 * PRF_LEN_MAX + 4];

	return auth_signed_octets(sa->suite.prf,
	                          secret_view(by_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr),
	                          buf_view(by_initiator ? &hs->request : &hs->response),
	                          nonce_view(by_initiator ? &hs->nonce_r : &hs->nonce_i),
	                          buf_view(is_ours ? &hs->id_body : &hs->peer_id_body),
	                          intermediate_int_auth(sa, int_auth), out);
}

/* RFC 7619 section 2.1: no secret but the keys of IKE_SA_INIT, so no job. */
static bool do_null_mac(struct ike_sa *sa, bool by_initiator, struct bytes octets,
                        struct instant now)
{
	const struct secret *sk_p = by_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;
	uint8_t mac[PRF_LEN_MAX];

	if (!auth_mac(sa->suite.prf, secret_view(sk_p), octets, mac))
		return false;
	auth_on_job(sa, BYTES(mac, prf_len(sa->suite.prf)), now);
	return true;
}

bool proof_start_making(struct ike_sa *sa, const struct ike_self *self, struct instant now)
{
	CLEANUP(buf_free) struct buf octets = { 0 };
	struct crypto_job job = { .key = self->key };

	if (!keep_own_id(sa, &self->id) || !signed_octets(sa, sa->is_initiator, &octets))
		return false;
	if (self->auth == IKE_AUTH_NULL)
		return do_null_mac(sa, sa->is_initiator, buf_view(&octets), now);
	job.data = buf_view(&octets);
	if (self->auth == IKE_AUTH_PSK) {
		job.kind = CRYPTO_JOB_PSK_MAC;
		job.prf = sa->suite.prf;
	} else {
		/* Empty if the peer sent no SIGNATURE_HASH_ALGORITHMS: method 14 is the only
		 * signature we make (DS-1). */
		job.kind = CRYPTO_JOB_SIGN;
		job.signature_id = auth_choose(self->key_type, sa->hs->peer_hashes);
		if (job.signature_id == SIGNATURE_NONE)
			return false;
	}
	sa->hs->own_signature = job.signature_id;
	ike_sa_start_job(sa, &job);
	return true;
}

bool proof_start_checking(struct ike_sa *sa, unsigned psk, struct instant now)
{
	struct handshake *hs = sa->hs;
	CLEANUP(buf_free) struct buf octets = { 0 };
	struct crypto_job job = { .kind = CRYPTO_JOB_VERIFY };
	struct ike_id peer_id = id_kept(&sa->peer_id);

	if (!signed_octets(sa, !sa->is_initiator, &octets))
		return false;
	if (sa->peer_auth == IKE_AUTH_NULL)
		return do_null_mac(sa, !sa->is_initiator, buf_view(&octets), now);
	job.data = buf_view(&octets);
	if (sa->peer_auth == IKE_AUTH_PSK) {
		job.kind = CRYPTO_JOB_PSK_MAC;
		job.key = psk;
		job.prf = sa->suite.prf;
	} else if (hs->trust != NULL) {
		job.kind = CRYPTO_JOB_VERIFY_CERT;
		job.signature_id = hs->peer_signature;
		job.signature = buf_view(&hs->peer_proof);
		job.trust = hs->trust;
		job.claim = (struct x509_claim){ .chain = buf_view(&hs->peer_chain),
			                         .ca = buf_view(&hs->peer_ca),
			                         .id_type = peer_id.type,
			                         .id = BYTES(peer_id.data, peer_id.len) };
	} else {
		if (hs->key_count == 0)
			return false;
		job.signature_id = hs->peer_signature;
		job.signature = buf_view(&hs->peer_proof);
		job.keys = hs->keys;
		job.key_count = hs->key_count;
	}
	ike_sa_start_job(sa, &job);
	return true;
}

/* RFC 4945 section 3.1; the log says what is wrong, the peer hears nothing of it (AUT-6). */
static bool is_certified(struct ike_sa *sa, struct bytes result)
{
	enum x509_verdict verdict = x509_job_result(result, &sa->hs->peer_key);
	struct ike_id peer_id = id_kept(&sa->peer_id);

	sa->by_certificate = verdict == X509_VERDICT_OK;
	if (verdict != X509_VERDICT_OK)
		log_line(&sa->ike->settings.log, LOG_WARNING,
		         "ike %s: certificate of %s refused: %s",
		         ip_text(&sa->path.remote.address).s, id_text(&peer_id).s,
		         x509_verdict_text(verdict));
	return sa->by_certificate;
}

enum ike_reason proof_failure(const struct ike_sa *sa)
{
	if (sa->peer_auth == IKE_AUTH_PSK)
		return IKE_REASON_BAD_SECRET;
	return sa->hs->trust != NULL && sa->peer_auth == IKE_AUTH_SIGNATURE
	           ? IKE_REASON_BAD_CERTIFICATE
	           : IKE_REASON_BAD_SIGNATURE;
}

bool proof_is_good(struct ike_sa *sa, struct bytes result)
{
	struct handshake *hs = sa->hs;

	if (sa->peer_auth != IKE_AUTH_SIGNATURE)
		return result.len > 0 && secret_equal(result, buf_view(&hs->peer_proof));
	if (hs->trust != NULL)
		return is_certified(sa, result);
	if (result.len != 1 || result.data[0] >= hs->key_count)
		return false;
	hs->peer_key = hs->keys[result.data[0]];
	return true;
}

void proof_keep_keys(struct handshake *hs, const struct pubkey *keys, size_t count)
{
	if (count > IKE_SA_KEYS_MAX)
		count = IKE_SA_KEYS_MAX;
	free(hs->keys);
	hs->keys = new_array(count, sizeof(*keys));
	if (count > 0)
		memcpy(hs->keys, keys, count * sizeof(*keys));
	hs->key_count = count;
}

static enum ike_auth method_of(uint8_t method)
{
	return method == AUTH_METHOD_SHARED_KEY ? IKE_AUTH_PSK
	       : method == AUTH_METHOD_NULL     ? IKE_AUTH_NULL
	                                        : IKE_AUTH_SIGNATURE;
}

bool proof_keep_peers(struct ike_sa *sa, struct bytes id, const struct auth_payload *auth)
{
	struct handshake *hs = sa->hs;
	struct ike_id peer_id;

	if (!id_parse(id, &peer_id))
		return false;
	buf_free(&sa->peer_id);
	sa->peer_id = id_keep(&peer_id);
	buf_free(&hs->peer_id_body);
	buf_free(&hs->peer_proof);
	hs->peer_id_body = buf_copy(id);
	hs->peer_proof = buf_copy(auth->value);
	hs->peer_signature = auth->signature_id;
	hs->peer_method = auth->method;
	sa->peer_auth = method_of(auth->method);
	return true;
}

bool proof_is_of_known_method(const struct auth_payload *auth)
{
	if (auth->method == AUTH_METHOD_SHARED_KEY || auth->method == AUTH_METHOD_NULL)
		return true;
	return auth->method == AUTH_METHOD_DIGITAL_SIGNATURE &&
	       auth_is_acceptable(auth->signature_id);
}

void proof_add(struct message_writer *m, const struct ike_sa *sa, enum ike_auth method,
               struct bytes proof)
{
	struct writer *w = payload_start(m, PAYLOAD_AUTH);

	switch (method) {
	case IKE_AUTH_SIGNATURE:
		auth_write_signature(w, sa->hs->own_signature, proof);
		break;
	case IKE_AUTH_PSK:
		auth_write_shared_key(w, proof);
		break;
	case IKE_AUTH_NULL:
		auth_write_null(w, proof);
		break;
	}
	payload_end(m);
}
