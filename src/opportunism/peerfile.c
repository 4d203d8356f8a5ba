#include "opportunism/peerfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_ = 1536 };

struct id_line {
	char s[2 * ID_DATA_MAX + 8];
};

static struct id_line id_line(const struct ike_id *id)
{
	struct id_line line;
	int at = snprintf(line.s, sizeof(line.s), "%u:", id->type);

	hex_write(BYTES(id->data, id->len), line.s + at);
	return line;
}

bool peerfile_add(struct text *body, const struct peer_record *peer)
{
	if (body->len + SLOT_HEADER_MAX + LINE_MAX_ > SLOT_SIZE)
		return false;
	text_add(body, "%s %s %" PRId64 " %s %s %s\n", ip_text(&peer->gateway).s,
	         ip_text(&peer->ours).s, peer->seen_s, id_line(&peer->our_id).s,
	         id_line(&peer->id).s, peer->conn);
	return true;
}

/* ---- Reading ---- */

/* The next word, ended by one space or the end; false: there is none, or it is too long. */
static bool take_word(struct bytes *line, char *out, size_t size)
{
	size_t len = 0;

	while (len < line->len && line->data[len] != ' ')
		len++;
	if (len == 0 || len >= size || memchr(line->data, '\0', len) != NULL)
		return false;
	memcpy(out, line->data, len);
	out[len] = '\0';
	*line = len < line->len ? BYTES(line->data + len + 1, line->len - len - 1)
	                        : BYTES(line->data + len, 0);
	return true;
}

static bool take_number(struct bytes *line, uint64_t most, uint64_t *out)
{
	char word[24], *end;
	unsigned long long n;

	if (!take_word(line, word, sizeof(word)) || word[0] < '0' || word[0] > '9')
		return false;
	n = strtoull(word, &end, 10);
	if (*end != '\0' || n > most)
		return false;
	*out = n;
	return true;
}

static bool take_address(struct bytes *line, struct ip *out)
{
	char word[64];

	return take_word(line, word, sizeof(word)) && ip_parse(word, out);
}

static bool take_id(struct bytes *line, struct ike_id *out)
{
	char word[sizeof(struct id_line)], *end;
	unsigned long type;
	ssize_t len;

	if (!take_word(line, word, sizeof(word)))
		return false;
	type = strtoul(word, &end, 10);
	if (end == word || *end != ':' || type == ID_NONE || type > UINT8_MAX)
		return false;
	*out = (struct ike_id){ .type = (uint8_t)type };
	len = hex_read(end + 1, out->data, sizeof(out->data));
	if (len < 0)
		return false;
	out->len = (uint8_t)len;
	return true;
}

static bool parse_line(struct bytes line, struct peer_record *out)
{
	uint64_t seen_s;

	*out = (struct peer_record){ 0 };
	if (!take_address(&line, &out->gateway) || !take_address(&line, &out->ours) ||
	    !take_number(&line, INT64_MAX, &seen_s) || !take_id(&line, &out->our_id) ||
	    !take_id(&line, &out->id) || !take_word(&line, out->conn, sizeof(out->conn)))
		return false;
	out->seen_s = (int64_t)seen_s;
	return line.len == 0;
}

/* Without its end; false: there is no whole line any more. */
static bool take_line(struct bytes *text, struct bytes *line)
{
	const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);

	if (end == NULL)
		return false;
	*line = BYTES(text->data, (size_t)(end - text->data));
	*text = BYTES(end + 1, text->len - line->len - 1);
	return true;
}

void peerfile_parse(struct bytes body, struct peer_record **peers, size_t *count)
{
	struct peer_record *list = NULL;
	size_t found = 0, size = 0;
	struct bytes line;

	while (found < PEER_RECORDS_MAX && take_line(&body, &line)) {
		if (found == size) {
			size = size == 0 ? 16 : size * 2;
			list = grow_array(list, size, sizeof(*list));
		}
		found += parse_line(line, &list[found]); /* one that cannot be read is no peer */
	}
	*peers = list;
	*count = found;
}
