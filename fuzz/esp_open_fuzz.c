/*
 * A datagram of the NAT traversal port, from marker to inner packet.
 *
 * The last octet of the input says whether the peer sealed it (a peer is no friend): then the rest
 * is what it encrypted. Oracle: what is handed on lies inside the plaintext, parses or is refused,
 * and sealed again and opened again is the same.
 */
#include <assert.h>
#include <stdlib.h>

#include "engine/userspace/esp.h"
#include "engine/userspace/outer.h"
#include "engine/userspace/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct esp_key some_key(void)
{
	static const uint8_t key[36] = { 1, 2, 3 };

	return (struct esp_key){ 0x1001, true, aead_new(AEAD_AES_GCM_16_256, BYTES_OF(key)) };
}

/* ESP with any plaintext whatever; its length is a multiple of 4. */
static struct buf seal_plain(const struct esp_key *key, struct bytes plain)
{
	enum { HEADER_LEN = ESP_FIXED_LEN + AEAD_IV_LEN };
	struct buf out = { new_zeroed(HEADER_LEN + plain.len + AEAD_TAG_LEN), 0 };
	struct writer w = writer_on(out.data, HEADER_LEN);
	uint8_t aad[12] = { 0, 0, 0x10, 0x01, 0, 0, 0, 0, 0, 0, 0, 1 };

	write_be32(&w, key->spi);
	write_be32(&w, 1);
	write_be64(&w, 1);
	if (!aead_seal(key->aead, out.data + 8, BYTES_OF(aad), plain, out.data + HEADER_LEN))
		abort();
	out.len = HEADER_LEN + plain.len + AEAD_TAG_LEN;
	return out;
}

static void check_again(const struct esp_key *key, struct bytes inner)
{
	uint8_t *out = new_zeroed(esp_sealed_len(aead_shape_of(key->aead), inner.len));
	size_t len = esp_seal(key, 2, esp_next_header(inner), inner, out);
	struct bytes plain, again;

	assert(len == esp_sealed_len(aead_shape_of(key->aead), inner.len));
	if (!esp_decrypt(key, 2, out, len, &plain))
		abort();
	assert(esp_strip(plain, &again) == ESP_INNER);
	assert(bytes_equal(inner, again));
	free(out);
}

static void open_one(const struct esp_key *key, uint8_t *datagram, size_t len)
{
	struct bytes plain, inner;
	struct packet p;
	uint32_t spi, low;

	if (outer_kind(BYTES(datagram, len)) != OUTER_ESP ||
	    !esp_read_header(BYTES(datagram, len), &spi, &low) ||
	    !esp_decrypt(key, low, datagram, len, &plain) || esp_strip(plain, &inner) != ESP_INNER)
		return;
	assert(inner.data == plain.data && inner.len < plain.len);
	if (packet_parse(inner, &p))
		assert(p.octets.len <= inner.len);
	check_again(key, inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esp_key key = some_key();
	struct buf datagram;

	if (size > 0 && size < 65000) {
		bool is_sealed = data[size - 1] & 1;
		struct bytes rest = BYTES(data, size - 1);

		rest.len -= is_sealed ? rest.len % 4 : 0;
		datagram = is_sealed && rest.len > 0 ? seal_plain(&key, rest) : buf_copy(rest);
		open_one(&key, datagram.data, datagram.len);
		buf_free(&datagram);
	}
	aead_free(key.aead);
	return 0;
}
