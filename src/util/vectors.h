#pragma once
/*
 * Known answers for tests: tests/vectors/NAME.json, every octet string as hex.
 *
 * For test programs only. Whatever is missing or misspelt ends the program: a test that finds no
 * vectors has shown nothing.
 */
#include <jansson.h>

#include "util/bytes.h"
#include "util/text.h"

static inline void vectors_fail(const char *what, const char *name)
{
	fprintf(stderr, "vectors: %s: %s\n", what, name);
	abort();
}

/* The whole file; the caller ends it with json_decref(). */
static inline json_t *vectors_load(const char *name)
{
	char path[512];
	json_t *root;

	snprintf(path, sizeof(path), "%s/%s.json", VECTORS_DIR, name);
	root = json_load_file(path, 0, NULL);
	if (root == NULL)
		vectors_fail("cannot read", path);
	return root;
}

static inline const json_t *vector_member(const json_t *vector, const char *name)
{
	const json_t *member = json_object_get(vector, name);

	if (member == NULL)
		vectors_fail("no member", name);
	return member;
}

static inline const char *vector_string(const json_t *vector, const char *name)
{
	const char *s = json_string_value(vector_member(vector, name));

	if (s == NULL)
		vectors_fail("not a string", name);
	return s;
}

static inline long vector_number(const json_t *vector, const char *name)
{
	const json_t *member = vector_member(vector, name);

	if (!json_is_integer(member))
		vectors_fail("not a number", name);
	return (long)json_integer_value(member);
}

/* Octets of a hex text, owned by the caller: CLEANUP(buf_free). */
static inline struct buf vector_octets_of(const char *hex)
{
	size_t size = strlen(hex) / 2 + 1;
	struct buf b = { .data = new_array(size, 1) };
	ssize_t len = hex_read(hex, b.data, size);

	if (len < 0)
		vectors_fail("not hex", hex);
	b.len = (size_t)len;
	return b;
}

static inline struct buf vector_octets(const json_t *vector, const char *name)
{
	return vector_octets_of(vector_string(vector, name));
}
