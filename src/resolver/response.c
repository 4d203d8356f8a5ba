#include "resolver/response.h"

#include <ctype.h>

enum { TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1, RCODE_NXDOMAIN = 3, NAME_WIRE_MAX = 255 };

/* A name without compression, lower case, with the root's empty label. */
struct wire_name {
	uint8_t len;
	uint8_t octets[NAME_WIRE_MAX];
};

struct record {
	struct wire_name owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl_s;
	struct bytes rdata;
	size_t rdata_at; /* offset in the packet: names in it may point backwards */
};

struct section_view {
	struct bytes packet;
	size_t answers_at;
	unsigned answers;
	unsigned authorities;
};

/* Labels at `at`; each pointer must lead further back, so there is an end (section 4.1.4). */
static bool name_at(struct bytes packet, size_t at, struct wire_name *out, size_t *next)
{
	size_t limit = at;
	size_t end = 0;

	out->len = 0;
	for (;;) {
		uint8_t label;

		if (at >= packet.len)
			return false;
		label = packet.data[at];
		if (label >= 0xc0) {
			if (at + 2 > packet.len)
				return false;
			end = end != 0 ? end : at + 2;
			at = (size_t)(label & 0x3f) << 8 | packet.data[at + 1];
			if (at >= limit)
				return false;
			limit = at;
			continue;
		}
		if (label >= 0x40 || at + 1 + label > packet.len ||
		    (size_t)out->len + 1 + label > NAME_WIRE_MAX)
			return false;
		out->octets[out->len++] = label;
		for (size_t i = 1; i <= label; i++)
			out->octets[out->len++] = (uint8_t)tolower(packet.data[at + i]);
		at += 1 + (size_t)label;
		if (label == 0)
			break;
	}
	*next = end != 0 ? end : at;
	return true;
}

static bool name_of_text(const char *text, struct wire_name *out)
{
	out->len = 0;
	while (*text != '\0') {
		size_t label = strcspn(text, ".");

		if (label == 0 || label > 63 || (size_t)out->len + 2 + label > NAME_WIRE_MAX)
			return false;
		out->octets[out->len++] = (uint8_t)label;
		for (size_t i = 0; i < label; i++)
			out->octets[out->len++] = (uint8_t)tolower((unsigned char)text[i]);
		text += label;
		text += *text == '.';
	}
	out->octets[out->len++] = 0;
	return true;
}

static bool name_equal(const struct wire_name *a, const struct wire_name *b)
{
	return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0;
}

static bool record_at(struct bytes packet, size_t *at, struct record *out)
{
	struct reader r;
	size_t next;

	if (!name_at(packet, *at, &out->owner, &next))
		return false;
	r = reader_of(BYTES(packet.data + next, packet.len - next));
	out->type = read_be16(&r);
	out->class = read_be16(&r);
	out->ttl_s = read_be32(&r);
	out->rdata = read_bytes(&r, read_be16(&r));
	if (r.failed)
		return false;
	out->rdata_at = (size_t)(out->rdata.data - packet.data);
	*at = out->rdata_at + out->rdata.len;
	return true;
}

/* The record of this owner and type after the one at *place, which starts with answers_at. */
static bool answer_next(const struct section_view *v, const struct wire_name *owner, unsigned type,
                        unsigned *index, size_t *at, struct record *out)
{
	while (*index < v->answers) {
		++*index;
		if (!record_at(v->packet, at, out))
			return false;
		if (out->class == CLASS_IN && out->type == type && name_equal(&out->owner, owner))
			return true;
	}
	return false;
}

static bool answer_first(const struct section_view *v, const struct wire_name *owner, unsigned type,
                         struct record *out)
{
	unsigned index = 0;
	size_t at = v->answers_at;

	return answer_next(v, owner, type, &index, &at, out);
}

/* Moves `name` to the end of its chain; false if that has no end or more than ten links. */
static bool chain_follow(const struct section_view *v, struct wire_name *name, uint32_t *ttl_s)
{
	struct record link;
	size_t next;

	for (int links = 0; answer_first(v, name, TYPE_CNAME, &link); links++) {
		if (links == RESPONSE_LINKS_MAX || !name_at(v->packet, link.rdata_at, name, &next))
			return false;
		*ttl_s = link.ttl_s < *ttl_s ? link.ttl_s : *ttl_s;
	}
	return true;
}

/* min(SOA's TTL, MINIMUM), RFC 2308 section 5; UINT32_MAX without an SOA. */
static uint32_t negative_ttl(const struct section_view *v)
{
	struct record rr;
	size_t at = v->answers_at;

	for (unsigned i = 0; i < v->answers + v->authorities; i++) {
		if (!record_at(v->packet, &at, &rr))
			break;
		if (i >= v->answers && rr.type == TYPE_SOA && rr.rdata.len >= 22) {
			struct reader r = reader_of(BYTES(rr.rdata.data + rr.rdata.len - 4, 4));
			uint32_t minimum = read_be32(&r);

			return minimum < rr.ttl_s ? minimum : rr.ttl_s;
		}
	}
	return UINT32_MAX;
}

static void records_collect(const struct section_view *v, const struct wire_name *name,
                            enum dns_type type, struct response *out)
{
	struct record rr;
	unsigned index = 0;
	size_t at = v->answers_at;

	while (out->count < RESPONSE_RECORDS_MAX && answer_next(v, name, type, &index, &at, &rr)) {
		out->rdata[out->count++] = rr.rdata;
		out->ttl_s = rr.ttl_s < out->ttl_s ? rr.ttl_s : out->ttl_s;
	}
}

static enum dns_status status_without_records(unsigned rcode)
{
	if (rcode == RCODE_NXDOMAIN)
		return DNS_NO_NAME;
	return rcode == 0 ? DNS_NO_DATA : DNS_FAILED;
}

/* Header and questions; section 4.1.1. */
static bool sections_of(struct bytes packet, struct section_view *v, unsigned *rcode)
{
	struct reader r = reader_of(packet);
	struct wire_name ignored;
	unsigned flags;
	unsigned questions;
	size_t at = 12;

	read_skip(&r, 2);
	flags = read_be16(&r);
	questions = read_be16(&r);
	v->packet = packet;
	v->answers = read_be16(&r);
	v->authorities = read_be16(&r);
	read_skip(&r, 2);
	if (r.failed || (flags & 0x8000) == 0)
		return false;
	for (; questions > 0; questions--) {
		if (!name_at(packet, at, &ignored, &at) || at + 4 > packet.len)
			return false;
		at += 4;
	}
	v->answers_at = at;
	*rcode = flags & 15;
	return true;
}

bool response_parse(struct bytes packet, const char *name, enum dns_type type, struct response *out)
{
	struct section_view v;
	struct wire_name owner;
	unsigned rcode;

	*out = (struct response){ .status = DNS_FAILED, .ttl_s = UINT32_MAX };
	if (!name_of_text(name, &owner) || !sections_of(packet, &v, &rcode) ||
	    !chain_follow(&v, &owner, &out->ttl_s))
		return false;
	records_collect(&v, &owner, type, out);
	if (out->count > 0) {
		out->status = DNS_FOUND;
		return true;
	}
	out->status = status_without_records(rcode);
	uint32_t negative = negative_ttl(&v);
	out->ttl_s = negative < out->ttl_s ? negative : out->ttl_s;
	if (out->ttl_s == UINT32_MAX)
		out->ttl_s = 0;
	return true;
}
