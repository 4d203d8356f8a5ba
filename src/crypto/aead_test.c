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

static const enum aead_id every_cbc[] = {
	AEAD_AES_CBC_128_SHA2_256, AEAD_AES_CBC_128_SHA2_384, AEAD_AES_CBC_128_SHA2_512,
	AEAD_AES_CBC_256_SHA2_256, AEAD_AES_CBC_256_SHA2_384, AEAD_AES_CBC_256_SHA2_512,
};

/* SK-2: what is covered, and in which order */
static void seals_the_message_of_the_vectors_with_cbc(void **state)
{
	json_t *root = vectors_load("ike_messages");
	const json_t *v = json_array_get(vector_member(root, "other_suites"), 1);
	CLEANUP(buf_free) struct buf sk_e = vector_octets(v, "sk_e");
	CLEANUP(buf_free) struct buf sk_a = vector_octets(v, "sk_a");
	CLEANUP(buf_free) struct buf iv = vector_octets(v, "iv");
	CLEANUP(buf_free) struct buf plain = vector_octets(v, "plaintext_with_padding");
	CLEANUP(buf_free) struct buf cipher = vector_octets(v, "ciphertext");
	CLEANUP(buf_free) struct buf covered = vector_octets(v, "mac_covers");
	CLEANUP(buf_free) struct buf icv = vector_octets(v, "icv");
	struct bytes aad = BYTES(covered.data, covered.len - cipher.len - iv.len);
	uint8_t key[AEAD_KEY_MAX], out[512];
	struct aead *aead;

	assert_string_equal(vector_string(v, "id"), "seal-cbc");
	memcpy(key, sk_e.data, 32);
	memcpy(key + 32, sk_a.data, 32);
	aead = aead_new(AEAD_AES_CBC_256_SHA2_256, BYTES(key, 64));
	for (int i = 0; i < 2; i++) { /* the contexts are as good as new */
		assert_true(aead_seal(aead, iv.data, aad, buf_view(&plain), out));
		assert_memory_equal(out, cipher.data, cipher.len);
		assert_memory_equal(out + cipher.len, icv.data, icv.len);
		assert_true(aead_open(aead, iv.data, aad, BYTES(out, cipher.len + icv.len), out));
		assert_memory_equal(out, plain.data, plain.len);
	}
	aead_free(aead);
	json_decref(root);
}

/* SK-6, SK-7, CIP-5 */
static void cbc_refuses_any_changed_bit_before_it_decrypts(void **state)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 1, 2, 3 };
	static const uint8_t iv[AEAD_IV_MAX] = { 9 };
	static const uint8_t marks[32] = { [0 ... 31] = 0xaa };
	struct bytes aad = BYTES_STR("header"), tail = BYTES_STR("high");
	struct bytes plain = BYTES_STR("thirty-two octets, two of blocks");
	uint8_t sealed[32 + AEAD_TAG_MAX], out[32];

	for (size_t i = 0; i < ARRAY_LEN(every_cbc); i++) {
		const struct aead_shape *shape = aead_shape(every_cbc[i]);
		struct aead *aead = aead_new(every_cbc[i], BYTES(key, shape->key_len));
		struct bytes all = BYTES(sealed, 32 + shape->tag_len);

		assert_int_equal(shape->iv_len, 16);
		assert_int_equal(shape->tag_len, shape->mac_key_len / 2);
		assert_true(aead_seal_tailed(aead, iv, aad, plain, tail, sealed));
		for (size_t bit = 0; bit < all.len * 8; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xaa, sizeof(out));
			assert_false(aead_open_tailed(aead, iv, aad, all, tail, out));
			assert_memory_equal(out, marks, sizeof(out));
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_false(aead_open_tailed(aead, iv, tail, all, aad, out));
		assert_false(aead_open(aead, iv, aad, all, out));
		assert_false(
		    aead_open_tailed(aead, iv, aad, BYTES(sealed, all.len - 1), tail, out));
		assert_false(aead_open_tailed(aead, iv, aad, BYTES(sealed, 7), tail, out));
		assert_true(aead_open_tailed(aead, iv, aad, all, tail, out));
		assert_memory_equal(out, plain.data, plain.len);
		assert_false(aead_seal(aead, iv, aad, BYTES(plain.data, 31), sealed));
		aead_free(aead);
	}
}

/* SK-2, CIP-2, CIP-3 */
static void the_iv_of_cbc_is_random_and_that_of_an_aead_a_number(void **state)
{
	static const uint8_t key[AEAD_KEY_MAX] = { 4 }, random[AEAD_IV_MAX] = "sixteen octets.";
	struct aead *cbc = aead_new(AEAD_AES_CBC_256_SHA2_256, BYTES(key, 64));
	struct aead *gcm = aead_new(AEAD_AES_GCM_16_256, BYTES(key, 36));
	uint8_t iv[AEAD_IV_MAX];

	aead_iv(cbc, 0x0102030405060708, random, iv);
	assert_memory_equal(iv, random, sizeof(iv));
	aead_iv(gcm, 0x0102030405060708, NULL, iv);
	assert_memory_equal(iv, "\1\2\3\4\5\6\7\10", AEAD_IV_LEN);
	aead_free(cbc);
	aead_free(gcm);
}

static void a_rested_key_is_the_same_key(void **state)
{
	static const enum aead_id ids[] = { AEAD_AES_GCM_16_128, AEAD_AES_GCM_16_256,
		                            AEAD_CHACHA20_POLY1305 };
	static const uint8_t iv[AEAD_IV_LEN] = { 7 };
	const struct bytes aad = BYTES_STR("header"), plain = BYTES_STR("text");
	uint8_t key[36] = { 1, 2, 3 };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct aead *aead = aead_new(ids[i], BYTES(key, aead_key_len(ids[i])));
		uint8_t before[4 + AEAD_TAG_LEN], after[4 + AEAD_TAG_LEN], opened[4];

		assert_true(aead_seal(aead, iv, aad, plain, before));
		aead_rest(aead);
		aead_rest(aead);
		assert_true(aead_open(aead, iv, aad, BYTES_OF(before), opened));
		assert_memory_equal(opened, plain.data, plain.len);
		aead_rest(aead);
		assert_true(aead_seal(aead, iv, aad, plain, after));
		assert_memory_equal(before, after, sizeof(before));
		aead_free(aead);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rested_key_is_the_same_key),
		cmocka_unit_test(seals_and_opens_the_published_packets),
		cmocka_unit_test(refuses_any_changed_bit_and_shows_no_plaintext),
		cmocka_unit_test(seals_nothing_and_refuses_less_than_a_tag),
		cmocka_unit_test(takes_only_the_right_length_of_key),
		cmocka_unit_test(seals_the_message_of_the_vectors_with_cbc),
		cmocka_unit_test(cbc_refuses_any_changed_bit_before_it_decrypts),
		cmocka_unit_test(the_iv_of_cbc_is_random_and_that_of_an_aead_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
