#include "util/secret.h"

#include <stdlib.h>

struct secret secret_new(size_t len)
{
	return (struct secret){ .data = new_array(len, 1), .len = len };
}

struct secret secret_copy(struct bytes b)
{
	struct secret s = secret_new(b.len);

	if (b.len > 0)
		memcpy(s.data, b.data, b.len);
	return s;
}

struct secret secret_move(struct secret *s)
{
	struct secret taken = *s;

	*s = (struct secret){ 0 };
	return taken;
}

void secret_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}

void secret_free(struct secret *s)
{
	if (s->data != NULL)
		secret_wipe(s->data, s->len);
	free(s->data);
	*s = (struct secret){ 0 };
}

bool secret_equal(struct bytes a, struct bytes b)
{
	volatile uint8_t difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= (uint8_t)(a.data[i] ^ b.data[i]);
	return difference == 0;
}
