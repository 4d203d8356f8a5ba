#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void text_room(struct text *t, size_t more)
{
	size_t needed = t->len + more + 1;

	if (needed <= t->size)
		return;
	t->size = needed < 256 ? 256 : needed * 2;
	t->s = grow_array(t->s, t->size, 1);
}

void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	text_room(t, (size_t)len);
	va_start(args, format);
	vsnprintf(t->s + t->len, (size_t)len + 1, format, args);
	va_end(args);
	t->len += (size_t)len;
}

void text_add_bytes(struct text *t, struct bytes b)
{
	text_room(t, b.len);
	if (b.len > 0)
		memcpy(t->s + t->len, b.data, b.len);
	t->len += b.len;
	t->s[t->len] = '\0';
}

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

void hex_write(struct bytes b, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < b.len; i++) {
		*out++ = digits[b.data[i] >> 4];
		*out++ = digits[b.data[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

ssize_t hex_read(const char *text, uint8_t *out, size_t size)
{
	size_t len = 0;

	while (*text != '\0') {
		int high;
		int low;

		if (*text == ' ') {
			text++;
			continue;
		}
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || len == size)
			return -1;
		out[len++] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return (ssize_t)len;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_write(struct bytes b)
{
	char *text = new_array((b.len + 2) / 3 * 4 + 1, 1);
	char *out = text;

	for (size_t i = 0; i < b.len; i += 3) {
		size_t n = b.len - i < 3 ? b.len - i : 3;
		uint32_t v = (uint32_t)b.data[i] << 16;

		v |= n > 1 ? (uint32_t)b.data[i + 1] << 8 : 0;
		v |= n > 2 ? b.data[i + 2] : 0;
		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = n > 1 ? base64_digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? base64_digits[v & 63] : '=';
	}
	*out = '\0';
	return text;
}

/* Looked up without a table access that depends on the digit: keys in base64 pass here too. */
static int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t base64_read(struct bytes text, uint8_t *out, size_t size)
{
	uint32_t v = 0;
	unsigned bits = 0;
	size_t len = 0;
	size_t digits = 0;
	bool padded = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		int digit = base64_digit(c);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			continue;
		if (c == '=') {
			padded = true;
			continue;
		}
		if (digit < 0 || padded)
			return -1;
		digits++;
		v = v << 6 | (uint32_t)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (len == size)
				return -1;
			out[len++] = (uint8_t)(v >> bits);
		}
	}
	/* A last group of one digit, or stray bits in the last digit, is no base64. */
	if (digits % 4 == 1 || (v & ((1u << bits) - 1)) != 0)
		return -1;
	return (ssize_t)len;
}

void string_copy(char *out, size_t size, const char *s)
{
	size_t len = strnlen(s, size - 1);

	memcpy(out, s, len);
	out[len] = '\0';
}

unsigned text_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t len_b = strnlen(b, 63);

	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= strnlen(a, 63); i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= len_b; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < best ? change : best;
		}
	}
	return row[len_b];
}
