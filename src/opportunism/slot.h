#pragma once
/*
 * What outlives a run is kept twice, in two slots of one file, and each writing goes to the older
 * one: a text that was cut short by a crash is found by its digest, and the other one counts. It has
 * to be on the disk by then (daemon/slots.h).
 *
 *   WHAT 1 SEQUENCE OCTETS DIGEST
 *   (the body)
 *
 * OCTETS and DIGEST (SHA-256) are of the body.
 */
#include "util/bytes.h"
#include "util/text.h"

enum {
	SLOT_SIZE = 4 << 20, /* octets; a body that does not fit in is not written */
	SLOT_HEADER_MAX = 160,
};

/* The whole text of a slot; the caller frees. `what` is one word of at most 32 letters. False: it
 * is too long, or the crypto library refused. */
MUST_USE bool slot_write(const char *what, struct bytes body, uint64_t sequence, struct text *out);
/* The body points into the slot. False: this is no such text, or is broken. */
MUST_USE bool slot_parse(const char *what, struct bytes slot, uint64_t *sequence,
                         struct bytes *body);
