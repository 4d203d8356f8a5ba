#include "ike/ts.h"

enum {
	TS_IPV4 = 7,
	TS_IPV6 = 8,
	TS_HEADER_LEN = 8, /* type, protocol, length, two ports */
	PORT_MAX = 65535,
};

static bool ports_are_sane(const struct traffic_selector *ts)
{
	return ts->port_first <= ts->port_last || ts_is_opaque(ts);
}

/* The body of a selector of a type we know, RFC 7296 section 3.13.1. */
static bool selector_parse(struct bytes body, uint8_t protocol, size_t address_len,
                           struct traffic_selector *out)
{
	struct reader r = reader_of(body);
	struct traffic_selector ts = { .protocol = protocol };

	ts.port_first = read_be16(&r);
	ts.port_last = read_be16(&r);
	ts.range.first = ip_from_octets(read_bytes(&r, address_len));
	ts.range.last = ip_from_octets(read_bytes(&r, address_len));
	if (r.failed || reader_left(&r) > 0 || !ports_are_sane(&ts))
		return false;
	/* Families differ only if one end is IPv4-mapped. */
	if (ts.range.first.family == IP_NONE || ts.range.first.family != ts.range.last.family ||
	    ip_compare(&ts.range.first, &ts.range.last) > 0)
		return false;
	*out = ts;
	return true;
}

static bool next_selector(struct reader *r, struct ts_list *list)
{
	uint8_t type = read_u8(r);
	uint8_t protocol = read_u8(r);
	uint16_t length = read_be16(r);
	struct bytes body;

	if (r->failed || length < TS_HEADER_LEN)
		return false;
	body = read_bytes(r, length - 4u);
	if (r->failed)
		return false;
	if (type != TS_IPV4 && type != TS_IPV6) {
		list->unknown++;
		return true;
	}
	return selector_parse(body, protocol, type == TS_IPV4 ? 4 : 16,
	                      &list->selectors[list->count++]);
}

bool ts_parse(struct bytes body, struct ts_list *out)
{
	struct reader r = reader_of(body);
	uint8_t count = read_u8(&r);

	read_skip(&r, 3);
	*out = (struct ts_list){ 0 };
	if (r.failed || count == 0 || count > TS_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!next_selector(&r, out))
			return false;
	return reader_left(&r) == 0;
}

void ts_write(struct writer *w, const struct traffic_selector *selectors, size_t count)
{
	write_u8(w, (uint8_t)count);
	write_zeros(w, 3);
	for (size_t i = 0; i < count; i++) {
		const struct traffic_selector *ts = &selectors[i];
		size_t address_len = ip_len(&ts->range.first);

		write_u8(w, address_len == 4 ? TS_IPV4 : TS_IPV6);
		write_u8(w, ts->protocol);
		write_be16(w, (uint16_t)(TS_HEADER_LEN + 2 * address_len));
		write_be16(w, ts->port_first);
		write_be16(w, ts->port_last);
		write_bytes(w, ip_octets(&ts->range.first));
		write_bytes(w, ip_octets(&ts->range.last));
	}
}

struct traffic_selector ts_of_range(const struct ip_range *range)
{
	return (struct traffic_selector){ .range = *range, .port_last = PORT_MAX };
}

struct traffic_selector ts_of_ip(const struct ip *address)
{
	struct ip_range range = range_of_ip(address);

	return ts_of_range(&range);
}

struct traffic_selector ts_of_packet(const struct ip *address, uint8_t protocol, bool has_ports,
                                     uint16_t port)
{
	struct traffic_selector ts = ts_of_ip(address);

	ts.protocol = protocol;
	if (protocol != 0 && has_ports)
		ts.port_first = ts.port_last = port;
	return ts;
}

bool ts_is_any_port(const struct traffic_selector *ts)
{
	return ts->port_first == 0 && ts->port_last == PORT_MAX;
}

bool ts_is_opaque(const struct traffic_selector *ts)
{
	return ts->port_first == PORT_MAX && ts->port_last == 0;
}

bool ts_is_host(const struct traffic_selector *ts)
{
	return range_is_single(&ts->range) && ts->protocol == 0 && ts_is_any_port(ts);
}

bool ts_equal(const struct traffic_selector *a, const struct traffic_selector *b)
{
	return range_equal(&a->range, &b->range) && a->protocol == b->protocol &&
	       a->port_first == b->port_first && a->port_last == b->port_last;
}

static bool ports_within(const struct traffic_selector *inner, const struct traffic_selector *outer)
{
	if (ts_is_any_port(outer))
		return true;
	if (ts_is_opaque(inner) || ts_is_opaque(outer))
		return ts_is_opaque(inner) && ts_is_opaque(outer);
	return inner->port_first >= outer->port_first && inner->port_last <= outer->port_last;
}

bool ts_within(const struct traffic_selector *inner, const struct traffic_selector *outer)
{
	return range_within(&inner->range, &outer->range) &&
	       (outer->protocol == 0 || outer->protocol == inner->protocol) &&
	       ports_within(inner, outer);
}

static bool ports_common(const struct traffic_selector *a, const struct traffic_selector *b,
                         struct traffic_selector *out)
{
	if (ts_is_opaque(a) || ts_is_opaque(b)) {
		out->port_first = PORT_MAX;
		out->port_last = 0;
		return ports_within(a, b) || ports_within(b, a);
	}
	out->port_first = a->port_first > b->port_first ? a->port_first : b->port_first;
	out->port_last = a->port_last < b->port_last ? a->port_last : b->port_last;
	return out->port_first <= out->port_last;
}

/* What both take; false: nothing. */
static bool common(const struct traffic_selector *a, const struct traffic_selector *b,
                   struct traffic_selector *out)
{
	struct traffic_selector ts = { 0 };

	if (!range_overlaps(&a->range, &b->range))
		return false;
	if (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol)
		return false;
	if (!ports_common(a, b, &ts))
		return false;
	ts.protocol = a->protocol != 0 ? a->protocol : b->protocol;
	ts.range.first =
	    ip_compare(&a->range.first, &b->range.first) > 0 ? a->range.first : b->range.first;
	ts.range.last =
	    ip_compare(&a->range.last, &b->range.last) < 0 ? a->range.last : b->range.last;
	*out = ts;
	return true;
}

/* Of two that are the same the first stays. */
static bool is_superfluous(const struct ts_list *list, size_t i)
{
	for (size_t j = 0; j < list->count; j++)
		if (j != i && ts_within(&list->selectors[i], &list->selectors[j]) &&
		    (j < i || !ts_within(&list->selectors[j], &list->selectors[i])))
			return true;
	return false;
}

void ts_merge(struct ts_list *list)
{
	for (size_t i = list->count; i-- > 0;) {
		if (!is_superfluous(list, i))
			continue;
		list->count--;
		memmove(&list->selectors[i], &list->selectors[i + 1],
		        (list->count - i) * sizeof(list->selectors[0]));
	}
}

static bool is_within_any(const struct traffic_selector *ts, const struct ts_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (ts_within(ts, &list->selectors[i]))
			return true;
	return false;
}

bool ts_list_within(const struct ts_list *answer, const struct ts_list *offered)
{
	for (size_t i = 0; i < answer->count; i++)
		if (!is_within_any(&answer->selectors[i], offered))
			return false;
	return answer->count > 0 && answer->unknown == 0;
}

static bool first_common(const struct ts_list *offered, const struct ts_list *allowed,
                         struct traffic_selector *out)
{
	for (size_t i = 0; i < offered->count; i++)
		for (size_t j = 0; j < allowed->count; j++)
			if (common(&offered->selectors[i], &allowed->selectors[j], out))
				return true;
	return false;
}

bool ts_narrow(const struct ts_list *offered, const struct ts_list *allowed, struct ts_list *out,
               bool *is_cut)
{
	struct traffic_selector part;
	bool takes_all = ts_list_within(offered, allowed);

	if (!takes_all && !first_common(offered, allowed, &part))
		return false;
	if (takes_all)
		*out = *offered;
	else
		*out = (struct ts_list){ .count = 1, .selectors = { part } };
	if (is_cut != NULL)
		*is_cut = !takes_all;
	return true;
}

bool ts_is_single_pair(const struct ts_list *a, const struct ts_list *b)
{
	return a->count == 1 && b->count == 1 && a->unknown == 0 && b->unknown == 0 &&
	       ts_is_host(&a->selectors[0]) && ts_is_host(&b->selectors[0]);
}
