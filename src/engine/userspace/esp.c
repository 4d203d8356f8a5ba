#include "engine/userspace/esp.h"

#include <assert.h>

/* What is encrypted ends on such a boundary (FMT-3). */
static size_t alignment(const struct aead_shape *shape)
{
	return shape->block < 4 ? 4 : shape->block;
}

static size_t pad_len(const struct aead_shape *shape, size_t inner_len)
{
	size_t align = alignment(shape);

	return (align - (inner_len + 2) % align) % align;
}

size_t esp_sealed_len(const struct aead_shape *shape, size_t inner_len)
{
	return ESP_FIXED_LEN + shape->iv_len + inner_len + pad_len(shape, inner_len) + 2 +
	       shape->tag_len;
}

size_t esp_inner_limit(const struct aead_shape *shape, size_t mtu, enum ip_family outer, bool udp)
{
	size_t align = alignment(shape);
	size_t around = (outer == IP_V6 ? 40u : 20u) + (udp ? 8u : 0u) + ESP_FIXED_LEN +
	                shape->iv_len + shape->tag_len;

	if (mtu < around + align)
		return 0;
	return (mtu - around) / align * align - 2;
}

uint8_t esp_next_header(struct bytes inner)
{
	unsigned version = inner.len > 0 ? inner.data[0] >> 4 : 0;

	return version == 4 ? ESP_NEXT_IPV4 : version == 6 ? ESP_NEXT_IPV6 : 0;
}

/* What the ICV covers besides IV and ciphertext. */
struct covered {
	uint8_t octets[12];
	struct bytes aad;
	struct bytes tail;
};

/* RFC 4106 section 5: SPI and sequence number; with ESN all 64 bits of it. */
static void cover_aead(const struct esp_key *key, uint64_t sequence, struct covered *out)
{
	struct writer w = writer_on(out->octets, sizeof(out->octets));

	write_be32(&w, key->spi);
	if (key->is_esn)
		write_be64(&w, sequence);
	else
		write_be32(&w, (uint32_t)sequence);
	out->aad = writer_view(&w);
	out->tail = BYTES(NULL, 0);
}

/* RFC 4303 section 2.2.1: the high half stands behind the ciphertext. */
static void cover_mac(const struct esp_key *key, uint64_t sequence, struct covered *out)
{
	struct writer w = writer_on(out->octets, sizeof(out->octets));

	write_be32(&w, key->spi);
	write_be32(&w, (uint32_t)sequence);
	write_be32(&w, (uint32_t)(sequence >> 32));
	out->aad = BYTES(out->octets, 8);
	out->tail = BYTES(out->octets + 8, key->is_esn ? 4u : 0u);
}

/* Padding, its length and the next header behind `inner`; the whole of what is encrypted. */
static struct bytes lay_out(const struct aead_shape *shape, uint8_t next_header, struct bytes inner,
                            uint8_t *out)
{
	size_t padding = pad_len(shape, inner.len), len = inner.len + padding + 2;
	struct writer w = writer_on(out, len);

	write_bytes(&w, inner);
	for (size_t i = 1; i <= padding; i++)
		write_u8(&w, (uint8_t)i);
	write_u8(&w, (uint8_t)padding);
	write_u8(&w, next_header);
	assert(!w.failed);
	return BYTES(out, len);
}

size_t esp_seal_with_iv(const struct esp_key *key, uint64_t sequence, const uint8_t *iv,
                        uint8_t next_header, struct bytes inner, uint8_t *out)
{
	const struct aead_shape *shape = aead_shape_of(key->aead);
	uint8_t *text = out + ESP_FIXED_LEN + shape->iv_len;
	struct writer w = writer_on(out, ESP_FIXED_LEN + shape->iv_len);
	struct covered covered;
	struct bytes plain;
	bool ok;

	assert(key->is_esn || sequence <= UINT32_MAX);
	write_be32(&w, key->spi);
	write_be32(&w, (uint32_t)sequence);
	write_bytes(&w, BYTES(iv, shape->iv_len));
	plain = lay_out(shape, next_header, inner, text);
	if (shape->mac_key_len == 0) {
		cover_aead(key, sequence, &covered);
		ok = aead_seal(key->aead, iv, covered.aad, plain, text);
	} else {
		cover_mac(key, sequence, &covered);
		ok = aead_seal_tailed(key->aead, iv, covered.aad, plain, covered.tail, text);
	}
	return ok ? ESP_FIXED_LEN + shape->iv_len + plain.len + shape->tag_len : 0;
}

size_t esp_seal(const struct esp_key *key, uint64_t sequence, const uint8_t *random,
                uint8_t next_header, struct bytes inner, uint8_t *out)
{
	uint8_t iv[AEAD_IV_MAX];

	aead_iv(key->aead, sequence, random, iv);
	return esp_seal_with_iv(key, sequence, iv, next_header, inner, out);
}

bool esp_read_header(struct bytes packet, uint32_t *spi, uint32_t *sequence_low)
{
	struct reader r = reader_of(packet);

	if (packet.len < ESP_LEAST || packet.len % 4 != 0)
		return false;
	*spi = read_be32(&r);
	*sequence_low = read_be32(&r);
	return true;
}

bool esp_decrypt(const struct esp_key *key, uint64_t sequence, uint8_t *packet, size_t len,
                 struct bytes *plain)
{
	const struct aead_shape *shape = aead_shape_of(key->aead);
	const uint8_t *iv = packet + ESP_FIXED_LEN;
	size_t text_at = ESP_FIXED_LEN + (size_t)shape->iv_len;
	uint8_t *text = packet + text_at;
	struct covered covered;
	bool ok;

	if (len < text_at + alignment(shape) + shape->tag_len ||
	    (len - text_at - shape->tag_len) % alignment(shape) != 0)
		return false;
	if (shape->mac_key_len == 0) {
		cover_aead(key, sequence, &covered);
		ok = aead_open(key->aead, iv, covered.aad, BYTES(text, len - text_at), text);
	} else {
		cover_mac(key, sequence, &covered);
		ok = aead_open_tailed(key->aead, iv, covered.aad, BYTES(text, len - text_at),
		                      covered.tail, text);
	}
	if (ok)
		*plain = BYTES(text, len - text_at - shape->tag_len);
	return ok;
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

enum esp_strip esp_strip_padding(struct bytes plain, struct bytes *content, uint8_t *next_header)
{
	size_t padding;

	if (plain.len < 2)
		return ESP_BAD_PADDING;
	padding = plain.data[plain.len - 2];
	if (padding + 2 > plain.len || !padding_counts(plain, padding))
		return ESP_BAD_PADDING;
	*next_header = plain.data[plain.len - 1];
	*content = BYTES(plain.data, plain.len - 2 - padding);
	return *next_header == ESP_NEXT_NONE ? ESP_DUMMY : ESP_INNER;
}

enum esp_strip esp_strip(struct bytes plain, struct bytes *inner)
{
	struct bytes packet;
	uint8_t next_header;
	enum esp_strip verdict = esp_strip_padding(plain, &packet, &next_header);
	size_t len;

	if (verdict != ESP_INNER)
		return verdict;
	if (next_header != ESP_NEXT_IPV4 && next_header != ESP_NEXT_IPV6)
		return ESP_BAD_PADDING;
	len = inner_len(packet, next_header);
	if (len < (next_header == ESP_NEXT_IPV4 ? 20u : 40u) || len > packet.len)
		return ESP_BAD_INNER;
	*inner = BYTES(packet.data, len); /* what follows is TFC padding, RFC 4303 section 2.7 */
	return ESP_INNER;
}
