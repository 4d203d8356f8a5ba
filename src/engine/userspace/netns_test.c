#include "util/test.h"

#include "engine/userspace/netns_bed.h"

/* HOLD-1, HOLD-2, OUT-1, IN-10 */
static void holds_the_first_packets_and_carries_them_in_order(void **state)
{
	struct ip_pair out = { ip_of(west.inside), ip_of(east.inside) };
	struct ip_pair back = { ip_of(east.inside), ip_of(west.inside) };
	struct ip_pair asked;
	int from = udp_socket(&west, 7001), to = udp_socket(&east, 7002);

	send_text(from, &east, 7002, "one");
	send_text(from, &east, 7002, "two");
	send_text(from, &east, 7002, "three");
	assert_true(wait_acquire(&west, &asked));
	assert_true(pair_equal(&asked, &out));
	wait_held(&west, &out, 3);
	add_child(&east, &west);
	verdict(&east, &back, EROUTE_TUNNEL, west.spi);
	add_child(&west, &east);
	verdict(&west, &out, EROUTE_TUNNEL, east.spi);
	expect_text(to, "one");
	expect_text(to, "two");
	expect_text(to, "three");
	send_text(to, &west, 7001, "answer");
	expect_text(from, "answer");
	close(from);
	close(to);
}

static struct ip_pair pair_of(const struct gateway *from, const struct gateway *to)
{
	return (struct ip_pair){ ip_of(from->inside), ip_of(to->inside) };
}

/* FAIL-1, ICM-6 */
static void rejects_with_an_answer_that_names_the_filter(void **state)
{
	struct ip_pair pair = pair_of(&west, &east);
	uint64_t before = dropped(&west, ENGINE_DROP_VERDICT);
	int from = udp_socket(&west, 7003);
	char got[16];

	setsockopt(from, IPPROTO_IP, IP_RECVERR, &(int){ 1 }, sizeof(int));
	verdict(&west, &pair, EROUTE_REJECT, 0);
	send_text(from, &east, 7002, "never");
	assert_int_equal(recv(from, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EHOSTUNREACH);
	wait_dropped(&west, ENGINE_DROP_VERDICT, before + 1);
	verdict(&west, &pair, EROUTE_TUNNEL, east.spi);
	close(from);
}

/* MTU-3, MTU-1 */
static void tells_the_sender_what_fits_into_the_tunnel(void **state)
{
	int from = udp_socket(&west, 7004), to = udp_socket(&east, 7005);
	char big[1500] = "", got[1500];
	union sockaddr_any address;
	struct ip ip = ip_of(east.inside);
	socklen_t len = sockaddr_from(&address, &ip, 7005);
	int mtu = 0;
	socklen_t mtu_len = sizeof(mtu);

	assert_int_equal(connect(from, &address.any, len), 0);
	setsockopt(from, IPPROTO_IP, IP_MTU_DISCOVER, &(int){ IP_PMTUDISC_DO }, sizeof(int));
	assert_int_equal(send(from, big, 1472, 0), 1472);
	wait_dropped(&west, ENGINE_DROP_TOO_BIG, 1);
	for (int i = 0; i < TIMEOUT_MS && mtu != 1438; i++) {
		assert_int_equal(getsockopt(from, IPPROTO_IP, IP_MTU, &mtu, &mtu_len), 0);
		poll(NULL, 0, mtu == 1438 ? 0 : 1);
	}
	assert_int_equal(mtu, 1438);
	/* The error waits on the socket and would be the next call's. */
	assert_int_equal(getsockopt(from, SOL_SOCKET, SO_ERROR, &mtu, &mtu_len), 0);
	assert_int_equal(mtu, EMSGSIZE);
	assert_int_equal(send(from, big, 1438 - 28, 0), 1438 - 28);
	assert_int_equal(recv(to, got, sizeof(got), 0), 1438 - 28);
	close(from);
	close(to);
}

/* MTU-4: without DF it arrives, in pieces below the tunnel's limit. */
static void fragments_what_may_be_fragmented(void **state)
{
	int from = udp_socket(&west, 7006), to = udp_socket(&east, 7007);
	union sockaddr_any address;
	struct ip ip = ip_of(east.inside);
	socklen_t len = sockaddr_from(&address, &ip, 7007);
	char big[5000], got[6000];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	setsockopt(from, IPPROTO_IP, IP_MTU_DISCOVER, &(int){ IP_PMTUDISC_OMIT }, sizeof(int));
	assert_int_equal(sendto(from, big, sizeof(big), 0, &address.any, len), sizeof(big));
	assert_int_equal(recv(to, got, sizeof(got), 0), sizeof(big));
	assert_memory_equal(big, got, sizeof(big));
	close(from);
	close(to);
}

/* An attacker, who knows no key. */
static void send_outer(struct bytes datagram)
{
	send_marked(datagram, 0);
}

/* That an SA had its first packet is said of each that other tests made. */
static struct letter wait_letter(struct gateway *gw)
{
	struct letter letter = { 0 };
	bool is_there = false;

	for (int i = 0; i < TIMEOUT_MS && !is_there; i++) {
		is_there = mailbox_take(&gw->shared.mailbox, &letter) &&
		           letter.kind != LETTER_HEARD;
		poll(NULL, 0, is_there ? 0 : 1);
	}
	assert_true(is_there);
	return letter;
}

/* IN-2, IN-3, IN-4, NAT-3, NAT-11 */
static void drops_and_counts_what_is_not_esp_of_its_peer(void **state)
{
	uint8_t packet[64] = { 0, 0, 0x10, 0x02, 0, 0, 0x0f, 0xa0 };
	struct letter letter;

	send_outer(BYTES("\xff", 1)); /* a keepalive is nothing at all */
	send_outer(BYTES(packet, 64));
	wait_dropped(&east, ENGINE_DROP_AUTH, 1);
	send_outer(BYTES(packet, 30));
	wait_dropped(&east, ENGINE_DROP_RUNT, 1);
	packet[0] = 0x77;
	send_outer(BYTES(packet, 64));
	wait_dropped(&east, ENGINE_DROP_NO_SA, 1);
	letter = wait_letter(&east);
	assert_int_equal(letter.kind, LETTER_UNKNOWN_SPI);
	assert_int_equal(letter.spi, 0x77001002);
	buf_free(&letter.datagram);
	memset(packet, 0, 4);
	memcpy(packet + 4, "hello", 5);
	send_outer(BYTES(packet, 9));
	letter = wait_letter(&east);
	assert_int_equal(letter.kind, LETTER_IKE);
	assert_true(bytes_equal(buf_view(&letter.datagram), BYTES_STR("hello")));
	assert_int_equal(letter.path.local.port, 4500);
	buf_free(&letter.datagram);
	wait_dropped(&east, ENGINE_DROP_RUNT, 1);
}

static void expect_no_letter(struct gateway *gw)
{
	struct letter letter;

	assert_false(mailbox_take(&gw->shared.mailbox, &letter));
}

/* IN-11: the packet fits another SA of the same gateway, but came by this one. NAT-9: it came from
 * another port, and that is told, once. */
static void refuses_a_source_the_sa_was_not_made_for(void **state)
{
	struct letter letter;
	struct aead *aead;
	uint8_t key[36], packet[128];
	uint8_t inner[28] = {
		0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 9, 9, 9, 10, 2, 0, 1
	};
	uint16_t sum = checksum_finish(checksum_add(0, BYTES(inner, 20)));
	size_t len;

	inner[10] = (uint8_t)(sum >> 8);
	inner[11] = (uint8_t)sum;
	memset(key, 0x11, sizeof(key)); /* of west to east */
	aead = aead_new(AEAD_AES_GCM_16_256, BYTES_OF(key));
	len = esp_seal(&(struct esp_key){ east.spi, true, aead }, 5000, NULL, 4, BYTES_OF(inner), packet);
	send_outer(BYTES(packet, len));
	wait_dropped(&east, ENGINE_DROP_SELECTOR, 1);
	letter = wait_letter(&east);
	assert_int_equal(letter.kind, LETTER_MOVED);
	assert_int_equal(letter.spi, east.spi);
	assert_int_not_equal(letter.path.remote.port, 4500);
	poll(NULL, 0, 150);             /* longer than one move is not told again */
	send_outer(BYTES(packet, len)); /* the window has moved all the same */
	wait_dropped(&east, ENGINE_DROP_REPLAY, 1);
	expect_no_letter(&east);
	len = esp_seal(&(struct esp_key){ east.spi, true, aead }, 4999, NULL, 4, BYTES_OF(inner), packet);
	send_outer(BYTES(packet, len)); /* good, but not the newest */
	wait_dropped(&east, ENGINE_DROP_SELECTOR, 2);
	expect_no_letter(&east);
	aead_free(aead);
}

static void move_child(struct gateway *gw, const struct gateway *peer, uint16_t port)
{
	const struct path path = { { ip_of(gw->outside), 4500 }, { ip_of(peer->outside), port } };

	tables_move_child(&gw->shared.tables, gw->spi, &path);
	tables_collect(&gw->shared.tables);
}

/* NAT-9, LIV-3: sends to where the peer is said to be; that nobody is there, it tells. */
static void follows_its_peer_and_tells_that_nobody_is_there(void **state)
{
	struct ip outside = ip_of(east.outside);
	int from = udp_socket(&west, 7012), to = udp_socket(&east, 7013);
	struct letter letter;

	while (mailbox_take(&west.shared.mailbox, &letter))
		buf_free(&letter.datagram);
	move_child(&west, &east, 9);
	send_text(from, &east, 7013, "lost");
	letter = wait_letter(&west);
	assert_int_equal(letter.kind, LETTER_UNREACHABLE);
	assert_true(ip_equal(&letter.path.remote.address, &outside));
	move_child(&west, &east, 4500);
	send_text(from, &east, 7013, "found");
	expect_text(to, "found");
	close(from);
	close(to);
}

/* CLR-7, OUT-4 */
static void holds_again_when_the_sa_has_gone(void **state)
{
	struct ip_pair pair = pair_of(&west, &east), asked;
	int from = udp_socket(&west, 7008), to = udp_socket(&east, 7009);

	tables_remove_child(&west.shared.tables, west.spi);
	tables_collect(&west.shared.tables);
	mailbox_woken(&west.shared.mailbox);
	send_text(from, &east, 7009, "later");
	assert_true(wait_acquire(&west, &asked));
	assert_true(pair_equal(&asked, &pair));
	verdict(&west, &pair, EROUTE_TRAP, 0);
	tables_remove_child(&east.shared.tables, east.spi);
	add_child(&east, &west);
	add_child(&west, &east);
	send_text(from, &east, 7009, "new");
	assert_true(wait_acquire(&west, &asked));
	pair = pair_of(&east, &west);
	verdict(&east, &pair, EROUTE_TUNNEL, west.spi);
	pair = pair_of(&west, &east);
	verdict(&west, &pair, EROUTE_TUNNEL, east.spi);
	expect_text(to, "new");
	close(from);
	close(to);
}

/* What the core does when it hears that the SA is spent: another one. */
static void renew_between(const struct ip_pair *out, const struct ip_pair *back)
{
	tables_remove_child(&west.shared.tables, west.spi);
	tables_remove_child(&east.shared.tables, east.spi);
	add_child(&east, &west);
	add_child(&west, &east);
	verdict(&east, back, EROUTE_TUNNEL, west.spi);
	verdict(&west, out, EROUTE_TUNNEL, east.spi);
}

/* What is settled before packets come is changed where none is under way: no race. */
#define SETTLED_AGAIN __attribute__((no_sanitize_thread))

SETTLED_AGAIN static void set_hard_limits(struct child *child, uint64_t packets, uint64_t octets)
{
	if (packets > 0)
		child->hard.packets = child->sequence + packets;
	if (octets > 0)
		child->hard.octets = child->use_out.octets + octets;
}

SETTLED_AGAIN static void set_dscp(struct child *child, bool copies)
{
	child->copies_dscp = copies;
}

/* OUT-5, RKY-6: nothing goes either way by an SA that has sent all it may; what comes next is held,
 * and goes by the next one. */
static void carries_nothing_either_way_at_its_hard_limit(void **state)
{
	struct ip_pair out = pair_of(&west, &east), back = pair_of(&east, &west), asked;
	uint64_t before = dropped(&west, ENGINE_DROP_EXHAUSTED);
	int from = udp_socket(&west, 7020), to = udp_socket(&east, 7021);
	struct child *child = tables_child(&west.shared.tables, west.spi);

	(void)take_letters(&west.shared.mailbox, LETTER_SPENT, 0);
	mailbox_woken(&west.shared.mailbox);
	set_hard_limits(child, 2, 0);
	send_text(from, &east, 7021, "last but one");
	send_text(from, &east, 7021, "last");
	expect_text(to, "last but one");
	expect_text(to, "last");
	wait_taken_letter(&west.shared.mailbox, LETTER_SPENT, west.spi);
	send_text(to, &west, 7020, "too late");
	wait_dropped(&west, ENGINE_DROP_EXHAUSTED, before + 1);
	send_text(from, &east, 7021, "next");
	assert_true(wait_acquire(&west, &asked));
	assert_true(pair_equal(&asked, &out));
	renew_between(&out, &back);
	expect_text(to, "next");
	assert_int_equal(child_next_sequence(tables_child(&west.shared.tables, west.spi)), 2);
	close(from);
	close(to);
}

/* A full mailbox costs packets, which are counted, not the end of the SA. */
static void that_an_sa_is_spent_is_told_again_after_a_full_mailbox(void **state)
{
	struct ip_pair out = pair_of(&west, &east), back = pair_of(&east, &west), asked;
	uint64_t before = dropped(&west, ENGINE_DROP_EXHAUSTED);
	int from = udp_socket(&west, 7022), to = udp_socket(&east, 7023);
	struct child *child = tables_child(&west.shared.tables, west.spi);

	set_hard_limits(child, 0, 1);
	(void)take_letters(&west.shared.mailbox, LETTER_SPENT, 0);
	fill_mailbox(&west.shared.mailbox);
	send_text(from, &east, 7023, "last");
	expect_text(to, "last");
	send_text(from, &east, 7023, "lost");
	wait_dropped(&west, ENGINE_DROP_EXHAUSTED, before + 1);
	assert_int_equal(take_letters(&west.shared.mailbox, LETTER_SPENT, west.spi), 0);
	send_text(from, &east, 7023, "lost as well");
	wait_taken_letter(&west.shared.mailbox, LETTER_SPENT, west.spi);
	mailbox_woken(&west.shared.mailbox);
	send_text(from, &east, 7023, "next");
	assert_true(wait_acquire(&west, &asked));
	renew_between(&out, &back);
	expect_text(to, "next");
	close(from);
	close(to);
}

/*
 * Packets that were trapped but not read when the verdict came leave behind the held ones, not
 * before them; no matter how the worker and this thread take turns.
 */
static void keeps_the_order_of_what_was_on_its_way_to_the_hold(void **state)
{
	struct ip_pair pair = pair_of(&west, &east), asked;
	int from = udp_socket(&west, 7010), to = udp_socket(&east, 7011);
	char text[16];

	for (int round = 0; round < 20; round++) {
		verdict(&west, &pair, EROUTE_TRAP, 0);
		mailbox_woken(&west.shared.mailbox);
		for (int i = 0; i < 12; i++) {
			snprintf(text, sizeof(text), "%d of %d", i, round);
			send_text(from, &east, 7011, text);
		}
		assert_true(wait_acquire(&west, &asked));
		verdict(&west, &pair, EROUTE_TUNNEL, east.spi);
		for (int i = 0; i < 12; i++) {
			snprintf(text, sizeof(text), "%d of %d", i, round);
			expect_text(to, text);
		}
	}
	close(from);
	close(to);
}

SETTLED_AGAIN static void set_soft_limit(struct gateway *gw, uint64_t packets)
{
	tables_read_begin(&gw->shared.tables);
	tables_child(&gw->shared.tables, gw->spi)->soft.packets = packets;
	tables_read_end(&gw->shared.tables);
}

/* RKY-6: the same of an SA that is worn. */
static void that_an_sa_is_worn_is_told_again_after_a_full_mailbox(void **state)
{
	int from = udp_socket(&west, 7030), to = udp_socket(&east, 7031);
	struct mailbox *m = &west.shared.mailbox;

	take_letters(m, LETTER_WORN, west.spi);
	fill_mailbox(m);
	set_soft_limit(&west, 1);
	send_text(from, &east, 7031, "one");
	expect_text(to, "one");
	assert_int_equal(take_letters(m, LETTER_WORN, west.spi), 0);
	send_text(from, &east, 7031, "two");
	expect_text(to, "two");
	send_text(from, &east, 7031, "three");
	expect_text(to, "three");
	assert_int_equal(take_letters(m, LETTER_WORN, west.spi), 1);
	set_soft_limit(&west, UINT64_MAX);
	close(from);
	close(to);
}

/* What stands in the outer header of the next packet that west sends. */
static uint8_t outer_tos(int wire)
{
	uint8_t packet[256] = { 0 };
	ssize_t len;

	do {
		len = recv(wire, packet, sizeof(packet), 0);
		assert_true(len > 28);
	} while (packet[22] != 4500 >> 8 || packet[23] != (4500 & 255));
	return packet[1];
}

/* ECN-1, ECN-3: the DSCP is nobody's business outside, unless the SA copies it. */
static void shows_the_dscp_outside_only_where_it_is_told_to(void **state)
{
	static const struct {
		bool copies;
		int inner, outer;
	} cases[] = { { false, 0xb8, 0 }, { false, 0xba, 2 }, { true, 0xb8, 0xb8 }, { true, 0xba, 0xba } };
	struct timeval timeout = { .tv_sec = TIMEOUT_MS / 1000 };
	struct child *child = tables_child(&west.shared.tables, west.spi);
	int from = udp_socket(&west, 7025), to = udp_socket(&east, 7026), wire;

	wire = socket(AF_INET, SOCK_RAW, IPPROTO_UDP); /* sees them as they come to east */
	assert_true(wire >= 0);
	setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		set_dscp(child, cases[i].copies);
		setsockopt(from, IPPROTO_IP, IP_TOS, &cases[i].inner, sizeof(int));
		send_text(from, &east, 7026, "marked");
		assert_int_equal(outer_tos(wire), cases[i].outer);
		expect_text(to, "marked");
	}
	set_dscp(child, false);
	close(wire);
	close(from);
	close(to);
}

/* SPD-1 */
static void drops_what_no_row_is_about(void **state)
{
	static const struct gateway stranger = { .inside = "10.2.0.77" };
	uint64_t before = dropped(&west, ENGINE_DROP_VERDICT);
	int from = udp_socket(&west, 7017);
	struct policy_table table;

	assert_true(policy_build(&table, NULL, 0, NULL));
	tables_set_policy(&west.shared.tables, &table);
	policy_wipe(&table);
	tables_collect(&west.shared.tables);
	send_text(from, &stranger, 7018, "never");
	wait_dropped(&west, ENGINE_DROP_VERDICT, before + 1);
	set_policy(&west, POLICY_TRAP, false);
	close(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_the_first_packets_and_carries_them_in_order),
		cmocka_unit_test(keeps_the_order_of_what_was_on_its_way_to_the_hold),
		cmocka_unit_test(rejects_with_an_answer_that_names_the_filter),
		cmocka_unit_test(fragments_what_may_be_fragmented),
		cmocka_unit_test(tells_the_sender_what_fits_into_the_tunnel),
		cmocka_unit_test(drops_and_counts_what_is_not_esp_of_its_peer),
		cmocka_unit_test(follows_its_peer_and_tells_that_nobody_is_there),
		cmocka_unit_test(refuses_a_source_the_sa_was_not_made_for),
		cmocka_unit_test(holds_again_when_the_sa_has_gone),
		cmocka_unit_test(carries_nothing_either_way_at_its_hard_limit),
		cmocka_unit_test(that_an_sa_is_spent_is_told_again_after_a_full_mailbox),
		cmocka_unit_test(that_an_sa_is_worn_is_told_again_after_a_full_mailbox),
		cmocka_unit_test(shows_the_dscp_outside_only_where_it_is_told_to),
		cmocka_unit_test(drops_what_no_row_is_about),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77; /* skipped: needs root */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
