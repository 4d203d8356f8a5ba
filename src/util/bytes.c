#include "util/bytes.h"

#include <stdlib.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

void *new_array(size_t count, size_t size)
{
	void *p = calloc(count == 0 ? 1 : count, size);

	if (p == NULL)
		abort();
	return p;
}

void *new_zeroed(size_t size)
{
	return new_array(1, size);
}

void *grow_array(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count == 0 ? 1 : count, size);

	if (p == NULL)
		abort();
	return p;
}

char *new_string(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(new_zeroed(size), s, size);
}

struct buf buf_copy(struct bytes b)
{
	struct buf copy = { .data = NULL, .len = b.len };

	if (b.len > 0) {
		copy.data = new_array(b.len, 1);
		memcpy(copy.data, b.data, b.len);
	}
	return copy;
}

struct buf buf_move(struct buf *b)
{
	struct buf taken = *b;

	*b = (struct buf){ 0 };
	return taken;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

struct reader reader_of(struct bytes b)
{
	static const uint8_t nothing[1];
	const uint8_t *start = b.data == NULL ? nothing : b.data;

	return (struct reader){ .at = start, .end = start + b.len };
}

struct bytes read_bytes(struct reader *r, size_t len)
{
	struct bytes b = { .data = r->at, .len = len };

	if (r->failed || len > (size_t)(r->end - r->at)) {
		r->failed = true;
		return (struct bytes){ .data = r->end, .len = 0 };
	}
	r->at += len;
	return b;
}

struct bytes read_rest(struct reader *r)
{
	return read_bytes(r, reader_left(r));
}

void read_skip(struct reader *r, size_t len)
{
	(void)read_bytes(r, len);
}

void read_copy(struct reader *r, uint8_t *out, size_t len)
{
	struct bytes b = read_bytes(r, len);

	if (r->failed)
		memset(out, 0, len);
	else if (len > 0)
		memcpy(out, b.data, len);
}

static uint64_t read_number(struct reader *r, size_t len)
{
	struct bytes b = read_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.data[i];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t read_be16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t read_be32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t read_be64(struct reader *r)
{
	return read_number(r, 8);
}

struct writer writer_on(uint8_t *start, size_t size)
{
	return (struct writer){ .start = start, .size = size };
}

/* Room for `len` more octets, or NULL and failed for good. */
static uint8_t *writer_take(struct writer *w, size_t len)
{
	uint8_t *at = w->start + w->len;

	if (w->failed || len > w->size - w->len) {
		w->failed = true;
		return NULL;
	}
	w->len += len;
	return at;
}

static void write_number(struct writer *w, uint64_t v, size_t len)
{
	uint8_t *at = writer_take(w, len);

	for (size_t i = len; at != NULL && i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
}

void write_u8(struct writer *w, uint8_t v)
{
	write_number(w, v, 1);
}

void write_be16(struct writer *w, uint16_t v)
{
	write_number(w, v, 2);
}

void write_be32(struct writer *w, uint32_t v)
{
	write_number(w, v, 4);
}

void write_be64(struct writer *w, uint64_t v)
{
	write_number(w, v, 8);
}

void write_bytes(struct writer *w, struct bytes b)
{
	uint8_t *at = writer_take(w, b.len);

	if (at != NULL && b.len > 0)
		memcpy(at, b.data, b.len);
}

void write_zeros(struct writer *w, size_t len)
{
	uint8_t *at = writer_take(w, len);

	if (at != NULL)
		memset(at, 0, len);
}

static void write_patch(struct writer *w, size_t offset, uint64_t v, size_t len)
{
	struct writer patch = writer_on(w->start + offset, len);

	if (w->failed || offset > w->len || len > w->len - offset) {
		w->failed = true;
		return;
	}
	write_number(&patch, v, len);
}

void write_patch_be16(struct writer *w, size_t offset, uint16_t v)
{
	write_patch(w, offset, v, 2);
}

void write_patch_be32(struct writer *w, size_t offset, uint32_t v)
{
	write_patch(w, offset, v, 4);
}
