#include "ike/informational.h"

#include "ike/children.h"
#include "ike/crash.h"
#include "ike/rekey_child.h"
#include "ike/successor.h"

static const struct duration between_losses = SECONDS(10);

void informational_write(const struct request *request, struct message_writer *m)
{
	if (request->kind == REQUEST_DELETE_SA)
		message_add_delete_ike(m);
	else if (request->kind == REQUEST_DELETE_CHILD)
		message_add_delete_esp(m, &request->spi_in, 1);
	else if (request->kind == REQUEST_NOTIFY)
		message_add_notify(m, request->notify, buf_view(&request->data));
	else if (request->kind == REQUEST_REPORT)
		message_add_notify(m, request->notify, (struct bytes){ 0 });
}

void informational_delete_child(struct ike_sa *sa, uint32_t spi_in, struct instant now)
{
	struct request *request = request_new(REQUEST_DELETE_CHILD);

	request->spi_in = spi_in;
	request_add(sa, request, now);
}

/* <-- HDR, SK { [D] } */
void informational_on_response(struct ike_sa *sa, const struct request *request,
                               const struct payloads *p, struct instant now)
{
	struct child *child;
	struct notify error;

	/* The peer that says so has dropped the IKE SA (ERR-4). */
	if (payloads_find_notify(p, NOTIFY_INVALID_SYNTAX, &error))
		return ike_sa_end(sa, IKE_REASON_PROTOCOL, true);
	child = children_find_in(sa, request->spi_in);
	if (request->kind != REQUEST_DELETE_CHILD || child == NULL)
		return;
	/* One that was replaced could receive until now (RKY-3). */
	if (!child->is_reported)
		sa->ike->owner.child_gone(sa->ike->owner.ctx, sa->handle, child->spi_in,
		                          IKE_REASON_REPLACED);
	children_remove(sa, child);
	sa->used = now;
}

/* One SPI of a Delete: what the peer receives with, we send with (DEL-1). 0: nothing to confirm. */
static uint32_t close_child(struct ike_sa *sa, uint32_t spi_out, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct child *child = children_find_out(sa, spi_out);
	uint32_t spi_in;

	/* Unknown: skipped (DEL-4). Ours is under way: our Delete says it (DEL-2, COL-4). */
	if (child == NULL || child->is_deleting)
		return 0;
	spi_in = child->spi_in;
	children_remove(sa, child);
	rekey_child_disinherit(sa, spi_in, now);
	owner->child_gone(owner->ctx, sa->handle, spi_in, IKE_REASON_DELETED_BY_PEER);
	return spi_in;
}

/* Closes what the Deletes name; `spis` gets our half of each pair. */
static size_t close_children(struct ike_sa *sa, const struct payloads *p,
                             uint32_t spis[2 * IKE_SA_CHILDREN_MAX], struct instant now)
{
	struct delete d;
	size_t count = 0;

	for (size_t at = 0; payloads_next_delete(p, &at, &d);) {
		if (d.protocol != PROTOCOL_ESP)
			continue;
		for (size_t i = 0; i < delete_count(&d); i++) {
			uint32_t spi = close_child(sa, delete_spi(&d, i), now);

			if (spi != 0)
				spis[count++] = spi;
		}
	}
	return count;
}

static bool deletes_ike(const struct payloads *p)
{
	struct delete d;

	for (size_t at = 0; payloads_next_delete(p, &at, &d);) {
		if (d.protocol == PROTOCOL_IKE)
			return true;
	}
	return false;
}

/* The peer takes back the IKE SA, although we believed it up (ERR-8). */
static enum ike_reason fatal_error(const struct payloads *p)
{
	struct notify n;

	if (payloads_find_notify(p, NOTIFY_AUTHENTICATION_FAILED, &n))
		return IKE_REASON_AUTHENTICATION_FAILED;
	if (payloads_find_notify(p, NOTIFY_INVALID_SYNTAX, &n) ||
	    payloads_find_notify(p, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &n))
		return IKE_REASON_PROTOCOL;
	return IKE_REASON_NONE;
}

/*
 * RST-4: the peer gets ESP of ours under an SPI it does not know, and it says so on the IKE SA, so
 * that it is true. The next packet makes another child. Not more often than every ten seconds: what
 * came early, or late, is as unknown to the peer as what it has lost.
 */
static void drop_lost_child(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct child *child = NULL;
	struct reader r;
	struct notify n;

	if (payloads_find_notify(p, NOTIFY_INVALID_SPI, &n) && n.data.len == 4) {
		r = reader_of(n.data);
		child = children_find_out(sa, read_be32(&r));
	}
	if (child == NULL || child->is_deleting || child->is_reported ||
	    instant_since(now, child->since).ns < between_losses.ns ||
	    (sa->lost.ns != 0 && instant_since(now, sa->lost).ns < between_losses.ns))
		return;
	sa->lost = now;
	child->is_deleting = true;
	child->is_reported = true;
	lifetime_init(&child->life);
	owner->child_gone(owner->ctx, sa->handle, child->spi_in, IKE_REASON_LOST);
	informational_delete_child(sa, child->spi_in, now);
}

void informational_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	enum ike_reason reason = deletes_ike(p) ? IKE_REASON_DELETED_BY_PEER : fatal_error(p);
	uint32_t spis[2 * IKE_SA_CHILDREN_MAX];
	uint8_t inner[INNER_MAX];
	struct message_writer m;
	size_t count;

	message_start_inner(&m, inner, sizeof(inner));
	if (reason != IKE_REASON_NONE) {
		/* Nothing of what goes with it is listed (DEL-3). */
		response_send(sa, &m);
		if (reason == IKE_REASON_DELETED_BY_PEER)
			successor_on_delete(sa, now);
		ike_sa_report_end(sa, reason, true);
		return ike_sa_linger(sa, now);
	}
	crash_keep_token(sa, p);
	if (sa->rival_of != NULL)
		successor_settle(sa, now);
	count = close_children(sa, p, spis, now);
	if (count > 0)
		message_add_delete_esp(&m, spis, count);
	if (count > 0)
		sa->used = now;
	response_send(sa, &m);
	drop_lost_child(sa, p, now);
}
