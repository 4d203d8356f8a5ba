#include "dns/name.h"

/* IPSECKEY, RFC 4025 section 2 and RFC 9373: precedence, gateway type, algorithm, gateway, key. */

enum { TYPE_NONE = 0, TYPE_IPV4 = 1, TYPE_IPV6 = 2, TYPE_NAME = 3 };
enum { ALGORITHM_NONE = 0, ALGORITHM_RSA = 2, ALGORITHM_ECDSA = 3, ALGORITHM_EDDSA = 4 };
enum { ED448_LEN = 57 };

static bool gateway_address(struct reader *r, size_t len, struct delegation *out)
{
	out->kind = GATEWAY_ADDRESS;
	out->address = ip_from_octets(read_bytes(r, len));
	return !r->failed && !ip_is_never_peer(&out->address);
}

static bool gateway_read(struct reader *r, uint8_t type, struct delegation *out)
{
	switch (type) {
	case TYPE_NONE:
		out->kind = GATEWAY_NONE;
		return true;
	case TYPE_IPV4:
		return gateway_address(r, 4, out);
	case TYPE_IPV6:
		return gateway_address(r, 16, out);
	case TYPE_NAME:
		out->kind = GATEWAY_NAME;
		return name_read(r, out->name);
	default:
		return false; /* where the key starts is unknown */
	}
}

/* Other algorithms than RSA, ECDSA (RFC 8005 section 8) and Ed25519 are for other gateways: skipped
 * in silence (IPK-4). */
static enum record_verdict key_read(uint8_t algorithm, struct bytes key, struct delegation *out)
{
	bool ok;

	if (algorithm == ALGORITHM_NONE && key.len > 0)
		return RECORD_MALFORMED;
	if (algorithm == ALGORITHM_NONE) /* neither gateway nor key says nothing */
		return out->kind == GATEWAY_NONE ? RECORD_FOREIGN : RECORD_OK;
	if (algorithm == ALGORITHM_EDDSA && key.len == ED448_LEN)
		return RECORD_FOREIGN;
	if (algorithm == ALGORITHM_ECDSA && key.len > 0 && !pubkey_from_ecdsa(key, &out->key))
		return RECORD_FOREIGN; /* a curve of other gateways */
	if (algorithm == ALGORITHM_RSA)
		ok = pubkey_from_rfc3110(key, &out->key);
	else if (algorithm == ALGORITHM_EDDSA)
		ok = pubkey_from_ed25519(key, &out->key);
	else if (algorithm == ALGORITHM_ECDSA)
		ok = pubkey_from_ecdsa(key, &out->key);
	else
		return RECORD_FOREIGN;
	out->has_key = ok;
	return ok ? RECORD_OK : RECORD_MALFORMED;
}

enum record_verdict ipseckey_parse(struct bytes rdata, struct delegation *out)
{
	struct reader r = reader_of(rdata);
	struct delegation delegation = { .precedence = read_u8(&r) };
	uint8_t type = read_u8(&r);
	uint8_t algorithm = read_u8(&r);
	enum record_verdict verdict;

	if (r.failed || !gateway_read(&r, type, &delegation))
		return RECORD_MALFORMED;
	verdict = key_read(algorithm, read_rest(&r), &delegation);
	if (verdict == RECORD_OK)
		*out = delegation;
	return verdict;
}

static uint8_t gateway_type(const struct delegation *delegation)
{
	switch (delegation->kind) {
	case GATEWAY_NONE:
		break;
	case GATEWAY_ADDRESS:
		return delegation->address.family == IP_V4 ? TYPE_IPV4 : TYPE_IPV6;
	case GATEWAY_NAME:
		return TYPE_NAME;
	}
	return TYPE_NONE;
}

static uint8_t key_algorithm(const struct delegation *delegation)
{
	if (!delegation->has_key)
		return ALGORITHM_NONE;
	if (pubkey_is_ecdsa(delegation->key.type))
		return ALGORITHM_ECDSA;
	return delegation->key.type == PUBKEY_RSA ? ALGORITHM_RSA : ALGORITHM_EDDSA;
}

bool ipseckey_write(const struct delegation *delegation, struct writer *out)
{
	if (delegation->precedence > UINT8_MAX ||
	    (delegation->kind == GATEWAY_NONE && !delegation->has_key))
		return false;
	write_u8(out, (uint8_t)delegation->precedence);
	write_u8(out, gateway_type(delegation));
	write_u8(out, key_algorithm(delegation));
	if (delegation->kind == GATEWAY_ADDRESS)
		write_bytes(out, ip_octets(&delegation->address));
	else if (delegation->kind == GATEWAY_NAME)
		name_write(out, delegation->name);
	if (delegation->has_key)
		write_bytes(out, pubkey_octets(&delegation->key));
	return !out->failed;
}
