#include "ike/ppk.h"

#include "ike/auth_proof.h"
#include "util/text.h"

enum { ID_TYPE_FIXED = 2, METHOD_FIELDS_LEN = 4 };

void ppk_add_support(struct message_writer *m, const struct ike_sa *sa)
{
	if (sa->is_initiator ? sa->profile->ppk != IKE_PPK_NO : sa->hs->peer_takes_ppk)
		message_add_notify(m, NOTIFY_USE_PPK, (struct bytes){ 0 });
}

void ppk_note_support(struct ike_sa *sa, const struct payloads *p)
{
	struct notify n;

	sa->hs->peer_takes_ppk =
	    sa->profile->ppk != IKE_PPK_NO && payloads_find_notify(p, NOTIFY_USE_PPK, &n);
}

/*
 * The three keys
 */

void ppk_start_job(struct ike_sa *sa, unsigned key)
{
	size_t len = prf_len(sa->suite.prf);
	CLEANUP(secret_free) struct secret keys = secret_new(3 * len);
	const struct crypto_job job = {
		.kind = CRYPTO_JOB_PPK, .key = key, .prf = sa->suite.prf, .data = secret_view(&keys)
	};

	memcpy(keys.data, sa->keys.sk_d.data, len);
	memcpy(keys.data + len, sa->keys.sk_pi.data, len);
	memcpy(keys.data + 2 * len, sa->keys.sk_pr.data, len);
	sa->hs->ppk_step = PPK_KEYS;
	ike_sa_start_job(sa, &job);
}

static void exchange(struct secret *key, struct secret *before, struct bytes now)
{
	secret_free(before);
	*before = secret_move(key);
	*key = secret_copy(now);
}

bool ppk_take_keys(struct ike_sa *sa, struct bytes result)
{
	struct handshake *hs = sa->hs;
	size_t len = prf_len(sa->suite.prf);

	if (result.len != 3 * len)
		return false;
	exchange(&sa->keys.sk_d, &hs->plain_d, BYTES(result.data, len));
	exchange(&sa->keys.sk_pi, &hs->plain_pi, BYTES(result.data + len, len));
	exchange(&sa->keys.sk_pr, &hs->plain_pr, BYTES(result.data + 2 * len, len));
	hs->ppk_step = PPK_USED;
	return true;
}

static void put_back(struct secret *key, struct secret *before)
{
	secret_free(key);
	*key = secret_move(before);
}

void ppk_put_back(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;

	put_back(&sa->keys.sk_d, &hs->plain_d);
	put_back(&sa->keys.sk_pi, &hs->plain_pi);
	put_back(&sa->keys.sk_pr, &hs->plain_pr);
	hs->ppk_step = PPK_UNUSED;
}

/*
 * Initiator
 */

bool ppk_begin(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	bool is_possible = hs->peer_takes_ppk && hs->wish.ppk.is_there;

	hs->ppk_step = PPK_UNUSED;
	if (is_possible)
		hs->ppk_step = sa->profile->ppk == IKE_PPK_INSIST ? PPK_KEYS : PPK_PLAIN_AUTH;
	return is_possible || sa->profile->ppk != IKE_PPK_INSIST;
}

/* "The same data that would normally be placed in the Authentication Data field". */
void ppk_keep_plain_auth(struct ike_sa *sa, struct bytes proof)
{
	struct handshake *hs = sa->hs;
	uint8_t octets[PUBKEY_OCTETS_MAX + 128];
	struct message_writer m;
	struct bytes payload;

	message_start_inner(&m, octets, sizeof(octets));
	proof_add(&m, sa, hs->wish.self.auth, proof);
	payload = message_end(&m);
	buf_free(&hs->plain_auth);
	if (payload.len > PAYLOAD_HEADER_LEN + METHOD_FIELDS_LEN)
		hs->plain_auth =
		    buf_copy(BYTES(payload.data + PAYLOAD_HEADER_LEN + METHOD_FIELDS_LEN,
		                   payload.len - PAYLOAD_HEADER_LEN - METHOD_FIELDS_LEN));
}

void ppk_add_identity(struct message_writer *m, const struct ike_sa *sa)
{
	const struct handshake *hs = sa->hs;
	uint8_t octets[1 + IKE_PPK_ID_MAX];
	struct writer w = writer_on(octets, sizeof(octets));

	if (hs->ppk_step != PPK_USED)
		return;
	if (sa->is_initiator) {
		write_u8(&w, ID_TYPE_FIXED);
		write_bytes(&w, BYTES_STR(hs->wish.ppk.id));
	}
	message_add_notify(m, NOTIFY_PPK_IDENTITY, writer_view(&w));
	if (hs->plain_auth.len > 0)
		message_add_notify(m, NOTIFY_NO_PPK_AUTH, buf_view(&hs->plain_auth));
}

bool ppk_settle(struct ike_sa *sa, const struct payloads *p)
{
	struct notify n;

	if (sa->hs->ppk_step != PPK_USED || payloads_find_notify(p, NOTIFY_PPK_IDENTITY, &n))
		return true;
	if (sa->profile->ppk == IKE_PPK_INSIST)
		return false;
	ppk_put_back(sa);
	return true;
}

/*
 * Responder
 */

void ppk_keep_request(struct ike_sa *sa, const struct payloads *p)
{
	struct handshake *hs = sa->hs;
	struct notify n;

	hs->ppk_id[0] = '\0';
	if (!hs->peer_takes_ppk || !payloads_find_notify(p, NOTIFY_PPK_IDENTITY, &n))
		return;
	/* Other types and lengths are names that nobody here knows. */
	string_copy(hs->ppk_id, sizeof(hs->ppk_id), "?");
	if (n.data.len > 1 && n.data.len <= sizeof(hs->ppk_id) && n.data.data[0] == ID_TYPE_FIXED &&
	    memchr(n.data.data + 1, '\0', n.data.len - 1) == NULL) {
		memcpy(hs->ppk_id, n.data.data + 1, n.data.len - 1);
		hs->ppk_id[n.data.len - 1] = '\0';
	}
	buf_free(&hs->plain_auth);
	if (payloads_find_notify(p, NOTIFY_NO_PPK_AUTH, &n))
		hs->plain_auth = buf_copy(n.data);
}

/* The AUTH that was made without the PPK takes the place of the other; the method is the same. */
static bool take_plain_auth(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	CLEANUP(buf_free) struct buf body = { .len = METHOD_FIELDS_LEN + hs->plain_auth.len };
	struct auth_payload auth;

	if (hs->plain_auth.len == 0)
		return false;
	body.data = new_zeroed(body.len);
	body.data[0] = hs->peer_method;
	memcpy(body.data + METHOD_FIELDS_LEN, hs->plain_auth.data, hs->plain_auth.len);
	if (!auth_parse(buf_view(&body), &auth) || !proof_is_of_known_method(&auth))
		return false;
	buf_free(&hs->peer_proof);
	hs->peer_proof = buf_copy(auth.value);
	hs->peer_signature = auth.signature_id;
	return true;
}

bool ppk_choose(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	bool insists = sa->profile->ppk == IKE_PPK_INSIST;

	hs->ppk_step = PPK_UNUSED;
	if (hs->ppk_id[0] == '\0')
		return !insists;
	if (hs->permission.ppk.is_there) {
		hs->ppk_step = PPK_KEYS;
		return true;
	}
	return !insists && take_plain_auth(sa);
}
