/*
 * An inner packet: parse it, cut it, clamp it, answer it.
 *
 * Oracle: whatever is made of a packet that parses, parses again; pieces are no longer than asked
 * for and together hold the payload.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/userspace/fragment.h"
#include "engine/userspace/icmp.h"
#include "engine/userspace/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut(const struct packet *p, size_t limit)
{
	uint8_t *piece = new_zeroed(limit);
	struct fragment f;
	struct packet q;
	size_t len, payload = 0;

	fragment_start(&f, p, limit);
	while ((len = fragment_next(&f, piece)) > 0) {
		assert(len <= limit);
		if (!packet_parse(BYTES(piece, len), &q))
			abort();
		payload += len - q.upper;
	}
	assert(payload == p->octets.len - p->upper);
	free(piece);
}

static void change(struct bytes octets)
{
	struct buf copy = buf_copy(octets);
	struct packet p;
	uint8_t tos;
	bool is_odd;

	if (!packet_parse(buf_view(&copy), &p))
		abort();
	packet_clamp_mss(&p, copy.data, 100);
	if (ecn_inner(p.tos, 3, &tos, &is_odd))
		packet_set_ecn(copy.data, copy.len, tos);
	if (!packet_parse(buf_view(&copy), &p))
		abort();
	buf_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t message[ICMP_MESSAGE_MAX];
	struct packet p;

	if (!packet_parse(BYTES(data, size), &p))
		return 0;
	assert(p.octets.len <= size && p.upper <= p.octets.len);
	change(p.octets);
	if (p.may_fragment) {
		cut(&p, FRAGMENT_LIMIT_LEAST);
		cut(&p, 1438);
	}
	if (icmp_may_answer(&p))
		assert(icmp_write(ICMP_ERROR_TOO_BIG, &p, 1438, message) <= sizeof(message));
	return 0;
}
