#pragma once
/*
 * A file of two slots (opportunism/slot.h), opened before; its writer may be another thread.
 */
#include "util/bytes.h"
#include "util/text.h"

struct slots {
	int fd;            /* borrowed; -1: nothing is kept */
	const char *what;  /* borrowed */
	uint64_t sequence; /* of what was read or written last */
};

/* The body of the newer slot that is whole, or nothing; the caller frees. */
void slots_read(struct slots *slots, struct text *body);
/*
 * To the older one. What cannot be written is lost; the other slot stays as it is, and is on the disk
 * before this one is touched: whatever a power failure leaves half written, one of them is whole.
 * Waits for the disk, so it is for a writer's thread.
 */
void slots_write(struct slots *slots, struct bytes body);
