#include "util/test.h"

#include "engine/userspace/transport.h"
#include "util/text.h"

static struct ip address(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(text, &ip));
	return ip;
}

/* TS-9: what comes out at the other end is the packet, with a header of its own */
static void what_stands_behind_the_header_comes_back_with_another(void **state)
{
	static const struct {
		const char *source, *destination;
	} cases[] = { { "192.0.2.1", "192.0.2.2" }, { "2001:db8::1", "2001:db8::2" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair pair = { address(cases[i].source), address(cases[i].destination) };
		struct bytes udp = BYTES_STR("\0\7\0\11\0\14\0\0text");
		uint8_t first[128], second[128], next_header;
		struct packet p, q;
		struct bytes payload;
		size_t len;

		udp.len = 12;
		len = transport_close(&pair, 0xff, 17, udp, first, sizeof(first));
		assert_int_equal(len, transport_header_len(pair.source.family) + 12);
		assert_true(packet_parse(BYTES(first, len), &p));
		assert_true(pair_equal(&p.pair, &pair));
		assert_int_equal(p.tos, 3); /* a DSCP would tell what was inside */
		assert_int_equal(p.protocol, 17);
		assert_int_equal(p.source_port, 7);
		assert_false(p.may_fragment);
		assert_true(transport_open(&p, &payload, &next_header));
		assert_int_equal(next_header, 17);
		assert_true(bytes_equal(payload, udp));
		len = transport_close(&p.pair, p.tos, next_header, payload, second, sizeof(second));
		assert_true(packet_parse(BYTES(second, len), &q));
		assert_memory_equal(first, second, len);
		assert_int_equal(transport_close(&pair, 0, 17, udp, second, len - 1), 0);
	}
}

static void neither_fragments_nor_extension_headers_can_be_sent(void **state)
{
	static const struct {
		const char *what, *octets;
		bool ok;
	} cases[] = {
		{ "whole", "4500001c 00000000 4011 f6cd c0000201 c0000202 00070009 00080000",
		  true },
		{ "options", "4600001c 00000000 4000 f5de c0000201 c0000202 00000000 00000000",
		  true },
		{ "first fragment",
		  "4500001c 00002000 4011 d6cd c0000201 c0000202 00070009 00080000", false },
		{ "later fragment",
		  "4500001c 00000001 4011 f6cc c0000201 c0000202 00070009 00080000", false },
		{ "IPv6",
		  "60000000 00081140 20010db8000000000000000000000001"
		  "20010db8000000000000000000000002 0007000900080000",
		  true },
		{ "IPv6 with options",
		  "60000000 00103c40 20010db8000000000000000000000001"
		  "20010db8000000000000000000000002 1100010400000000"
		  "0007000900080000",
		  false },
		{ "IPv6 fragment",
		  "60000000 00102c40 20010db8000000000000000000000001"
		  "20010db8000000000000000000000002 1100000000000001"
		  "0007000900080000",
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t octets[128], next_header;
		ssize_t len = hex_read(cases[i].octets, octets, sizeof(octets));
		struct bytes payload;
		struct packet p;

		assert_true(len > 0);
		if (!packet_parse(BYTES(octets, (size_t)len), &p))
			fail_msg("%s does not parse", cases[i].what);
		if (transport_open(&p, &payload, &next_header) != cases[i].ok)
			fail_msg("%s", cases[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_behind_the_header_comes_back_with_another),
		cmocka_unit_test(neither_fragments_nor_extension_headers_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
