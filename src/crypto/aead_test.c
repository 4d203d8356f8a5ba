#include "util/test.h"
#include "crypto/aead.h"
#include "util/vectors.h"

/* Transform 20 with its key length, transform 28. */
static enum aead_id aead_of(const json_t *v, size_t key_len)
{
	if (vector_number(v, "encr") == 28)
		return AEAD_CHACHA20_POLY1305;
	return key_len == 20   ? AEAD_AES_GCM_16_128
	       : key_len == 36 ? AEAD_AES_GCM_16_256
	                       : AEAD_NONE;
}

static void check_vector(struct aead *aead, const json_t *v)
{
	CLEANUP(buf_free) struct buf iv = vector_octets(v, "iv");
	CLEANUP(buf_free) struct buf aad = vector_octets(v, "aad");
	CLEANUP(buf_free) struct buf plain = vector_octets(v, "plaintext");
	CLEANUP(buf_free) struct buf sealed = vector_octets(v, "ciphertext_and_icv");
	uint8_t *out = new_array(sealed.len, 1);

	assert_true(aead_seal(aead, iv.data, buf_view(&aad), buf_view(&plain), out));
	assert_memory_equal(out, sealed.data, sealed.len);
	/* In place, both ways. */
	assert_true(aead_open(aead, iv.data, buf_view(&aad), BYTES(out, sealed.len), out));
	assert_memory_equal(out, plain.data, plain.len);
	assert_true(aead_seal(aead, iv.data, buf_view(&aad), BYTES(out, plain.len), out));
	assert_memory_equal(out, sealed.data, sealed.len);
	free(out);
}

static void seals_and_opens_the_published_packets(void **state)
{
	json_t *root = vectors_load("published");
	unsigned checked = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "aead"), i, v)
	{
		CLEANUP(buf_free) struct buf key = vector_octets(v, "key_and_salt");
		enum aead_id id = aead_of(v, key.len);
		struct aead *aead = aead_new(id, buf_view(&key));

		if (id == AEAD_NONE)
			continue; /* AES-192 */
		assert_non_null(aead);
		check_vector(aead, v);
		check_vector(aead, v); /* the context is as good as new */
		aead_free(aead);
		checked++;
	}
	assert_in_range(checked, 4, 7);
	json_decref(root);
}

static const enum aead_id every_aead[] = { AEAD_AES_GCM_16_128, AEAD_AES_GCM_16_256,
	                                   AEAD_CHACHA20_POLY1305 };

static void refuses_any_changed_bit_and_shows_no_plaintext(void **state)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 1, 2, 3 };
	static const uint8_t iv[AEAD_IV_LEN] = { 9 };
	static const uint8_t zeros[20];
	struct bytes aad = BYTES_STR("header");
	struct bytes plain = BYTES_STR("twenty secret octets");
	uint8_t sealed[20 + AEAD_TAG_LEN];
	uint8_t out[20];

	for (size_t i = 0; i < ARRAY_LEN(every_aead); i++) {
		struct aead *aead =
		    aead_new(every_aead[i], BYTES(key, aead_key_len(every_aead[i])));

		assert_true(aead_seal(aead, iv, aad, plain, sealed));
		for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xaa, sizeof(out));
			assert_false(aead_open(aead, iv, aad, BYTES_OF(sealed), out));
			assert_memory_equal(out, zeros, sizeof(out));
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_false(aead_open(aead, iv, BYTES_STR("Header"), BYTES_OF(sealed), out));
		assert_true(aead_open(aead, iv, aad, BYTES_OF(sealed), out));
		assert_memory_equal(out, plain.data, plain.len);
		aead_free(aead);
	}
}

static void seals_nothing_and_refuses_less_than_a_tag(void **state)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 1 };
	static const uint8_t iv[AEAD_IV_LEN] = { 1 };
	struct bytes nothing = BYTES(NULL, 0);
	uint8_t tag[AEAD_TAG_LEN];
	uint8_t out[1];

	for (size_t i = 0; i < ARRAY_LEN(every_aead); i++) {
		struct aead *aead =
		    aead_new(every_aead[i], BYTES(key, aead_key_len(every_aead[i])));

		assert_true(aead_seal(aead, iv, nothing, nothing, tag));
		assert_true(aead_open(aead, iv, nothing, BYTES_OF(tag), out));
		assert_false(aead_open(aead, iv, nothing, BYTES(tag, AEAD_TAG_LEN - 1), out));
		assert_false(aead_open(aead, iv, nothing, nothing, out));
		aead_free(aead);
	}
}

static void takes_only_the_right_length_of_key(void **state)
{
	static const uint8_t key[AEAD_KEY_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(every_aead); i++) {
		size_t len = aead_key_len(every_aead[i]);

		assert_in_range(len, 20, AEAD_KEY_MAX);
		assert_null(aead_new(every_aead[i], BYTES(key, len - 1)));
		assert_null(aead_new(every_aead[i], BYTES(key, len + 1)));
	}
	assert_null(aead_new(AEAD_NONE, BYTES(key, 0)));
	aead_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_and_opens_the_published_packets),
		cmocka_unit_test(refuses_any_changed_bit_and_shows_no_plaintext),
		cmocka_unit_test(seals_nothing_and_refuses_less_than_a_tag),
		cmocka_unit_test(takes_only_the_right_length_of_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
