#include "engine/userspace/esp.h"

#include <assert.h>

static size_t pad_len(size_t inner_len)
{
	return (4 - (inner_len + 2) % 4) % 4;
}

size_t esp_sealed_len(size_t inner_len)
{
	return ESP_HEADER_LEN + inner_len + pad_len(inner_len) + 2 + AEAD_TAG_LEN;
}

size_t esp_inner_limit(size_t mtu, enum ip_family outer, bool udp)
{
	size_t around =
	    (outer == IP_V6 ? 40u : 20u) + (udp ? 8u : 0u) + ESP_HEADER_LEN + AEAD_TAG_LEN;

	if (mtu < around + 4)
		return 0;
	return (mtu - around) / 4 * 4 - 2;
}

uint8_t esp_next_header(struct bytes inner)
{
	unsigned version = inner.len > 0 ? inner.data[0] >> 4 : 0;

	return version == 4 ? ESP_NEXT_IPV4 : version == 6 ? ESP_NEXT_IPV6 : 0;
}

/* RFC 4106 section 5: SPI and sequence number; with ESN all 64 bits of it. */
static struct bytes associated_data(const struct esp_key *key, uint64_t sequence, uint8_t out[12])
{
	struct writer w = writer_on(out, 12);

	write_be32(&w, key->spi);
	if (key->is_esn)
		write_be64(&w, sequence);
	else
		write_be32(&w, (uint32_t)sequence);
	return writer_view(&w);
}

size_t esp_seal(const struct esp_key *key, uint64_t sequence, uint8_t next_header,
                struct bytes inner, uint8_t *out)
{
	size_t padding = pad_len(inner.len);
	size_t plain_len = inner.len + padding + 2;
	struct writer w = writer_on(out, ESP_HEADER_LEN + plain_len);
	uint8_t aad[12];

	assert(key->is_esn || sequence <= UINT32_MAX);
	write_be32(&w, key->spi);
	write_be32(&w, (uint32_t)sequence);
	write_be64(&w, sequence);
	write_bytes(&w, inner);
	for (size_t i = 1; i <= padding; i++)
		write_u8(&w, (uint8_t)i);
	write_u8(&w, (uint8_t)padding);
	write_u8(&w, next_header);
	assert(!w.failed);
	if (!aead_seal(key->aead, out + 8, associated_data(key, sequence, aad),
	               BYTES(out + ESP_HEADER_LEN, plain_len), out + ESP_HEADER_LEN))
		return 0;
	return ESP_HEADER_LEN + plain_len + AEAD_TAG_LEN;
}

bool esp_read_header(struct bytes packet, uint32_t *spi, uint32_t *sequence_low)
{
	struct reader r = reader_of(packet);

	if (packet.len < ESP_LEAST || (packet.len - ESP_HEADER_LEN - AEAD_TAG_LEN) % 4 != 0)
		return false;
	*spi = read_be32(&r);
	*sequence_low = read_be32(&r);
	return true;
}

bool esp_decrypt(const struct esp_key *key, uint64_t sequence, uint8_t *packet, size_t len,
                 struct bytes *plain)
{
	uint8_t *sealed = packet + ESP_HEADER_LEN;
	uint8_t aad[12];

	assert(len >= ESP_LEAST);
	if (!aead_open(key->aead, packet + 8, associated_data(key, sequence, aad),
	               BYTES(sealed, len - ESP_HEADER_LEN), sealed))
		return false;
	*plain = BYTES(sealed, len - ESP_HEADER_LEN - AEAD_TAG_LEN);
	return true;
}

static bool padding_counts(struct bytes plain, size_t padding)
{
	const uint8_t *at = plain.data + plain.len - 2 - padding;

	for (size_t i = 0; i < padding; i++) {
		if (at[i] != (uint8_t)(i + 1))
			return false;
	}
	return true;
}

/* The inner packet's own length; 0 if it has none that makes sense. */
static size_t inner_len(struct bytes packet, uint8_t next_header)
{
	struct reader r = reader_of(packet);

	if (esp_next_header(packet) != next_header)
		return 0;
	if (next_header == ESP_NEXT_IPV4) {
		read_skip(&r, 2);
		return read_be16(&r);
	}
	read_skip(&r, 4);
	return read_be16(&r) + (size_t)40;
}

enum esp_strip esp_strip(struct bytes plain, struct bytes *inner)
{
	size_t padding, len;
	uint8_t next_header;
	struct bytes packet;

	if (plain.len < 2)
		return ESP_BAD_PADDING;
	padding = plain.data[plain.len - 2];
	next_header = plain.data[plain.len - 1];
	if (padding + 2 > plain.len || !padding_counts(plain, padding))
		return ESP_BAD_PADDING;
	if (next_header == ESP_NEXT_NONE)
		return ESP_DUMMY;
	if (next_header != ESP_NEXT_IPV4 && next_header != ESP_NEXT_IPV6)
		return ESP_BAD_PADDING;
	packet = BYTES(plain.data, plain.len - 2 - padding);
	len = inner_len(packet, next_header);
	if (len < (next_header == ESP_NEXT_IPV4 ? 20u : 40u) || len > packet.len)
		return ESP_BAD_INNER;
	*inner = BYTES(packet.data, len); /* what follows is TFC padding, RFC 4303 section 2.7 */
	return ESP_INNER;
}
