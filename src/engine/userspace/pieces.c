#include "engine/userspace/pieces.h"

/* Numbers of fragments come again; RFC 791 lets an assembly live for longer, but here its pieces
 * follow one another. */
#define PIECE_TIME SECONDS(1)

static bool has_port_numbers(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_NUMBER_TCP:
	case IPPROTO_NUMBER_UDP:
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		return true;
	default:
		return false;
	}
}

struct shown packet_show(const struct packet *p)
{
	struct shown shown = { .protocol = p->protocol, .remote_port = -1 };

	/* Behind an IPv6 fragment header stands what the first fragment begins with, and that may
	 * be one more extension header. */
	if (p->is_later_fragment && p->version == 6)
		shown.protocol = 0;
	if (p->is_later_fragment && p->version == 6)
		shown.hides_ports = true;
	else if (has_port_numbers(p->protocol) && p->has_ports)
		shown.remote_port = p->destination_port;
	else
		shown.hides_ports = has_port_numbers(p->protocol);
	return shown;
}

static size_t place_of(const struct packet *p)
{
	uint32_t place = p->fragment_id * 2654435761u;

	return (place ^ place >> 16 ^ p->pair.source.octets[3]) % PIECES_MAX;
}

struct shown pieces_show(struct piece_memory *memory, const struct packet *p, struct instant now)
{
	struct shown shown = packet_show(p);
	size_t at = place_of(p);

	if (!p->is_fragment)
		return shown;
	if (!p->is_later_fragment) {
		memory->at[at].when.ns = 0;
		if (shown.hides_ports)
			return shown;
		memory->at[at].pair = p->pair;
		memory->at[at].id = p->fragment_id;
		memory->at[at].protocol = shown.protocol;
		memory->at[at].port = shown.remote_port;
		memory->at[at].when = now;
		return shown;
	}
	/* IPv4 numbers its packets by protocol (RFC 6864 section 4). */
	if (p->version == 4 && memory->at[at].protocol != p->protocol)
		return shown;
	if (memory->at[at].when.ns == 0 || memory->at[at].id != p->fragment_id ||
	    instant_since(now, memory->at[at].when).ns >= PIECE_TIME.ns ||
	    !ip_equal(&memory->at[at].pair.source, &p->pair.source) ||
	    !ip_equal(&memory->at[at].pair.destination, &p->pair.destination))
		return shown;
	return (struct shown){ memory->at[at].protocol, memory->at[at].port, false };
}
