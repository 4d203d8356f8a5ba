#pragma once
/*
 * Octets nobody else may see: they wipe themselves, never print, compare in constant time.
 *
 * A struct secret owns its octets. secret_free() takes what is already gone, so every secret can be
 * declared with CLEANUP(secret_free) and handed over with secret_move().
 */
#include "util/bytes.h"

struct secret {
	uint8_t *data;
	size_t len;
};

struct secret secret_new(size_t len); /* zeroed */
struct secret secret_copy(struct bytes b);
struct secret secret_move(struct secret *s);
void secret_free(struct secret *s);
/* Overwrites memory the compiler might otherwise leave as it is. */
void secret_wipe(void *p, size_t len);

/* Time depends on the lengths only. */
MUST_USE bool secret_equal(struct bytes a, struct bytes b);

/* A borrowed view, for the call that needs the octets. */
static inline struct bytes secret_view(const struct secret *s)
{
	return BYTES(s->data, s->len);
}
