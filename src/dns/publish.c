#include "dns/publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/pkey.h"

void publish_comment(struct text *out, const struct pubkey *key, const char *host, const char *date)
{
	text_add(out, "; %s   %s   %s\n", pubkey_text(key).s, host, date);
}

static void publish_start(struct text *out, const char *owner, const char *type)
{
	text_add(out, "%s\tIN %s ", owner == NULL ? "" : owner, type);
}

static void publish_base64(struct text *out, struct bytes octets)
{
	char *base64 = base64_write(octets);

	text_add(out, " %s", base64);
	free(base64);
}

bool publish_key(struct text *out, const char *owner, const struct pubkey *key)
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct reader r;
	unsigned flags;
	unsigned protocol;
	unsigned algorithm;

	if (!key_write(key, &w))
		return false;
	r = reader_of(writer_view(&w));
	flags = read_be16(&r);
	protocol = read_u8(&r);
	algorithm = read_u8(&r);
	publish_start(out, owner, "KEY");
	text_add(out, "%u %u %u", flags, protocol, algorithm);
	publish_base64(out, read_rest(&r));
	text_add(out, "\n");
	return true;
}

bool publish_conf(struct text *out, const char *end, const struct pubkey *key)
{
	uint8_t spki[SPKI_LEN_MAX];
	struct writer w = writer_on(spki, sizeof(spki));
	struct bytes octets = pubkey_octets(key);
	char *base64;

	if (key->type != PUBKEY_RSA) {
		if (!spki_write(key, &w))
			return false;
		octets = writer_view(&w);
	}
	base64 = base64_write(octets);
	text_add(out, "\t%s%s=0s%s\n", end, key->type == PUBKEY_RSA ? "rsasigkey" : "sigkey",
	         base64);
	free(base64);
	return true;
}

bool publish_txt(struct text *out, const char *owner, const struct delegation *delegation)
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct reader r;

	if (!txt_write(delegation, &w))
		return false;
	r = reader_of(writer_view(&w));
	publish_start(out, owner, "TXT");
	while (reader_left(&r) > 0) {
		/* Nothing in a delegation's text needs a backslash in a zone file. */
		text_add(out, "\"");
		text_add_bytes(out, read_bytes(&r, read_u8(&r)));
		text_add(out, reader_left(&r) > 0 ? "\" " : "\"\n");
	}
	return true;
}

static void publish_gateway(struct text *out, const struct delegation *delegation)
{
	switch (delegation->kind) {
	case GATEWAY_NONE:
		text_add(out, ".");
		break;
	case GATEWAY_ADDRESS:
		text_add(out, "%s", ip_text(&delegation->address).s);
		break;
	case GATEWAY_NAME:
		text_add(out, "%s.", delegation->name);
		break;
	}
}

bool publish_ipseckey(struct text *out, const char *owner, const struct delegation *delegation)
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));

	if (!ipseckey_write(delegation, &w))
		return false;
	publish_start(out, owner, "IPSECKEY");
	text_add(out, "%u %u %u ", rdata[0], rdata[1], rdata[2]);
	publish_gateway(out, delegation);
	if (delegation->has_key)
		publish_base64(out, pubkey_octets(&delegation->key));
	text_add(out, "\n");
	return true;
}

static bool write_rdata(enum dns_type type, const struct delegation *delegation, struct writer *w)
{
	switch (type) {
	case DNS_TYPE_TXT:
		return txt_write(delegation, w);
	case DNS_TYPE_KEY:
		return key_write(&delegation->key, w);
	case DNS_TYPE_IPSECKEY:
		return ipseckey_write(delegation, w);
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		break;
	}
	return false;
}

bool publish_generic(struct text *out, const char *owner, enum dns_type type,
                     const struct delegation *delegation)
{
	uint8_t rdata[RDATA_MAX];
	char hex[2 * RDATA_MAX + 1];
	struct writer w = writer_on(rdata, sizeof(rdata));
	char name[16];

	if (!write_rdata(type, delegation, &w))
		return false;
	snprintf(name, sizeof(name), "TYPE%d", (int)type);
	hex_write(writer_view(&w), hex);
	publish_start(out, owner, name);
	text_add(out, "\\# %zu %s\n", writer_view(&w).len, hex);
	return true;
}
