/*
 * Two workers in two network namespaces of their own, a veth between them, and this program in the
 * core's place. Needs root; without it the test is skipped.
 *
 *      10.1.0.1 [west] 192.0.2.1 ---- veth ---- 192.0.2.2 [east] 10.2.0.1
 */
#include "util/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/userspace/tun.h"
#include "engine/userspace/worker.h"

enum { TIMEOUT_MS = 3000, MARK_TRAP = 1, MARK_OWN = 2, MARK_PASS = 3, MARK_TUNNEL = 4 };

struct gateway {
	struct shared shared;
	struct worker worker;
	int namespace;
	int tun;
	const char *inside, *outside;
	uint32_t spi;
};

static struct gateway west = { .inside = "10.1.0.1", .outside = "192.0.2.1", .spi = 0x1001 };
static struct gateway east = { .inside = "10.2.0.1", .outside = "192.0.2.2", .spi = 0x1002 };

static struct instant clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(text, &ip));
	return ip;
}

static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void enter(const struct gateway *gw)
{
	assert_int_equal(setns(gw->namespace, CLONE_NEWNET), 0);
}

static bool new_namespace(struct gateway *gw)
{
	if (unshare(CLONE_NEWNET) != 0)
		return false;
	gw->namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return gw->namespace >= 0;
}

static void open_gateway(struct gateway *gw)
{
	uint64_t seed[2] = { 1, 2 };
	uint32_t marks[RELEASE_WAYS] = { MARK_PASS, MARK_TUNNEL };
	struct tun_settings tun = { "ipsec0", 1500, ip_of(gw->outside) };
	char error[256] = "";

	enter(gw);
	hold_table_init(&gw->shared.holds, seed);
	assert_true(tables_init(&gw->shared.tables, seed));
	assert_true(mailbox_init(&gw->shared.mailbox));
	gw->shared.mtu = 1500;
	gw->tun = tun_open(&tun, error, sizeof(error));
	assert_string_equal(error, "");
	assert_true(outer_open(&gw->shared.outer, 500, 4500, MARK_OWN, error, sizeof(error)));
	assert_true(release_open(&gw->shared.release, marks, error, sizeof(error)));
}

static void close_gateway(struct gateway *gw)
{
	worker_stop(&gw->worker);
	close(gw->tun);
	outer_close(&gw->shared.outer);
	release_close(&gw->shared.release);
	mailbox_wipe(&gw->shared.mailbox);
	hold_table_wipe(&gw->shared.holds);
	tables_wipe(&gw->shared.tables);
}

/* One row: everything from here is trapped. */
static void set_policy(struct gateway *gw, enum policy_action action, bool is_private)
{
	struct policy_row row = { .local = range_any(IP_V4),
		                  .remote = range_any(IP_V4),
		                  .action = action,
		                  .is_private = is_private };
	struct policy_table table;

	assert_true(policy_build(&table, &row, 1, NULL));
	tables_set_policy(&gw->shared.tables, &table);
	policy_wipe(&table);
	tables_collect(&gw->shared.tables);
}

static void add_child(struct gateway *gw, const struct gateway *peer)
{
	uint8_t key[2][36];
	bool is_west = gw == &west;
	struct child_sa sa = { .spi_in = gw->spi,
		               .spi_out = peer->spi,
		               .cipher = AEAD_AES_GCM_16_256,
		               .is_esn = true,
		               .udp_encapsulation = true };
	struct ip local = ip_of(gw->inside), remote = ip_of(peer->inside);

	memset(key[0], 0x11, 36);
	memset(key[1], 0x22, 36);
	sa.key_in = (struct secret){ key[is_west], 36 };
	sa.key_out = (struct secret){ key[!is_west], 36 };
	sa.local = (struct traffic_selector){ range_of_ip(&local), 0, 0, 65535 };
	sa.remote = (struct traffic_selector){ range_of_ip(&remote), 0, 0, 65535 };
	sa.path.local = (struct endpoint){ ip_of(gw->outside), 4500 };
	sa.path.remote = (struct endpoint){ ip_of(peer->outside), 4500 };
	assert_true(tables_add_child(&gw->shared.tables, &sa, 1500));
}

/* As engine.c does it, without the kernel's sets. */
static void verdict(struct gateway *gw, const struct ip_pair *pair, enum eroute_action action,
                    uint32_t spi_out)
{
	struct released released = { 0 };

	hold_lock(&gw->shared.holds);
	if (action != EROUTE_HOLD)
		outbound_release_held(&gw->shared, pair, action, &released, clock_now());
	if (action == EROUTE_TRAP)
		tables_remove_eroute(&gw->shared.tables, pair);
	else
		assert_true(
		    tables_set_eroute(&gw->shared.tables, pair, action, spi_out, &released));
	hold_unlock(&gw->shared.holds);
	tables_collect(&gw->shared.tables);
}

/* Takes them all, as whoever is woken must. */
static bool wait_acquire(struct gateway *gw, struct ip_pair *pair)
{
	struct pollfd wake = { .fd = gw->shared.mailbox.wake, .events = POLLIN };
	struct ip_pair more;
	bool is_there;

	if (poll(&wake, 1, TIMEOUT_MS) <= 0)
		return false;
	mailbox_woken(&gw->shared.mailbox);
	hold_lock(&gw->shared.holds);
	is_there = hold_next_acquire(&gw->shared.holds, pair, clock_now());
	while (is_there && hold_next_acquire(&gw->shared.holds, &more, clock_now()))
		;
	hold_unlock(&gw->shared.holds);
	return is_there;
}

/* The worker reads the TUN in its own time. */
static void wait_held(struct gateway *gw, const struct ip_pair *pair, uint64_t caught)
{
	struct instant end = instant_after(clock_now(), MILLISECONDS(TIMEOUT_MS));
	uint64_t seen = 0;

	while (seen < caught && clock_now().ns < end.ns) {
		const struct hold *hold;

		hold_lock(&gw->shared.holds);
		hold = hold_find(&gw->shared.holds, pair);
		seen = hold != NULL ? hold->caught : 0;
		hold_unlock(&gw->shared.holds);
		sched_yield();
	}
	assert_int_equal(seen, caught);
}

static int udp_socket(const struct gateway *gw, uint16_t port)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_MS / 1000 };
	union sockaddr_any address;
	struct ip ip = ip_of(gw->inside);
	socklen_t len = sockaddr_from(&address, &ip, port);
	int fd;

	enter(gw);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &address.any, len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return fd;
}

static void send_text(int fd, const struct gateway *to, uint16_t port, const char *text)
{
	union sockaddr_any address;
	struct ip ip = ip_of(to->inside);
	socklen_t len = sockaddr_from(&address, &ip, port);

	assert_int_equal(sendto(fd, text, strlen(text), 0, &address.any, len), strlen(text));
}

static void expect_text(int fd, const char *text)
{
	char got[2048] = "";
	ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(len >= 0);
	assert_string_equal(got, text);
}

static uint64_t dropped(const struct gateway *gw, enum engine_drop drop)
{
	return __atomic_load_n(&gw->shared.drops.count[drop], __ATOMIC_RELAXED);
}

static int set_up(void **state)
{
	int namespace_before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	rcu_register_thread();
	assert_true(new_namespace(&east));
	shell("ip link set lo up; ip addr add 10.2.0.1/32 dev lo");
	assert_true(new_namespace(&west));
	shell("ip link set lo up; ip addr add 10.1.0.1/32 dev lo");
	shell("ip link add w type veth peer name e && ip addr add 192.0.2.1/24 dev w && ip link "
	      "set w up");
	{
		char move[128];

		snprintf(move, sizeof(move), "ip link set e netns /proc/%d/fd/%d", getpid(),
		         east.namespace);
		shell(move);
	}
	enter(&east);
	shell("ip addr add 192.0.2.2/24 dev e && ip link set e up");
	open_gateway(&west);
	open_gateway(&east);
	enter(&west);
	shell("ip route add 10.2.0.0/24 dev ipsec0 src 10.1.0.1");
	enter(&east);
	shell("ip route add 10.1.0.0/24 dev ipsec0 src 10.2.0.1");
	set_policy(&west, POLICY_TRAP, false);
	set_policy(&east, POLICY_TRAP, false);
	assert_true(worker_start(&west.worker, &west.shared, west.tun));
	assert_true(worker_start(&east.worker, &east.shared, east.tun));
	*state = NULL;
	close(namespace_before);
	return 0;
}

static int tear_down(void **state)
{
	for (int d = 0; getenv("SHOW_DROPS") != NULL && d < ENGINE_DROP_COUNT; d++)
		print_message("drop %d: west %lu east %lu\n", d, (unsigned long)dropped(&west, d),
		              (unsigned long)dropped(&east, d));
	close_gateway(&west);
	close_gateway(&east);
	rcu_unregister_thread();
	return 0;
}

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

static void wait_dropped(const struct gateway *gw, enum engine_drop drop, uint64_t count)
{
	struct instant end = instant_after(clock_now(), MILLISECONDS(TIMEOUT_MS));

	while (dropped(gw, drop) < count && clock_now().ns < end.ns)
		sched_yield();
	assert_int_equal(dropped(gw, drop), count);
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

/* An attacker at the wire of `east`, who knows no key. */
static void send_outer(struct bytes datagram)
{
	union sockaddr_any address;
	struct ip ip = ip_of(east.outside);
	socklen_t len = sockaddr_from(&address, &ip, 4500);
	int fd;

	enter(&west);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(sendto(fd, datagram.data, datagram.len, 0, &address.any, len),
	                 datagram.len);
	close(fd);
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
	len = esp_seal(&(struct esp_key){ east.spi, true, aead }, 5000, 4, BYTES_OF(inner), packet);
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
	len = esp_seal(&(struct esp_key){ east.spi, true, aead }, 4999, 4, BYTES_OF(inner), packet);
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
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77; /* skipped: needs root */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
