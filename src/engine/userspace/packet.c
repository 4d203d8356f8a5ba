#include "engine/userspace/packet.h"

#include <assert.h>

uint32_t checksum_add(uint32_t sum, struct bytes b)
{
	size_t i;

	for (i = 0; i + 1 < b.len; i += 2)
		sum += (uint32_t)b.data[i] << 8 | b.data[i + 1];
	if (i < b.len)
		sum += (uint32_t)b.data[i] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t checksum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool is_icmp_error(uint8_t protocol, uint8_t type)
{
	if (protocol == IPPROTO_NUMBER_ICMP6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static void parse_upper(struct packet *p)
{
	struct reader r = reader_of(p->octets);
	uint8_t type, code;

	if (p->is_later_fragment)
		return;
	read_skip(&r, p->upper);
	switch (p->protocol) {
	case IPPROTO_NUMBER_ICMP:
	case IPPROTO_NUMBER_ICMP6:
		type = read_u8(&r);
		code = read_u8(&r);
		p->has_ports = !r.failed;
		p->is_icmp_error = p->has_ports && is_icmp_error(p->protocol, type);
		p->source_port = p->destination_port = (uint16_t)(type << 8 | code);
		break;
	case IPPROTO_NUMBER_TCP:
	case IPPROTO_NUMBER_UDP:
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		p->source_port = read_be16(&r);
		p->destination_port = read_be16(&r);
		p->has_ports = !r.failed;
		break;
	default:
		break;
	}
}

static bool parse_ipv4(struct bytes octets, struct packet *p)
{
	struct reader r = reader_of(octets);
	size_t header_len = (size_t)(read_u8(&r) & 15) * 4;
	uint16_t total, flags;

	p->tos = read_u8(&r);
	total = read_be16(&r);
	p->fragment_id = read_be16(&r);
	flags = read_be16(&r);
	read_skip(&r, 1);
	p->protocol = read_u8(&r);
	read_skip(&r, 2);
	p->pair.source = ip_from_octets(read_bytes(&r, 4));
	p->pair.destination = ip_from_octets(read_bytes(&r, 4));
	if (r.failed || header_len < 20 || total < header_len || total > octets.len)
		return false;
	if (checksum_finish(checksum_add(0, BYTES(octets.data, header_len))) != 0)
		return false;
	p->octets = BYTES(octets.data, total);
	p->upper = header_len;
	p->may_fragment = !(flags & 0x4000);
	p->is_later_fragment = (flags & 0x1fff) != 0;
	p->is_fragment = p->is_later_fragment || (flags & 0x2000);
	return true;
}

/* One extension header; false once `p->protocol` is none. */
static bool walk_extension(struct reader *r, struct packet *p)
{
	uint8_t next, len;
	uint16_t offset;

	switch (p->protocol) {
	case 0:   /* hop-by-hop options */
	case 43:  /* routing */
	case 60:  /* destination options */
	case 135: /* mobility */
		next = read_u8(r);
		len = read_u8(r);
		read_skip(r, 6 + (size_t)len * 8);
		break;
	case 51: /* authentication header counts in words */
		next = read_u8(r);
		len = read_u8(r);
		read_skip(r, (size_t)len * 4 + 6);
		break;
	case 44: /* fragment */
		next = read_u8(r);
		read_skip(r, 1);
		offset = read_be16(r);
		p->fragment_id = read_be32(r);
		p->is_fragment = true;
		p->is_later_fragment = offset >> 3 != 0;
		break;
	default:
		return false;
	}
	p->protocol = next;
	return true;
}

static bool parse_ipv6(struct bytes octets, struct packet *p)
{
	struct reader r = reader_of(octets);
	uint32_t first = read_be32(&r);
	size_t total = read_be16(&r) + (size_t)40;

	p->tos = (uint8_t)(first >> 20);
	p->protocol = read_u8(&r);
	read_skip(&r, 1);
	p->pair.source = ip_from_octets(read_bytes(&r, 16));
	p->pair.destination = ip_from_octets(read_bytes(&r, 16));
	if (r.failed || total > octets.len)
		return false;
	/* A mapped address inside would give an IPv4 host a second name. */
	if (p->pair.source.family != IP_V6 || p->pair.destination.family != IP_V6)
		return false;
	r.end = octets.data + total;
	for (int i = 0; !p->is_later_fragment && walk_extension(&r, p); i++) {
		if (i == PACKET_EXTENSIONS_MAX)
			return false;
	}
	if (r.failed)
		return false;
	p->octets = BYTES(octets.data, total);
	p->upper = (size_t)(r.at - octets.data);
	return true;
}

bool packet_parse(struct bytes octets, struct packet *out)
{
	struct packet p = { .version = octets.len > 0 ? octets.data[0] >> 4 : 0 };
	bool ok =
	    p.version == 4 ? parse_ipv4(octets, &p) : p.version == 6 && parse_ipv6(octets, &p);

	if (!ok)
		return false;
	parse_upper(&p);
	*out = p;
	return true;
}

uint8_t ecn_outer(uint8_t inner_tos)
{
	return inner_tos & 3;
}

enum { NOT_ECT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };

bool ecn_inner(uint8_t inner_tos, uint8_t outer_tos, uint8_t *result, bool *is_odd)
{
	/* Rows: inner, columns: outer, both by their bits. */
	static const struct {
		uint8_t bits;
		bool is_odd, drop;
	} table[4][4] = {
		[NOT_ECT] = { { NOT_ECT, false, false },
		              { NOT_ECT, true, false },
		              { NOT_ECT, true, false },
		              { NOT_ECT, true, true } },
		[ECT1] = { { ECT1, false, false },
		           { ECT1, false, false },
		           { ECT1, true, false },
		           { CE, false, false } },
		[ECT0] = { { ECT0, false, false },
		           { ECT1, false, false },
		           { ECT0, false, false },
		           { CE, false, false } },
		[CE] = { { CE, false, false },
		         { CE, true, false },
		         { CE, false, false },
		         { CE, false, false } },
	};
	unsigned inner = inner_tos & 3, outer = outer_tos & 3;

	*is_odd = table[inner][outer].is_odd;
	if (table[inner][outer].drop)
		return false;
	*result = (uint8_t)((inner_tos & ~3u) | table[inner][outer].bits);
	return true;
}

/* RFC 1624 equation 3: the checksum at `at` after the 16-bit word `from` became `to`. */
static void checksum_mend(uint8_t *at, uint16_t from, uint16_t to)
{
	uint32_t sum = (uint16_t) ~(at[0] << 8 | at[1]);
	uint16_t result;

	sum += (uint16_t)~from;
	sum += to;
	result = checksum_finish(sum);
	at[0] = (uint8_t)(result >> 8);
	at[1] = (uint8_t)result;
}

void packet_set_ecn(uint8_t *octets, size_t len, uint8_t tos)
{
	uint16_t from;

	assert(len >= 20);
	from = (uint16_t)(octets[0] << 8 | octets[1]);
	if (octets[0] >> 4 == 4) {
		octets[1] = (uint8_t)((octets[1] & ~3) | (tos & 3));
		checksum_mend(octets + 10, from, (uint16_t)(octets[0] << 8 | octets[1]));
	} else {
		octets[1] = (uint8_t)((octets[1] & ~0x30) | (tos & 3) << 4);
	}
}

enum { TCP_SYN = 2, TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2 };

/* `at` is the MSS option's value; its checksum may be at an odd offset from it. */
static void lower_mss(uint8_t *at, uint8_t *checksum, bool is_odd, uint16_t most)
{
	uint16_t mss = (uint16_t)(at[0] << 8 | at[1]);
	uint16_t swapped_from = (uint16_t)(mss << 8 | mss >> 8);
	uint16_t swapped_to = (uint16_t)(most << 8 | most >> 8);

	if (mss <= most)
		return;
	at[0] = (uint8_t)(most >> 8);
	at[1] = (uint8_t)most;
	/* RFC 1071: a value that straddles two words counts with its octets swapped. */
	checksum_mend(checksum, is_odd ? swapped_from : mss, is_odd ? swapped_to : most);
}

void packet_clamp_mss(const struct packet *packet, uint8_t *octets, size_t limit)
{
	size_t headers = packet->version == 4 ? 40 : 60;
	uint8_t *tcp = octets + packet->upper;
	size_t left = packet->octets.len - packet->upper;
	size_t end, i = 20;

	if (packet->protocol != IPPROTO_NUMBER_TCP || packet->is_later_fragment || left < 20 ||
	    !(tcp[13] & TCP_SYN) || limit <= headers)
		return;
	end = (size_t)(tcp[12] >> 4) * 4;
	if (end > left)
		return;
	while (i + 1 < end && tcp[i] != TCP_OPTION_END) {
		if (tcp[i] == TCP_OPTION_NOP) {
			i++;
			continue;
		}
		if (tcp[i + 1] < 2)
			return;
		if (tcp[i] == TCP_OPTION_MSS && tcp[i + 1] == 4 && i + 4 <= end) {
			lower_mss(tcp + i + 2, tcp + 16, i % 2 != 0, (uint16_t)(limit - headers));
			return;
		}
		i += tcp[i + 1];
	}
}
