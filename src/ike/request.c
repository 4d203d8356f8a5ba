#include "ike/request.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/create_child.h"
#include "ike/followup.h"
#include "ike/informational.h"
#include "ike/pieces.h"
#include "ike/rekey_child.h"
#include "ike/rekey_ike.h"

/* Sendings beyond settings.tries for an SA that is up, and for configured tunnels: another 16, 32
 * and 64 s (MID-10). */
enum { PATIENT_TRIES = 3 };
/* Sent again as often as this without an answer, it may have been too long for the path (FRG-8). */
enum { TIMES_BEFORE_SMALL = 3 };
static const struct duration between_nudges = SECONDS(1);

struct request *request_new(enum request_kind kind)
{
	struct request *request = new_zeroed(sizeof(*request));

	request->kind = kind;
	return request;
}

void request_free(struct request *request)
{
	if (request == NULL)
		return;
	own_kex_wipe(&request->kex);
	followup_free(request->followup);
	buf_free(&request->data);
	selectors_free(&request->more_local);
	selectors_free(&request->more_remote);
	free(request);
}

void request_add_first(struct ike_sa *sa, struct request *request, struct instant now)
{
	request->next = sa->queue;
	sa->queue = request;
	request_pump(sa, now);
}

void request_follow_up(struct ike_sa *sa, struct request *request, struct followup *f,
                       struct instant now)
{
	own_kex_wipe(&request->kex);
	request->followup = f;
	request_add_first(sa, request, now);
}

void request_add(struct ike_sa *sa, struct request *request, struct instant now)
{
	struct request **end = &sa->queue;

	while (*end != NULL)
		end = &(*end)->next;
	*end = request;
	request_pump(sa, now);
}

void request_drop_all(struct ike_sa *sa)
{
	request_free(sa->current);
	sa->current = NULL;
	while (sa->queue != NULL) {
		struct request *request = sa->queue;

		sa->queue = request->next;
		request_free(request);
	}
	buf_free(&sa->sent);
	buf_free(&sa->sent_uncut.inner);
	retransmit_stop(&sa->retransmit);
}

void message_send(struct ike *ike, const struct path *path, struct bytes datagrams)
{
	struct bytes one;

	for (size_t at = 0; pieces_next(datagrams, &at, &one);)
		ike->ports.send(ike->ports.ctx, path, one);
}

/* The inner payloads are kept if there may be need of a smaller cut. */
static bool seal(struct ike_sa *sa, const struct ike_header *header, uint8_t first,
                 struct bytes text, struct buf *out, struct uncut *uncut)
{
	size_t limit = sa->cuts ? pieces_limit(&sa->path, sa->ip_size) : IKE_MESSAGE_MAX;

	if (!pieces_seal(&sa->sk, header, first, text, limit, out))
		return false;
	buf_free(&uncut->inner);
	*uncut = (struct uncut){ .first = first, .ip_size = sa->ip_size };
	if (sa->cuts && sa->ip_size > PIECES_IP_SMALL &&
	    out->len > pieces_limit(&sa->path, PIECES_IP_SMALL))
		uncut->inner = buf_copy(text);
	return true;
}

/* Not the same message under a new IV: other pieces (RFC 7383 section 2.5.2). */
static void cut_again(struct ike_sa *sa, const struct ike_header *header, struct buf *message,
                      struct uncut *uncut)
{
	struct buf again = { 0 };

	if (++uncut->times >= TIMES_BEFORE_SMALL && uncut->inner.data != NULL)
		sa->ip_size = PIECES_IP_SMALL;
	if (uncut->inner.data == NULL || uncut->ip_size <= sa->ip_size ||
	    !pieces_seal(&sa->sk, header, uncut->first, buf_view(&uncut->inner),
	                 pieces_limit(&sa->path, sa->ip_size), &again))
		return;
	buf_free(message);
	*message = again;
	uncut->ip_size = sa->ip_size;
	if (uncut->ip_size == PIECES_IP_SMALL)
		buf_free(&uncut->inner);
}

static unsigned tries(const struct ike_sa *sa)
{
	/* With an IKE SA that carries nothing nothing is lost; whoever asks for a child on it has a
	 * packet that waits (REU-6). */
	bool is_up = sa->state == IKE_SA_UP && sa->child_count > 0;
	bool is_patient = is_up || !sa->is_opportunistic;

	return sa->ike->settings.tries + (is_patient ? PATIENT_TRIES : 0);
}

/* A peer that was there a short while ago is probably restarting. */
static bool is_in_a_hurry(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_INIT_SENT && sa->hs->wish.is_restarting;
}

void request_send(struct ike_sa *sa, uint8_t exchange, struct buf *datagram, struct instant now)
{
	struct ike *ike = sa->ike;

	assert(sa->sent.data == NULL);
	sa->sent = buf_move(datagram);
	sa->sent_exchange = exchange;
	sa->nudged = now;
	retransmit_start(&sa->retransmit, tries(sa), ike_random_octet(ike), now);
	if (is_in_a_hurry(sa))
		retransmit_hurry(&sa->retransmit);
	message_send(ike, &sa->path, buf_view(&sa->sent));
}

bool request_send_sealed(struct ike_sa *sa, uint8_t exchange, struct message_writer *inner,
                         struct instant now)
{
	struct ike_header header = ike_sa_request_header(sa, exchange);
	struct bytes text = message_end(inner);
	struct buf datagram = { 0 };

	if (inner->w.failed || !seal(sa, &header, inner->first, text, &datagram, &sa->sent_uncut))
		return false;
	request_send(sa, exchange, &datagram, now);
	return true;
}

void request_answered(struct ike_sa *sa)
{
	buf_free(&sa->sent);
	buf_free(&sa->sent_uncut.inner);
	join_drop(&sa->ike->joins, &sa->sent_join);
	retransmit_stop(&sa->retransmit);
	sa->own_next_id++;
	rekey_ike_look_at_counters(sa);
}

enum retransmit_step request_on_deadline(struct ike_sa *sa, struct instant now)
{
	struct ike *ike = sa->ike;
	enum retransmit_step step = retransmit_due(&sa->retransmit, ike_random_octet(ike), now);

	const struct ike_header header = ike_sa_request_header(sa, sa->sent_exchange);

	if (step == RETRANSMIT_SEND) {
		cut_again(sa, &header, &sa->sent, &sa->sent_uncut);
		message_send(ike, &sa->path, buf_view(&sa->sent));
	}
	return step;
}

void request_nudge(struct ike_sa *sa, struct instant now)
{
	if (sa->sent.data == NULL || instant_since(now, sa->nudged).ns < between_nudges.ns)
		return;
	sa->nudged = now;
	message_send(sa->ike, &sa->path, buf_view(&sa->sent));
}

static uint8_t request_exchange(const struct request *request)
{
	if (request->followup != NULL)
		return EXCHANGE_IKE_FOLLOWUP_KE;
	return request->kind <= REQUEST_REKEY_IKE ? EXCHANGE_CREATE_CHILD_SA
	                                          : EXCHANGE_INFORMATIONAL;
}

/* False: the request cannot be made on this machine. */
static bool request_write(struct ike_sa *sa, struct request *request, struct message_writer *m)
{
	if (request->followup != NULL)
		return followup_write(sa, request->followup, m);
	switch (request->kind) {
	case REQUEST_CREATE_CHILD:
	case REQUEST_REKEY_CHILD:
		return create_child_write(sa, request, m);
	case REQUEST_REKEY_IKE:
		return rekey_ike_write(sa, request, m);
	case REQUEST_DELETE_CHILD:
	case REQUEST_LIVENESS:
	case REQUEST_NOTIFY:
	case REQUEST_DELETE_SA:
	case REQUEST_REPORT:
		informational_write(request, m);
		return true;
	}
	return false;
}

static void request_start(struct ike_sa *sa, struct request *request, struct instant now)
{
	uint8_t inner[INNER_MAX];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	sa->current = request;
	if (request_write(sa, request, &m) &&
	    request_send_sealed(sa, request_exchange(request), &m, now))
		return;
	/* No randomness, no crypto or the key is used up: this SA can say nothing any more. */
	ike_sa_end(sa, IKE_REASON_LOCAL, false);
}

/* What has lost its sense while it waited is not sent. */
static bool is_wanted(const struct ike_sa *sa, const struct request *request)
{
	return request->kind != REQUEST_REKEY_CHILD || request->followup != NULL ||
	       rekey_child_is_wanted(sa, request);
}

static struct request *take_first(struct ike_sa *sa)
{
	struct request *request = sa->queue;

	sa->queue = request->next;
	request->next = NULL;
	return request;
}

void request_pump(struct ike_sa *sa, struct instant now)
{
	if (sa->sent.data != NULL || sa->is_unheard || followup_is_of_ike(sa) ||
	    (sa->state != IKE_SA_UP && sa->state != IKE_SA_CLOSING))
		return;
	while (sa->queue != NULL && !is_wanted(sa, sa->queue))
		request_free(take_first(sa));
	if (sa->queue != NULL)
		request_start(sa, take_first(sa), now);
}

struct ike_header ike_sa_response_header(const struct ike_sa *sa)
{
	return (struct ike_header){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = sa->answering_exchange,
		.flags = IKE_FLAG_RESPONSE | (sa->is_initiator ? IKE_FLAG_INITIATOR : 0),
		.message_id = sa->peer_next_id - 1,
	};
}

void response_send(struct ike_sa *sa, struct message_writer *inner)
{
	struct ike *ike = sa->ike;
	struct ike_header header = ike_sa_response_header(sa);
	struct bytes text = message_end(inner);

	assert(sa->is_answering);
	sa->is_answering = false;
	buf_free(&sa->response);
	/* A response that cannot be sealed is not sent: the peer asks again and gives up. */
	if (inner->w.failed ||
	    !seal(sa, &header, inner->first, text, &sa->response, &sa->response_uncut))
		return;
	message_send(ike, &sa->answering_path, buf_view(&sa->response));
	rekey_ike_look_at_counters(sa);
}

void response_repeat(struct ike_sa *sa, const struct path *path)
{
	const struct ike_header header = ike_sa_response_header(sa);

	if (sa->response.data == NULL)
		return;
	cut_again(sa, &header, &sa->response, &sa->response_uncut);
	message_send(sa->ike, path, buf_view(&sa->response));
}

void response_send_notify(struct ike_sa *sa, uint16_t type, struct bytes data)
{
	uint8_t inner[PAYLOAD_HEADER_LEN + 4 + 64];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	message_add_notify(&m, type, data);
	response_send(sa, &m);
}

void response_refuse_broken(struct ike_sa *sa, struct instant now)
{
	response_send_notify(sa, NOTIFY_INVALID_SYNTAX, (struct bytes){ 0 });
	ike_sa_report_end(sa, IKE_REASON_PROTOCOL, true);
	ike_sa_linger(sa, now);
}
