#include "crypto/pubkey.h"

#include <stdio.h>

#include <openssl/rsa.h>

#include "crypto/pkey.h"

enum { MODULUS_BITS_MIN = 2048, MODULUS_BITS_MAX = 8192, EXPONENT_LEN_MAX = 8, ED25519_LEN = 32 };

/* The bits of a number without leading zero octets. */
static unsigned bit_length(struct bytes number)
{
	unsigned bits = (unsigned)number.len * 8;

	for (uint8_t mask = 0x80; mask != 0 && (number.data[0] & mask) == 0; mask >>= 1)
		bits--;
	return bits;
}

static bool is_odd_and_minimal(struct bytes number)
{
	return number.len > 0 && number.data[0] != 0 && (number.data[number.len - 1] & 1) == 1;
}

/* RFC 8247 section 4.1 has no sizes for verification; these keep out the broken and the costly. */
static bool rsa_is_sane(struct bytes modulus, struct bytes exponent)
{
	if (!is_odd_and_minimal(modulus) || !is_odd_and_minimal(exponent))
		return false;
	if (exponent.len > EXPONENT_LEN_MAX || (exponent.len == 1 && exponent.data[0] < 3))
		return false;
	return modulus.len <= MODULUS_BITS_MAX / 8 && bit_length(modulus) >= MODULUS_BITS_MIN;
}

static bool rfc3110_split(struct bytes octets, struct bytes *modulus, struct bytes *exponent)
{
	struct reader r = reader_of(octets);
	size_t len = read_u8(&r);

	if (len == 0)
		len = read_be16(&r);
	*exponent = read_bytes(&r, len);
	*modulus = read_rest(&r);
	return !r.failed;
}

bool pubkey_rsa_numbers(const struct pubkey *key, struct bytes *modulus, struct bytes *exponent)
{
	return key->type == PUBKEY_RSA && rfc3110_split(pubkey_octets(key), modulus, exponent) &&
	       modulus->len > 0;
}

bool pubkey_from_rfc3110(struct bytes octets, struct pubkey *out)
{
	struct bytes modulus;
	struct bytes exponent;

	return rfc3110_split(octets, &modulus, &exponent) &&
	       pubkey_from_rsa(modulus, exponent, out);
}

/* Always with the short length form, so that equal keys have equal octets. */
bool pubkey_from_rsa(struct bytes modulus, struct bytes exponent, struct pubkey *out)
{
	struct pubkey key = { .type = PUBKEY_RSA };
	struct writer w = writer_on(key.octets, sizeof(key.octets));

	if (!rsa_is_sane(modulus, exponent))
		return false;
	write_u8(&w, (uint8_t)exponent.len);
	write_bytes(&w, exponent);
	write_bytes(&w, modulus);
	if (w.failed)
		return false;
	key.len = (uint16_t)w.len;
	*out = key;
	return true;
}

bool pubkey_from_ed25519(struct bytes octets, struct pubkey *out)
{
	if (octets.len != ED25519_LEN)
		return false;
	*out = (struct pubkey){ .type = PUBKEY_ED25519, .len = ED25519_LEN };
	memcpy(out->octets, octets.data, ED25519_LEN);
	return true;
}

static const struct curve {
	enum pubkey_type type;
	size_t len; /* of x and y together */
	const char *text;
} curves[] = {
	{ PUBKEY_ECDSA_P256, 64, "ECDSA P-256" },
	{ PUBKEY_ECDSA_P384, 96, "ECDSA P-384" },
	{ PUBKEY_ECDSA_P521, 132, "ECDSA P-521" },
};

bool pubkey_from_ecdsa(struct bytes octets, struct pubkey *out)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (octets.len != curves[i].len)
			continue;
		*out = (struct pubkey){ .type = curves[i].type, .len = (uint16_t)octets.len };
		memcpy(out->octets, octets.data, octets.len);
		return true;
	}
	return false;
}

bool pubkey_is_ecdsa(enum pubkey_type type)
{
	return type == PUBKEY_ECDSA_P256 || type == PUBKEY_ECDSA_P384 || type == PUBKEY_ECDSA_P521;
}

bool pubkey_equal(const struct pubkey *a, const struct pubkey *b)
{
	return a->type == b->type && bytes_equal(pubkey_octets(a), pubkey_octets(b));
}

struct pubkey_text pubkey_text(const struct pubkey *key)
{
	struct pubkey_text text = { "no key" };
	struct bytes modulus;
	struct bytes exponent;

	if (key->type == PUBKEY_ED25519)
		snprintf(text.s, sizeof(text.s), "Ed25519");
	else if (key->type == PUBKEY_RSA && pubkey_rsa_numbers(key, &modulus, &exponent))
		snprintf(text.s, sizeof(text.s), "RSA %u bits", bit_length(modulus));
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (curves[i].type == key->type)
			snprintf(text.s, sizeof(text.s), "%s", curves[i].text);
	return text;
}

static bool verify_start(EVP_MD_CTX *ctx, EVP_PKEY *pkey, enum signature_id id)
{
	EVP_PKEY_CTX *how;

	if (EVP_DigestVerifyInit_ex(ctx, &how, signature_digest(id), NULL, NULL, pkey, NULL) != 1)
		return false;
	if (!signature_is_rsa(id))
		return true;
	if (!signature_is_pss(id))
		return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) == 1;
	/* Exactly the salt length that the algorithm identifier states, which is the hash's. */
	return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool pubkey_verify(const struct pubkey *key, enum signature_id id, struct bytes data,
                   struct bytes signature)
{
	EVP_MD_CTX *ctx;
	EVP_PKEY *pkey;
	bool ok;

	if (!signature_fits(id, key->type) || signature.len == 0)
		return false;
	ctx = EVP_MD_CTX_new();
	pkey = pkey_of_public(key);
	ok = ctx != NULL && pkey != NULL && verify_start(ctx, pkey, id) &&
	     EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1;
	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(ctx);
	return ok;
}
