#include "ike/message.h"

#include <assert.h>

enum { CRITICAL_BIT = 0x80, SPI_LEN_ESP = 4 };

bool header_parse(struct bytes datagram, struct ike_header *out)
{
	struct reader r = reader_of(datagram);
	struct ike_header h;

	h.spi_i = read_be64(&r);
	h.spi_r = read_be64(&r);
	h.next_payload = read_u8(&r);
	h.version = read_u8(&r);
	h.exchange = read_u8(&r);
	h.flags = read_u8(&r);
	h.message_id = read_be32(&r);
	h.length = read_be32(&r);
	if (r.failed || h.length != datagram.len)
		return false;
	*out = h;
	return true;
}

/* RFC 7296 section 3.2: types we know, so that their critical bit is ignored (PLD-4, PLD-6). */
static bool is_known(uint8_t type)
{
	return (type >= PAYLOAD_SA && type <= PAYLOAD_EAP) || type == PAYLOAD_SKF;
}

/* RFC 7296 section 3.10. An SPI of another size than ESP's names nothing of ours: skipped. */
static bool notify_parse(struct bytes body, struct notify *out)
{
	struct reader r = reader_of(body);
	struct notify n = { 0 };
	uint8_t protocol, spi_len;

	protocol = read_u8(&r);
	spi_len = read_u8(&r);
	n.type = read_be16(&r);
	if (spi_len == SPI_LEN_ESP)
		n.spi = read_be32(&r);
	else
		read_skip(&r, spi_len);
	if (spi_len != 0)
		n.protocol = protocol;
	n.data = read_rest(&r);
	if (r.failed)
		return false;
	*out = n;
	return true;
}

/* RFC 7296 section 3.11: no SPI for an IKE SA, four octets each for ESP and AH (PLD-24). */
static bool delete_parse(struct bytes body, struct delete *out)
{
	struct reader r = reader_of(body);
	struct delete d;
	uint8_t spi_len;
	uint16_t count;

	d.protocol = read_u8(&r);
	spi_len = read_u8(&r);
	count = read_be16(&r);
	d.spis = read_rest(&r);
	if (r.failed || d.spis.len != (size_t)count * spi_len)
		return false;
	if (d.protocol == PROTOCOL_IKE ? spi_len != 0 || count != 0 : spi_len != SPI_LEN_ESP)
		return false;
	*out = d;
	return true;
}

/* Where the single payload of that type goes; NULL for types that may come again. */
static struct bytes *slot_of(struct payloads *p, uint8_t type)
{
	switch (type) {
	case PAYLOAD_SA:
		return &p->sa;
	case PAYLOAD_KE:
		return &p->ke;
	case PAYLOAD_ID_I:
		return &p->id_i;
	case PAYLOAD_ID_R:
		return &p->id_r;
	case PAYLOAD_AUTH:
		return &p->auth;
	case PAYLOAD_NONCE:
		return &p->nonce;
	case PAYLOAD_TS_I:
		return &p->ts_i;
	case PAYLOAD_TS_R:
		return &p->ts_r;
	case PAYLOAD_SK:
		return &p->sk;
	default:
		return NULL;
	}
}

static bool keep_payload(struct payloads *p, uint8_t type, struct bytes body)
{
	struct bytes *slot = slot_of(p, type);
	struct notify notify;
	struct delete delete;

	if (p->count == PAYLOADS_MAX || (slot != NULL && slot->data != NULL))
		return false;
	if (type == PAYLOAD_NOTIFY && !notify_parse(body, &notify))
		return false;
	if (type == PAYLOAD_DELETE && !delete_parse(body, &delete))
		return false;
	if (slot != NULL)
		*slot = body;
	p->all[p->count++] = (struct payload_view){ .type = type, .body = body };
	return true;
}

/* The fields in front of a piece. */
static bool piece_parse(struct bytes body, struct payloads *p)
{
	struct reader r = reader_of(body);
	struct piece piece;

	piece.number = read_be16(&r);
	piece.total = read_be16(&r);
	if (r.failed || piece.number == 0 || piece.number > piece.total)
		return false;
	p->piece = piece;
	p->sk = read_rest(&r);
	return true;
}

static enum payloads_verdict parse_chain(struct reader *r, uint8_t type, bool is_inner,
                                         const uint8_t *start, struct payloads *out)
{
	while (type != PAYLOAD_NONE) {
		uint8_t next = read_u8(r);
		bool is_critical = (read_u8(r) & CRITICAL_BIT) != 0;
		uint16_t length = read_be16(r);
		bool is_sealed = type == PAYLOAD_SK || type == PAYLOAD_SKF;
		struct bytes body;

		if (r->failed || length < PAYLOAD_HEADER_LEN)
			return PAYLOADS_SYNTAX;
		body = read_bytes(r, length - PAYLOAD_HEADER_LEN);
		if (r->failed || (is_sealed && (is_inner || reader_left(r) > 0)))
			return PAYLOADS_SYNTAX;
		if (!is_known(type) && is_critical) {
			out->critical = type;
			return PAYLOADS_CRITICAL;
		}
		if (is_known(type) && !keep_payload(out, type, body))
			return PAYLOADS_SYNTAX;
		if (type == PAYLOAD_SKF && !piece_parse(body, out))
			return PAYLOADS_SYNTAX;
		if (is_sealed) {
			/* Its next payload names the first inner one: the chain ends here. */
			out->sk_first = next;
			out->sk_offset = (size_t)(out->sk.data - start);
			return PAYLOADS_OK;
		}
		type = next;
	}
	return reader_left(r) == 0 ? PAYLOADS_OK : PAYLOADS_SYNTAX;
}

enum payloads_verdict message_parse(struct bytes datagram, const struct ike_header *header,
                                    struct payloads *out)
{
	struct reader r = reader_of(datagram);

	memset(out, 0, sizeof(*out));
	read_skip(&r, IKE_HEADER_LEN);
	return parse_chain(&r, header->next_payload, false, datagram.data, out);
}

enum payloads_verdict payloads_parse_inner(uint8_t first, struct bytes plain, struct payloads *out)
{
	struct reader r = reader_of(plain);

	memset(out, 0, sizeof(*out));
	return parse_chain(&r, first, true, plain.data, out);
}

bool init_outline_parse(struct bytes datagram, const struct ike_header *header,
                        struct init_outline *out)
{
	struct reader r = reader_of(datagram);
	struct init_outline outline = { 0 };
	uint8_t type = header->next_payload;
	bool has_sa = false, has_ke = false;
	struct notify first;

	read_skip(&r, IKE_HEADER_LEN);
	for (unsigned count = 0; type != PAYLOAD_NONE && count < PAYLOADS_MAX; count++) {
		uint8_t next = read_u8(&r);
		uint16_t length = (read_skip(&r, 1), read_be16(&r));
		struct bytes body;

		if (r.failed || length < PAYLOAD_HEADER_LEN)
			return false;
		body = read_bytes(&r, length - PAYLOAD_HEADER_LEN);
		if (count == 0 && type == PAYLOAD_NOTIFY && notify_parse(body, &first) &&
		    first.type == NOTIFY_COOKIE)
			outline.cookie = first.data;
		if (type == PAYLOAD_NONCE)
			outline.nonce = body;
		has_sa |= type == PAYLOAD_SA;
		has_ke |= type == PAYLOAD_KE;
		type = next;
	}
	if (r.failed || type != PAYLOAD_NONE || reader_left(&r) > 0 || !has_sa || !has_ke ||
	    !nonce_is_valid(outline.nonce))
		return false;
	*out = outline;
	return true;
}

static const struct payload_view *next_of_type(const struct payloads *p, size_t *at, uint8_t type)
{
	while (*at < p->count) {
		const struct payload_view *view = &p->all[(*at)++];

		if (view->type == type)
			return view;
	}
	return NULL;
}

bool payloads_next_notify(const struct payloads *p, size_t *at, struct notify *out)
{
	const struct payload_view *view = next_of_type(p, at, PAYLOAD_NOTIFY);

	return view != NULL && notify_parse(view->body, out);
}

bool payloads_next_delete(const struct payloads *p, size_t *at, struct delete *out)
{
	const struct payload_view *view = next_of_type(p, at, PAYLOAD_DELETE);

	return view != NULL && delete_parse(view->body, out);
}

bool payloads_next_vendor_id(const struct payloads *p, size_t *at, struct bytes *out)
{
	const struct payload_view *view = next_of_type(p, at, PAYLOAD_VENDOR_ID);

	if (view != NULL)
		*out = view->body;
	return view != NULL;
}

bool payloads_find_notify(const struct payloads *p, uint16_t type, struct notify *out)
{
	struct notify n;

	for (size_t at = 0; payloads_next_notify(p, &at, &n);) {
		if (n.type == type) {
			*out = n;
			return true;
		}
	}
	return false;
}

bool payloads_find_error(const struct payloads *p, struct notify *out)
{
	struct notify n;

	for (size_t at = 0; payloads_next_notify(p, &at, &n);) {
		if (notify_is_error(n.type)) {
			*out = n;
			return true;
		}
	}
	return false;
}

size_t delete_count(const struct delete *d)
{
	return d->spis.len / SPI_LEN_ESP;
}

uint32_t delete_spi(const struct delete *d, size_t index)
{
	struct reader r = reader_of(d->spis);

	assert(index < delete_count(d));
	read_skip(&r, index * SPI_LEN_ESP);
	return read_be32(&r);
}

bool ke_parse(struct bytes body, struct ke *out)
{
	struct reader r = reader_of(body);
	struct ke ke;

	ke.method = read_be16(&r);
	read_skip(&r, 2); /* RESERVED: ignored on receipt, RFC 7296 section 2.5 */
	ke.value = read_rest(&r);
	if (r.failed || ke.value.len == 0)
		return false;
	*out = ke;
	return true;
}

bool invalid_ke_parse(struct bytes data, uint16_t *method)
{
	struct reader r = reader_of(data);
	uint16_t v = read_be16(&r);

	if (r.failed || reader_left(&r) > 0)
		return false;
	*method = v;
	return true;
}

bool nonce_is_valid(struct bytes nonce)
{
	return nonce.data != NULL && nonce.len >= NONCE_MIN && nonce.len <= NONCE_MAX;
}

void message_start_inner(struct message_writer *m, uint8_t *out, size_t size)
{
	*m = (struct message_writer){ .w = writer_on(out, size), .next_at = SIZE_MAX };
}

void message_start(struct message_writer *m, uint8_t *out, size_t size,
                   const struct ike_header *header)
{
	message_start_inner(m, out, size < IKE_MESSAGE_MAX ? size : IKE_MESSAGE_MAX);
	m->has_header = true;
	write_be64(&m->w, header->spi_i);
	write_be64(&m->w, header->spi_r);
	m->next_at = m->w.len;
	write_u8(&m->w, PAYLOAD_NONE);
	write_u8(&m->w, IKE_VERSION);
	write_u8(&m->w, header->exchange);
	write_u8(&m->w, header->flags & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE));
	write_be32(&m->w, header->message_id);
	write_be32(&m->w, 0);
}

/* Announces `type` in the header, in the payload before, or as the first inner one. */
static void announce(struct message_writer *m, uint8_t type)
{
	if (m->w.failed)
		return;
	if (m->next_at == SIZE_MAX)
		m->first = type;
	else
		m->w.start[m->next_at] = type;
}

struct writer *payload_start(struct message_writer *m, uint8_t type)
{
	announce(m, type);
	m->payload_at = m->w.len;
	m->next_at = m->w.len;
	write_u8(&m->w, PAYLOAD_NONE);
	write_u8(&m->w, 0); /* critical bit clear on all we know (PLD-3) */
	write_be16(&m->w, 0);
	return &m->w;
}

void payload_end(struct message_writer *m)
{
	size_t length = m->w.len - m->payload_at;

	if (length > UINT16_MAX)
		m->w.failed = true;
	write_patch_be16(&m->w, m->payload_at + 2, (uint16_t)length);
}

void payload_end_sk(struct message_writer *m, uint8_t first)
{
	payload_end(m);
	announce(m, first);
}

struct bytes message_end(struct message_writer *m)
{
	if (m->has_header)
		write_patch_be32(&m->w, IKE_HEADER_LEN - 4, (uint32_t)m->w.len);
	return writer_view(&m->w);
}

void message_add(struct message_writer *m, uint8_t type, struct bytes body)
{
	write_bytes(payload_start(m, type), body);
	payload_end(m);
}

void message_add_ke(struct message_writer *m, uint16_t method, struct bytes value)
{
	struct writer *w = payload_start(m, PAYLOAD_KE);

	write_be16(w, method);
	write_be16(w, 0);
	write_bytes(w, value);
	payload_end(m);
}

void message_add_notify(struct message_writer *m, uint16_t type, struct bytes data)
{
	struct writer *w = payload_start(m, PAYLOAD_NOTIFY);

	write_u8(w, PROTOCOL_NONE);
	write_u8(w, 0);
	write_be16(w, type);
	write_bytes(w, data);
	payload_end(m);
}

void message_add_notify_spi(struct message_writer *m, uint16_t type, uint32_t spi,
                            struct bytes data)
{
	struct writer *w = payload_start(m, PAYLOAD_NOTIFY);

	write_u8(w, PROTOCOL_ESP);
	write_u8(w, SPI_LEN_ESP);
	write_be16(w, type);
	write_be32(w, spi);
	write_bytes(w, data);
	payload_end(m);
}

void message_add_invalid_ke(struct message_writer *m, uint16_t method)
{
	uint8_t data[2] = { (uint8_t)(method >> 8), (uint8_t)method };

	message_add_notify(m, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(data));
}

void message_add_delete_ike(struct message_writer *m)
{
	struct writer *w = payload_start(m, PAYLOAD_DELETE);

	write_u8(w, PROTOCOL_IKE);
	write_u8(w, 0);
	write_be16(w, 0);
	payload_end(m);
}

void message_add_delete_esp(struct message_writer *m, const uint32_t *spis, size_t count)
{
	struct writer *w = payload_start(m, PAYLOAD_DELETE);

	assert(count <= UINT16_MAX);
	write_u8(w, PROTOCOL_ESP);
	write_u8(w, SPI_LEN_ESP);
	write_be16(w, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		write_be32(w, spis[i]);
	payload_end(m);
}
