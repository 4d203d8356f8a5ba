#include "ike/keys.h"

void ike_keys_wipe(struct ike_keys *keys)
{
	secret_free(&keys->sk_d);
	secret_free(&keys->sk_ei);
	secret_free(&keys->sk_er);
	secret_free(&keys->sk_pi);
	secret_free(&keys->sk_pr);
}

void child_keys_wipe(struct child_keys *keys)
{
	secret_free(&keys->i_to_r);
	secret_free(&keys->r_to_i);
}

static struct secret take(struct reader *r, size_t len)
{
	return secret_copy(read_bytes(r, len));
}

static struct bytes view_or_none(const struct secret *s)
{
	return s != NULL ? secret_view(s) : (struct bytes){ 0 };
}

/* `first`, then `second`. */
static struct secret join(struct bytes first, struct bytes second)
{
	struct secret both = secret_new(first.len + second.len);

	memcpy(both.data, first.data, first.len);
	if (second.len > 0)
		memcpy(both.data + first.len, second.data, second.len);
	return both;
}

/* prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) cut into the keys, RFC 7296 section 2.14. */
static bool expand(const struct suite *suite, const struct secret *skeyseed, struct bytes nonce_i,
                   struct bytes nonce_r, uint64_t spi_i, uint64_t spi_r, struct ike_keys *keys)
{
	size_t sk_len = prf_len(suite->prf), mac_len = aead_shape(suite->cipher)->mac_key_len;
	size_t key_len = aead_key_len(suite->cipher) - mac_len;
	CLEANUP(secret_free)
	struct secret stream = secret_new(3 * sk_len + 2 * mac_len + 2 * key_len);
	struct bytes sk_ai, sk_ar;
	uint8_t spis[16];
	struct writer w = writer_on(spis, sizeof(spis));
	struct bytes seed[] = { nonce_i, nonce_r, BYTES_OF(spis) };
	struct reader r;

	write_be64(&w, spi_i);
	write_be64(&w, spi_r);
	if (!prf_plus(suite->prf, secret_view(skeyseed), seed, ARRAY_LEN(seed), stream.data,
	              stream.len))
		return false;
	r = reader_of(secret_view(&stream));
	keys->sk_d = take(&r, sk_len);
	sk_ai = read_bytes(&r, mac_len);
	sk_ar = read_bytes(&r, mac_len);
	keys->sk_ei = join(read_bytes(&r, key_len), sk_ai);
	keys->sk_er = join(read_bytes(&r, key_len), sk_ar);
	keys->sk_pi = take(&r, sk_len);
	keys->sk_pr = take(&r, sk_len);
	return true;
}

bool ike_keys_derive(const struct suite *suite, const struct secret *shared, struct bytes nonce_i,
                     struct bytes nonce_r, uint64_t spi_i, uint64_t spi_r, struct ike_keys *keys)
{
	CLEANUP(secret_free) struct secret skeyseed = secret_new(prf_len(suite->prf));
	/* SKEYSEED = prf(Ni | Nr, g^ir): both nonces whole, whatever the PRF (KDF-1). */
	uint8_t nonces[512];
	struct writer w = writer_on(nonces, sizeof(nonces));
	struct bytes secret = secret_view(shared);

	write_bytes(&w, nonce_i);
	write_bytes(&w, nonce_r);
	if (w.failed || !prf(suite->prf, writer_view(&w), &secret, 1, skeyseed.data))
		return false;
	return expand(suite, &skeyseed, nonce_i, nonce_r, spi_i, spi_r, keys);
}

bool ike_keys_rederive(const struct suite *suite, enum prf_id old_prf,
                       const struct secret *old_sk_d, const struct secret *shared,
                       const struct secret *additional, struct bytes nonce_i, struct bytes nonce_r,
                       uint64_t spi_i, uint64_t spi_r, struct ike_keys *keys)
{
	CLEANUP(secret_free) struct secret skeyseed = secret_new(prf_len(old_prf));
	struct bytes seed[] = { secret_view(shared), nonce_i, nonce_r, view_or_none(additional) };

	if (!prf(old_prf, secret_view(old_sk_d), seed, ARRAY_LEN(seed), skeyseed.data))
		return false;
	return expand(suite, &skeyseed, nonce_i, nonce_r, spi_i, spi_r, keys);
}

bool child_keys_derive(enum prf_id prf_id, enum aead_id cipher, const struct secret *sk_d,
                       const struct secret *shared, const struct secret *additional,
                       struct bytes nonce_i, struct bytes nonce_r, struct child_keys *keys)
{
	size_t key_len = aead_key_len(cipher);
	CLEANUP(secret_free) struct secret keymat = secret_new(2 * key_len);
	struct bytes seed[] = { view_or_none(shared), nonce_i, nonce_r, view_or_none(additional) };
	struct reader r;

	if (!prf_plus(prf_id, secret_view(sk_d), seed, ARRAY_LEN(seed), keymat.data, keymat.len))
		return false;
	r = reader_of(secret_view(&keymat));
	keys->i_to_r = take(&r, key_len);
	keys->r_to_i = take(&r, key_len);
	return true;
}
