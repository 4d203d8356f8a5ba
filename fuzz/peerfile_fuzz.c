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

static void write_again(const struct peer_record *peers, size_t count, uint64_t sequence)
{
	struct text body = { 0 }, slot = { 0 };
	struct peer_record *again;
	size_t again_count;
	uint64_t number;

	for (size_t i = 0; i < count; i++)
		assert(peerfile_add(&body, &peers[i]));
	assert(peerfile_write(&body, sequence, &slot));
	assert(peerfile_parse(text_view(&slot), &number, &again, &again_count));
	assert(number == sequence && again_count == count);
	for (size_t i = 0; i < count; i++) {
		assert(ip_equal(&again[i].gateway, &peers[i].gateway));
		assert(again[i].seen_s == peers[i].seen_s);
		assert(again[i].id.len == peers[i].id.len);
		assert(strcmp(again[i].conn, peers[i].conn) == 0);
	}
	free(again);
	text_free(&body);
	text_free(&slot);
}

static void try_slot(struct bytes slot)
{
	struct peer_record *peers;
	uint64_t sequence;
	size_t count;

	if (!peerfile_parse(slot, &sequence, &peers, &count))
		return;
	write_again(peers, count, sequence);
	free(peers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text body = { 0 }, slot = { 0 };

	try_slot(BYTES(data, size));
	text_add_bytes(&body, BYTES(data, size));
	if (size < PEERFILE_SLOT / 8 && peerfile_write(&body, 1, &slot))
		try_slot(text_view(&slot));
	text_free(&body);
	text_free(&slot);
	return 0;
}
