#include "util/test.h"

#include "engine/userspace/esp.h"
#include "util/vectors.h"

enum { ENCR_AES_GCM_16 = 20, ENCR_CHACHA20_POLY1305 = 28, ENCR_AES_CBC = 12 };

static const uint8_t random_block[AEAD_IV_MAX] = { 4 };

static bool is_cbc(const json_t *vector)
{
	return vector_number(vector, "encr") == ENCR_AES_CBC;
}

static enum aead_id cipher_of(const json_t *vector)
{
	if (vector_number(vector, "encr") == ENCR_CHACHA20_POLY1305)
		return AEAD_CHACHA20_POLY1305;
	if (is_cbc(vector)) {
		assert_int_equal(vector_number(vector, "key_bits"), 256);
		return AEAD_AES_CBC_256_SHA2_256;
	}
	return vector_number(vector, "key_bits") == 128 ? AEAD_AES_GCM_16_128 : AEAD_AES_GCM_16_256;
}

static struct esp_key key_of(const json_t *vector)
{
	CLEANUP(buf_free) struct buf key = vector_octets(vector, "encr_key");
	CLEANUP(buf_free) struct buf mac_key = vector_octets(vector, "integ_key");
	CLEANUP(buf_free) struct buf spi = vector_octets(vector, "spi");
	struct reader r = reader_of(buf_view(&spi));
	uint8_t both[AEAD_KEY_MAX];
	struct writer w = writer_on(both, sizeof(both));

	write_bytes(&w, buf_view(&key));
	write_bytes(&w, buf_view(&mac_key));
	return (struct esp_key){ read_be32(&r), json_is_true(vector_member(vector, "esn")),
		                 aead_new(cipher_of(vector), writer_view(&w)) };
}

/* CIP-1, FMT-3, FMT-5: what we seal is the published packet, octet for octet. */
static void seals_as_published(const json_t *vector, const struct esp_key *key)
{
	CLEANUP(buf_free) struct buf inner = vector_octets(vector, "inner");
	CLEANUP(buf_free) struct buf esp = vector_octets(vector, "esp");
	CLEANUP(buf_free) struct buf iv = vector_octets(vector, "iv");
	uint64_t sequence = (uint64_t)vector_number(vector, "sequence");
	uint8_t next_header = (uint8_t)vector_number(vector, "next_header");
	uint8_t out[512];
	size_t len = is_cbc(vector) ? esp_seal_with_iv(key, sequence, iv.data, next_header,
	                                               buf_view(&inner), out)
	                            : esp_seal(key, sequence, NULL, next_header, buf_view(&inner),
	                                       out);

	assert_int_equal(len, esp_sealed_len(aead_shape_of(key->aead), inner.len));
	assert_int_equal(len, esp.len);
	assert_memory_equal(out, esp.data, len);
}

static enum esp_strip expected_strip(const json_t *vector)
{
	long next_header = vector_number(vector, "next_header");

	if (next_header == ESP_NEXT_NONE)
		return ESP_DUMMY;
	/* Transport mode is not for tunnels: its next header is refused. */
	return next_header == 4 || next_header == 41 ? ESP_INNER : ESP_BAD_PADDING;
}

static void opens_as_published(const json_t *vector, const struct esp_key *key)
{
	CLEANUP(buf_free) struct buf inner = vector_octets(vector, "inner");
	CLEANUP(buf_free) struct buf esp = vector_octets(vector, "esp");
	struct bytes plain, got;
	uint32_t spi, low;

	assert_true(esp_read_header(buf_view(&esp), &spi, &low));
	assert_int_equal(spi, key->spi);
	assert_int_equal(low, (uint32_t)vector_number(vector, "sequence"));
	assert_true(esp_decrypt(key, (uint64_t)vector_number(vector, "sequence"), esp.data, esp.len,
	                        &plain));
	assert_int_equal(esp_strip(plain, &got), expected_strip(vector));
	if (expected_strip(vector) == ESP_INNER)
		assert_true(bytes_equal(got, buf_view(&inner)));
}

/* CIP-1, FMT-3, FMT-5, FMT-7, FMT-8, IPV-1, UDP-1 */
static void seals_and_opens_the_published_packets(void **state)
{
	json_t *root = vectors_load("esp_packets");
	const json_t *vector;
	size_t i;

	json_array_foreach(vector_member(root, "cases"), i, vector)
	{
		struct esp_key key;

		key = key_of(vector);
		assert_non_null(key.aead);
		if (vector_number(vector, "tfc_padding") == 0)
			seals_as_published(vector, &key);
		opens_as_published(vector, &key);
		aead_free(key.aead);
	}
	assert_int_equal(i, 14);
	json_decref(root);
}

static struct esp_key key_for(enum aead_id cipher, uint8_t fill)
{
	uint8_t key[AEAD_KEY_MAX];

	memset(key, fill, sizeof(key));
	return (struct esp_key){ 0x1001, true, aead_new(cipher, BYTES(key, aead_key_len(cipher))) };
}

static const enum aead_id every_cipher[] = {
	AEAD_AES_GCM_16_128,       AEAD_AES_GCM_16_256,       AEAD_CHACHA20_POLY1305,
	AEAD_AES_CBC_128_SHA2_256, AEAD_AES_CBC_128_SHA2_384, AEAD_AES_CBC_128_SHA2_512,
	AEAD_AES_CBC_256_SHA2_256, AEAD_AES_CBC_256_SHA2_384, AEAD_AES_CBC_256_SHA2_512,
};

static void make_ipv4(uint8_t *inner, size_t len)
{
	memset(inner, 0x5a, len);
	inner[0] = 0x45;
	inner[2] = (uint8_t)(len >> 8);
	inner[3] = (uint8_t)len;
}

/* FMT-3: a multiple of 4 octets, of 16 with CBC */
static void pads_every_size_to_the_boundary(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(every_cipher) * 81; i++) {
		struct esp_key key = key_for(every_cipher[i / 81], 1);
		const struct aead_shape *shape = aead_shape_of(key.aead);
		uint8_t inner[100], out[256];
		struct bytes plain, got;
		size_t len = 20 + i % 81, sealed;

		make_ipv4(inner, len);
		sealed = esp_seal(&key, len, random_block, ESP_NEXT_IPV4, BYTES(inner, len), out);
		assert_int_equal(sealed, esp_sealed_len(shape, len));
		assert_true(sealed <= len + ESP_OVERHEAD_MAX);
		assert_true(esp_decrypt(&key, len, out, sealed, &plain));
		assert_int_equal(plain.len % (shape->mac_key_len == 0 ? 4 : 16), 0);
		assert_int_equal(esp_strip(plain, &got), ESP_INNER);
		assert_true(bytes_equal(got, BYTES(inner, len)));
		aead_free(key.aead);
	}
}

/* SPI and sequence number are given by key and caller. */
static void check_changes(const struct esp_key *key, const uint8_t *sealed, size_t len)
{
	struct esp_key other = *key;
	uint8_t copy[256];
	struct bytes plain;

	for (size_t bit = 64; bit < len * 8; bit++) {
		memcpy(copy, sealed, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(esp_decrypt(key, 9, copy, len, &plain));
	}
	for (size_t less = 0; less < len; less++) {
		memcpy(copy, sealed, len);
		assert_false(esp_decrypt(key, 9, copy, less, &plain));
	}
	memcpy(copy, sealed, len);
	assert_false(esp_decrypt(key, 10, copy, len, &plain));
	memcpy(copy, sealed, len);
	assert_false(esp_decrypt(key, (UINT64_C(1) << 32) + 9, copy, len, &plain));
	other.spi = 0x1002;
	memcpy(copy, sealed, len);
	assert_false(esp_decrypt(&other, 9, copy, len, &plain));
	other.spi = key->spi;
	other.is_esn = false;
	memcpy(copy, sealed, len);
	assert_false(esp_decrypt(&other, 9, copy, len, &plain));
}

/* CIP-8, IN-4, RPL-5 */
static void opens_nothing_that_was_changed_or_meant_for_another(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(every_cipher); i++) {
		struct esp_key key = key_for(every_cipher[i], 1),
			       other = key_for(every_cipher[i], 2);
		uint8_t inner[40], sealed[256];
		struct bytes plain;
		size_t len;

		make_ipv4(inner, sizeof(inner));
		len = esp_seal(&key, 9, random_block, ESP_NEXT_IPV4, BYTES_OF(inner), sealed);
		check_changes(&key, sealed, len);
		assert_true(esp_decrypt(&key, 9, sealed, len, &plain));
		len = esp_seal(&key, 9, random_block, ESP_NEXT_IPV4, BYTES_OF(inner), sealed);
		assert_false(esp_decrypt(&other, 9, sealed, len, &plain));
		aead_free(key.aead);
		aead_free(other.aead);
	}
}

/* FMT-4, FMT-6, FMT-7 */
static void strips_only_what_agrees_with_itself(void **state)
{
	static const struct {
		const char *what, *plain;
		enum esp_strip expect;
	} cases[] = {
		{ "good", "4500001400000000000000000000000000000000 01020204", ESP_INNER },
		{ "nothing", "", ESP_BAD_PADDING },
		{ "one octet", "04", ESP_BAD_PADDING },
		{ "padding does not count", "4500001400000000000000000000000000000000 01030204",
		  ESP_BAD_PADDING },
		{ "padding longer than all", "4500001400000000000000000000000000000000 0102ff04",
		  ESP_BAD_PADDING },
		{ "IPv4 that says IPv6", "4500001400000000000000000000000000000000 01020229",
		  ESP_BAD_INNER },
		{ "IPv6 that says IPv4", "6500001400000000000000000000000000000000 01020204",
		  ESP_BAD_INNER },
		{ "longer than what came", "4500001500000000000000000000000000000000 01020204",
		  ESP_BAD_INNER },
		{ "shorter than a header", "4500001300000000000000000000000000000000 01020204",
		  ESP_BAD_INNER },
		{ "TFC padding",
		  "4500001400000000000000000000000000000000 0000000000000000 01020204", ESP_INNER },
		{ "UDP in transport mode", "4500001400000000000000000000000000000000 01020211",
		  ESP_BAD_PADDING },
		{ "dummy", "deadbeef 0102023b", ESP_DUMMY },
		{ "dummy of nothing", "003b", ESP_DUMMY },
		{ "no inner octet", "0004", ESP_BAD_INNER },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t plain[128];
		ssize_t len = hex_read(cases[i].plain, plain, sizeof(plain));
		struct bytes inner;

		assert_true(len >= 0);
		if (esp_strip(BYTES(plain, len), &inner) != cases[i].expect)
			fail_msg("%s", cases[i].what);
		if (cases[i].expect == ESP_INNER)
			assert_int_equal(inner.len, 20);
	}
}

/* IN-3, FMT-3 */
static void reads_no_header_of_a_packet_too_short(void **state)
{
	uint8_t packet[ESP_LEAST + 4] = { 0, 0, 1, 0, 0, 0, 0, 5 };
	uint32_t spi = 0, low = 0;

	for (size_t len = 0; len <= sizeof(packet); len++) {
		bool is_whole = len == ESP_LEAST || len == ESP_LEAST + 4;

		assert_int_equal(esp_read_header(BYTES(packet, len), &spi, &low), is_whole);
	}
	assert_int_equal(spi, 256);
	assert_int_equal(low, 5);
}

/* MTU-1 */
static void knows_exactly_what_fits(void **state)
{
	static const struct {
		enum ip_family outer;
		bool udp;
		size_t headers, limit_1500;
	} cases[] = {
		{ IP_V4, false, 20, 1446 },
		{ IP_V4, true, 28, 1438 },
		{ IP_V6, false, 40, 1426 },
		{ IP_V6, true, 48, 1418 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(esp_inner_limit(aead_shape(AEAD_AES_GCM_16_256), 1500,
		                                 cases[i].outer, cases[i].udp),
		                 cases[i].limit_1500);
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(every_cipher); i++) {
		const struct aead_shape *shape = aead_shape(every_cipher[i / ARRAY_LEN(cases)]);
		enum ip_family outer = cases[i % ARRAY_LEN(cases)].outer;
		bool udp = cases[i % ARRAY_LEN(cases)].udp;
		size_t headers = cases[i % ARRAY_LEN(cases)].headers;

		for (size_t mtu = 600; mtu <= 1600; mtu++) {
			size_t limit = esp_inner_limit(shape, mtu, outer, udp);

			assert_true(headers + esp_sealed_len(shape, limit) <= mtu);
			assert_true(headers + esp_sealed_len(shape, limit + 1) > mtu);
		}
		assert_int_equal(esp_inner_limit(shape, 40, outer, udp), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_and_opens_the_published_packets),
		cmocka_unit_test(pads_every_size_to_the_boundary),
		cmocka_unit_test(opens_nothing_that_was_changed_or_meant_for_another),
		cmocka_unit_test(strips_only_what_agrees_with_itself),
		cmocka_unit_test(reads_no_header_of_a_packet_too_short),
		cmocka_unit_test(knows_exactly_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
