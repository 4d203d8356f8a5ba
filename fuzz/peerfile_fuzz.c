/*
 * Any octets as a slot of the file of peers; and, since few of them have the right digest, the same
 * octets as the lines of one that has. What parses, written and parsed again, is the same list.
 */
#include <assert.h>
#include <stdlib.h>

#include "opportunism/peerfile.h"

static struct bytes text_view(const struct text *text)
{
	return BYTES((const uint8_t *)text->s, text->len);
}

static void write_again(const struct peer_record *peers, size_t count)
{
	struct text body = { 0 };
	struct peer_record *again;
	size_t again_count;

	for (size_t i = 0; i < count; i++)
		assert(peerfile_add(&body, &peers[i]));
	peerfile_parse(text_view(&body), &again, &again_count);
	assert(again_count == count);
	for (size_t i = 0; i < count; i++) {
		assert(ip_equal(&again[i].gateway, &peers[i].gateway));
		assert(again[i].seen_s == peers[i].seen_s);
		assert(again[i].id.len == peers[i].id.len);
		assert(strcmp(again[i].conn, peers[i].conn) == 0);
	}
	free(again);
	text_free(&body);
}

static void try_body(struct bytes body)
{
	struct peer_record *peers;
	size_t count;

	peerfile_parse(body, &peers, &count);
	write_again(peers, count);
	free(peers);
}

static void try_slot(struct bytes slot)
{
	struct text again = { 0 };
	uint64_t sequence, number;
	struct bytes body, same;

	if (!slot_parse(PEERFILE_WHAT, slot, &sequence, &body))
		return;
	if (slot_write(PEERFILE_WHAT, body, sequence, &again)) {
		assert(slot_parse(PEERFILE_WHAT, text_view(&again), &number, &same));
		assert(number == sequence && same.len == body.len);
	}
	text_free(&again);
	try_body(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_slot(BYTES(data, size));
	if (size < SLOT_SIZE / 8)
		try_body(BYTES(data, size));
	return 0;
}
