#include "util/test.h"

#include "engine/userspace/icmp.h"
#include "engine/userspace/quote.h"

static const uint8_t udp4[] = { 0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10,  1,   0,   1,
	                        10,   2, 0, 1,  0, 9, 1, 2, 0,  12, 0, 0, 'a', 'b', 'c', 'd' };

/* IPv6 with a header between, and UDP. */
static const uint8_t udp6[] = { 0x60, 0,    0, 0, 0, 12, 17, 64, 0x20, 1,   0xd, 0xb8, 0,
	                        0,    0,    0, 0, 0, 0,  0,  0,  0,    0,   1,   0x20, 1,
	                        0xd,  0xb8, 0, 0, 0, 0,  0,  0,  0,    0,   0,   0,    0,
	                        2,    0,    9, 1, 2, 0,  12, 0,  0,    'a', 'b', 'c',  'd' };

/* An error of `router` about the first `len` of those octets. */
static struct packet error_about(struct bytes octets, size_t len, uint8_t *room)
{
	struct packet about = { .octets = BYTES(octets.data, len), .version = octets.data[0] >> 4 };
	size_t header = about.version == 4 ? 20 : 40;
	size_t written = icmp_write(ICMP_ERROR_PROHIBITED, &about, 0, room + header);

	return (struct packet){ .octets = BYTES(room, header + written),
		                .version = about.version,
		                .upper = header,
		                .is_icmp_error = true };
}

/* ICM-3 */
static void turns_the_quoted_packet_round(void **state)
{
	static const struct {
		struct bytes octets;
		const char *source, *destination;
	} cases[] = {
		{ { udp4, sizeof(udp4) }, "10.2.0.1", "10.1.0.1" },
		{ { udp6, sizeof(udp6) }, "2001:db8::2", "2001:db8::1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t room[40 + ICMP_MESSAGE_MAX] = { 0 };
		struct packet error = error_about(cases[i].octets, cases[i].octets.len, room);
		struct packet answer;

		assert_true(quote_answer(&error, &answer));
		assert_string_equal(ip_text(&answer.pair.source).s, cases[i].source);
		assert_string_equal(ip_text(&answer.pair.destination).s, cases[i].destination);
		assert_int_equal(answer.protocol, 17);
		assert_true(answer.has_ports);
		assert_int_equal(answer.source_port, 0x102);
		assert_int_equal(answer.destination_port, 9);
		error.is_icmp_error = false;
		assert_false(quote_answer(&error, &answer));
	}
}

static void knows_nothing_of_less_than_a_header(void **state)
{
	for (size_t len = 0; len < sizeof(udp4); len++) {
		uint8_t room[40 + ICMP_MESSAGE_MAX] = { 0 };
		struct packet error = error_about(BYTES_OF(udp4), len, room);
		struct packet answer;

		assert_int_equal(quote_answer(&error, &answer), len >= 20);
		if (len >= 20)
			assert_int_equal(answer.has_ports, len >= 24);
	}
	for (size_t len = 0; len < sizeof(udp6); len++) {
		uint8_t room[40 + ICMP_MESSAGE_MAX] = { 0 };
		struct packet error = error_about(BYTES_OF(udp6), len, room);
		struct packet answer;

		assert_int_equal(quote_answer(&error, &answer), len >= 40);
	}
}

static void a_later_fragment_shows_no_ports(void **state)
{
	uint8_t octets[sizeof(udp4)], room[40 + ICMP_MESSAGE_MAX] = { 0 };
	struct packet error, answer;

	memcpy(octets, udp4, sizeof(octets));
	octets[7] = 3;
	error = error_about(BYTES_OF(octets), sizeof(octets), room);
	assert_true(quote_answer(&error, &answer));
	assert_true(answer.is_later_fragment);
	assert_false(answer.has_ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_the_quoted_packet_round),
		cmocka_unit_test(knows_nothing_of_less_than_a_header),
		cmocka_unit_test(a_later_fragment_shows_no_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
