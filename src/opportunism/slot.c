#include "opportunism/slot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/prf.h"

static bool digest_text(struct bytes body, char out[2 * SHA2_256_LEN + 1])
{
	uint8_t digest[SHA2_256_LEN];

	if (!sha2_256(&body, 1, digest))
		return false;
	hex_write(BYTES_OF(digest), out);
	return true;
}

bool slot_write(const char *what, struct bytes body, uint64_t sequence, struct text *out)
{
	char digest[2 * SHA2_256_LEN + 1];

	if (body.len + SLOT_HEADER_MAX > SLOT_SIZE || !digest_text(body, digest))
		return false;
	text_add(out, "%s 1 %" PRIu64 " %zu %s\n", what, sequence, body.len, digest);
	text_add_bytes(out, body);
	return true;
}

bool slot_parse(const char *what, struct bytes slot, uint64_t *sequence, struct bytes *body)
{
	const uint8_t *end = slot.len == 0 ? NULL : memchr(slot.data, '\n', slot.len);
	size_t at = end == NULL ? 0 : (size_t)(end - slot.data);
	char line[SLOT_HEADER_MAX], word[33], found[2 * SHA2_256_LEN + 1];
	char digest[2 * SHA2_256_LEN + 1], more;
	uint64_t number, len;
	struct bytes rest;

	if (end == NULL || at >= sizeof(line) || memchr(slot.data, '\0', at) != NULL)
		return false;
	memcpy(line, slot.data, at);
	line[at] = '\0';
	if (sscanf(line, "%32s 1 %19" SCNu64 " %10" SCNu64 " %64s%c", word, &number, &len, found,
	           &more) != 4 ||
	    number == UINT64_MAX || strcmp(word, what) != 0)
		return false;
	rest = BYTES(end + 1, slot.len - at - 1);
	if (len > rest.len)
		return false;
	rest.len = (size_t)len;
	if (!digest_text(rest, digest) || strcmp(digest, found) != 0)
		return false;
	*sequence = number;
	*body = rest;
	return true;
}
