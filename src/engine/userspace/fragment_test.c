#include "util/test.h"

#include "engine/userspace/fragment.h"

/* A packet of `len` octets with `options` after its header, payload counting up. */
static struct packet make(uint8_t *out, size_t len, struct bytes options, uint16_t flags)
{
	size_t header = 20 + options.len;
	uint16_t sum;
	struct packet p;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 31 >> 2);
	memcpy(out, (uint8_t[]){ 0, 0, 0, 0, 7, 7, 0, 0, 64, 17, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1 },
	       20);
	out[0] = (uint8_t)(0x40 | header / 4);
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[6] = (uint8_t)(flags >> 8);
	out[7] = (uint8_t)flags;
	if (options.len > 0)
		memcpy(out + 20, options.data, options.len);
	sum = checksum_finish(checksum_add(0, BYTES(out, header)));
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
	assert_true(packet_parse(BYTES(out, len), &p));
	return p;
}

/* Puts the pieces together as a host would and compares. */
static void check_pieces(const struct packet *p, size_t limit, uint16_t offset_before,
                         bool more_after)
{
	struct fragment f;
	uint8_t piece[1500], whole[4096];
	size_t len, expected_offset = offset_before, total = 0;
	bool is_more = true;

	fragment_start(&f, p, limit);
	while ((len = fragment_next(&f, piece)) > 0) {
		struct packet q;
		size_t field = (size_t)(piece[6] << 8 | piece[7]);

		assert_true(is_more);
		assert_true(len <= limit);
		assert_true(packet_parse(BYTES(piece, len), &q)); /* checksum, lengths */
		assert_int_equal(field & 0x1fff, expected_offset);
		assert_memory_equal(piece + 4, p->octets.data + 4, 2);
		is_more = field & 0x2000;
		if (is_more)
			assert_int_equal((len - q.upper) % 8, 0);
		memcpy(whole + total, piece + q.upper, len - q.upper);
		total += len - q.upper;
		expected_offset += (len - q.upper) / 8;
	}
	assert_int_equal(is_more, more_after);
	assert_int_equal(total, p->octets.len - p->upper);
	assert_memory_equal(whole, p->octets.data + p->upper, total);
}

/* MTU-4 */
static void cuts_into_pieces_that_make_the_packet_again(void **state)
{
	static const size_t lens[] = { 21, 28, 100, 576, 1439, 1500, 3000 };
	static const size_t limits[] = { 68, 100, 576, 1438 };
	uint8_t octets[4096];

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (size_t j = 0; j < ARRAY_LEN(limits); j++) {
			struct packet p = make(octets, lens[i], BYTES(NULL, 0), 0);

			check_pieces(&p, limits[j], 0, false);
		}
	}
}

static void cuts_what_is_a_fragment_already(void **state)
{
	uint8_t octets[4096];
	struct packet p = make(octets, 1500, BYTES(NULL, 0), 0x2000 | 185);

	check_pieces(&p, 600, 185, true);
	p = make(octets, 1500, BYTES(NULL, 0), 185);
	check_pieces(&p, 600, 185, false);
}

/* RFC 791 section 3.1: only options with the copied bit go into every piece. */
static void repeats_only_the_options_that_ask_for_it(void **state)
{
	static const uint8_t options[] = {
		0x94, 4, 0, 0, 0x07, 3, 4, 0
	}; /* router alert, record route */
	uint8_t octets[4096], piece[1500];
	struct packet p = make(octets, 1500, BYTES_OF(options), 0);
	struct fragment f;

	check_pieces(&p, 600, 0, false);
	fragment_start(&f, &p, 600);
	assert_true(fragment_next(&f, piece) > 0);
	assert_memory_equal(piece + 20, options, sizeof(options));
	assert_true(fragment_next(&f, piece) > 0);
	assert_memory_equal(piece + 20, ((uint8_t[]){ 0x94, 4, 0, 0, 1, 1, 1, 0 }), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_into_pieces_that_make_the_packet_again),
		cmocka_unit_test(cuts_what_is_a_fragment_already),
		cmocka_unit_test(repeats_only_the_options_that_ask_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
