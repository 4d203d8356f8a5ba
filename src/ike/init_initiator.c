#include "ike/init.h"

#include <assert.h>

#include "ike/auth_exchange.h"
#include "ike/cert.h"
#include "ike/extensions.h"
#include "ike/intermediate.h"
#include "ike/own_proposals.h"
#include "ike/request.h"

enum { INIT_RETRIES_MAX = 3 };

static void make_offer(const struct ike_sa *sa, struct proposal_list *offer)
{
	const struct kem *kem = intermediate_kem_for(sa->ike, sa->profile);

	profile_offer_ike(sa->profile, 0, offer);
	if (kem != NULL)
		proposals_add_kem(offer, kem->id);
}

/* --> HDR(SPIi, 0), [N(COOKIE)], SAi1, KEi, Ni, ... */
static bool write_request(struct ike_sa *sa)
{
	const struct ike_header header = ike_sa_request_header(sa, EXCHANGE_IKE_SA_INIT);
	struct proposal_list offer;
	uint8_t octets[INIT_MAX];
	struct message_writer m;
	struct bytes datagram;

	make_offer(sa, &offer);
	message_start(&m, octets, sizeof(octets), &header);
	if (sa->hs->cookie.data != NULL)
		message_add_notify(&m, NOTIFY_COOKIE, buf_view(&sa->hs->cookie));
	proposals_write(payload_start(&m, PAYLOAD_SA), &offer);
	payload_end(&m);
	own_kex_write(&sa->hs->kex, &m);
	message_add(&m, PAYLOAD_NONCE, nonce_view(&sa->hs->nonce_i));
	if (intermediate_kem_for(sa->ike, sa->profile) != NULL)
		intermediate_add_support(&m);
	if (!extensions_write(&m, sa))
		return false;
	datagram = message_end(&m);
	if (datagram.len == 0)
		return false;
	buf_free(&sa->hs->request);
	sa->hs->request = buf_copy(datagram);
	return true;
}

static bool send_request(struct ike_sa *sa, struct instant now)
{
	struct buf datagram;

	if (!write_request(sa))
		return false;
	buf_free(&sa->sent);
	datagram = buf_copy(buf_view(&sa->hs->request));
	request_send(sa, EXCHANGE_IKE_SA_INIT, &datagram, now);
	return true;
}

bool init_start(struct ike_sa *sa, struct instant now)
{
	struct proposal_list offer;

	sa->state = IKE_SA_INIT_SENT;
	sa->hs->retries_left = INIT_RETRIES_MAX;
	make_offer(sa, &offer);
	nonce_draw(&sa->hs->nonce_i, proposals_nonce_len(&offer), sa->ike);
	if (!own_kex_start(&sa->hs->kex, profile_first_kex(&offer), sa->ike))
		return false;
	sa->hs->kex_tried = (uint64_t)1 << sa->hs->kex.method;
	return send_request(sa, now);
}

/* The same request again but for what the Responder asked for; everything else stays bit for bit.
 */
static void retry(struct ike_sa *sa, struct instant now)
{
	sa->hs->retries_left--;
	if (!send_request(sa, now))
		ike_sa_end(sa, IKE_REASON_LOCAL, false);
}

/* <-- HDR, N(COOKIE) */
static void on_cookie(struct ike_sa *sa, struct bytes cookie, struct instant now)
{
	struct handshake *hs = sa->hs;

	if (cookie.len == 0 || cookie.len > COOKIE_MAX)
		return ike_drop(sa->ike, IKE_DROP_MALFORMED);
	/* A duplicate of the answer to an earlier request; ours with the cookie is under way. */
	if (hs->cookie.data != NULL && bytes_equal(cookie, buf_view(&hs->cookie)))
		return;
	if (hs->retries_left == 0)
		return;
	buf_free(&hs->cookie);
	hs->cookie = buf_copy(cookie);
	retry(sa, now);
}

/* <-- HDR, N(INVALID_KE_PAYLOAD) */
static void on_invalid_ke(struct ike_sa *sa, struct bytes data, struct instant now)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offer;
	uint16_t method;

	make_offer(sa, &offer);
	if (!invalid_ke_parse(data, &method) || !proposals_offer_kex(&offer, method))
		return ike_drop(sa->ike, IKE_DROP_MALFORMED);
	assert(method < 64);
	if (hs->retries_left == 0 || (hs->kex_tried & (uint64_t)1 << method) != 0)
		return;
	hs->kex_tried |= (uint64_t)1 << method;
	if (!own_kex_start(&hs->kex, (enum kex_id)method, sa->ike))
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	retry(sa, now);
}

enum ike_reason init_refusal_reason(uint16_t refusal)
{
	return refusal == NOTIFY_NO_PROPOSAL_CHOSEN ? IKE_REASON_UNPROTECTED_NO_PROPOSAL
	                                            : IKE_REASON_UNPROTECTED_REFUSAL;
}

static void note_refusal(struct ike_sa *sa, uint16_t type)
{
	const struct ike_owner *owner = &sa->ike->owner;
	bool is_first = sa->hs->refusal == 0;

	sa->hs->refusal = type;
	if (!is_first)
		return;
	log_line(&sa->ike->settings.log, LOG_INFO,
	         "ike %s: refused without proof, %s; the attempt goes on",
	         ip_text(&sa->path.remote.address).s, notify_name(type));
	if (owner->refused_unproven != NULL)
		owner->refused_unproven(owner->ctx, sa->handle, sa->hs->wish.tag,
		                        init_refusal_reason(type));
}

static void on_notifies(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct notify n;

	if (payloads_find_notify(p, NOTIFY_COOKIE, &n))
		return on_cookie(sa, n.data, now);
	if (payloads_find_notify(p, NOTIFY_INVALID_KE_PAYLOAD, &n))
		return on_invalid_ke(sa, n.data, now);
	if (!payloads_find_error(p, &n))
		return ike_drop(sa->ike, IKE_DROP_MALFORMED);
	note_refusal(sa, n.type);
}

/* Is the answer one of our own combinations, with a KE that fits? */
static bool check_answer(struct ike_sa *sa, const struct payloads *p, struct suite *suite,
                         struct secret *shared)
{
	struct proposal_list offer;
	struct proposal_list answer;
	struct proposal_choice choice;
	struct ke ke;

	make_offer(sa, &offer);
	if (!proposals_parse(p->sa, &answer) || !proposals_check_answer(&answer, &offer, &choice) ||
	    !ke_parse(p->ke, &ke) || !nonce_is_valid(p->nonce))
		return false;
	if (choice.suite.kex != sa->hs->kex.method || ke.method != choice.suite.kex)
		return false;
	if (choice.suite.addke != 0 && !intermediate_is_supported(p))
		return false;
	*suite = choice.suite;
	return own_kex_share(&sa->hs->kex, ke.value, shared);
}

/* IKE_AUTH and everything after it goes between the NAT traversal ports (NAT-12), unless the peer
 * has never heard of them. */
static void move_ports(struct ike_sa *sa)
{
	if (!sa->nat.is_supported)
		return;
	sa->path.local.port = sa->ike->settings.nat_port;
	sa->path.remote.port = sa->ike->settings.nat_port;
}

/* <-- HDR(SPIi, SPIr), SAr1, KEr, Nr, ... */
static void on_answer(struct ike_sa *sa, const struct ike_header *header, const struct payloads *p,
                      struct bytes datagram, struct instant now)
{
	struct handshake *hs = sa->hs;
	CLEANUP(secret_free) struct secret shared = { 0 };

	/* An invalid answer may be a forgery: it is dropped and the waiting goes on (SA-9). */
	if (header->spi_r == 0 || !check_answer(sa, p, &sa->suite, &shared))
		return ike_drop(sa->ike, IKE_DROP_MALFORMED);
	extensions_note(sa, &sa->path, header->spi_r, p);
	if (hs->wish.is_childless && !hs->peer_takes_childless)
		return ike_sa_end(sa, IKE_REASON_REFUSED, false);
	/* Our private address must not be shown to anybody (OEN-2). */
	if (sa->nat.we_behind_nat && sa->is_opportunistic)
		return ike_sa_end(sa, IKE_REASON_BEHIND_NAT, false);
	request_answered(sa);
	sa->spi_r = header->spi_r;
	hs->response = buf_copy(datagram);
	cert_keep_request(hs, p);
	hs->nonce_r = nonce_of(p->nonce);
	if (!ike_sa_make_keys(sa, &shared))
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	own_kex_wipe(&hs->kex);
	move_ports(sa);
	if (sa->suite.addke == 0)
		return auth_start(sa, now);
	hs->intermediate.kem = sa->ike->settings.kem;
	sa->kem = hs->intermediate.kem;
	if (!intermediate_start(sa, now))
		ike_sa_end(sa, IKE_REASON_LOCAL, false);
}

void init_on_response(struct ike_sa *sa, const struct path *path, const struct ike_header *header,
                      struct bytes datagram, struct instant now)
{
	struct payloads p;

	if (sa->state != IKE_SA_INIT_SENT || header->message_id != 0 ||
	    !endpoint_equal(&path->remote, &sa->path.remote))
		return ike_drop(sa->ike, IKE_DROP_STATE);
	if (message_parse(datagram, header, &p) != PAYLOADS_OK)
		return ike_drop(sa->ike, IKE_DROP_MALFORMED);
	if (p.sa.data != NULL && p.ke.data != NULL && p.nonce.data != NULL)
		on_answer(sa, header, &p, datagram, now);
	else
		on_notifies(sa, &p, now);
}
