#include "ike/pieces.h"

#include <assert.h>

enum { UDP_LEN = 8, MARKER_LEN = 4, IPV4_LEN = 20, IPV6_LEN = 40, LENGTH_AT = 24 };

size_t pieces_limit(const struct path *path, size_t ip_size)
{
	size_t ip = path->remote.address.family == IP_V6 ? IPV6_LEN : IPV4_LEN;

	assert(ip_size >= PIECES_IP_SMALL);
	return ip_size - ip - UDP_LEN - MARKER_LEN;
}

static void append(struct buf *all, struct buf *one)
{
	all->data = grow_array(all->data, all->len + one->len, 1);
	memcpy(all->data + all->len, one->data, one->len);
	all->len += one->len;
	buf_free(one);
}

static bool seal_pieces(struct sk *sk, const struct ike_header *header, uint8_t first,
                        struct bytes inner, size_t room, struct buf *out)
{
	struct piece piece = { .total = (uint16_t)((inner.len + room - 1) / room) };
	struct buf all = { 0 };
	struct buf one = { 0 };

	for (size_t at = 0; at < inner.len; at += room) {
		size_t len = inner.len - at < room ? inner.len - at : room;

		piece.number++;
		if (!sk_seal_piece(sk, header, piece, piece.number == 1 ? first : 0,
		                   BYTES(inner.data + at, len), &one)) {
			buf_free(&all);
			return false;
		}
		append(&all, &one);
	}
	*out = all;
	return true;
}

bool pieces_seal(struct sk *sk, const struct ike_header *header, uint8_t first, struct bytes inner,
                 size_t limit, struct buf *out)
{
	size_t room = sk_piece_room(sk, limit);

	if (inner.len <= room)
		return sk_seal(sk, header, first, inner, out);
	if (room == 0 || inner.len > room * PIECES_MAX)
		return false;
	return seal_pieces(sk, header, first, inner, room, out);
}

bool pieces_next(struct bytes all, size_t *at, struct bytes *one)
{
	struct reader r = reader_of(all);
	uint32_t len;

	if (*at >= all.len)
		return false;
	read_skip(&r, *at + LENGTH_AT);
	len = read_be32(&r);
	assert(!r.failed && len >= IKE_HEADER_LEN && len <= all.len - *at);
	*one = BYTES(all.data + *at, len);
	*at += len;
	return true;
}
