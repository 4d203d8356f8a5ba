#include "ike/proposal.h"

#include <assert.h>

#include "crypto/kex.h"
#include "crypto/prf.h"

enum {
	LAST = 0,
	MORE_PROPOSALS = 2,
	MORE_TRANSFORMS = 3,
	PROPOSAL_HEADER_LEN = 8,
	TRANSFORM_HEADER_LEN = 8,
	ATTRIBUTE_SHORT = 0x8000, /* the value is the two octets that follow */
	ATTRIBUTE_KEY_LENGTH = 14,
};

/* One attribute (RFC 7296 section 3.3.5); the key length is the only one in use. */
static void attribute_parse(struct reader *r, struct transform *t)
{
	uint16_t type = read_be16(r);
	uint16_t value = read_be16(r);

	if ((type & ATTRIBUTE_SHORT) == 0)
		read_skip(r, value); /* the long form: `value` was its length */
	if (type == (ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH) && t->key_bits == 0 && value != 0)
		t->key_bits = value;
	else
		t->has_unknown = true;
}

/* One transform (RFC 7296 section 3.3.2); `more`: its first octet. */
static bool transform_parse(struct reader *r, uint8_t *more, struct transform *out)
{
	struct transform t = { 0 };
	struct reader body;
	uint16_t length;

	*more = read_u8(r);
	read_skip(r, 1);
	length = read_be16(r);
	if (r->failed || length < TRANSFORM_HEADER_LEN)
		return false;
	body = reader_of(read_bytes(r, length - 4u));
	t.type = read_u8(&body);
	read_skip(&body, 1);
	t.id = read_be16(&body);
	while (reader_left(&body) > 0)
		attribute_parse(&body, &t);
	*out = t;
	return !r->failed && !body.failed;
}

static uint64_t spi_parse(struct bytes octets)
{
	uint64_t spi = 0;

	for (size_t i = 0; i < octets.len; i++)
		spi = spi << 8 | octets.data[i];
	return spi;
}

/* One proposal (RFC 7296 section 3.3.1): its lengths and counts must agree (SA-2). */
static bool proposal_parse(struct reader *r, uint8_t *more, struct proposal *out)
{
	struct reader body;
	uint8_t count, more_transforms = MORE_TRANSFORMS;
	uint16_t length;

	*more = read_u8(r);
	read_skip(r, 1);
	length = read_be16(r);
	if (r->failed || length < PROPOSAL_HEADER_LEN)
		return false;
	body = reader_of(read_bytes(r, length - 4u));
	out->number = read_u8(&body);
	out->protocol = read_u8(&body);
	out->spi_len = read_u8(&body);
	count = read_u8(&body);
	if (body.failed || out->spi_len > PROPOSAL_SPI_MAX || count > TRANSFORMS_MAX)
		return false;
	out->spi = spi_parse(read_bytes(&body, out->spi_len));
	out->transform_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!transform_parse(&body, &more_transforms, &out->transforms[i]) ||
		    more_transforms != (i + 1 == count ? LAST : MORE_TRANSFORMS))
			return false;
	}
	return !r->failed && !body.failed && reader_left(&body) == 0;
}

/* 1, 2, 3 ... (SA-1); an answer is a single proposal with the number of the chosen one. */
static bool number_is_next(const struct proposal_list *list, bool is_only)
{
	uint8_t number = list->proposals[list->count].number;

	return is_only ? number > 0 : number == list->count + 1;
}

bool proposals_parse(struct bytes body, struct proposal_list *out)
{
	struct reader r = reader_of(body);
	uint8_t more = MORE_PROPOSALS;

	out->count = 0;
	while (more == MORE_PROPOSALS) {
		if (out->count == PROPOSALS_MAX ||
		    !proposal_parse(&r, &more, &out->proposals[out->count]))
			return false;
		if (!number_is_next(out, out->count == 0 && more == LAST))
			return false;
		out->count++;
	}
	return more == LAST && reader_left(&r) == 0;
}

static void transform_write(struct writer *w, const struct transform *t, bool is_last)
{
	size_t start = w->len;

	write_u8(w, is_last ? LAST : MORE_TRANSFORMS);
	write_u8(w, 0);
	write_be16(w, 0);
	write_u8(w, t->type);
	write_u8(w, 0);
	write_be16(w, t->id);
	if (t->key_bits != 0) {
		write_be16(w, ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH);
		write_be16(w, t->key_bits);
	}
	if (t->has_unknown) { /* never in ours; stands for whatever it was */
		write_be16(w, ATTRIBUTE_SHORT | 0x3fff);
		write_be16(w, 0);
	}
	write_patch_be16(w, start + 2, (uint16_t)(w->len - start));
}

void proposal_write(struct writer *w, const struct proposal *p, bool is_last)
{
	size_t start = w->len;

	write_u8(w, is_last ? LAST : MORE_PROPOSALS);
	write_u8(w, 0);
	write_be16(w, 0);
	write_u8(w, p->number);
	write_u8(w, p->protocol);
	write_u8(w, p->spi_len);
	write_u8(w, (uint8_t)p->transform_count);
	for (unsigned left = p->spi_len; left > 0; left--)
		write_u8(w, (uint8_t)(p->spi >> 8 * (left - 1)));
	for (size_t i = 0; i < p->transform_count; i++)
		transform_write(w, &p->transforms[i], i + 1 == p->transform_count);
	write_patch_be16(w, start + 2, (uint16_t)(w->len - start));
}

void proposals_write(struct writer *w, const struct proposal_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		proposal_write(w, &list->proposals[i], i + 1 == list->count);
}

void proposal_add_transform(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	assert(p->transform_count < TRANSFORMS_MAX);
	p->transforms[p->transform_count++] =
	    (struct transform){ .type = type, .id = id, .key_bits = key_bits };
}

struct proposal *proposals_add(struct proposal_list *list, uint8_t protocol, uint64_t spi,
                               uint8_t spi_len)
{
	struct proposal *p = &list->proposals[list->count++];

	assert(list->count <= PROPOSALS_MAX);
	*p = (struct proposal){
		.number = (uint8_t)list->count,
		.protocol = protocol,
		.spi = spi,
		.spi_len = spi_len,
	};
	return p;
}

static const struct transform *find(const struct proposal *p, uint8_t type, uint16_t id)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id)
			return &p->transforms[i];
	return NULL;
}

bool proposals_offer_kex(const struct proposal_list *list, uint16_t method)
{
	for (size_t i = 0; i < list->count; i++)
		if (find(&list->proposals[i], TRANSFORM_KE, method) != NULL)
			return true;
	return false;
}

size_t proposals_nonce_len(const struct proposal_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (find(&list->proposals[i], TRANSFORM_PRF, PRF_HMAC_SHA2_512) != NULL)
			return 64;
	return 32;
}
