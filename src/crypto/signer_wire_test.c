#include "util/test.h"
#include "crypto/signer_wire.h"

static const struct signer_message one_of_each[] = {
	{ .kind = SIGNER_ADD,
	  .algorithm = SIGNER_SECRET_RSA_NUMBERS,
	  .parts = { { (const uint8_t *)"modulus", 7 }, { (const uint8_t *)"\3", 1 } } },
	{ .kind = SIGNER_ADD,
	  .algorithm = SIGNER_SECRET_PSK,
	  .parts = { { (const uint8_t *)"psk", 3 } } },
	{ .kind = SIGNER_COMMIT, .index = 2 },
	{ .kind = SIGNER_SIGN,
	  .job_id = 0x0102030405060708,
	  .set = 0xfffefdfc,
	  .index = 1,
	  .algorithm = SIGNATURE_ED25519,
	  .data = { (const uint8_t *)"data", 4 } },
	{ .kind = SIGNER_PSK_MAC,
	  .job_id = 9,
	  .index = 4000000000,
	  .algorithm = PRF_HMAC_SHA2_256 },
	{ .kind = SIGNER_KEY,
	  .index = 3,
	  .algorithm = PUBKEY_RSA,
	  .data = { (const uint8_t *)"key", 3 } },
	{ .kind = SIGNER_LOADED, .set = 5, .bad = SIGNER_BAD_NONE },
	{ .kind = SIGNER_RESULT, .job_id = UINT64_MAX, .data = { (const uint8_t *)"sig", 3 } },
};

static void assert_same(const struct signer_message *a, const struct signer_message *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->job_id, b->job_id);
	assert_int_equal(a->set, b->set);
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->bad, b->bad);
	assert_int_equal(a->algorithm, b->algorithm);
	assert_true(bytes_equal(a->data, b->data));
	for (size_t i = 0; i < SIGNER_PARTS_MAX; i++)
		assert_true(bytes_equal(a->parts[i], b->parts[i]));
}

static void reads_what_it_wrote_one_message_after_the_other(void **state)
{
	uint8_t out[1024];
	struct writer w = writer_on(out, sizeof(out));
	struct bytes stream;

	for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++)
		assert_true(signer_message_write(&w, &one_of_each[i]));
	stream = writer_view(&w);
	for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++) {
		struct signer_message message;
		size_t used;

		assert_int_equal(signer_message_parse(stream, &message, &used), SIGNER_MESSAGE);
		assert_same(&message, &one_of_each[i]);
		stream = BYTES(stream.data + used, stream.len - used);
	}
	assert_int_equal(stream.len, 0);
}

static void waits_for_the_rest_of_a_message(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++) {
		uint8_t out[256];
		struct writer w = writer_on(out, sizeof(out));
		struct signer_message message;
		size_t used;

		assert_true(signer_message_write(&w, &one_of_each[i]));
		for (size_t len = 0; len < w.len; len++)
			assert_int_equal(signer_message_parse(BYTES(out, len), &message, &used),
			                 SIGNER_MORE);
	}
}

static void a_message_that_does_not_fit_leaves_nothing_behind(void **state)
{
	static uint8_t out[2 * SIGNER_FRAME_MAX];
	struct buf data = { .data = new_array(SIGNER_FRAME_MAX, 1), .len = SIGNER_FRAME_MAX };
	struct signer_message message = { .kind = SIGNER_RESULT, .data = buf_view(&data) };
	struct writer w = writer_on(out, sizeof(out));
	struct writer small = writer_on(out, 12);
	size_t used;

	assert_false(signer_message_write(&w, &message));
	assert_int_equal(w.len, 0);
	w = writer_on(out, sizeof(out));
	message.data.len = SIGNER_FRAME_MAX - 4 - 1 - 8;
	assert_true(signer_message_write(&w, &message));
	assert_int_equal(w.len, SIGNER_FRAME_MAX);
	assert_int_equal(signer_message_parse(writer_view(&w), &message, &used), SIGNER_MESSAGE);
	message.data.len = 1;
	assert_false(signer_message_write(&small, &message));
	assert_int_equal(small.len, 0);
	buf_free(&data);
}

static void says_garbage_as_soon_as_the_length_shows_it(void **state)
{
	struct signer_message message;
	size_t used;

	assert_int_equal(signer_message_parse(BYTES("\0\0\0\0", 4), &message, &used),
	                 SIGNER_GARBAGE);
	assert_int_equal(signer_message_parse(BYTES("\0\2\0\0", 4), &message, &used),
	                 SIGNER_GARBAGE);
	assert_int_equal(signer_message_parse(BYTES("\0\1\xff\xfc", 4), &message, &used),
	                 SIGNER_MORE);
	assert_int_equal(signer_message_parse(BYTES("\0\0\0\1\0", 5), &message, &used),
	                 SIGNER_GARBAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote_one_message_after_the_other),
		cmocka_unit_test(waits_for_the_rest_of_a_message),
		cmocka_unit_test(a_message_that_does_not_fit_leaves_nothing_behind),
		cmocka_unit_test(says_garbage_as_soon_as_the_length_shows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
