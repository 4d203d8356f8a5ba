#include "ike/id.h"

#include <ctype.h>
#include <stdio.h>

#include "crypto/x509.h"
#include "util/text.h"

struct ike_id id_of_ip(const struct ip *address)
{
	struct bytes octets = ip_octets(address);
	struct ike_id id = { 0 };

	if (octets.len == 0)
		return id;
	id.type = address->family == IP_V4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	id.len = (uint8_t)octets.len;
	memcpy(id.data, octets.data, octets.len);
	return id;
}

struct ike_id id_null(void)
{
	return (struct ike_id){ .type = ID_NULL };
}

struct ike_id id_of_fqdn(const char *name)
{
	struct ike_id id = { .type = ID_FQDN };
	size_t len = strlen(name);

	if (len == 0 || len > ID_DATA_MAX)
		return (struct ike_id){ 0 };
	id.len = (uint8_t)len;
	memcpy(id.data, name, len);
	return id;
}

struct ike_id id_of_octets(enum id_type type, struct bytes octets)
{
	struct ike_id id = { .type = (uint8_t)type };

	if (octets.len == 0 || octets.len > ID_DATA_MAX)
		return (struct ike_id){ 0 };
	id.len = (uint8_t)octets.len;
	memcpy(id.data, octets.data, octets.len);
	return id;
}

struct buf id_keep(const struct ike_id *id)
{
	struct buf kept = { .data = new_array(1u + id->len, 1), .len = 1u + id->len };

	kept.data[0] = id->type;
	memcpy(kept.data + 1, id->data, id->len);
	return kept;
}

struct ike_id id_kept(const struct buf *kept)
{
	struct ike_id id = { 0 };

	if (kept->len == 0)
		return id;
	id.type = kept->data[0];
	id.len = (uint8_t)(kept->len - 1);
	memcpy(id.data, kept->data + 1, id.len);
	return id;
}

/* RFC 7296 section 3.5: "must not contain any terminators (e.g., NULL, CR, etc.)" (PLD-26). */
static bool is_name(struct bytes data)
{
	for (size_t i = 0; i < data.len; i++)
		if (data.data[i] == '\0' || data.data[i] == '\r' || data.data[i] == '\n')
			return false;
	return data.len > 0;
}

static bool data_fits_type(uint8_t type, struct bytes data)
{
	switch (type) {
	case ID_NONE:
		return false;
	case ID_IPV4_ADDR:
		return data.len == 4;
	case ID_IPV6_ADDR:
		return data.len == 16;
	case ID_FQDN:
	case ID_RFC822_ADDR:
		return is_name(data);
	default:
		return true;
	}
}

bool id_parse(struct bytes body, struct ike_id *out)
{
	struct reader r = reader_of(body);
	struct ike_id id = { 0 };
	struct bytes data;

	id.type = read_u8(&r);
	read_skip(&r, 3);
	data = read_rest(&r);
	if (r.failed || data.len > ID_DATA_MAX || !data_fits_type(id.type, data))
		return false;
	id.len = (uint8_t)data.len;
	if (data.len > 0)
		memcpy(id.data, data.data, data.len);
	*out = id;
	return true;
}

void id_write(struct writer *w, const struct ike_id *id)
{
	write_u8(w, id->type);
	write_zeros(w, 3);
	write_bytes(w, BYTES(id->data, id->len));
}

static bool equal_ignoring_case(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (tolower(a.data[i]) != tolower(b.data[i]))
			return false;
	return true;
}

static struct bytes without_final_dot(struct bytes name)
{
	if (name.len > 1 && name.data[name.len - 1] == '.')
		name.len--;
	return name;
}

/* Length of what stands before the last @ of a mail address, with the @; 0 if there is none. */
static size_t local_part_len(struct bytes name)
{
	size_t len = name.len;

	while (len > 0 && name.data[len - 1] != '@')
		len--;
	return len;
}

static bool mail_equal(struct bytes a, struct bytes b)
{
	size_t local = local_part_len(a);

	return local == local_part_len(b) && a.len == b.len &&
	       bytes_equal(BYTES(a.data, local), BYTES(b.data, local)) &&
	       equal_ignoring_case(BYTES(a.data + local, a.len - local),
	                           BYTES(b.data + local, b.len - local));
}

bool id_equal(const struct ike_id *a, const struct ike_id *b)
{
	struct bytes x = BYTES(a->data, a->len);
	struct bytes y = BYTES(b->data, b->len);

	if (a->type != b->type || a->type == ID_NULL)
		return false;
	if (a->type == ID_FQDN)
		return equal_ignoring_case(without_final_dot(x), without_final_dot(y));
	if (a->type == ID_RFC822_ADDR)
		return mail_equal(x, y);
	if (a->type == ID_DER_ASN1_DN)
		return dn_equal(x, y);
	return bytes_equal(x, y);
}

struct ip id_address(const struct ike_id *id)
{
	struct ip ip = { 0 };

	if (id->type == ID_IPV4_ADDR && id->len == 4)
		return ip_from_octets(BYTES(id->data, id->len));
	if (id->type == ID_IPV6_ADDR && id->len == 16)
		ip = ip_from_octets(BYTES(id->data, id->len));
	/* An IPv4-mapped one would be a second name of an IPv4 host. */
	return ip.family == IP_V6 ? ip : (struct ip){ 0 };
}

/* The prefix, then the octets; what does not print becomes '?'. */
static struct id_text name_text(const char *prefix, const struct ike_id *id)
{
	struct id_text text;
	size_t len = strlen(prefix);

	memcpy(text.s, prefix, len);
	for (size_t i = 0; i < id->len; i++)
		text.s[len++] =
		    isprint(id->data[i]) && id->data[i] != ' ' ? (char)id->data[i] : '?';
	text.s[len] = '\0';
	return text;
}

struct id_text id_text(const struct ike_id *id)
{
	struct ip address = id_address(id);
	struct id_text text;

	if (address.family != IP_NONE) {
		snprintf(text.s, sizeof(text.s), "%s", ip_text(&address).s);
		return text;
	}
	switch (id->type) {
	case ID_NONE:
		return (struct id_text){ "%none" };
	case ID_NULL:
		return (struct id_text){ "%null" };
	case ID_FQDN:
		return name_text("@", id);
	case ID_DER_ASN1_DN:
		dn_text(BYTES(id->data, id->len), text.s, sizeof(text.s));
		return text;
	case ID_KEY_ID:
		memcpy(text.s, "@#", 2);
		hex_write(BYTES(id->data, id->len), text.s + 2);
		return text;
	default:
		return name_text("", id);
	}
}
