#include "ike/intermediate.h"

#include "ike/auth_exchange.h"
#include "ike/request.h"

/* RFC 9242 section 3.3.1: IKE_AUTH follows the only exchange of this kind. */
enum { AUTH_MESSAGE_ID = 2 };

const struct kem *intermediate_kem_for(const struct ike *ike, const struct ike_profile *profile)
{
	return profile->ike.count == 0 ? ike->settings.kem : NULL;
}

void intermediate_add_support(struct message_writer *m)
{
	message_add_notify(m, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, (struct bytes){ 0 });
}

bool intermediate_is_supported(const struct payloads *p)
{
	struct notify n;

	return payloads_find_notify(p, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n);
}

void intermediate_wipe(struct intermediate *i)
{
	secret_free(&i->seed);
	sk_wipe(&i->before);
	*i = (struct intermediate){ 0 };
}

bool intermediate_is_due(const struct ike_sa *sa)
{
	return sa->hs != NULL && sa->hs->intermediate.kem != NULL && !sa->hs->intermediate.is_done;
}

bool int_auth_of_message(enum prf_id id, struct bytes sk_p, const struct ike_header *header,
                         uint8_t first, struct bytes text, uint8_t *out)
{
	uint8_t octets[IKE_HEADER_LEN + PAYLOAD_HEADER_LEN];
	struct writer w = writer_on(octets, sizeof(octets));
	const struct bytes parts[] = { BYTES_OF(octets), text };

	if (text.len > UINT16_MAX - PAYLOAD_HEADER_LEN)
		return false;
	write_be64(&w, header->spi_i);
	write_be64(&w, header->spi_r);
	write_u8(&w, PAYLOAD_SK);
	write_u8(&w, header->version);
	write_u8(&w, header->exchange);
	write_u8(&w, header->flags);
	write_be32(&w, header->message_id);
	write_be32(&w, (uint32_t)(sizeof(octets) + text.len));
	write_u8(&w, first);
	write_u8(&w, 0);
	write_be16(&w, (uint16_t)(PAYLOAD_HEADER_LEN + text.len));
	return prf(id, sk_p, parts, ARRAY_LEN(parts), out);
}

/* Keyed with the keys in force while the exchange runs, before its own result. */
static bool note(struct ike_sa *sa, bool by_initiator, const struct ike_header *header,
                 uint8_t first, struct bytes text)
{
	struct intermediate *i = &sa->hs->intermediate;
	const struct secret *sk_p = by_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;

	return int_auth_of_message(sa->suite.prf, secret_view(sk_p), header, first, text,
	                           by_initiator ? i->auth_i : i->auth_r);
}

bool intermediate_note(struct ike_sa *sa, const struct ike_header *header, uint8_t first,
                       struct bytes text)
{
	return note(sa, !sa->is_initiator, header, first, text);
}

struct bytes intermediate_int_auth(const struct ike_sa *sa, uint8_t *out)
{
	const struct intermediate *i = &sa->hs->intermediate;
	size_t len = prf_len(sa->suite.prf);
	struct writer w = writer_on(out, 2 * PRF_LEN_MAX + 4);

	if (!i->is_done)
		return (struct bytes){ 0 };
	write_bytes(&w, BYTES(i->auth_i, len));
	write_bytes(&w, BYTES(i->auth_r, len));
	write_be32(&w, AUTH_MESSAGE_ID);
	return writer_view(&w);
}

/* SKEYSEED(1) = prf(SK_d, SK(1) | Ni | Nr), and all keys anew (RFC 9370 section 2.2.2). */
static bool advance_keys(struct ike_sa *sa, const struct secret *shared)
{
	struct handshake *hs = sa->hs;
	struct ike_keys keys = { 0 };
	struct sk sk = { 0 };

	if (!ike_keys_rederive(&sa->suite, sa->suite.prf, &sa->keys.sk_d, shared, NULL,
	                       nonce_view(&hs->nonce_i), nonce_view(&hs->nonce_r), sa->spi_i,
	                       sa->spi_r, &keys))
		return false;
	ike_keys_wipe(&sa->keys);
	sa->keys = keys;
	if (!sk_init(&sk, sa->suite.cipher, &sa->keys, sa->is_initiator, &sa->ike->ports))
		return false;
	if (sa->is_initiator)
		sk_wipe(&sa->sk);
	else
		hs->intermediate.before = sa->sk;
	sa->sk = sk;
	hs->intermediate.is_done = true;
	return true;
}

/*
 * Initiator
 */

/* --> HDR, SK { KEi(1) } */
bool intermediate_start(struct ike_sa *sa, struct instant now)
{
	struct intermediate *i = &sa->hs->intermediate;
	const struct ike_header header = ike_sa_request_header(sa, EXCHANGE_IKE_INTERMEDIATE);
	uint8_t public_key[KEM_MESSAGE_MAX];
	uint8_t inner[PAYLOAD_HEADER_LEN + 4 + KEM_MESSAGE_MAX];
	struct message_writer m;

	i->seed = secret_new(KEM_SEED_LEN);
	sa->ike->ports.random(sa->ike->ports.ctx, i->seed.data, i->seed.len);
	if (!i->kem->make_public(secret_view(&i->seed), public_key))
		return false;
	message_start_inner(&m, inner, sizeof(inner));
	message_add_ke(&m, i->kem->id, BYTES(public_key, i->kem->public_len));
	if (!note(sa, true, &header, m.first, writer_view(&m.w)))
		return false;
	sa->state = IKE_SA_INTERMEDIATE_SENT;
	sa->expires = INSTANT_NEVER; /* the retransmissions end it */
	return request_send_sealed(sa, EXCHANGE_IKE_INTERMEDIATE, &m, now);
}

/* <-- HDR, SK { KEr(1) } */
void intermediate_on_response(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct intermediate *i = &sa->hs->intermediate;
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct ke ke;

	request_answered(sa);
	if (p->ke.data == NULL || !ke_parse(p->ke, &ke) || ke.method != i->kem->id ||
	    !i->kem->decapsulate(secret_view(&i->seed), ke.value, &shared))
		return ike_sa_end(sa, IKE_REASON_PROTOCOL, false);
	secret_free(&i->seed);
	if (!advance_keys(sa, &shared))
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	auth_start(sa, now);
}

/*
 * Responder
 */

/* The ciphertext for the peer's key. False: it is none (MKE-10). */
static bool encapsulate(struct ike_sa *sa, struct bytes body, uint8_t *ciphertext,
                        struct secret *shared)
{
	const struct kem *kem = sa->hs->intermediate.kem;
	uint8_t coins[KEM_COINS_LEN];
	struct ke ke;
	bool ok;

	if (!ke_parse(body, &ke) || ke.method != kem->id)
		return false;
	sa->ike->ports.random(sa->ike->ports.ctx, coins, sizeof(coins));
	ok = kem->encapsulate(ke.value, BYTES_OF(coins), ciphertext, shared);
	secret_wipe(coins, sizeof(coins));
	return ok;
}

void intermediate_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	const struct kem *kem = sa->hs->intermediate.kem;
	const struct ike_header header = ike_sa_response_header(sa);
	CLEANUP(secret_free) struct secret shared = { 0 };
	uint8_t ciphertext[KEM_MESSAGE_MAX];
	uint8_t inner[PAYLOAD_HEADER_LEN + 4 + KEM_MESSAGE_MAX];
	struct message_writer m;

	if (!encapsulate(sa, p->ke, ciphertext, &shared))
		return auth_refuse(sa, NOTIFY_INVALID_SYNTAX, (struct bytes){ 0 },
		                   IKE_REASON_PROTOCOL, now);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_ke(&m, kem->id, BYTES(ciphertext, kem->ciphertext_len));
	if (!note(sa, false, &header, m.first, writer_view(&m.w)))
		return ike_sa_forget(sa);
	response_send(sa, &m);
	/* Repetitions get the same octets: the keys they were sealed with are going. */
	buf_free(&sa->response_uncut.inner);
	if (!advance_keys(sa, &shared))
		ike_sa_forget(sa);
}
