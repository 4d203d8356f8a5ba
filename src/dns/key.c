#include "dns/record.h"

/* KEY, RFC 2535 section 3.1, as FreeS/WAN published host keys; RFC 3445 ended this use. */

enum {
	FLAGS_NO_AUTHENTICATION = 0x8000, /* the key may not authenticate anybody */
	FLAGS_RESERVED = 0x3cf0,          /* reserved bits, and the bit that adds more flags */
	FLAGS_HOST = 0x4200,              /* no confidentiality, the key of a host */
	PROTOCOL_IPSEC = 4,
	ALGORITHM_RSA_MD5 = 1,  /* the number tells the format of the key only */
	ALGORITHM_RSA_SHA1 = 5, /* the same format */
};

/* KEY-1: whatever is not for IPsec is somebody else's. */
static bool key_is_ours(uint16_t flags, uint8_t protocol, uint8_t algorithm)
{
	return (flags & (FLAGS_NO_AUTHENTICATION | FLAGS_RESERVED)) == 0 &&
	       protocol == PROTOCOL_IPSEC &&
	       (algorithm == ALGORITHM_RSA_MD5 || algorithm == ALGORITHM_RSA_SHA1);
}

enum record_verdict key_parse(struct bytes rdata, struct delegation *out)
{
	struct reader r = reader_of(rdata);
	uint16_t flags = read_be16(&r);
	uint8_t protocol = read_u8(&r);
	uint8_t algorithm = read_u8(&r);
	struct delegation delegation = { .kind = GATEWAY_NONE, .has_key = true };

	if (r.failed)
		return RECORD_MALFORMED;
	if (!key_is_ours(flags, protocol, algorithm))
		return RECORD_FOREIGN;
	if (!pubkey_from_rfc3110(read_rest(&r), &delegation.key))
		return RECORD_MALFORMED;
	*out = delegation;
	return RECORD_OK;
}

bool key_write(const struct pubkey *key, struct writer *out)
{
	if (key->type != PUBKEY_RSA)
		return false;
	write_be16(out, FLAGS_HOST);
	write_u8(out, PROTOCOL_IPSEC);
	write_u8(out, ALGORITHM_RSA_MD5);
	write_bytes(out, pubkey_octets(key));
	return !out->failed;
}
