#include "engine/userspace/transport.h"

enum { IPV4_HEADER_LEN = 20, IPV6_HEADER_LEN = 40, HOP_LIMIT = 64, ECN_MASK = 3 };

bool transport_open(const struct packet *p, struct bytes *payload, uint8_t *next_header)
{
	if (p->is_fragment || (p->version == 6 && p->upper != IPV6_HEADER_LEN))
		return false;
	*payload = BYTES(p->octets.data + p->upper, p->octets.len - p->upper);
	*next_header = p->protocol;
	return true;
}

size_t transport_header_len(enum ip_family family)
{
	return family == IP_V6 ? IPV6_HEADER_LEN : IPV4_HEADER_LEN;
}

static void write_ipv4(struct writer *w, const struct ip_pair *pair, uint8_t tos,
                       uint8_t next_header, size_t payload_len)
{
	write_u8(w, 0x45);
	write_u8(w, tos & ECN_MASK);
	write_be16(w, (uint16_t)(IPV4_HEADER_LEN + payload_len));
	write_be16(w, 0); /* no identification: it is not to be fragmented (RFC 6864) */
	write_be16(w, 0x4000);
	write_u8(w, HOP_LIMIT);
	write_u8(w, next_header);
	write_be16(w, 0);
	write_bytes(w, ip_octets(&pair->source));
	write_bytes(w, ip_octets(&pair->destination));
	write_patch_be16(w, 10, checksum_finish(checksum_add(0, writer_view(w))));
}

static void write_ipv6(struct writer *w, const struct ip_pair *pair, uint8_t tos,
                       uint8_t next_header, size_t payload_len)
{
	write_be32(w, 6u << 28 | (tos & (uint32_t)ECN_MASK) << 20);
	write_be16(w, (uint16_t)payload_len);
	write_u8(w, next_header);
	write_u8(w, HOP_LIMIT);
	write_bytes(w, ip_octets(&pair->source));
	write_bytes(w, ip_octets(&pair->destination));
}

size_t transport_close(const struct ip_pair *pair, uint8_t tos, uint8_t next_header,
                       struct bytes payload, uint8_t *out, size_t size)
{
	struct writer w = writer_on(out, size);

	if (payload.len + IPV6_HEADER_LEN > UINT16_MAX)
		return 0;
	if (pair->source.family == IP_V6)
		write_ipv6(&w, pair, tos, next_header, payload.len);
	else
		write_ipv4(&w, pair, tos, next_header, payload.len);
	write_bytes(&w, payload);
	return w.failed ? 0 : w.len;
}
