/*
 * Pieces of two messages at once, in any order and of any cut, against a plain twin that remembers
 * every piece of the current cut.
 *
 *   input   receiver(1) message-id(1) number(2) total(2) length(1) text ...
 */
#include <assert.h>
#include <stdio.h>

#include "ike/join.h"
#include "ike/pieces.h"

enum { RECEIVERS = 2 };

struct twin {
	bool is_there;
	uint32_t message_id;
	uint16_t total;
	uint8_t first;
	struct bytes pieces[PIECES_MAX + 1];
};

static struct joins all;
static struct join *places[RECEIVERS];
static struct twin twins[RECEIVERS];

static bool twin_is_whole(const struct twin *twin)
{
	for (uint16_t i = 1; i <= twin->total; i++) {
		if (twin->pieces[i].data == NULL)
			return false;
	}
	return true;
}

static enum join_verdict twin_add(struct twin *twin, uint32_t message_id, struct piece piece,
                                  uint8_t first, struct bytes text)
{
	if (piece.total > PIECES_MAX || text.len == 0)
		return JOIN_REFUSED;
	if (!twin->is_there || twin->message_id != message_id || piece.total > twin->total)
		*twin = (struct twin){ .is_there = true,
			               .message_id = message_id,
			               .total = piece.total };
	if (piece.total < twin->total)
		return JOIN_REFUSED;
	if (twin->pieces[piece.number].data != NULL)
		return JOIN_WAITS;
	twin->pieces[piece.number] = text;
	if (piece.number == 1)
		twin->first = first;
	return twin_is_whole(twin) ? JOIN_DONE : JOIN_WAITS;
}

static void expect_same(struct twin *twin, uint8_t first, struct bytes joined)
{
	assert(first == twin->first);
	for (uint16_t i = 1; i <= twin->total; i++) {
		struct bytes piece = twin->pieces[i];

		assert(joined.len >= piece.len);
		assert(memcmp(joined.data, piece.data, piece.len) == 0);
		joined = BYTES(joined.data + piece.len, joined.len - piece.len);
	}
	assert(joined.len == 0);
	twin->is_there = false;
}

static void step(struct reader *r)
{
	static uint8_t out[IKE_MESSAGE_MAX];
	size_t who = read_u8(r) % RECEIVERS;
	uint32_t message_id = read_u8(r) % 2;
	struct piece piece = { .number = read_be16(r), .total = read_be16(r) };
	struct bytes text = read_bytes(r, read_u8(r));
	uint8_t first = (uint8_t)(piece.number * 7);
	struct bytes joined;
	enum join_verdict verdict;

	/* What message_parse() lets through. */
	if (r->failed || piece.number == 0 || piece.number > piece.total)
		return;
	verdict =
	    join_add(&all, &places[who], message_id, piece, first, text, out, &first, &joined);
	assert(verdict ==
	       twin_add(&twins[who], message_id, piece, (uint8_t)(piece.number * 7), text));
	if (verdict == JOIN_DONE)
		expect_same(&twins[who], first, joined);
	assert(all.octets <= JOIN_OCTETS_MAX);
	assert((all.octets == 0) == (all.oldest == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));

	memset(twins, 0, sizeof(twins));
	/* Less than one message may be, so that only the cut decides. */
	for (size_t left = size < 60000 ? size : 0; left > 0; left = reader_left(&r))
		step(&r);
	for (size_t i = 0; i < RECEIVERS; i++)
		join_drop(&all, &places[i]);
	assert(all.octets == 0);
	assert(all.newest == NULL);
	return 0;
}
