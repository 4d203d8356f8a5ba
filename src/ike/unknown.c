#include "ike/unknown.h"

#include "ike/crash.h"
#include "ike/liveness.h"
#include "ike/peers.h"
#include "ike/request.h"

/* IKE SAs of one address that are looked at; a NAT has many peers behind it. */
enum { SAS_LOOKED_AT_MAX = 64 };
/* Complaints of the peer's message IDs on one IKE SA are this far apart. */
static const struct duration between_complaints = SECONDS(60);

static void write_number(uint8_t out[4], uint32_t number)
{
	struct writer w = writer_on(out, 4);

	write_be32(&w, number);
}

static uint32_t read_number(struct bytes data)
{
	struct reader r = reader_of(data);

	return read_be32(&r);
}

/* SK { N } on its own */
static void tell(struct ike_sa *sa, uint16_t notify, uint32_t number, struct instant now)
{
	struct request *request = request_new(REQUEST_NOTIFY);
	uint8_t data[4];

	write_number(data, number);
	request->notify = notify;
	request->data = buf_copy(BYTES_OF(data));
	request_add(sa, request, now);
	ike_settle(sa);
}

/*
 * ESP
 */

/* The IKE SA to say it on. `is_busy`: the peers are about to agree on something, so that what is
 * unknown now may be known in a moment, or just was. */
static struct ike_sa *sa_at(const struct ike *ike, const struct ip *address, bool *is_busy)
{
	struct ike_sa *sa = peers_first_at(ike, address), *up = NULL;

	*is_busy = false;
	for (int i = 0; sa != NULL && i < SAS_LOOKED_AT_MAX; i++, sa = peers_next_at(sa)) {
		if (sa->state != IKE_SA_UP || sa->sent.data != NULL || sa->is_answering)
			*is_busy = true;
		else if (up == NULL)
			up = sa;
	}
	return up;
}

static void say_one_way(struct ike *ike, const struct path *path, uint32_t spi)
{
	const struct ike_header header = { .version = IKE_VERSION,
		                           .exchange = EXCHANGE_INFORMATIONAL,
		                           .flags = IKE_FLAG_INITIATOR };
	struct path back = *path;
	uint8_t octets[64], number[4];
	struct message_writer m;

	if (back.local.port == 0) {
		back.local.port = ike->settings.port;
		back.remote.port = ike->settings.port;
	}
	write_number(number, spi);
	message_start(&m, octets, sizeof(octets), &header);
	message_add_notify(&m, NOTIFY_INVALID_SPI, BYTES_OF(number));
	ike->ports.send(ike->ports.ctx, &back, message_end(&m));
}

void unknown_on_esp(struct ike *ike, const struct path *path, uint32_t spi, struct instant now)
{
	bool is_busy;
	struct ike_sa *sa = sa_at(ike, &path->remote.address, &is_busy);

	if (is_busy || ike->is_shutting_down ||
	    !once_take(&ike->told_of_esp, &ike->by_spi, &path->remote.address, now) ||
	    !ike_may_answer_unprotected(ike, now))
		return;
	if (sa != NULL)
		tell(sa, NOTIFY_INVALID_SPI, spi, now);
	else
		say_one_way(ike, path, spi);
}

static bool sends_by(const struct ike_sa *sa, uint32_t spi_out)
{
	const struct child *child = sa->children;

	while (child != NULL && (child->spi_out != spi_out || child->is_deleting))
		child = child->next;
	return child != NULL;
}

/* Whoever knows an SPI we send by has at least seen our traffic. */
static void on_invalid_spi(struct ike *ike, const struct ip *peer, uint32_t spi, struct instant now)
{
	struct ike_sa *sa = peers_first_at(ike, peer);

	for (int i = 0; sa != NULL && i < SAS_LOOKED_AT_MAX; i++, sa = peers_next_at(sa)) {
		if (!sends_by(sa, spi))
			continue;
		liveness_on_hint(sa, now);
		/* Who says so is there: what it did not answer before it may answer now. */
		request_nudge(sa, now);
		ike_settle(sa);
	}
}

/*
 * IKE
 */

static void on_unknown_request(struct ike *ike, const struct path *path,
                               const struct ike_header *header, struct instant now)
{
	if (header->spi_i == 0 || header->spi_r == 0 || ike->is_shutting_down)
		return;
	if (once_take(&ike->told_of_ike, &ike->by_spi, &path->remote.address, now) &&
	    ike_may_answer_unprotected(ike, now))
		crash_answer(ike, path, header);
}

void unknown_on_message(struct ike *ike, const struct path *path, const struct ike_header *header,
                        struct bytes datagram, struct instant now)
{
	struct payloads p;
	struct notify n;

	/* A response is never answered (ERR-13). */
	if (header_is_response(header) || message_parse(datagram, header, &p) != PAYLOADS_OK)
		return;
	if (p.sk.data != NULL)
		on_unknown_request(ike, path, header, now);
	else if (header->exchange == EXCHANGE_INFORMATIONAL &&
	         payloads_find_notify(&p, NOTIFY_INVALID_SPI, &n) && n.data.len == 4)
		on_invalid_spi(ike, &path->remote.address, read_number(n.data), now);
}

void unknown_on_unprotected(struct ike_sa *sa, const struct ike_header *header,
                            struct bytes datagram, struct instant now)
{
	struct payloads p;
	struct notify n;

	if (message_parse(datagram, header, &p) != PAYLOADS_OK ||
	    !payloads_find_notify(&p, NOTIFY_INVALID_IKE_SPI, &n))
		return;
	if (crash_is_proven(sa, &p))
		ike_sa_end(sa, IKE_REASON_CRASHED, true);
	else
		liveness_on_hint(sa, now);
}

void unknown_on_message_id(struct ike_sa *sa, uint32_t message_id, struct instant now)
{
	if (sa->state != IKE_SA_UP ||
	    (sa->complained.ns != 0 &&
	     instant_since(now, sa->complained).ns < between_complaints.ns))
		return;
	sa->complained = now;
	tell(sa, NOTIFY_INVALID_MESSAGE_ID, message_id, now);
}
