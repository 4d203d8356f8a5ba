#include "engine/userspace/settling.h"

/* FNV-1a: no secret, and a collision only lets a packet through a little early. */
static uint32_t print_add(uint32_t print, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		print = (print ^ b.data[i]) * 16777619;
	return print;
}

/* The upper protocol without its checksum, which translation changes, and without TCP options,
 * which a filter may clamp. */
static uint32_t print_of(const struct packet *p)
{
	struct bytes upper = BYTES(p->octets.data + p->upper, p->octets.len - p->upper);
	uint32_t print = print_add(2166136261, BYTES(&p->protocol, 1));
	size_t fixed = upper.len, rest = upper.len;
	uint8_t id[2] = { (uint8_t)(p->fragment_id >> 8), (uint8_t)p->fragment_id };

	/* Fragments look alike, and one that is taken for another keeps its datagram from being put
	 * together. IPv6 gives them another number on the way. */
	if (p->is_fragment && p->version == 4)
		print = print_add(print, BYTES_OF(id));
	if (!p->is_later_fragment && p->protocol == IPPROTO_NUMBER_TCP && upper.len >= 20) {
		fixed = 16;
		rest = (size_t)(upper.data[12] >> 4) * 4;
	} else if (!p->is_later_fragment && p->protocol == IPPROTO_NUMBER_UDP && upper.len >= 8) {
		fixed = 6;
		rest = 8;
	}
	if (rest > upper.len)
		rest = upper.len;
	print = print_add(print, BYTES(upper.data, fixed));
	return print_add(print, BYTES(upper.data + rest, upper.len - rest));
}

void settling_add(struct settling *settling, const struct packet *packet, struct instant now)
{
	if (settling->count == SETTLING_MAX)
		return;
	if (settling->count == 0)
		settling->end =
		    instant_after(now, SETTLING_TIME); /* later ones do not prolong it */
	settling->prints[settling->count++] = print_of(packet);
}

bool settling_take(struct settling *settling, const struct packet *packet)
{
	uint32_t print = print_of(packet);

	for (unsigned i = 0; i < settling->count; i++) {
		if (settling->prints[i] != print)
			continue;
		settling->prints[i] = settling->prints[--settling->count];
		return true;
	}
	return false;
}

bool settling_waits(struct settling *settling, struct instant now)
{
	if (instant_reached(settling->end, now))
		settling->count = 0;
	return settling->count > 0 && settling->count < SETTLING_MAX;
}
