#pragma once
/*
 * Octets: a view that owns nothing, a reader and a writer that fail once and stay failed.
 *
 * A parser reads field after field as the packet diagram has them and asks `failed` at its end; a
 * failed reader returns zeros and empty views, so it cannot run past the buffer. A writer that is
 * full writes nothing more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define MUST_USE __attribute__((warn_unused_result))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A view of octets owned by somebody else. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES(p, n) ((struct bytes){ .data = (const uint8_t *)(p), .len = (n) })
#define BYTES_OF(array) BYTES(array, sizeof(array))
#define BYTES_STR(s) BYTES(s, strlen(s))

bool bytes_equal(struct bytes a, struct bytes b);
/* Order as memcmp, a prefix before what it begins. */
int bytes_compare(struct bytes a, struct bytes b);

/* Octets on the heap, owned by the struct. */
struct buf {
	uint8_t *data;
	size_t len;
};

/* A copy of `b`; aborts when memory is out (a gateway stops rather than go on half-blind). */
struct buf buf_copy(struct bytes b);
struct buf buf_move(struct buf *b);
void buf_free(struct buf *b);
static inline struct bytes buf_view(const struct buf *b)
{
	return BYTES(b->data, b->len);
}

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct reader reader_of(struct bytes b);
static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}
uint8_t read_u8(struct reader *r);
uint16_t read_be16(struct reader *r);
uint32_t read_be32(struct reader *r);
uint64_t read_be64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t len);
struct bytes read_rest(struct reader *r);
void read_skip(struct reader *r, size_t len);
/* Copies `len` octets to `out`; zeros when the reader has failed. */
void read_copy(struct reader *r, uint8_t *out, size_t len);

struct writer {
	uint8_t *start;
	size_t len;  /* written so far */
	size_t size; /* room */
	bool failed;
};

struct writer writer_on(uint8_t *start, size_t size);
void write_u8(struct writer *w, uint8_t v);
void write_be16(struct writer *w, uint16_t v);
void write_be32(struct writer *w, uint32_t v);
void write_be64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, struct bytes b);
void write_zeros(struct writer *w, size_t len);
/* Overwrite two octets written before, as for a length known only at the end. */
void write_patch_be16(struct writer *w, size_t offset, uint16_t v);
void write_patch_be32(struct writer *w, size_t offset, uint32_t v);
static inline struct bytes writer_view(const struct writer *w)
{
	return BYTES(w->start, w->failed ? 0 : w->len);
}

/* calloc that cannot fail: no memory is the end of the process, said once on stderr by abort(). */
void *new_zeroed(size_t size);
void *new_array(size_t count, size_t size);
/* realloc of an array that cannot fail. */
void *grow_array(void *old, size_t count, size_t size);
char *new_string(const char *s);
