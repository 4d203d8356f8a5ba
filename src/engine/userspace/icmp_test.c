#include "util/test.h"

#include "engine/userspace/icmp.h"
#include "engine/userspace/rate.h"
#include "util/text.h"

static struct packet make(const char *hex, uint8_t *octets, size_t len)
{
	uint16_t sum;
	struct packet p;

	memset(octets, 0, len);
	assert_true(hex_read(hex, octets, len) >= 20);
	if (octets[0] >> 4 == 4) {
		octets[2] = (uint8_t)(len >> 8);
		octets[3] = (uint8_t)len;
		sum = checksum_finish(checksum_add(0, BYTES(octets, 20)));
		octets[10] = (uint8_t)(sum >> 8);
		octets[11] = (uint8_t)sum;
	} else {
		octets[4] = (uint8_t)((len - 40) >> 8);
		octets[5] = (uint8_t)(len - 40);
	}
	assert_true(packet_parse(BYTES(octets, len), &p));
	return p;
}

#define V4(proto, src, dst, rest) \
	"4500000000000000"        \
	"40" proto "0000" src dst rest
#define V6(next, src, dst, rest) "600000000000" next "40" src dst rest
#define A6                       "20010db8000000000000000000000001"
#define B6                       "20010db8000000000000000000000002"

/* MTU-3, ICM-6 */
static void says_what_is_wrong_and_quotes_the_packet(void **state)
{
	static const struct {
		const char *hex;
		size_t len;
		enum icmp_error error;
		uint8_t head[8];
		size_t quote;
	} cases[] = {
		{ V4("11", "0a010001", "0a020001", ""),
		  1500,
		  ICMP_ERROR_TOO_BIG,
		  { 3, 4, 0, 0, 0, 0, 0x05, 0x9e },
		  548 },
		{ V4("11", "0a010001", "0a020001", ""),
		  100,
		  ICMP_ERROR_PROHIBITED,
		  { 3, 13 },
		  100 },
		{ V6("11", A6, B6, ""),
		  1500,
		  ICMP_ERROR_TOO_BIG,
		  { 2, 0, 0, 0, 0, 0, 0x05, 0x9e },
		  1232 },
		{ V6("11", A6, B6, ""), 100, ICMP_ERROR_PROHIBITED, { 1, 1 }, 100 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t octets[1500], out[ICMP_MESSAGE_MAX];
		struct packet p = make(cases[i].hex, octets, cases[i].len);
		size_t len = icmp_write(cases[i].error, &p, 1438, out);

		assert_int_equal(len, 8 + cases[i].quote);
		if (p.version == 4)
			assert_int_equal(checksum_finish(checksum_add(0, BYTES(out, len))), 0);
		out[2] = out[3] = 0;
		assert_memory_equal(out, cases[i].head, 8);
		assert_memory_equal(out + 8, octets, cases[i].quote);
	}
}

/* ICM-5 */
static void answers_no_errors_fragments_or_crowds(void **state)
{
	static const struct {
		const char *hex;
		bool may;
	} cases[] = {
		{ V4("11", "0a010001", "0a020001", "12340035"), true },
		{ V4("01", "0a010001", "0a020001", "0800"), true },
		{ V4("01", "0a010001", "0a020001", "0300"), false },
		{ V4("11", "0a010001", "e0000001", ""), false },
		{ V4("11", "0a010001", "ffffffff", ""), false },
		{ V4("11", "00000000", "0a020001", ""), false },
		{ "45000000000000014011"
		  "0000"
		  "0a0100010a020001",
		  false },
		{ V6("3a", A6, B6, "8000"), true },
		{ V6("3a", A6, B6, "0200"), false },
		{ V6("11", A6, "ff020000000000000000000000000001", ""), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t octets[64];
		struct packet p = make(cases[i].hex, octets, sizeof(octets));

		if (icmp_may_answer(&p) != cases[i].may)
			fail_msg("%s", cases[i].hex);
	}
}

/* ICM-5 */
static void lets_a_burst_through_and_then_so_many_a_second(void **state)
{
	struct rate rate = rate_of(10, 5);
	struct instant now = { INT64_C(3600) * 1000000000 };
	unsigned passed = 0;

	for (int i = 0; i < 100; i++)
		passed += rate_take(&rate, now);
	assert_int_equal(passed, 5);
	for (int i = 0; i < 2000; i++) {
		now = instant_after(now, MILLISECONDS(1));
		passed += rate_take(&rate, now);
	}
	assert_int_equal(passed, 25);
	now = instant_after(now, SECONDS(100000));
	for (passed = 0; rate_take(&rate, now);)
		passed++;
	assert_int_equal(passed, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong_and_quotes_the_packet),
		cmocka_unit_test(answers_no_errors_fragments_or_crowds),
		cmocka_unit_test(lets_a_burst_through_and_then_so_many_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
