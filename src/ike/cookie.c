#include "ike/cookie.h"

#include <assert.h>

#include "crypto/prf.h"

static const struct duration secret_life = SECONDS(60);

static bool is_old(const struct cookies *cookies, struct instant now, int lives)
{
	return instant_since(now, cookies->since).ns >= lives * secret_life.ns;
}

bool cookies_want_secret(const struct cookies *cookies, struct instant now)
{
	return !cookies->is_set[cookies->version & 1] || is_old(cookies, now, 1);
}

void cookies_turn(struct cookies *cookies, const uint8_t secret[COOKIE_SECRET_LEN],
                  struct instant now)
{
	/* After a quiet time the one before is older than it may be. */
	if (is_old(cookies, now, 2))
		cookies->is_set[cookies->version & 1] = false;
	cookies->version++;
	memcpy(cookies->secrets[cookies->version & 1], secret, COOKIE_SECRET_LEN);
	cookies->is_set[cookies->version & 1] = true;
	cookies->since = now;
}

void cookies_wipe(struct cookies *cookies)
{
	secret_wipe(cookies, sizeof(*cookies));
}

/* Version, then HMAC-SHA-256(secret, Ni, source address, source port, SPIi) cut to 16 octets. */
static bool make(const struct cookies *cookies, const struct cookie_facts *facts, uint8_t version,
                 uint8_t out[COOKIE_LEN])
{
	uint8_t rest[2 + 8];
	uint8_t mac[SHA2_256_LEN];
	struct writer w = writer_on(rest, sizeof(rest));
	const struct bytes parts[] = { facts->nonce, ip_octets(&facts->source.address),
		                       BYTES_OF(rest) };

	write_be16(&w, facts->source.port);
	write_be64(&w, facts->spi_i);
	if (!prf(PRF_HMAC_SHA2_256, BYTES(cookies->secrets[version & 1], COOKIE_SECRET_LEN), parts,
	         ARRAY_LEN(parts), mac))
		return false;
	out[0] = version;
	memcpy(out + 1, mac, COOKIE_LEN - 1);
	return true;
}

bool cookie_make(const struct cookies *cookies, const struct cookie_facts *facts,
                 uint8_t out[COOKIE_LEN])
{
	assert(cookies->is_set[cookies->version & 1]);
	return make(cookies, facts, cookies->version, out);
}

bool cookie_is_good(const struct cookies *cookies, const struct cookie_facts *facts,
                    struct bytes cookie)
{
	uint8_t expected[COOKIE_LEN];
	uint8_t version;

	if (cookie.len != COOKIE_LEN)
		return false;
	version = cookie.data[0];
	if (version != cookies->version && version != (uint8_t)(cookies->version - 1))
		return false;
	return cookies->is_set[version & 1] && make(cookies, facts, version, expected) &&
	       secret_equal(cookie, BYTES_OF(expected));
}
