/*
 * A datagram of the NAT traversal port, from marker to inner packet.
 *
 * The last octet of the input says whether the peer sealed it (1; a peer is no friend): then the
 * rest is what it encrypted, with AES-GCM or AES-CBC (2). Oracle: what is handed on lies inside the
 * plaintext, parses or is refused, and sealed again and opened again is the same.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/userspace/esp.h"
#include "engine/userspace/outer.h"
#include "engine/userspace/packet.h"
#include "engine/userspace/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct esp_key some_key(enum aead_id cipher)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 1, 2, 3 };

	return (struct esp_key){ 0x1001, true, aead_new(cipher, BYTES(key, aead_key_len(cipher))) };
}

/* ESP with any plaintext whatever; its length is a multiple of 4, of 16 with CBC. */
static struct buf seal_plain(const struct esp_key *key, struct bytes plain)
{
	const struct aead_shape *shape = aead_shape_of(key->aead);
	size_t header_len = ESP_FIXED_LEN + (size_t)shape->iv_len;
	struct buf out = { new_zeroed(header_len + plain.len + shape->tag_len), 0 };
	struct writer w = writer_on(out.data, header_len);
	uint8_t aad[12] = { 0, 0, 0x10, 0x01, 0, 0, 0, 0, 0, 0, 0, 1 };
	const uint8_t high[4] = { 0 };
	bool ok;

	write_be32(&w, key->spi);
	write_be32(&w, 1);
	write_zeros(&w, shape->iv_len);
	if (shape->mac_key_len == 0)
		ok =
		    aead_seal(key->aead, out.data + 8, BYTES_OF(aad), plain, out.data + header_len);
	else
		ok = aead_seal_tailed(key->aead, out.data + 8, BYTES(out.data, 8), plain,
		                      BYTES_OF(high), out.data + header_len);
	if (!ok)
		abort();
	out.len = header_len + plain.len + shape->tag_len;
	return out;
}

static void check_again(const struct esp_key *key, struct bytes inner)
{
	static const uint8_t random[AEAD_IV_MAX] = { 7 };
	uint8_t *out = new_zeroed(esp_sealed_len(aead_shape_of(key->aead), inner.len));
	size_t len = esp_seal(key, 2, random, esp_next_header(inner), inner, out);
	struct bytes plain, again;

	assert(len == esp_sealed_len(aead_shape_of(key->aead), inner.len));
	if (!esp_decrypt(key, 2, out, len, &plain))
		abort();
	assert(esp_strip(plain, &again) == ESP_INNER);
	assert(bytes_equal(inner, again));
	free(out);
}

/* Transport mode: whatever the peer sent makes a packet with a header that is right. */
static void rebuild(struct bytes plain)
{
	const struct ip_pair pair = { ip_v4(192, 0, 2, 1), ip_v4(192, 0, 2, 2) };
	uint8_t *out = new_zeroed(plain.len + 64);
	struct bytes payload;
	struct packet p;
	uint8_t next_header;
	size_t len;

	if (esp_strip_padding(plain, &payload, &next_header) == ESP_INNER) {
		len = transport_close(&pair, 3, next_header, payload, out, plain.len + 64);
		assert(len == 0 || (packet_parse(BYTES(out, len), &p) &&
		                    pair_equal(&p.pair, &pair) && p.octets.len == len));
	}
	free(out);
}

static void open_one(const struct esp_key *key, uint8_t *datagram, size_t len)
{
	struct bytes plain, inner;
	struct packet p;
	uint32_t spi, low;

	if (outer_kind(BYTES(datagram, len)) != OUTER_ESP ||
	    !esp_read_header(BYTES(datagram, len), &spi, &low) ||
	    !esp_decrypt(key, low, datagram, len, &plain))
		return;
	rebuild(plain);
	if (esp_strip(plain, &inner) != ESP_INNER)
		return;
	assert(inner.data == plain.data && inner.len < plain.len);
	if (packet_parse(inner, &p))
		assert(p.octets.len <= inner.len);
	check_again(key, inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_cbc = size > 0 && (data[size - 1] & 2) != 0;
	struct esp_key key = some_key(is_cbc ? AEAD_AES_CBC_256_SHA2_256 : AEAD_AES_GCM_16_256);
	struct buf datagram;

	if (size > 0 && size < 65000) {
		bool is_sealed = data[size - 1] & 1;
		struct bytes rest = BYTES(data, size - 1);

		rest.len -= is_sealed ? rest.len % (is_cbc ? 16 : 4) : 0;
		datagram = is_sealed && rest.len > 0 ? seal_plain(&key, rest) : buf_copy(rest);
		open_one(&key, datagram.data, datagram.len);
		buf_free(&datagram);
	}
	aead_free(key.aead);
	return 0;
}
