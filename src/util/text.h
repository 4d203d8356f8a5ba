#pragma once
/* Hexadecimal and base64 texts, and a growable string. */
#include "util/bytes.h"

/* A string that grows by appending. `s` is always terminated once anything was appended. */
struct text {
	char *s;
	size_t len;
	size_t size;
};

void text_add(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_add_bytes(struct text *t, struct bytes b);
void text_free(struct text *t);

/* Lower-case hex of `b`; `out` has room for 2 * b.len + 1. */
void hex_write(struct bytes b, char *out);
/* Reads hex (spaces skipped) into `out`; the number of octets, or -1. */
ssize_t hex_read(const char *text, uint8_t *out, size_t size);

/* RFC 4648 section 4, with padding. The caller frees. */
char *base64_write(struct bytes b);
/* White space is skipped; padding may be missing. The number of octets, or -1. */
ssize_t base64_read(struct bytes text, uint8_t *out, size_t size);

/* Copies a string into `size` octets, cut to fit and always terminated. */
void string_copy(char *out, size_t size, const char *s);

/* Number of single-character edits between two short words (at most 63 characters count). */
unsigned text_distance(const char *a, const char *b);
