#include "ike/dispatch.h"

#include "ike/auth_exchange.h"
#include "ike/create_child.h"
#include "ike/followup.h"
#include "ike/informational.h"
#include "ike/init.h"
#include "ike/intermediate.h"
#include "ike/liveness.h"
#include "ike/nat_path.h"
#include "ike/pieces.h"
#include "ike/rekey_ike.h"
#include "ike/request.h"
#include "ike/successor.h"
#include "ike/unknown.h"

/*
 * Tables
 */

#define HAS(type) ((uint64_t)1 << (type))

static uint64_t payloads_there(const struct payloads *p)
{
	const struct {
		struct bytes body;
		uint64_t bit;
	} views[] = {
		{ p->sa, HAS(PAYLOAD_SA) },     { p->ke, HAS(PAYLOAD_KE) },
		{ p->id_i, HAS(PAYLOAD_ID_I) }, { p->id_r, HAS(PAYLOAD_ID_R) },
		{ p->auth, HAS(PAYLOAD_AUTH) }, { p->nonce, HAS(PAYLOAD_NONCE) },
		{ p->ts_i, HAS(PAYLOAD_TS_I) }, { p->ts_r, HAS(PAYLOAD_TS_R) },
	};
	uint64_t there = 0;

	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		if (views[i].body.data != NULL)
			there |= views[i].bit;
	}
	return there;
}

/* We are about to go: nothing new (COL-1, COL-9, COL-25). */
static void refuse_while_closing(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	response_send_notify(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
}

/* Nothing is made any more, so there is nothing to follow up (RFC 9370 section 2.2.4). */
static void refuse_followup(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	response_send_notify(sa, NOTIFY_STATE_NOT_FOUND, (struct bytes){ 0 });
}

/* Requests of the peer. Any other exchange in any other state is dropped (INI-1). */
static const struct request_row {
	enum ike_sa_state state;
	uint8_t exchange;
	uint64_t needed; /* one missing: INVALID_SYNTAX */
	void (*handle)(struct ike_sa *sa, const struct payloads *p, struct instant now);
} request_rows[] = {
	{ IKE_SA_INIT_ANSWERED, EXCHANGE_IKE_INTERMEDIATE, HAS(PAYLOAD_KE),
	  intermediate_on_request },
	{ IKE_SA_INIT_ANSWERED, EXCHANGE_IKE_AUTH,
	  HAS(PAYLOAD_ID_I), /* SA, TSi and TSr: all or none (RFC 6023) */
	  auth_on_request },
	{ IKE_SA_UP, EXCHANGE_CREATE_CHILD_SA, HAS(PAYLOAD_SA) | HAS(PAYLOAD_NONCE),
	  create_child_on_request },
	{ IKE_SA_UP, EXCHANGE_IKE_FOLLOWUP_KE, 0, followup_on_request },
	{ IKE_SA_UP, EXCHANGE_INFORMATIONAL, 0, informational_on_request },
	{ IKE_SA_CLOSING, EXCHANGE_CREATE_CHILD_SA, 0, refuse_while_closing },
	{ IKE_SA_CLOSING, EXCHANGE_IKE_FOLLOWUP_KE, 0, refuse_followup },
	{ IKE_SA_CLOSING, EXCHANGE_INFORMATIONAL, 0, informational_on_request },
	{ IKE_SA_REPLACED, EXCHANGE_CREATE_CHILD_SA, 0, refuse_while_closing },
	{ IKE_SA_REPLACED, EXCHANGE_IKE_FOLLOWUP_KE, 0, refuse_followup },
	{ IKE_SA_REPLACED, EXCHANGE_INFORMATIONAL, 0, informational_on_request },
};

/* Ownership of the request passes. */
static void on_up_response(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct request *request = sa->current;

	sa->current = NULL;
	request_answered(sa);
	if (request->kind == REQUEST_REKEY_IKE) {
		rekey_ike_on_response(sa, request, p, now);
	} else if (request->kind <= REQUEST_REKEY_CHILD) {
		create_child_on_response(sa, request, p, now);
	} else {
		informational_on_response(sa, request, p, now);
		request_free(request);
	}
	request_pump(sa, now);
}

/* To a request that had left before the peer rekeyed the SA; nobody needs it any more. */
static void on_replaced_response(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	request_answered(sa);
	request_free(sa->current);
	sa->current = NULL;
}

/* Answered is the last request, and that is all we waited for, or one that was under way before. */
static void on_closing_response(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	bool was_last = sa->current != NULL;

	request_answered(sa);
	if (was_last)
		return ike_sa_end(sa, sa->owed_reason, false);
	request_pump(sa, now);
}

/* Responses to our requests; the exchange is that of the request (MID-2). */
static const struct response_row {
	enum ike_sa_state state;
	void (*handle)(struct ike_sa *sa, const struct payloads *p, struct instant now);
} response_rows[] = {
	{ IKE_SA_INTERMEDIATE_SENT, intermediate_on_response },
	{ IKE_SA_AUTH_SENT, auth_on_response },
	{ IKE_SA_UP, on_up_response },
	{ IKE_SA_CLOSING, on_closing_response },
	{ IKE_SA_REPLACED, on_replaced_response },
};

static const struct request_row *find_request_row(const struct ike_sa *sa, uint8_t exchange)
{
	/* IKE_AUTH does not come before, nor this exchange when it was not agreed on. */
	if (sa->state == IKE_SA_INIT_ANSWERED &&
	    intermediate_is_due(sa) != (exchange == EXCHANGE_IKE_INTERMEDIATE))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(request_rows); i++) {
		if (request_rows[i].state == sa->state && request_rows[i].exchange == exchange)
			return &request_rows[i];
	}
	return NULL;
}

static const struct response_row *find_response_row(const struct ike_sa *sa)
{
	for (size_t i = 0; i < ARRAY_LEN(response_rows); i++) {
		if (response_rows[i].state == sa->state)
			return &response_rows[i];
	}
	return NULL;
}

/*
 * Opening
 */

/* A protected message on its way in. */
struct arrival {
	struct ike_sa *sa;
	const struct path *path;
	struct ike_header header;
	struct bytes datagram;
	struct payloads outer;
	struct payloads inner;
	struct bytes text; /* what was sealed, joined and without padding */
	uint8_t first;     /* type of its first payload */
};

/* A half-open SA whose peer cannot seal is somebody's toy (DOS-6). */
static void count_forgery(struct ike_sa *sa)
{
	ike_drop(sa->ike, IKE_DROP_INTEGRITY);
	if (sa->state == IKE_SA_INIT_ANSWERED && ++sa->forgeries >= IKE_SA_FORGERIES_MAX)
		ike_sa_forget(sa);
}

/* The integrity check, before anything else (SK-6); payloads beside SK are ignored (PLD-9). False:
 * dropped. The text is in ike->plain. */
static bool unseal(struct arrival *a, struct sk *sk, struct bytes *text,
                   enum payloads_verdict *verdict)
{
	struct ike *ike = a->sa->ike;

	if (message_parse(a->datagram, &a->header, &a->outer) != PAYLOADS_OK ||
	    a->outer.sk.data == NULL) {
		ike_drop(ike, IKE_DROP_MALFORMED);
		return false;
	}
	*verdict = PAYLOADS_SYNTAX;
	switch (sk_open(sk, a->datagram, &a->outer, ike->plain, text)) {
	case SK_INTEGRITY:
		count_forgery(a->sa);
		return false;
	case SK_SYNTAX:
		break;
	case SK_OK:
		*verdict = PAYLOADS_OK;
		break;
	}
	return true;
}

/* The peer cuts smaller than we do, so it knows something about the path. */
static void learn_size(struct ike_sa *sa, const struct piece *piece, size_t len)
{
	size_t outside = sa->ip_size - pieces_limit(&sa->path, sa->ip_size);
	size_t ip_size = len + outside < PIECES_IP_SMALL ? PIECES_IP_SMALL : len + outside;

	if (piece->number == 1 && piece->total > 1 && ip_size < sa->ip_size)
		sa->ip_size = (uint16_t)ip_size;
}

/* One more piece of a message; true: now it is whole. */
static bool join(struct arrival *a, uint8_t *first, struct bytes *text)
{
	struct ike_sa *sa = a->sa;
	struct ike *ike = sa->ike;
	struct join **place = header_is_response(&a->header) ? &sa->sent_join : &sa->request_join;

	if (a->outer.piece.number == 0) {
		join_drop(&ike->joins, place); /* the first complete one counts (FRG-6) */
		return true;
	}
	if (!sa->cuts) {
		ike_drop(ike, IKE_DROP_STATE);
		return false;
	}
	learn_size(sa, &a->outer.piece, a->datagram.len);
	switch (join_add(&ike->joins, place, a->header.message_id, a->outer.piece, *first, *text,
	                 ike->plain, first, text)) {
	case JOIN_WAITS:
		return false;
	case JOIN_REFUSED:
		ike_drop(ike, IKE_DROP_PIECE);
		return false;
	case JOIN_DONE:
		return true;
	}
	return false;
}

/*
 * False: dropped, or a piece that waits for the others. `verdict`: well sealed, but what is in it
 * may not parse; inner.critical is set for PAYLOADS_CRITICAL.
 */
static bool open_sealed(struct arrival *a, enum payloads_verdict *verdict)
{
	if (!unseal(a, &a->sa->sk, &a->text, verdict))
		return false;
	a->first = a->outer.sk_first;
	if (*verdict == PAYLOADS_OK) {
		if (!join(a, &a->first, &a->text))
			return false;
		*verdict = payloads_parse_inner(a->first, a->text, &a->inner);
	}
	if (*verdict != PAYLOADS_OK)
		ike_drop(a->sa->ike, IKE_DROP_MALFORMED);
	return true;
}

/* False: the crypto library refused; the SA has no future. */
static bool note_intermediate(struct arrival *a)
{
	if (a->header.exchange != EXCHANGE_IKE_INTERMEDIATE ||
	    intermediate_note(a->sa, &a->header, a->first, a->text))
		return true;
	ike_sa_end(a->sa, IKE_REASON_LOCAL, false);
	return false;
}

/*
 * Requests
 */

static void on_broken_request(struct arrival *a, enum payloads_verdict verdict, struct instant now)
{
	struct ike_sa *sa = a->sa;
	struct bytes data = { 0 };

	if (verdict == PAYLOADS_CRITICAL)
		data = BYTES(&a->inner.critical, 1);
	if (sa->state == IKE_SA_INIT_ANSWERED)
		auth_refuse(sa,
		            verdict == PAYLOADS_CRITICAL ? NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD
		                                         : NOTIFY_INVALID_SYNTAX,
		            data, IKE_REASON_PROTOCOL, now);
	else if (verdict == PAYLOADS_CRITICAL)
		response_send_notify(sa, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, data);
	else
		response_refuse_broken(sa, now);
}

static void on_new_request(struct arrival *a, struct instant now)
{
	struct ike_sa *sa = a->sa;
	const struct request_row *row = find_request_row(sa, a->header.exchange);
	enum payloads_verdict verdict;

	/* Window 1: the peer waits for our answer before it asks again (MID-4). */
	if (row == NULL || sa->is_answering)
		return ike_drop(sa->ike, IKE_DROP_STATE);
	if (!open_sealed(a, &verdict))
		return;
	sa->peer_next_id++;
	liveness_heard(sa, now);
	nat_path_follow(sa, a->path);
	successor_heard(sa, now);
	sa->is_answering = true;
	sa->answering_exchange = a->header.exchange;
	sa->answering_path = *a->path;
	buf_free(&sa->response);
	if (verdict == PAYLOADS_OK && (payloads_there(&a->inner) & row->needed) != row->needed)
		verdict = PAYLOADS_SYNTAX;
	if (verdict != PAYLOADS_OK)
		return on_broken_request(a, verdict, now);
	if (!note_intermediate(a))
		return;
	row->handle(sa, &a->inner, now);
}

/* The same request again: the same answer again, to where it came from; or nothing yet (MID-6,
 * MID-7, MID-15). Of its pieces the first asks for all of the answer (FRG-7). */
static void on_repeated_request(struct arrival *a)
{
	struct ike_sa *sa = a->sa;
	bool is_before = sa->state == IKE_SA_INIT_ANSWERED && sa->hs->intermediate.is_done;
	enum payloads_verdict verdict;
	struct bytes text;

	if (!unseal(a, is_before ? &sa->hs->intermediate.before : &sa->sk, &text, &verdict) ||
	    a->outer.piece.number > 1)
		return;
	learn_size(a->sa, &a->outer.piece, a->datagram.len);
	response_repeat(a->sa, a->path);
}

/* A Responder that was busy makes its keys now. A public value that is none ends it: there is
 * nobody to tell, and nothing to seal an answer with. */
static bool has_keys(struct ike_sa *sa)
{
	if (sa->sk.in != NULL)
		return true;
	if (sa->state != IKE_SA_INIT_ANSWERED)
		return false;
	if (init_finish(sa))
		return true;
	ike_sa_forget(sa);
	return false;
}

/* Older than the last: ignored. Newer than the next: the peer is told, if it is the peer. */
static void on_strange_id(struct arrival *a, struct instant now)
{
	struct ike_sa *sa = a->sa;
	enum payloads_verdict verdict;

	ike_drop(sa->ike, IKE_DROP_MESSAGE_ID);
	if (sa->state == IKE_SA_UP && a->header.message_id > sa->peer_next_id &&
	    open_sealed(a, &verdict))
		unknown_on_message_id(sa, a->header.message_id, now);
}

static void on_request(struct arrival *a, struct instant now)
{
	struct ike_sa *sa = a->sa;

	/* Before the Initiator has keys nothing can be sealed for it. */
	if (sa->state == IKE_SA_INIT_ANSWERED &&
	    !half_open_may_claim(&sa->ike->half_opens, sa->half_open))
		ike_drop(sa->ike, IKE_DROP_CROWD);
	else if (!has_keys(sa))
		ike_drop(sa->ike, IKE_DROP_STATE);
	else if (a->header.message_id == sa->peer_next_id && sa->peer_next_id < UINT32_MAX)
		on_new_request(a, now);
	else if (sa->peer_next_id > 0 && a->header.message_id == sa->peer_next_id - 1)
		on_repeated_request(a);
	else
		on_strange_id(a, now);
}

/*
 * Responses
 */

static void on_broken_response(struct ike_sa *sa, struct instant now)
{
	if (sa->state == IKE_SA_AUTH_SENT)
		return auth_on_bad_response(sa, now);
	if (sa->state == IKE_SA_INTERMEDIATE_SENT)
		return ike_sa_end(sa, IKE_REASON_PROTOCOL, false);
	request_answered(sa);
	if (sa->state == IKE_SA_UP)
		return ike_sa_close(sa, IKE_REASON_PROTOCOL, NOTIFY_INVALID_SYNTAX, now);
	successor_release(sa, now);
	ike_sa_forget(sa);
}

static void on_response(struct arrival *a, struct instant now)
{
	struct ike_sa *sa = a->sa;
	const struct response_row *row = find_response_row(sa);
	enum payloads_verdict verdict;

	/* For no request of ours: ignored (MID-12). */
	if (row == NULL || sa->sent.data == NULL)
		return ike_drop(sa->ike, IKE_DROP_STATE);
	if (a->header.message_id != sa->own_next_id || a->header.exchange != sa->sent_exchange)
		return ike_drop(sa->ike, IKE_DROP_MESSAGE_ID);
	if (!open_sealed(a, &verdict))
		return;
	liveness_heard(sa, now);
	nat_path_follow(sa, a->path);
	switch (verdict) {
	case PAYLOADS_OK:
		if (note_intermediate(a))
			row->handle(sa, &a->inner, now);
		return;
	case PAYLOADS_SYNTAX:
		return on_broken_response(sa, now);
	case PAYLOADS_CRITICAL:
		return; /* no response at all (PLD-5) */
	}
}

/*
 * Datagrams
 */

/* Ours is the responder's SPI if the sender is the original initiator (HDR-9). */
static struct ike_sa *find_sa(const struct ike *ike, const struct ike_header *header)
{
	bool is_initiator = !header_from_initiator(header);
	struct ike_sa *sa = ike_find_spi(ike, is_initiator ? header->spi_i : header->spi_r);

	if (sa == NULL || sa->is_initiator != is_initiator || sa->state == IKE_SA_DEAD)
		return NULL;
	return sa;
}

static bool is_peer_spi(const struct ike_sa *sa, const struct ike_header *header)
{
	return sa->is_initiator ? sa->spi_r == header->spi_r : sa->spi_i == header->spi_i;
}

/* RFC 7296 section 2.5: our version in the header and nothing else; IKEv1 gets silence (VER-3). */
static void refuse_version(struct ike *ike, const struct path *path,
                           const struct ike_header *header, struct instant now)
{
	struct ike_header answer = *header;
	uint8_t octets[64];
	struct message_writer m;

	ike_drop(ike, IKE_DROP_VERSION);
	if (header->version >> 4 <= 2 || header_is_response(header) ||
	    !ike_may_answer_unprotected(ike, now))
		return;
	answer.version = IKE_VERSION;
	answer.flags = (uint8_t)(IKE_FLAG_RESPONSE | (~header->flags & IKE_FLAG_INITIATOR));
	message_start(&m, octets, sizeof(octets), &answer);
	message_add_notify(&m, NOTIFY_INVALID_MAJOR_VERSION, (struct bytes){ 0 });
	ike->ports.send(ike->ports.ctx, path, message_end(&m));
}

static struct ike_sa *on_protected(struct ike *ike, struct arrival *a, struct instant now)
{
	a->sa = find_sa(ike, &a->header);
	if (a->sa == NULL || !is_peer_spi(a->sa, &a->header)) {
		ike_drop(ike, IKE_DROP_NO_SA);
		unknown_on_message(ike, a->path, &a->header, a->datagram, now);
		return NULL;
	}
	if (a->header.next_payload == PAYLOAD_NOTIFY)
		unknown_on_unprotected(a->sa, &a->header, a->datagram, now);
	else if (header_is_response(&a->header))
		on_response(a, now);
	else
		on_request(a, now);
	return a->sa;
}

static struct ike_sa *on_init(struct ike *ike, const struct arrival *a, struct instant now)
{
	struct ike_sa *sa;

	if (!header_is_response(&a->header) && a->header.spi_r == 0)
		return init_on_request(ike, a->path, &a->header, a->datagram, now);
	sa = header_is_response(&a->header) ? find_sa(ike, &a->header) : NULL;
	if (sa == NULL || !sa->is_initiator) {
		ike_drop(ike, IKE_DROP_NO_SA);
		return NULL;
	}
	init_on_response(sa, a->path, &a->header, a->datagram, now);
	return sa;
}

struct ike_sa *dispatch_datagram(struct ike *ike, const struct path *path, struct bytes datagram,
                                 struct instant now)
{
	struct arrival a = { .path = path, .datagram = datagram };

	if (!header_parse(datagram, &a.header)) {
		ike_drop(ike, IKE_DROP_RUNT);
		return NULL;
	}
	if (a.header.version >> 4 != IKE_VERSION >> 4) {
		refuse_version(ike, path, &a.header, now);
		return NULL;
	}
	if (a.header.exchange == EXCHANGE_IKE_SA_INIT)
		return on_init(ike, &a, now);
	return on_protected(ike, &a, now);
}
