#include "ike/auth.h"

bool auth_signed_octets(enum prf_id prf_id, struct bytes sk_p, struct bytes message,
                        struct bytes nonce, struct bytes id_body, struct bytes int_auth,
                        struct buf *out)
{
	uint8_t maced_id[PRF_LEN_MAX];
	size_t mac_len = prf_len(prf_id);
	size_t size = message.len + nonce.len + mac_len + int_auth.len;
	struct writer w;

	if (!prf(prf_id, sk_p, &id_body, 1, maced_id))
		return false;
	w = writer_on(new_array(size, 1), size);
	write_bytes(&w, message);
	write_bytes(&w, nonce);
	write_bytes(&w, BYTES(maced_id, mac_len));
	write_bytes(&w, int_auth);
	*out = (struct buf){ .data = w.start, .len = w.len };
	return true;
}

bool auth_parse(struct bytes body, struct auth_payload *out)
{
	struct reader r = reader_of(body);
	struct auth_payload auth = { 0 };

	auth.method = read_u8(&r);
	read_skip(&r, 3);
	if (auth.method == AUTH_METHOD_DIGITAL_SIGNATURE) /* RFC 7427 section 3 */
		auth.signature_id = signature_algorithm_parse(read_bytes(&r, read_u8(&r)));
	auth.value = read_rest(&r);
	if (r.failed)
		return false;
	*out = auth;
	return true;
}

static void write_start(struct writer *w, enum ike_auth_method method)
{
	write_u8(w, (uint8_t)method);
	write_zeros(w, 3);
}

void auth_write_signature(struct writer *w, enum signature_id id, struct bytes signature)
{
	struct bytes algorithm = signature_algorithm_write(id);

	write_start(w, AUTH_METHOD_DIGITAL_SIGNATURE);
	write_u8(w, (uint8_t)algorithm.len);
	write_bytes(w, algorithm);
	write_bytes(w, signature);
}

void auth_write_shared_key(struct writer *w, struct bytes mac)
{
	write_start(w, AUTH_METHOD_SHARED_KEY);
	write_bytes(w, mac);
}

void auth_write_null(struct writer *w, struct bytes mac)
{
	write_start(w, AUTH_METHOD_NULL);
	write_bytes(w, mac);
}

bool auth_mac(enum prf_id prf_id, struct bytes secret, struct bytes octets,
              uint8_t out[PRF_LEN_MAX])
{
	struct bytes pad = BYTES_STR("Key Pad for IKEv2");
	uint8_t key[PRF_LEN_MAX];
	bool ok = prf(prf_id, secret, &pad, 1, key) &&
	          prf(prf_id, BYTES(key, prf_len(prf_id)), &octets, 1, out);

	secret_wipe(key, sizeof(key));
	return ok;
}

hash_set hash_set_parse(struct bytes data)
{
	struct reader r = reader_of(data);
	hash_set set = 0;

	while (reader_left(&r) >= 2) {
		uint16_t hash = read_be16(&r);

		if (hash >= HASH_SHA2_256 && hash <= HASH_IDENTITY)
			set |= HASH_SET(hash);
	}
	return set;
}

void hash_set_write(struct writer *w, hash_set set)
{
	for (uint16_t hash = HASH_SHA2_256; hash <= HASH_IDENTITY; hash++)
		if (set & HASH_SET(hash))
			write_be16(w, hash);
}

/*
 * In order of preference (DS-9): SHA-256 first, ECDSA by the size of its curve. RSA is always PSS:
 * the peer's list names hashes only, and whoever lists one takes both forms (RFC 8247 section 4.1).
 */
static const struct preference {
	enum pubkey_type key;
	enum signature_id first, second, third;
} preferences[] = {
	{ PUBKEY_ED25519, SIGNATURE_ED25519, SIGNATURE_NONE, SIGNATURE_NONE },
	{ PUBKEY_RSA, SIGNATURE_RSA_PSS_SHA2_256, SIGNATURE_RSA_PSS_SHA2_384,
	  SIGNATURE_RSA_PSS_SHA2_512 },
	{ PUBKEY_ECDSA_P256, SIGNATURE_ECDSA_SHA2_256, SIGNATURE_ECDSA_SHA2_384,
	  SIGNATURE_ECDSA_SHA2_512 },
	{ PUBKEY_ECDSA_P384, SIGNATURE_ECDSA_SHA2_384, SIGNATURE_ECDSA_SHA2_512,
	  SIGNATURE_ECDSA_SHA2_256 },
	{ PUBKEY_ECDSA_P521, SIGNATURE_ECDSA_SHA2_512, SIGNATURE_ECDSA_SHA2_384,
	  SIGNATURE_ECDSA_SHA2_256 },
};

static bool is_listed(enum signature_id id, hash_set hashes)
{
	return id != SIGNATURE_NONE && (hashes & HASH_SET(signature_hash(id)));
}

enum signature_id auth_choose(enum pubkey_type key, hash_set theirs)
{
	for (size_t i = 0; i < ARRAY_LEN(preferences); i++) {
		const struct preference *p = &preferences[i];

		if (p->key != key)
			continue;
		if (is_listed(p->first, theirs))
			return p->first;
		if (is_listed(p->second, theirs))
			return p->second;
		if (is_listed(p->third, theirs))
			return p->third;
	}
	return SIGNATURE_NONE;
}

bool auth_is_acceptable(enum signature_id id)
{
	return id != SIGNATURE_NONE && (HASH_SET_OURS & HASH_SET(signature_hash(id)));
}
