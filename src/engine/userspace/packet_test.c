#include "util/test.h"

#include "engine/userspace/packet.h"
#include "util/vectors.h"

/* ECN-1 */
static void copies_and_merges_congestion_marks_by_the_table(void **state)
{
	json_t *root = vectors_load("ecn");
	const json_t *v;
	size_t i, tried = 0;

	json_array_foreach(vector_member(root, "encapsulation"), i, v)
	    assert_int_equal(ecn_outer((uint8_t)(0xb8 | vector_number(v, "inner_bits"))),
	                     vector_number(v, "outer_bits"));
	json_array_foreach(vector_member(root, "decapsulation"), i, v)
	{
		uint8_t inner = (uint8_t)(0x28 | vector_number(v, "inner_bits")), result = 0;
		uint8_t outer = (uint8_t)(0xb8 | vector_number(v, "outer_bits"));
		bool is_odd, is_kept = ecn_inner(inner, outer, &result, &is_odd);

		assert_int_equal(is_kept, strcmp(vector_string(v, "result"), "drop") != 0);
		assert_int_equal(is_odd, json_is_true(vector_member(v, "log")));
		if (is_kept)
			assert_int_equal(result, 0x28 | vector_number(v, "result_bits"));
		tried++;
	}
	assert_int_equal(tried, 16);
	json_decref(root);
}

static uint16_t tcp_checksum(const struct packet *p)
{
	struct bytes tcp = BYTES(p->octets.data + p->upper, p->octets.len - p->upper);
	uint8_t tail[4] = { 0, 6, (uint8_t)(tcp.len >> 8), (uint8_t)tcp.len };
	uint32_t sum = checksum_add(0, ip_octets(&p->pair.source));

	sum = checksum_add(sum, ip_octets(&p->pair.destination));
	sum = checksum_add(sum, BYTES_OF(tail));
	return checksum_finish(checksum_add(sum, tcp));
}

static void put_checksum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* A TCP segment with these options, checksums right. */
static struct packet make_tcp(uint8_t *out, bool is_v4, uint8_t flags, struct bytes options)
{
	size_t header = is_v4 ? 20 : 40, len = header + 20 + options.len;
	struct packet p;

	assert_int_equal(options.len % 4, 0);
	memset(out, 0, len);
	if (is_v4) {
		memcpy(out, (uint8_t[]){ 0x45, 0, 0, (uint8_t)len, 0, 1, 0x40, 0, 64, 6, 0, 0, 10,
		                         1,    0, 1, 10,           2, 0, 1 },
		       20);
		put_checksum(out + 10, checksum_finish(checksum_add(0, BYTES(out, 20))));
	} else {
		memcpy(out, (uint8_t[]){ 0x60, 0, 0, 0, 0, (uint8_t)(len - 40), 6, 64 }, 8);
		out[8] = out[24] = 0x20;
		out[23] = 1;
		out[39] = 2;
	}
	memcpy(out + header, (uint8_t[]){ 0x12, 0x34, 0, 80, 0, 0, 0, 9 }, 8);
	out[header + 12] = (uint8_t)((20 + options.len) / 4 << 4);
	out[header + 13] = flags;
	if (options.len > 0)
		memcpy(out + header + 20, options.data, options.len);
	assert_true(packet_parse(BYTES(out, len), &p));
	put_checksum(out + header + 16, tcp_checksum(&p));
	assert_int_equal(tcp_checksum(&p), 0);
	return p;
}

/* MTU-11 */
static void lowers_the_segment_size_of_a_syn_and_nothing_else(void **state)
{
	static const struct {
		const char *what;
		uint8_t flags;
		uint8_t options[12];
		size_t at; /* of the MSS value in the options, 0: there is none to look at */
		uint16_t v4, v6;
	} cases[] = {
		{ "1460", 2, { 2, 4, 0x05, 0xb4 }, 2, 1398, 1378 },
		{ "small", 2, { 2, 4, 0x02, 0x00 }, 2, 512, 512 },
		{ "SYN and ACK", 0x12, { 2, 4, 0x05, 0xb4 }, 2, 1398, 1378 },
		{ "no SYN", 0x10, { 2, 4, 0x05, 0xb4 }, 2, 1460, 1460 },
		{ "after two no-ops", 2, { 1, 1, 2, 4, 0x05, 0xb4 }, 4, 1398, 1378 },
		{ "at an odd place", 2, { 1, 2, 4, 0x05, 0xb4 }, 3, 1398, 1378 },
		{ "after the end", 2, { 0, 2, 4, 0x05, 0xb4 }, 3, 1460, 1460 },
		{ "option without length", 2, { 9, 0, 2, 4, 0x05, 0xb4 }, 4, 1460, 1460 },
		{ "option past the end", 2, { 9, 77, 2, 4, 0x05, 0xb4 }, 4, 1460, 1460 },
		{ "cut off", 2, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4 }, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int is_v4 = 0; is_v4 < 2; is_v4++) {
			uint8_t out[128];
			struct packet p =
			    make_tcp(out, is_v4, cases[i].flags, BYTES_OF(cases[i].options));
			const uint8_t *mss = out + p.upper + 20 + cases[i].at;

			packet_clamp_mss(&p, out, 1438);
			if (tcp_checksum(&p) != 0)
				fail_msg("%s: checksum", cases[i].what);
			if (cases[i].at != 0 &&
			    (mss[0] << 8 | mss[1]) != (is_v4 ? cases[i].v4 : cases[i].v6))
				fail_msg("%s: %u", cases[i].what, mss[0] << 8 | mss[1]);
		}
	}
}

/* ECN-1 */
static void mends_the_header_checksum_after_a_mark(void **state)
{
	for (uint8_t tos = 0; tos < 4; tos++) {
		uint8_t out[128];
		struct packet p = make_tcp(out, true, 0x10, BYTES(NULL, 0));

		packet_set_ecn(out, p.octets.len, tos);
		assert_true(packet_parse(p.octets, &p)); /* which verifies the checksum */
		assert_int_equal(p.tos, tos);
		p = make_tcp(out, false, 0x10, BYTES(NULL, 0));
		packet_set_ecn(out, p.octets.len, tos);
		assert_true(packet_parse(p.octets, &p));
		assert_int_equal(p.tos, tos);
		assert_int_equal(out[0] >> 4, 6);
	}
}

/* IPv4 header whose checksum the test fills in. */
static size_t ipv4(const char *hex, uint8_t *out)
{
	ssize_t len = hex_read(hex, out, 256);
	size_t header = (size_t)(out[0] & 15) * 4;

	assert_true(len >= 20);
	if (header >= 20 && header <= (size_t)len)
		put_checksum(out + 10, checksum_finish(checksum_add(0, BYTES(out, header))));
	return (size_t)len;
}

/* IN-14, SPD-2, MTU-7 */
static void reads_what_the_selectors_ask_for(void **state)
{
	static const struct {
		const char *hex;
		uint8_t protocol;
		bool has_ports, is_later, is_error, may_fragment;
		uint16_t source, destination;
	} cases[] = {
		{ "4500001c00000000401100000a0100010a020001 1234005000080000", 17, true, false,
		  false, true, 0x1234, 80 },
		{ "4500001c00004000401100000a0100010a020001 1234005000080000", 17, true, false,
		  false, false, 0x1234, 80 },
		{ "4500001c00002000401100000a0100010a020001 1234005000080000", 17, true, false,
		  false, true, 0x1234, 80 },
		{ "4500001c00000001401100000a0100010a020001 1234005000080000", 17, false, true,
		  false, true, 0, 0 },
		{ "4500001c00000000400100000a0100010a020001 0800000000000000", 1, true, false,
		  false, true, 0x800, 0x800 },
		{ "4500001c00000000400100000a0100010a020001 0304000000000000", 1, true, false, true,
		  true, 0x304, 0x304 },
		{ "4500001c00000000400100000a0100010a020001 0b00000000000000", 1, true, false, true,
		  true, 0xb00, 0xb00 },
		{ "4500001c00000001400100000a0100010a020001 0304000000000000", 1, false, true,
		  false, true, 0, 0 },
		{ "4600001c00000000401100000a0100010a020001 01010100 12340050", 17, true, false,
		  false, true, 0x1234, 80 },
		{ "4500001600000000401100000a0100010a020001 1234", 17, false, false, false, true, 0,
		  0 },
		{ "4500001400000000403200000a0100010a020001", 50, false, false, false, true, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t octets[256];
		size_t len = ipv4(cases[i].hex, octets);
		struct packet p;

		if (!packet_parse(BYTES(octets, len), &p))
			fail_msg("%s", cases[i].hex);
		assert_int_equal(p.protocol, cases[i].protocol);
		assert_int_equal(p.is_later_fragment, cases[i].is_later);
		assert_int_equal(p.is_icmp_error, cases[i].is_error);
		assert_int_equal(p.may_fragment, cases[i].may_fragment);
		if (p.has_ports != cases[i].has_ports)
			fail_msg("%s", cases[i].hex);
		if (p.has_ports) {
			assert_int_equal(p.source_port, cases[i].source);
			assert_int_equal(p.destination_port, cases[i].destination);
		}
	}
}

/* IN-14 */
static void refuses_broken_headers(void **state)
{
	static const char *const cases[] = {
		"4500001500000000401100000a0100010a020001", /* longer than what is there */
		"4500001300000000401100000a0100010a020001", /* shorter than its header */
		"4400001400000000401100000a0100010a020001", /* header below 20 octets */
		"4600001400000000401100000a0100010a020001", /* header above the total */
		"5500001400000000401100000a0100010a020001", /* no such version */
	};
	uint8_t octets[256];
	struct packet p;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		len = ipv4(cases[i], octets);
		if (packet_parse(BYTES(octets, len), &p))
			fail_msg("%s", cases[i]);
	}
	len = ipv4("4500001400000000401100000a0100010a020001", octets);
	assert_true(packet_parse(BYTES(octets, len), &p));
	octets[11] ^= 1;
	assert_false(packet_parse(BYTES(octets, len), &p));
	assert_false(packet_parse(BYTES(octets, 0), &p));
}

/* An IPv6 packet whose extension headers are `count` empty destination options, then UDP. */
static size_t ipv6_with_options(uint8_t *out, unsigned count)
{
	size_t len = 40 + count * 8 + 8;

	memset(out, 0, len);
	out[0] = 0x60;
	out[5] = (uint8_t)(len - 40);
	out[6] = count > 0 ? 60 : 17;
	out[8] = out[24] = 0x20;
	for (unsigned i = 0; i < count; i++)
		out[40 + i * 8] = i + 1 < count ? 60 : 17;
	out[40 + count * 8 + 3] = 53;
	return len;
}

/* IN-14 */
static void walks_a_bounded_number_of_extension_headers(void **state)
{
	uint8_t octets[256];
	struct packet p;

	for (unsigned count = 0; count <= PACKET_EXTENSIONS_MAX; count++) {
		size_t len = ipv6_with_options(octets, count);

		assert_true(packet_parse(BYTES(octets, len), &p));
		assert_int_equal(p.protocol, 17);
		assert_int_equal(p.upper, 40 + count * 8);
		assert_int_equal(p.destination_port, 53);
	}
	assert_false(packet_parse(BYTES(octets, ipv6_with_options(octets, 9)), &p));
}

static void knows_the_fragments_of_ipv6(void **state)
{
	uint8_t octets[256];
	size_t len = ipv6_with_options(octets, 1);
	struct packet p;

	octets[6] = 44;
	octets[43] = 1; /* first, more to come */
	assert_true(packet_parse(BYTES(octets, len), &p));
	assert_true(p.is_fragment);
	assert_true(p.has_ports);
	octets[43] = 8; /* offset 1 */
	assert_true(packet_parse(BYTES(octets, len), &p));
	assert_true(p.is_later_fragment);
	assert_false(p.has_ports);
	assert_int_equal(p.protocol, 17);
}

/* IPV-4 */
static void refuses_mapped_addresses_inside(void **state)
{
	uint8_t octets[256];
	size_t len = ipv6_with_options(octets, 0);
	struct packet p;

	memset(octets + 8, 0, 10);
	octets[18] = octets[19] = 0xff;
	assert_false(packet_parse(BYTES(octets, len), &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_and_merges_congestion_marks_by_the_table),
		cmocka_unit_test(lowers_the_segment_size_of_a_syn_and_nothing_else),
		cmocka_unit_test(mends_the_header_checksum_after_a_mark),
		cmocka_unit_test(reads_what_the_selectors_ask_for),
		cmocka_unit_test(refuses_broken_headers),
		cmocka_unit_test(walks_a_bounded_number_of_extension_headers),
		cmocka_unit_test(knows_the_fragments_of_ipv6),
		cmocka_unit_test(refuses_mapped_addresses_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
