#include "engine/userspace/fragment.h"

#include <assert.h>

enum { MORE_FRAGMENTS = 0x2000, OPTION_COPIED = 0x80, OPTION_END = 0, OPTION_NOP = 1 };

void fragment_start(struct fragment *f, const struct packet *packet, size_t limit)
{
	assert(packet->version == 4);
	assert(packet->may_fragment);
	assert(limit >= FRAGMENT_LIMIT_LEAST);
	*f = (struct fragment){ .packet = packet, .limit = limit };
}

/* Options without the copied bit stand in the first piece only; in the others no-ops keep the
 * header as long as it was. */
static void blank_options(uint8_t *header, size_t header_len)
{
	size_t i = 20;

	while (i < header_len && header[i] != OPTION_END) {
		size_t len = header[i] == OPTION_NOP ? 1 : i + 1 < header_len ? header[i + 1] : 0;

		if (len == 0 || i + len > header_len || (len == 1 && header[i] != OPTION_NOP))
			return;
		if (!(header[i] & OPTION_COPIED))
			memset(header + i, OPTION_NOP, len);
		i += len;
	}
}

static void write_header(const struct fragment *f, size_t payload, bool is_last, uint8_t *out)
{
	const uint8_t *from = f->packet->octets.data;
	size_t header_len = f->packet->upper;
	uint16_t field = (uint16_t)(from[6] << 8 | from[7]);
	uint16_t offset = (uint16_t)((field & 0x1fff) + f->done / 8);
	bool is_more = !is_last || (field & MORE_FRAGMENTS);
	uint16_t sum;

	memcpy(out, from, header_len);
	if (f->done > 0)
		blank_options(out, header_len);
	out[2] = (uint8_t)((header_len + payload) >> 8);
	out[3] = (uint8_t)(header_len + payload);
	out[6] = (uint8_t)((is_more ? MORE_FRAGMENTS >> 8 : 0) | offset >> 8);
	out[7] = (uint8_t)offset;
	out[10] = out[11] = 0;
	sum = checksum_finish(checksum_add(0, BYTES(out, header_len)));
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
}

size_t fragment_next(struct fragment *f, uint8_t *out)
{
	size_t header_len = f->packet->upper;
	size_t total = f->packet->octets.len - header_len;
	size_t room = (f->limit - header_len) / 8 * 8;
	size_t left = total - f->done;
	bool is_last = left <= f->limit - header_len;
	size_t payload = is_last ? left : room;

	if (left == 0)
		return 0;
	write_header(f, payload, is_last, out);
	memcpy(out + header_len, f->packet->octets.data + header_len + f->done, payload);
	f->done += payload;
	return header_len + payload;
}
