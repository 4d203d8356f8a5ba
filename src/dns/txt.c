#include "dns/name.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>

/* TXT delegations, RFC 4322 section 5.2: X-IPsec-Server(10)=192.0.2.1 AQNJjkKlI... */

enum { TXT_LEN_MAX = 16384, TXT_STRING_MAX = 255 };

static const char published_name[] = "X-IPsec-Server";
static const char draft_name[] = "X-IPsec-Gateway"; /* of an early draft, still deployed */

/* The character strings joined with nothing between them (RFC 4322 section 5.2.1). */
static bool txt_join(struct bytes rdata, struct writer *joined)
{
	struct reader r = reader_of(rdata);

	while (reader_left(&r) > 0)
		write_bytes(joined, read_bytes(&r, read_u8(&r)));
	return !r.failed && !joined->failed;
}

static bool at_blank(const struct reader *r)
{
	return reader_left(r) > 0 && (*r->at == ' ' || *r->at == '\t');
}

static void skip_blanks(struct reader *r)
{
	while (at_blank(r))
		r->at++;
}

static void expect(struct reader *r, uint8_t c)
{
	skip_blanks(r);
	if (read_u8(r) != c)
		r->failed = true;
}

static bool has_name(const struct reader *r, const char *name)
{
	size_t len = strlen(name);
	uint8_t next;

	if (reader_left(r) < len || strncasecmp((const char *)r->at, name, len) != 0)
		return false;
	next = reader_left(r) == len ? ' ' : r->at[len];
	/* Anything else makes it a longer name, which is somebody else's attribute. */
	return next == ' ' || next == '\t' || next == '(' || next == '=';
}

static bool skip_name(struct reader *r)
{
	skip_blanks(r);
	if (has_name(r, published_name))
		r->at += strlen(published_name);
	else if (has_name(r, draft_name))
		r->at += strlen(draft_name);
	else
		return false;
	return true;
}

/* Decimal, 16 bits (TXT-4). */
static uint16_t read_precedence(struct reader *r)
{
	uint32_t value = 0;
	size_t digits = 0;

	skip_blanks(r);
	while (reader_left(r) > 0 && *r->at >= '0' && *r->at <= '9') {
		value = value * 10 + (uint32_t)(*r->at++ - '0');
		digits++;
		if (value > UINT16_MAX) {
			r->failed = true;
			break;
		}
	}
	if (digits == 0)
		r->failed = true;
	return (uint16_t)value;
}

static struct bytes read_word(struct reader *r)
{
	const uint8_t *start;

	skip_blanks(r);
	start = r->at;
	while (reader_left(r) > 0 && !at_blank(r))
		r->at++;
	return BYTES(start, (size_t)(r->at - start));
}

static bool gateway_parse(struct bytes word, struct delegation *out)
{
	char text[64] = { 0 };

	if (word.len > 0 && word.data[0] == '@') {
		out->kind = GATEWAY_NAME;
		return dns_name_normalise(BYTES(word.data + 1, word.len - 1), out->name);
	}
	if (word.len == 0 || word.len >= sizeof(text) || memchr(word.data, 0, word.len) != NULL)
		return false;
	memcpy(text, word.data, word.len);
	out->kind = GATEWAY_ADDRESS;
	return ip_parse(text, &out->address) && !ip_is_never_peer(&out->address);
}

static bool key_text_parse(struct bytes base64, struct pubkey *out)
{
	uint8_t octets[PUBKEY_OCTETS_MAX];
	ssize_t len = base64_read(base64, octets, sizeof(octets));

	return len >= 0 && pubkey_from_rfc3110(BYTES(octets, len), out);
}

/* Behind the name: (P)=GATEWAY [KEY]. */
static bool value_parse(struct reader *r, struct delegation *out)
{
	expect(r, '(');
	out->precedence = read_precedence(r);
	expect(r, ')');
	expect(r, '=');
	if (r->failed || !gateway_parse(read_word(r), out))
		return false;
	skip_blanks(r);
	out->has_key = reader_left(r) > 0;
	return !out->has_key || key_text_parse(read_rest(r), &out->key);
}

enum record_verdict txt_parse(struct bytes rdata, struct delegation *out)
{
	uint8_t text[TXT_LEN_MAX];
	struct writer joined = writer_on(text, sizeof(text));
	struct delegation delegation = { 0 };
	bool is_whole = txt_join(rdata, &joined);
	struct reader r = reader_of(BYTES(text, joined.len));

	if (!skip_name(&r))
		return RECORD_FOREIGN;
	if (!is_whole || !value_parse(&r, &delegation))
		return RECORD_MALFORMED;
	*out = delegation;
	return RECORD_OK;
}

static void txt_print(struct text *t, const struct delegation *delegation)
{
	text_add(t, "%s(%u)=", published_name, delegation->precedence);
	if (delegation->kind == GATEWAY_NAME)
		text_add(t, "@%s", delegation->name);
	else
		text_add(t, "%s", ip_text(&delegation->address).s);
	if (delegation->has_key) {
		char *base64 = base64_write(pubkey_octets(&delegation->key));

		text_add(t, " %s", base64);
		free(base64);
	}
}

bool txt_write(const struct delegation *delegation, struct writer *out)
{
	struct text t = { 0 };

	if (delegation->kind == GATEWAY_NONE ||
	    (delegation->has_key && delegation->key.type != PUBKEY_RSA))
		return false;
	txt_print(&t, delegation);
	for (size_t at = 0; at < t.len; at += TXT_STRING_MAX) {
		size_t len = t.len - at < TXT_STRING_MAX ? t.len - at : TXT_STRING_MAX;

		write_u8(out, (uint8_t)len);
		write_bytes(out, BYTES(t.s + at, len));
	}
	text_free(&t);
	return !out->failed;
}
