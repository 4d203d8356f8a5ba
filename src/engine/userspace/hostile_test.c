#include "util/test.h"

#include "engine/userspace/netns_bed.h"

/*
 * A peer with the key of an SA of east's, which has 32-bit numbers, and what it may send by that.
 */

enum { HOSTILE_SPI = 0x1004 };

static void add_hostile(const char *local, uint8_t protocol, uint16_t port)
{
	uint8_t key[36];
	struct child_sa sa = { .spi_in = HOSTILE_SPI,
		               .spi_out = 0x2004,
		               .cipher = AEAD_AES_GCM_16_256,
		               .key_in = { key, sizeof(key) },
		               .key_out = { key, sizeof(key) },
		               .udp_encapsulation = true };
	struct ip_range range;

	memset(key, 0x33, sizeof(key));
	assert_true(range_parse(local, &range));
	sa.local = (struct traffic_selector){ range, protocol, port, port == 0 ? 65535 : port };
	sa.remote = (struct traffic_selector){ range_any(IP_V4), protocol, 0, 65535 };
	sa.path.local = (struct endpoint){ ip_of(east.outside), 4500 };
	sa.path.remote = (struct endpoint){ ip_of(west.outside), 4500 };
	assert_true(tables_add_child(&east.shared.tables, &sa, 1500));
}

static void remove_hostile(void)
{
	tables_remove_child(&east.shared.tables, HOSTILE_SPI);
	tables_collect(&east.shared.tables);
}

static uint64_t hostile_delivered(void)
{
	uint64_t packets;

	tables_read_begin(&east.shared.tables);
	packets = use_read(&tables_child(&east.shared.tables, HOSTILE_SPI)->use_in).packets;
	tables_read_end(&east.shared.tables);
	return packets;
}

static void wait_delivered(uint64_t packets)
{
	for (int i = 0; i < TIMEOUT_MS && hostile_delivered() < packets; i++)
		poll(NULL, 0, 1);
	assert_int_equal(hostile_delivered(), packets);
}

struct hostile {
	const char *from, *to;
	uint8_t protocol;
	uint16_t port;
	int outer_tos;
	bool is_first_piece; /* of a datagram in pieces */
};

/* An IPv4 packet; with UDP's header around the payload, whatever the protocol. */
static size_t write_inner(const struct hostile *h, struct bytes payload, uint8_t *out)
{
	struct ip from = ip_of(h->from), to = ip_of(h->to);
	size_t len = 28 + payload.len;
	const uint8_t header[28] = { 0x45, 0,  (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0x40,
		                     0,    64, h->protocol };
	uint16_t sum;

	memcpy(out, header, sizeof(header));
	if (h->is_first_piece)
		out[6] = 0x20;
	memcpy(out + 12, from.octets, 4);
	memcpy(out + 16, to.octets, 4);
	sum = checksum_finish(checksum_add(0, BYTES(out, 20)));
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
	out[22] = (uint8_t)(h->port >> 8);
	out[23] = (uint8_t)h->port;
	out[24] = (uint8_t)((8 + payload.len) >> 8);
	out[25] = (uint8_t)(8 + payload.len);
	memcpy(out + 28, payload.data, payload.len);
	return len;
}

static size_t seal_hostile(uint64_t sequence, struct bytes inner, uint8_t *out)
{
	uint8_t key[36];
	struct aead *aead;
	size_t len;

	memset(key, 0x33, sizeof(key));
	aead = aead_new(AEAD_AES_GCM_16_256, BYTES_OF(key));
	len =
	    esp_seal(&(struct esp_key){ HOSTILE_SPI, false, aead }, sequence, NULL, 4, inner, out);
	aead_free(aead);
	return len;
}

static void send_hostile(uint64_t sequence, const struct hostile *h)
{
	uint8_t inner[28], packet[128];
	size_t len = write_inner(h, BYTES("", 0), inner);

	send_marked(BYTES(packet, seal_hostile(sequence, BYTES(inner, len), packet)), h->outer_tos);
}

/*
 * The plain packet in `depth` layers of ESP by the same SA, all but the outermost inside UDP to
 * `to`. The innermost has the last number.
 */
static void send_nested(uint64_t *sequence, unsigned depth, const char *to,
                        const struct hostile *plain)
{
	const struct hostile wrapped = { "10.1.0.9", to, 17, 4500 };
	uint8_t inner[512], packet[512];
	size_t len = write_inner(plain, BYTES("", 0), inner);

	*sequence += depth;
	for (unsigned i = 0; i < depth; i++) {
		size_t sealed = seal_hostile(*sequence - i, BYTES(inner, len), packet);

		if (i + 1 == depth)
			send_marked(BYTES(packet, sealed), 0);
		else
			len = write_inner(&wrapped, BYTES(packet, sealed), inner);
	}
}

/* IN-6, IN-10, IN-13, ECN-2 */
static void hands_over_nothing_that_an_sa_may_not_carry(void **state)
{
	static const struct {
		const char *local;
		uint8_t protocol;
		uint16_t port;
		struct hostile packet;
		enum engine_drop drop; /* COUNT: it is fine */
	} cases[] = {
		{ "0.0.0.0/0", 0, 0, { "10.1.0.9", "10.2.0.1", 17, 1 }, ENGINE_DROP_COUNT },
		{ "0.0.0.0/0", 0, 0, { "127.0.0.1", "10.2.0.1", 17, 1 }, ENGINE_DROP_SELECTOR },
		{ "0.0.0.0/0", 0, 0, { "0.0.0.0", "10.2.0.1", 17, 1 }, ENGINE_DROP_SELECTOR },
		{ "0.0.0.0/0", 0, 0, { "224.0.0.9", "10.2.0.1", 17, 1 }, ENGINE_DROP_SELECTOR },
		{ "0.0.0.0/0",
		  0,
		  0,
		  { "255.255.255.255", "10.2.0.1", 17, 1 },
		  ENGINE_DROP_SELECTOR },
		{ "0.0.0.0/0", 0, 0, { "10.1.0.9", "127.0.0.1", 17, 1 }, ENGINE_DROP_SELECTOR },
		{ "10.2.0.1", 17, 7014, { "10.1.0.9", "10.2.0.1", 17, 7014 }, ENGINE_DROP_COUNT },
		{ "10.2.0.1",
		  17,
		  7014,
		  { "10.1.0.9", "10.2.0.1", 17, 7015 },
		  ENGINE_DROP_SELECTOR },
		{ "10.2.0.1", 17, 7014, { "10.1.0.9", "10.2.0.1", 6, 7014 }, ENGINE_DROP_SELECTOR },
		{ "10.2.0.1",
		  17,
		  7014,
		  { "10.1.0.9", "10.2.0.2", 17, 7014 },
		  ENGINE_DROP_SELECTOR },
		{ "10.2.0.1", 0, 0, { "10.1.0.9", "10.2.0.1", 17, 1, 3 }, ENGINE_DROP_ECN },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool is_fine = cases[i].drop == ENGINE_DROP_COUNT;
		uint64_t before = is_fine ? 0 : dropped(&east, cases[i].drop);

		add_hostile(cases[i].local, cases[i].protocol, cases[i].port);
		send_hostile(1, &cases[i].packet);
		if (is_fine)
			while (hostile_delivered() == 0)
				sched_yield();
		else
			wait_dropped(&east, cases[i].drop, before + 1);
		assert_int_equal(hostile_delivered(), is_fine);
		remove_hostile();
	}
}

/* IN-7: ESP inside ESP goes through input again, ESP inside that does not; nor does IKE. */
static void unwraps_esp_inside_esp_and_nothing_inside_that(void **state)
{
	static const struct hostile plain = { "10.1.0.9", "10.2.0.1", 17, 7024 };
	static const struct hostile ike = { "10.1.0.9", "192.0.2.2", 17, 500 };
	static const struct hostile others = { "10.1.0.9", "10.2.0.77", 17, 4500 };
	static const struct hostile piece = {
		.from = "10.1.0.9", "10.2.0.1", 17, 4500, .is_first_piece = true
	};
	uint64_t sequence = 0, delivered, before = dropped(&east, ENGINE_DROP_NESTED);
	int to = udp_socket(&east, 7024);
	char got[8];

	add_hostile("0.0.0.0/0", 0, 0);
	send_nested(&sequence, 1, "192.0.2.2", &plain);
	assert_int_equal(recv(to, got, sizeof(got), 0), 0);
	send_nested(&sequence, 2, "192.0.2.2", &plain);
	assert_int_equal(recv(to, got, sizeof(got), 0), 0);
	assert_int_equal(dropped(&east, ENGINE_DROP_NESTED), before);
	send_nested(&sequence, 3, "192.0.2.2", &plain);
	wait_dropped(&east, ENGINE_DROP_NESTED, before + 1);
	send_nested(&sequence, 4, "192.0.2.2", &plain);
	wait_dropped(&east, ENGINE_DROP_NESTED, before + 2);
	send_nested(&sequence, 2, "192.0.2.2", &ike);
	wait_dropped(&east, ENGINE_DROP_NESTED, before + 3);
	send_nested(&sequence, 2, "192.0.2.2", &piece); /* its SPI is in the next one */
	wait_dropped(&east, ENGINE_DROP_NESTED, before + 4);
	delivered = hostile_delivered();
	send_nested(&sequence, 2, "192.0.2.2", &others); /* not for us: it goes on */
	wait_delivered(delivered + 2);
	assert_int_equal(dropped(&east, ENGINE_DROP_NESTED), before + 4);
	assert_int_equal(recv(to, got, sizeof(got), MSG_DONTWAIT), -1);
	remove_hostile();
	close(to);
}

/* RPL-2, RPL-7 */
static void counts_what_comes_twice_and_what_comes_late(void **state)
{
	static const struct hostile packet = { "10.1.0.9", "10.2.0.1", 17, 1 };
	uint64_t twice = dropped(&east, ENGINE_DROP_REPLAY);
	uint64_t late = dropped(&east, ENGINE_DROP_LATE);

	add_hostile("10.2.0.1", 0, 0);
	send_hostile(5000, &packet);
	send_hostile(5000, &packet);
	wait_dropped(&east, ENGINE_DROP_REPLAY, twice + 1);
	send_hostile(5000 - REPLAY_WINDOW, &packet);
	wait_dropped(&east, ENGINE_DROP_LATE, late + 1);
	assert_int_equal(dropped(&east, ENGINE_DROP_REPLAY), twice + 1);
	assert_int_equal(hostile_delivered(), 1);
	remove_hostile();
}

/* Told with the first packet the mailbox has room for, and once. */
static void that_an_sa_is_heard_is_told_again_after_a_full_mailbox(void **state)
{
	static const struct hostile packet = { "10.1.0.9", "10.2.0.1", 17, 7019 };
	struct mailbox *m = &east.shared.mailbox;

	add_hostile("10.2.0.1", 0, 0);
	take_letters(m, LETTER_HEARD, 0);
	fill_mailbox(m);
	send_hostile(1, &packet);
	wait_delivered(1);
	assert_int_equal(take_letters(m, LETTER_HEARD, HOSTILE_SPI), 0);
	send_hostile(2, &packet);
	send_hostile(3, &packet);
	wait_delivered(3);
	assert_int_equal(take_letters(m, LETTER_HEARD, HOSTILE_SPI), 1);
	remove_hostile();
}

/* IN-8, UDP-2: the inner packet is what it was, whatever was around it; without a UDP checksum. */
static void nothing_of_the_outer_header_goes_in(void **state)
{
	static const struct hostile packet = { "10.1.0.9", "10.2.0.1", 17, 7016, 0xb8 };
	union sockaddr_any from = { 0 };
	socklen_t len = sizeof(from);
	int to = udp_socket(&east, 7016);
	uint8_t control[64], got[8];
	struct iovec vector = { got, sizeof(got) };
	struct msghdr message = { &from, len, &vector, 1, control, sizeof(control), 0 };
	struct ip source;
	struct cmsghdr *c;

	setsockopt(to, IPPROTO_IP, IP_RECVTOS, &(int){ 1 }, sizeof(int));
	add_hostile("10.2.0.1", 0, 0);
	send_hostile(1, &packet);
	assert_int_equal(recvmsg(to, &message, 0), 0);
	source = ip_v4(10, 1, 0, 9);
	assert_memory_equal(&from.v4.sin_addr, source.octets, 4);
	c = CMSG_FIRSTHDR(&message);
	assert_non_null(c);
	assert_int_equal(c->cmsg_type, IP_TOS);
	assert_int_equal(*CMSG_DATA(c), 0);
	remove_hostile();
	close(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_over_nothing_that_an_sa_may_not_carry),
		cmocka_unit_test(unwraps_esp_inside_esp_and_nothing_inside_that),
		cmocka_unit_test(counts_what_comes_twice_and_what_comes_late),
		cmocka_unit_test(that_an_sa_is_heard_is_told_again_after_a_full_mailbox),
		cmocka_unit_test(nothing_of_the_outer_header_goes_in),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77; /* skipped: needs root */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
