#include "engine/userspace/quote.h"

enum { ERROR_HEADER_LEN = 8 };

/* Later fragments, and whatever else does not show them, have no ports. */
static void read_ports(struct reader *r, struct packet *p)
{
	switch (p->protocol) {
	case IPPROTO_NUMBER_TCP:
	case IPPROTO_NUMBER_UDP:
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		p->destination_port = read_be16(r);
		p->source_port = read_be16(r);
		p->has_ports = !r->failed;
		break;
	default:
		break;
	}
}

static bool read_ipv4(struct reader *r, struct packet *p)
{
	size_t header_len = (size_t)(read_u8(r) & 15) * 4;

	read_skip(r, 5);
	p->is_later_fragment = (read_be16(r) & 0x1fff) != 0;
	read_skip(r, 1);
	p->protocol = read_u8(r);
	read_skip(r, 2);
	p->pair.destination = ip_from_octets(read_bytes(r, 4));
	p->pair.source = ip_from_octets(read_bytes(r, 4));
	if (r->failed || header_len < 20)
		return false;
	read_skip(r, header_len - 20);
	return true;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 ||
	       protocol == 60 || protocol == 135;
}

static bool read_ipv6(struct reader *r, struct packet *p)
{
	read_skip(r, 6);
	p->protocol = read_u8(r);
	read_skip(r, 1);
	p->pair.destination = ip_from_octets(read_bytes(r, 16));
	p->pair.source = ip_from_octets(read_bytes(r, 16));
	p->is_later_fragment = is_extension(p->protocol);
	return !r->failed && p->pair.source.family == IP_V6 && p->pair.destination.family == IP_V6;
}

bool quote_answer(const struct packet *error, struct packet *answer)
{
	struct reader r = reader_of(error->octets);
	struct packet p = { .version = error->version };
	bool ok;

	if (!error->is_icmp_error)
		return false;
	read_skip(&r, error->upper + ERROR_HEADER_LEN);
	ok = p.version == 4 ? read_ipv4(&r, &p) : read_ipv6(&r, &p);
	if (!ok)
		return false;
	p.is_fragment = p.is_later_fragment;
	if (!p.is_later_fragment)
		read_ports(&r, &p);
	*answer = p;
	return true;
}
