#include "util/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip){ .family = IP_V4, .octets = { a, b, c, d } };
}

struct ip ip_from_octets(struct bytes octets)
{
	struct ip a = { .family = IP_NONE };

	if (octets.len == 16 && memcmp(octets.data, mapped_prefix, 12) == 0)
		octets = BYTES(octets.data + 12, 4);
	if (octets.len != 4 && octets.len != 16)
		return a;
	a.family = octets.len == 4 ? IP_V4 : IP_V6;
	memcpy(a.octets, octets.data, octets.len);
	return a;
}

struct bytes ip_octets(const struct ip *a)
{
	return BYTES(a->octets, ip_len(a));
}

bool ip_parse(const char *text, struct ip *out)
{
	uint8_t octets[16];

	if (inet_pton(AF_INET, text, octets) == 1)
		*out = ip_from_octets(BYTES(octets, 4));
	else if (inet_pton(AF_INET6, text, octets) == 1)
		*out = ip_from_octets(BYTES(octets, 16));
	else
		return false;
	return true;
}

static char *put_decimal(char *at, uint8_t number)
{
	if (number >= 100)
		*at++ = (char)('0' + number / 100);
	if (number >= 10)
		*at++ = (char)('0' + number / 10 % 10);
	*at++ = (char)('0' + number % 10);
	return at;
}

char *ip_put_quad(char *at, const uint8_t octets[4])
{
	for (int i = 0; i < 4; i++) {
		at = put_decimal(at, octets[i]);
		*at++ = '.';
	}
	at[-1] = '\0';
	return at - 1;
}

struct ip_text ip_text(const struct ip *a)
{
	struct ip_text text = { "(none)" };

	if (a->family == IP_V4)
		ip_put_quad(text.s, a->octets);
	else if (a->family == IP_V6)
		inet_ntop(AF_INET6, a->octets, text.s, sizeof(text.s));
	return text;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, 16);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return ip_compare(a, b) == 0;
}

bool ip_next(const struct ip *a, struct ip *out)
{
	struct ip next = *a;

	for (size_t i = ip_len(a); i-- > 0;) {
		if (++next.octets[i] != 0) {
			*out = next;
			return true;
		}
	}
	return false;
}

bool ip_previous(const struct ip *a, struct ip *out)
{
	struct ip previous = *a;

	for (size_t i = ip_len(a); i-- > 0;) {
		if (previous.octets[i]-- != 0) {
			*out = previous;
			return true;
		}
	}
	return false;
}

bool ip_is_unspecified(const struct ip *a)
{
	static const uint8_t zeros[16];

	return a->family == IP_NONE || memcmp(a->octets, zeros, 16) == 0;
}

bool ip_is_loopback(const struct ip *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->family == IP_V4 ? a->octets[0] == 127
				  : a->family == IP_V6 && memcmp(a->octets, one, 16) == 0;
}

bool ip_is_multicast(const struct ip *a)
{
	return a->family == IP_V4 ? (a->octets[0] & 0xf0) == 0xe0
				  : a->family == IP_V6 && a->octets[0] == 0xff;
}

bool ip_is_link_local(const struct ip *a)
{
	if (a->family == IP_V4)
		return a->octets[0] == 169 && a->octets[1] == 254;
	return a->family == IP_V6 && a->octets[0] == 0xfe && (a->octets[1] & 0xc0) == 0x80;
}

bool ip_is_never_peer(const struct ip *a)
{
	bool is_reserved = a->family == IP_V4 && (a->octets[0] >= 0xf0 || a->octets[0] == 0);

	return is_reserved || ip_is_unspecified(a) || ip_is_loopback(a) || ip_is_multicast(a) ||
	       ip_is_link_local(a);
}

struct ip_range range_of_ip(const struct ip *a)
{
	return (struct ip_range){ .first = *a, .last = *a };
}

struct ip_range range_of_prefix(const struct ip *a, unsigned bits)
{
	struct ip_range r = range_of_ip(a);

	for (size_t i = 0; i < ip_len(a); i++) {
		unsigned before = (unsigned)i * 8;
		unsigned kept = bits <= before ? 0 : bits - before >= 8 ? 8 : bits - before;
		uint8_t host = (uint8_t)(0xff >> kept);

		r.first.octets[i] &= (uint8_t)~host;
		r.last.octets[i] |= host;
	}
	return r;
}

struct ip_range range_any(enum ip_family family)
{
	struct ip zero = { .family = (uint8_t)family };

	return range_of_prefix(&zero, 0);
}

static bool range_parse_prefix(const char *text, const char *slash, struct ip_range *out)
{
	char address[64] = { 0 };
	struct ip a;
	char *end;
	unsigned long bits;

	if ((size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || !ip_parse(address, &a) || bits > ip_len(&a) * 8)
		return false;
	*out = range_of_prefix(&a, (unsigned)bits);
	return true;
}

static bool range_parse_ends(const char *text, const char *dash, struct ip_range *out)
{
	char first[64] = { 0 };
	struct ip_range r;

	if ((size_t)(dash - text) >= sizeof(first))
		return false;
	memcpy(first, text, (size_t)(dash - text));
	if (!ip_parse(first, &r.first) || !ip_parse(dash + 1, &r.last) ||
	    r.first.family != r.last.family || ip_compare(&r.first, &r.last) > 0)
		return false;
	*out = r;
	return true;
}

bool range_parse(const char *text, struct ip_range *out)
{
	const char *slash = strchr(text, '/');
	const char *dash = strchr(text, '-');
	struct ip a;

	if (slash != NULL)
		return range_parse_prefix(text, slash, out);
	if (dash != NULL)
		return range_parse_ends(text, dash, out);
	if (!ip_parse(text, &a))
		return false;
	*out = range_of_ip(&a);
	return true;
}

int range_prefix_bits(const struct ip_range *r)
{
	for (unsigned bits = 0; bits <= ip_len(&r->first) * 8; bits++) {
		struct ip_range candidate = range_of_prefix(&r->first, bits);

		if (range_equal(&candidate, r))
			return (int)bits;
	}
	return -1;
}

struct range_text range_text(const struct ip_range *r)
{
	struct range_text text;
	int bits = range_prefix_bits(r);

	if (bits >= 0)
		snprintf(text.s, sizeof(text.s), "%s/%d", ip_text(&r->first).s, bits);
	else
		snprintf(text.s, sizeof(text.s), "%s-%s", ip_text(&r->first).s, ip_text(&r->last).s);
	return text;
}

bool range_contains(const struct ip_range *r, const struct ip *a)
{
	return r->first.family == a->family && ip_compare(&r->first, a) <= 0 &&
	       ip_compare(a, &r->last) <= 0;
}

bool range_within(const struct ip_range *inner, const struct ip_range *outer)
{
	return range_contains(outer, &inner->first) && range_contains(outer, &inner->last);
}

bool range_overlaps(const struct ip_range *a, const struct ip_range *b)
{
	return a->first.family == b->first.family && ip_compare(&a->first, &b->last) <= 0 &&
	       ip_compare(&b->first, &a->last) <= 0;
}

bool range_equal(const struct ip_range *a, const struct ip_range *b)
{
	return ip_equal(&a->first, &b->first) && ip_equal(&a->last, &b->last);
}

bool range_is_single(const struct ip_range *r)
{
	return ip_equal(&r->first, &r->last);
}

/* last - first, octet by octet. */
static void range_span(const struct ip_range *r, uint8_t span[16])
{
	int borrow = 0;

	memset(span, 0, 16);
	for (size_t len = ip_len(&r->first), i = len; i-- > 0;) {
		int d = r->last.octets[i] - r->first.octets[i] - borrow;

		borrow = d < 0;
		span[16 - len + i] = (uint8_t)d;
	}
}

int range_compare_size(const struct ip_range *a, const struct ip_range *b)
{
	uint8_t span_a[16];
	uint8_t span_b[16];
	int order;

	range_span(a, span_a);
	range_span(b, span_b);
	order = memcmp(span_a, span_b, 16);
	return order < 0 ? -1 : order > 0;
}

bool traffic_equal(const struct traffic *a, const struct traffic *b)
{
	return a->protocol == b->protocol && a->has_ports == b->has_ports &&
	       a->first_port == b->first_port && a->last_port == b->last_port;
}

bool traffic_is_any(const struct traffic *t)
{
	return t->protocol == 0;
}

bool traffic_contains(const struct traffic *t, uint8_t protocol, int32_t remote_port)
{
	if (t->protocol == 0)
		return true;
	if (t->protocol != protocol)
		return false;
	return !t->has_ports || (remote_port >= t->first_port && remote_port <= t->last_port);
}

bool traffic_within(const struct traffic *inner, const struct traffic *outer)
{
	if (outer->protocol == 0)
		return true;
	if (inner->protocol != outer->protocol)
		return false;
	return !outer->has_ports ||
	       (inner->has_ports && inner->first_port >= outer->first_port &&
	        inner->last_port <= outer->last_port);
}

/* 65536 and more where any port will do, more still for any protocol. */
static unsigned traffic_width(const struct traffic *t)
{
	if (t->protocol == 0)
		return 65538;
	return t->has_ports ? t->last_port - t->first_port + 1u : 65537;
}

int traffic_compare(const struct traffic *a, const struct traffic *b)
{
	unsigned wa = traffic_width(a), wb = traffic_width(b);

	return (wa > wb) - (wa < wb);
}

bool pair_equal(const struct ip_pair *a, const struct ip_pair *b)
{
	return ip_equal(&a->source, &b->source) && ip_equal(&a->destination, &b->destination) &&
	       traffic_equal(&a->traffic, &b->traffic);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return ip_equal(&a->address, &b->address) && a->port == b->port;
}

struct ip_text endpoint_text(const struct endpoint *e)
{
	struct ip_text text;
	bool is_v6 = e->address.family == IP_V6;

	snprintf(text.s, sizeof(text.s), "%s%.39s%s:%u", is_v6 ? "[" : "", ip_text(&e->address).s,
		 is_v6 ? "]" : "", e->port);
	return text;
}
