#include "ike/init.h"

#include "ike/cert.h"
#include "ike/extensions.h"
#include "ike/gate.h"
#include "ike/intermediate.h"
#include "ike/own_proposals.h"

static const struct duration half_open_life = SECONDS(30);

/* One IKE_SA_INIT request on its way through the checks. */
struct init_request {
	struct ike *ike;
	const struct path *path;
	const struct ike_header *header;
	struct bytes datagram;
	struct payloads p;
	const struct ike_profile *profile; /* borrowed */
	struct proposal_choice choice;
	struct own_kex kex;
	struct secret shared;
};

static void init_request_wipe(struct init_request *r)
{
	own_kex_wipe(&r->kex);
	secret_free(&r->shared);
}

/* Unprotected, responder SPI 0, no state kept (ERR-2, ERR-3); at most so many a second. */
static void refuse(const struct init_request *r, uint16_t type, struct bytes data,
                   struct instant now)
{
	struct ike *ike = r->ike;
	const struct ike_header header = {
		.spi_i = r->header->spi_i,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	uint8_t octets[128];
	struct message_writer m;

	if (!gate_may_refuse(ike, now))
		return;
	message_start(&m, octets, sizeof(octets), &header);
	message_add_notify(&m, type, data);
	ike->ports.send(ike->ports.ctx, r->path, message_end(&m));
	log_line(&ike->settings.log, LOG_DEBUG, "ike %s: IKE_SA_INIT refused: %s",
	         ip_text(&r->path->remote.address).s, notify_name(type));
}

static void refuse_syntax(const struct init_request *r, struct instant now)
{
	ike_drop(r->ike, IKE_DROP_MALFORMED);
	if (r->p.nonce.data != NULL)
		refuse(r, NOTIFY_INVALID_SYNTAX, (struct bytes){ 0 }, now);
	else
		gate_note_refusal(r->ike, now);
}

static bool parse_request(struct init_request *r, struct instant now)
{
	switch (message_parse(r->datagram, r->header, &r->p)) {
	case PAYLOADS_OK:
		break;
	case PAYLOADS_CRITICAL:
		ike_drop(r->ike, IKE_DROP_MALFORMED);
		refuse(r, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, BYTES(&r->p.critical, 1), now);
		return false;
	case PAYLOADS_SYNTAX:
		refuse_syntax(r, now);
		return false;
	}
	if (r->p.sa.data == NULL || r->p.ke.data == NULL || !nonce_is_valid(r->p.nonce)) {
		refuse_syntax(r, now);
		return false;
	}
	return true;
}

/* While cookies are asked for the secret waits until IKE_AUTH shows that the peer is in earnest:
 * see init_finish(). */
static bool exchange_keys(struct init_request *r, const struct ke *ke, struct instant now)
{
	bool waits = gate_is_guarded(r->ike, now);

	if (ke->value.len != kex_public_len(r->choice.suite.kex)) {
		refuse_syntax(r, now);
		return false;
	}
	if (!gate_may_exchange(r->ike, r->choice.suite.kex, now) ||
	    !own_kex_start(&r->kex, r->choice.suite.kex, r->ike))
		return false;
	if (waits || own_kex_share(&r->kex, ke->value, &r->shared))
		return true;
	refuse_syntax(r, now);
	return false;
}

/* Algorithms and key exchange. False: the refusal has left. */
static bool choose(struct init_request *r, struct instant now)
{
	const struct kem *kem = intermediate_kem_for(r->ike, r->profile);
	struct proposal_list offered;
	struct proposal_list allowed;
	uint8_t wanted[2];
	uint16_t sent;
	struct ke ke;

	if (!proposals_parse(r->p.sa, &offered) || !ke_parse(r->p.ke, &ke)) {
		refuse_syntax(r, now);
		return false;
	}
	profile_allow_ike(r->profile, false, &allowed);
	if (kem != NULL && intermediate_is_supported(&r->p))
		proposals_add_kem(&allowed, kem->id);
	sent = gate_prefers_quick(r->ike, ke.method, now) ? KEX_NONE : ke.method;
	if (!proposals_choose(&offered, &allowed, sent, &r->choice)) {
		refuse(r, NOTIFY_NO_PROPOSAL_CHOSEN, (struct bytes){ 0 }, now);
		log_line(&r->ike->settings.log, LOG_INFO,
		         "ike %s: IKE_SA_INIT refused: no common algorithms, see ike=",
		         ip_text(&r->path->remote.address).s);
		return false;
	}
	if (r->choice.suite.kex != ke.method) {
		wanted[0] = (uint8_t)(r->choice.suite.kex >> 8);
		wanted[1] = (uint8_t)r->choice.suite.kex;
		refuse(r, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(wanted), now);
		return false;
	}
	return exchange_keys(r, &ke, now);
}

/* <-- HDR(SPIi, SPIr), SAr1, KEr, Nr, ... */
static bool write_response(struct ike_sa *sa, const struct init_request *r)
{
	const struct ike_header header = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	uint8_t octets[INIT_MAX];
	struct message_writer m;
	struct bytes ca_hashes;
	struct bytes datagram;

	message_start(&m, octets, sizeof(octets), &header);
	proposals_write_choice(payload_start(&m, PAYLOAD_SA), &r->choice, 0, 0);
	payload_end(&m);
	own_kex_write(&r->kex, &m);
	message_add(&m, PAYLOAD_NONCE, nonce_view(&sa->hs->nonce_r));
	if (r->choice.suite.addke != 0)
		intermediate_add_support(&m);
	if (cert_is_wanted(sa, &ca_hashes))
		cert_add_request(&m, ca_hashes);
	if (!extensions_write(&m, sa))
		return false;
	message_add_notify(&m, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, (struct bytes){ 0 });
	datagram = message_end(&m);
	/* Whoever forges a source must not make us send that source much more than it took. */
	if (datagram.len == 0 || datagram.len > AMPLIFICATION_MAX * r->datagram.len)
		return false;
	sa->hs->response = buf_copy(datagram);
	return true;
}

static void keep_request(struct ike_sa *sa, const struct init_request *r)
{
	struct handshake *hs = sa->hs;

	hs->request = buf_copy(r->datagram);
	hs->nonce_i = nonce_of(r->p.nonce);
	nonce_draw(&hs->nonce_r, nonce_len(r->choice.suite.prf), sa->ike);
	sa->suite = r->choice.suite;
	if (sa->suite.addke != 0)
		hs->intermediate.kem = sa->ike->settings.kem;
	sa->kem = hs->intermediate.kem;
	extensions_note(sa, r->path, 0, &r->p);
}

static bool answer(struct ike_sa *sa, struct init_request *r)
{
	keep_request(sa, r);
	if (r->shared.data != NULL && !ike_sa_make_keys(sa, &r->shared))
		return false;
	if (!write_response(sa, r))
		return false;
	if (r->shared.data == NULL) {
		sa->hs->kex = r->kex; /* init_finish() wants it */
		r->kex = (struct own_kex){ 0 };
	}
	sa->ike->ports.send(sa->ike->ports.ctx, &sa->path, buf_view(&sa->hs->response));
	return true;
}

bool init_finish(struct ike_sa *sa)
{
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct bytes request = buf_view(&sa->hs->request);
	struct ike_header header;
	struct payloads p;
	struct ke ke;
	bool ok = header_parse(request, &header) &&
	          message_parse(request, &header, &p) == PAYLOADS_OK && ke_parse(p.ke, &ke) &&
	          own_kex_share(&sa->hs->kex, ke.value, &shared) && ike_sa_make_keys(sa, &shared);

	own_kex_wipe(&sa->hs->kex);
	return ok;
}

/* SPI and source: two clients behind one NAT may choose equal SPIs (INI-8). */
static uint64_t hash_origin(const struct ike *ike, uint64_t spi_i, const struct endpoint *source)
{
	uint8_t key[8 + 16 + 2];
	struct writer w = writer_on(key, sizeof(key));

	write_be64(&w, spi_i);
	write_bytes(&w, BYTES_OF(source->address.octets));
	write_be16(&w, source->port);
	return hash_octets(&ike->by_init, key, w.len);
}

/* A new IKE SA, half open until IKE_AUTH is accepted. */
static struct ike_sa *open_half(struct init_request *r, struct instant now)
{
	struct ike *ike = r->ike;
	struct ike_sa *sa = ike_sa_new(ike, false, r->path, now);

	if (sa == NULL) {
		ike_drop(ike, IKE_DROP_FULL);
		return NULL;
	}
	sa->state = IKE_SA_INIT_ANSWERED;
	sa->expires = instant_after(now, half_open_life);
	sa->half_open = half_open_add(&ike->half_opens, sa, &r->path->remote.address);
	sa->spi_i = r->header->spi_i;
	sa->peer_next_id = 1;
	ike_sa_set_profile(sa, r->profile);
	sa->init_source = r->path->remote;
	sa->has_origin = true;
	hash_add(&ike->by_init, &sa->init_node, hash_origin(ike, sa->spi_i, &sa->init_source));
	if (!answer(sa, r))
		ike_sa_forget(sa);
	return sa;
}

/*
 * Another request with this SPI from this place is another one if its octets differ, as long as
 * they are kept; a later one is a straggler of the handshake that is over.
 */
static bool is_repetition(const struct ike_sa *sa, const struct path *path, uint64_t spi_i,
                          struct bytes datagram)
{
	return sa->spi_i == spi_i && endpoint_equal(&sa->init_source, &path->remote) &&
	       (sa->hs == NULL || bytes_equal(buf_view(&sa->hs->request), datagram));
}

static struct ike_sa *find_known(const struct ike *ike, const struct path *path, uint64_t spi_i,
                                 struct bytes datagram)
{
	struct hash_node *node = hash_first(&ike->by_init, hash_origin(ike, spi_i, &path->remote));

	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, init_node);

		if (sa->state != IKE_SA_DEAD && is_repetition(sa, path, spi_i, datagram))
			return sa;
	}
	return NULL;
}

/* The same octets from the same place: the same answer, while the handshake is young. */
static void repeat(struct ike_sa *sa, const struct path *path)
{
	if (sa->state == IKE_SA_INIT_ANSWERED)
		sa->ike->ports.send(sa->ike->ports.ctx, path, buf_view(&sa->hs->response));
}

/* The oldest half-open IKE SA makes room: a peer in good faith has come back by now. */
static bool make_room(struct ike *ike)
{
	struct ike_sa *oldest;

	if (ike->half_opens.count < HALF_OPEN_MAX)
		return true;
	ike_drop(ike, IKE_DROP_FULL);
	oldest = half_opens_oldest(&ike->half_opens);
	if (oldest == NULL)
		return false;
	ike_sa_end(oldest, IKE_REASON_SILENT, false);
	return true;
}

static const struct ike_profile *profile_for(const struct ike *ike, const struct path *path)
{
	const struct ike_profile *profile = NULL;

	if (ike->owner.profile != NULL)
		profile = ike->owner.profile(ike->owner.ctx, path);
	return profile != NULL ? profile : &ike_profile_default;
}

static struct ike_sa *begin(struct ike *ike, const struct path *path,
                            const struct ike_header *header, struct bytes datagram,
                            struct instant now)
{
	CLEANUP(init_request_wipe)
	struct init_request r = {
		.ike = ike, .path = path, .header = header, .datagram = datagram
	};

	r.profile = profile_for(ike, path);
	if (!parse_request(&r, now) || !choose(&r, now) || !make_room(ike))
		return NULL;
	return open_half(&r, now);
}

struct ike_sa *init_on_request(struct ike *ike, const struct path *path,
                               const struct ike_header *header, struct bytes datagram,
                               struct instant now)
{
	struct ike_sa *known;

	if (header->message_id != 0 || header->spi_i == 0 || !header_from_initiator(header)) {
		ike_drop(ike, IKE_DROP_MALFORMED);
		return NULL;
	}
	known = find_known(ike, path, header->spi_i, datagram);
	if (known != NULL) {
		repeat(known, path);
		return known;
	}
	if (ike->is_shutting_down) {
		ike_drop(ike, IKE_DROP_SHUTDOWN);
		return NULL;
	}
	if (!gate_open(ike, path, header, datagram, now))
		return NULL;
	return begin(ike, path, header, datagram, now);
}
