#include "dns/name.h"

#include <stdio.h>

static struct dns_name reverse_name_v4(const uint8_t *o)
{
	const uint8_t backwards[4] = { o[3], o[2], o[1], o[0] };
	struct dns_name name;
	char *end = ip_put_quad(name.s, backwards);

	memcpy(end, ".in-addr.arpa", sizeof(".in-addr.arpa"));
	return name;
}

static struct dns_name reverse_name_v6(const uint8_t *octets)
{
	static const char digits[] = "0123456789abcdef";
	struct dns_name name;
	char *at = name.s;

	for (size_t i = 16; i-- > 0;) {
		*at++ = digits[octets[i] & 15];
		*at++ = '.';
		*at++ = digits[octets[i] >> 4];
		*at++ = '.';
	}
	memcpy(at, "ip6.arpa", sizeof("ip6.arpa"));
	return name;
}

struct dns_name reverse_name(const struct ip *address)
{
	struct dns_name none = { "" };

	if (address->family == IP_NONE)
		return none;
	return address->family == IP_V4 ? reverse_name_v4(address->octets)
	                                : reverse_name_v6(address->octets);
}

/* The character in lower case, or 0 if no host name has it. */
static char name_character(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')
		return (char)c;
	return 0;
}

bool dns_name_normalise(struct bytes text, char out[DNS_NAME_MAX])
{
	char name[DNS_NAME_MAX];
	size_t label = 0;

	if (text.len > 0 && text.data[text.len - 1] == '.')
		text.len--;
	if (text.len == 0 || text.len > DNS_NAME_MAX - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		name[i] = name_character(text.data[i]);
		if (name[i] == 0 || (name[i] == '.' && label == 0))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > NAME_LABEL_MAX)
			return false;
	}
	if (label == 0)
		return false;
	name[text.len] = '\0';
	memcpy(out, name, text.len + 1);
	return true;
}

bool name_read(struct reader *r, char out[DNS_NAME_MAX])
{
	uint8_t text[NAME_WIRE_MAX];
	struct writer w = writer_on(text, sizeof(text));

	for (size_t len = read_u8(r); len != 0 && !r->failed; len = read_u8(r)) {
		struct bytes label = read_bytes(r, len);

		/* A dot inside a label would read as two labels; 64 and more are no label. */
		if (len > NAME_LABEL_MAX || memchr(label.data, '.', label.len) != NULL)
			return false;
		write_bytes(&w, label);
		write_u8(&w, '.');
	}
	return !r->failed && !w.failed && dns_name_normalise(writer_view(&w), out);
}

void name_write(struct writer *w, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		write_u8(w, (uint8_t)len);
		write_bytes(w, BYTES(name, len));
		name += len + (name[len] == '.');
	}
	write_u8(w, 0);
}
