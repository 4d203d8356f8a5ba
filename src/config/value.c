#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/message.h"
#include "crypto/pkey.h"
#include "crypto/x509.h"

/* What somebody wrote who meant an IPv4 address or subnet. */
struct ipv4_attempt {
	unsigned long numbers[8];
	unsigned count;
	bool has_bits;
	unsigned long bits;
};

/* False if it is not of that kind: anything but digits, dots and a slash. */
static bool attempt_ipv4(const char *value, struct ipv4_attempt *a)
{
	char *end;

	if (value[strspn(value, "0123456789./")] != '\0' || strchr(value, '.') == NULL)
		return false;
	while (*value >= '0' && *value <= '9' && a->count < ARRAY_LEN(a->numbers)) {
		a->numbers[a->count++] = strtoul(value, &end, 10);
		value = *end == '.' ? end + 1 : end;
	}
	a->has_bits = *value == '/';
	a->bits = a->has_bits ? strtoul(value + 1, &end, 10) : 32;
	return a->count > 0 && (a->has_bits ? value[1] != '\0' && *end == '\0' : *value == '\0');
}

/* The address or subnet that was probably meant: the first four numbers, missing ones as 0. */
static void suggest_ipv4(const struct ipv4_attempt *a, struct text *why)
{
	uint8_t octets[4] = { 0 };
	struct ip address;
	struct ip_range range;

	for (unsigned i = 0; i < 4 && i < a->count; i++)
		octets[i] = (uint8_t)a->numbers[i];
	address = ip_from_octets(BYTES_OF(octets));
	range = range_of_prefix(&address, (unsigned)a->bits);
	text_add(why, "; write %s", a->has_bits ? range_text(&range).s : ip_text(&address).s);
}

/* Says what is wrong with `value`; false if nothing can be said in particular. */
static bool explain_ipv4(const char *value, bool may_have_bits, struct text *why)
{
	struct ipv4_attempt a = { 0 };

	if (!attempt_ipv4(value, &a))
		return false;
	for (unsigned i = 0; i < a.count; i++) {
		if (a.numbers[i] > 255) {
			text_add(why, "no number of an IPv4 address is above 255, %lu is",
			         a.numbers[i]);
			return true;
		}
	}
	if (a.bits > 32) {
		text_add(why,
		         "an IPv4 address has 32 bits; write a number up to 32 after the slash");
		return true;
	}
	if (a.has_bits && !may_have_bits)
		text_add(why, "a single address is wanted, no subnet");
	else if (a.count != 4)
		text_add(why, "an IPv4 address has four numbers");
	else
		text_add(why, "an IPv4 address has no leading zeros");
	a.has_bits = a.has_bits && may_have_bits;
	suggest_ipv4(&a, why);
	return true;
}

bool value_ip(const char *value, struct ip *out, struct text *why)
{
	if (ip_parse(value, out))
		return true;
	if (!explain_ipv4(value, false, why))
		text_add(why, "not an address; write one as 192.0.2.1 or 2001:db8::1");
	return false;
}

/* 10.0.0.0/255.0.0.0 */
static bool range_with_mask(const char *value, struct ip_range *out)
{
	char head[64];
	const char *slash = strchr(value, '/');
	struct ip address;
	struct ip mask;
	uint32_t m;
	unsigned bits = 0;

	if (slash == NULL || (size_t)(slash - value) >= sizeof(head))
		return false;
	memcpy(head, value, (size_t)(slash - value));
	head[slash - value] = '\0';
	if (!ip_parse(head, &address) || !ip_parse(slash + 1, &mask) || address.family != IP_V4 ||
	    mask.family != IP_V4)
		return false;
	m = (uint32_t)mask.octets[0] << 24 | (uint32_t)mask.octets[1] << 16 |
	    (uint32_t)mask.octets[2] << 8 | mask.octets[3];
	while (bits < 32 && (m & 0x80000000u >> bits) != 0)
		bits++;
	if (bits < 32 && m << bits != 0)
		return false;
	*out = range_of_prefix(&address, bits);
	return true;
}

bool value_range(const char *value, struct ip_range *out, struct text *why)
{
	if (range_parse(value, out) || range_with_mask(value, out))
		return true;
	if (!explain_ipv4(value, true, why))
		text_add(why, "not a subnet; write one as 10.3.2.0/24 or 2001:db8::/48");
	return false;
}

/* KEY_ID as FreeS/WAN's descendants write it; 0x before the digits is fine. */
static bool read_key_id(const char *digits, struct conf_id *id, struct text *why)
{
	ssize_t len;

	if (strncmp(digits, "0x", 2) == 0)
		digits += 2;
	len = hex_read(digits, id->octets, sizeof(id->octets));
	if (len <= 0) {
		text_add(why, "not a key identity; write @# and an even number of hexadecimal "
		              "digits, 510 at most");
		return false;
	}
	id->kind = CONF_ID_KEY;
	id->len = (uint8_t)len;
	return true;
}

static bool read_dn(const char *value, struct conf_id *id, struct text *why)
{
	size_t len;

	if (!dn_parse(value, id->octets, sizeof(id->octets), &len)) {
		text_add(why,
		         "not a distinguished name; write \"C=CH, O=Example, CN=west\", at most "
		         "255 octets of DER");
		return false;
	}
	id->kind = CONF_ID_DN;
	id->len = (uint8_t)len;
	return true;
}

/* RFC 7296 section 3.5, ID_RFC822_ADDR. The part before the @ is taken as it is. */
static bool read_mail(const char *value, struct conf_id *id, struct text *why)
{
	const char *host = strrchr(value, '@') + 1;
	char name[DNS_NAME_MAX];

	if (strlen(value) >= sizeof(id->fqdn) || strpbrk(value, " \t\r\n") != NULL ||
	    !dns_name_normalise(BYTES_STR(host), name)) {
		text_add(why, "not a mail address; write user@host.example.net");
		return false;
	}
	id->kind = CONF_ID_MAIL;
	strcpy(id->fqdn, value);
	strcpy(id->fqdn + (host - value), name);
	return true;
}

bool conf_id_equal(const struct conf_id *a, const struct conf_id *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CONF_ID_NONE:
		break;
	case CONF_ID_ADDRESS:
		return ip_equal(&a->address, &b->address);
	case CONF_ID_FQDN:
	case CONF_ID_MAIL:
		return strcmp(a->fqdn, b->fqdn) == 0;
	case CONF_ID_KEY:
		return bytes_equal(BYTES(a->octets, a->len), BYTES(b->octets, b->len));
	case CONF_ID_DN:
		return dn_equal(BYTES(a->octets, a->len), BYTES(b->octets, b->len));
	}
	return true;
}

bool value_id(const char *value, bool allow_any, struct conf_id *out, struct text *why)
{
	struct conf_id id = { 0 };

	if (allow_any && strcmp(value, "%any") == 0) {
		*out = id;
		return true;
	}
	if (value[0] != '@' && strchr(value, '=') != NULL) {
		if (!read_dn(value, &id, why))
			return false;
	} else if (value[0] == '@' && value[1] == '#') {
		if (!read_key_id(value + 2, &id, why))
			return false;
	} else if (value[0] != '@' && strchr(value, '@') != NULL) {
		if (!read_mail(value, &id, why))
			return false;
	} else if (value[0] == '@') {
		id.kind = CONF_ID_FQDN;
		if (!dns_name_normalise(BYTES_STR(value + 1), id.fqdn)) {
			text_add(why, "not a domain name; write @host.example.net");
			return false;
		}
	} else if (ip_parse(value, &id.address)) {
		id.kind = CONF_ID_ADDRESS;
	} else if (explain_ipv4(value, false, why)) {
		return false;
	} else if (dns_name_normalise(BYTES_STR(value), id.fqdn)) {
		text_add(why, "names are not looked up here; write @%s", id.fqdn);
		return false;
	} else {
		text_add(why,
		         "an identity is an address or a name; write 192.0.2.1, "
		         "@host.example.net, user@host.example.net or \"C=CH, O=..., CN=...\"");
		return false;
	}
	*out = id;
	return true;
}

/* Digits, no more than nine of them. */
static bool read_digits(const char **at, unsigned *out)
{
	size_t len = strspn(*at, "0123456789");

	if (len == 0 || len > 9)
		return false;
	*out = (unsigned)strtoul(*at, NULL, 10);
	*at += len;
	return true;
}

bool value_number(const char *value, unsigned max, unsigned *out, struct text *why)
{
	const char *at = value;
	unsigned number;

	if (!read_digits(&at, &number) || *at != '\0' || number > max) {
		text_add(why, "not a number; write one from 0 to %u", max);
		return false;
	}
	*out = number;
	return true;
}

bool value_amount(const char *value, uint64_t *out, struct text *why)
{
	static const char units[] = "kMGT";
	const char *at = value;
	uint64_t factor = 1;
	unsigned number = 0;
	bool ok = read_digits(&at, &number);

	if (ok && *at != '\0') {
		const char *unit = strchr(units, *at++);

		ok = unit != NULL && *at == '\0';
		for (const char *u = units; ok && u <= unit; u++)
			factor *= 1000;
	}
	if (!ok || number > UINT64_MAX / factor) {
		text_add(why, "not an amount; write a number, or one with k, M, G or T behind it");
		return false;
	}
	*out = number * factor;
	return true;
}

/* The tenths of "1.5h", or 0. */
static unsigned read_tenths(const char **at)
{
	unsigned tenths;

	if ((*at)[0] != '.' || (*at)[1] < '0' || (*at)[1] > '9' || (*at)[2] == '\0')
		return 0;
	tenths = (unsigned)((*at)[1] - '0');
	*at += 2;
	return tenths;
}

bool value_seconds(const char *value, unsigned max, unsigned *out, struct text *why)
{
	static const struct {
		const char *unit;
		unsigned seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	const char *at = value;
	unsigned number, tenths;

	if (read_digits(&at, &number)) {
		tenths = read_tenths(&at);
		for (size_t i = 0; i < ARRAY_LEN(units); i++) {
			uint64_t s =
			    (uint64_t)number * units[i].seconds + tenths * units[i].seconds / 10;

			if (strcmp(at, units[i].unit) != 0)
				continue;
			if (s > max)
				break;
			*out = (unsigned)s;
			return true;
		}
	}
	text_add(why, "not a time; write seconds from 0 to %u, or a number with s, m, h or d", max);
	return false;
}

bool value_word(const char *value, const char *const *words, unsigned *out, struct text *why)
{
	const char *near;

	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0) {
			*out = i;
			return true;
		}
	}
	near = word_meant(value, words);
	text_add(why, "no such value; write ");
	for (unsigned i = 0; near == NULL && words[i] != NULL; i++)
		text_add(why, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
	if (near != NULL)
		text_add(why, "%s", near);
	return false;
}

bool value_yes(const char *value, bool *out, struct text *why)
{
	static const char *const words[] = { "no", "yes", NULL };
	unsigned word;

	if (!value_word(value, words, &word, why))
		return false;
	*out = word == 1;
	return true;
}

ssize_t value_octets(const char *value, uint8_t *out, size_t size)
{
	if (strncmp(value, "0x", 2) == 0)
		return hex_read(value + 2, out, size);
	if (strncmp(value, "0s", 2) == 0)
		return base64_read(BYTES_STR(value + 2), out, size);
	return -1;
}

bool value_rsasigkey(const char *value, struct pubkey *out, struct text *why)
{
	uint8_t octets[PUBKEY_OCTETS_MAX];
	ssize_t len = value_octets(value, octets, sizeof(octets));

	if (len < 0) {
		text_add(why, "not a key; write 0s and what follows the gateway in the output of "
		              "ipsec showhostkey --txt");
		return false;
	}
	if (!pubkey_from_rfc3110(BYTES(octets, (size_t)len), out)) {
		text_add(why, "not an RSA key of 2048 to 8192 bits; copy it anew from "
		              "ipsec showhostkey --txt");
		return false;
	}
	return true;
}

bool value_sigkey(const char *value, struct pubkey *out, struct text *why)
{
	uint8_t der[SPKI_LEN_MAX];
	ssize_t len = value_octets(value, der, sizeof(der));

	if (len < 0)
		len = base64_read(BYTES_STR(value), der, sizeof(der));
	if (len < 0) {
		text_add(why, "not a key; write 0s and what stands in a PEM file between BEGIN "
		              "PUBLIC KEY and END PUBLIC KEY, on one line");
		return false;
	}
	if (!spki_parse(BYTES(der, (size_t)len), out)) {
		text_add(why, "not a public key of RSA (2048 to 8192 bits), Ed25519, ECDSA P-256, "
		              "P-384 or P-521; ipsec showhostkey --left prints one");
		return false;
	}
	return true;
}

bool value_item(const char **list, char *item, size_t size)
{
	const char *start = *list + strspn(*list, ", \t");
	size_t len = strcspn(start, ", \t");

	if (len == 0)
		return false;
	*list = start + len;
	if (len >= size)
		len = size - 1; /* too long to be right: the caller refuses what is left */
	memcpy(item, start, len);
	item[len] = '\0';
	return true;
}
