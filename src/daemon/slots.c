#include "daemon/slots.h"

#include <stdlib.h>
#include <unistd.h>

#include "opportunism/slot.h"

static off_t place_of(unsigned slot)
{
	return (off_t)slot * SLOT_SIZE;
}

static void read_slot(struct slots *slots, unsigned slot, struct text *body)
{
	uint8_t *octets = new_array(SLOT_SIZE, 1);
	ssize_t len = pread(slots->fd, octets, SLOT_SIZE, place_of(slot));
	uint64_t sequence;
	struct bytes found;

	if (len > 0 && slot_parse(slots->what, BYTES(octets, (size_t)len), &sequence, &found) &&
	    sequence >= slots->sequence) {
		text_free(body);
		*body = (struct text){ 0 };
		text_add_bytes(body, found);
		slots->sequence = sequence;
	}
	free(octets);
}

void slots_read(struct slots *slots, struct text *body)
{
	if (slots->fd < 0)
		return;
	read_slot(slots, 0, body);
	read_slot(slots, 1, body);
}

static bool write_all(int fd, struct bytes text, off_t at)
{
	while (text.len > 0) {
		ssize_t n = pwrite(fd, text.data, text.len, at);

		if (n <= 0)
			return false;
		at += n;
		text = BYTES(text.data + n, text.len - (size_t)n);
	}
	return true;
}

void slots_write(struct slots *slots, struct bytes body)
{
	uint64_t sequence = slots->sequence + 1;
	struct text out = { 0 };

	/* A slot that was spoilt is found so by its digest, and used again. Where the disk refuses,
	 * nobody knows what of the other slot is there: the next time tells. */
	if (slots->fd >= 0 && slot_write(slots->what, body, sequence, &out) &&
	    fdatasync(slots->fd) == 0 &&
	    write_all(slots->fd, BYTES((const uint8_t *)out.s, out.len),
	              place_of((unsigned)(sequence % 2))))
		slots->sequence = sequence;
	text_free(&out);
}
