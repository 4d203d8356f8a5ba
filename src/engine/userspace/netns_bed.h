#pragma once
/*
 * The bed of tests over a kernel: two workers in two network namespaces of their own, a veth
 * between them, and the test in the core's place. Needs root; without it the test is skipped.
 *
 *      10.1.0.1 [west] 192.0.2.1 ---- veth ---- 192.0.2.2 [east] 10.2.0.1
 */
#include "util/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
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
	const char *range; /* of its SA */
	uint32_t spi;
};

static struct gateway west = {
	.inside = "10.1.0.1", .outside = "192.0.2.1", .range = "10.1.0.1", .spi = 0x1001
};
static struct gateway east = {
	.inside = "10.2.0.1", .outside = "192.0.2.2", .range = "10.2.0.1", .spi = 0x1002
};

static inline struct instant clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static inline struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(text, &ip));
	return ip;
}

static inline void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static inline void enter(const struct gateway *gw)
{
	assert_int_equal(setns(gw->namespace, CLONE_NEWNET), 0);
}

static inline bool new_namespace(struct gateway *gw)
{
	if (unshare(CLONE_NEWNET) != 0)
		return false;
	gw->namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return gw->namespace >= 0;
}

static inline void open_gateway(struct gateway *gw)
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
	gw->shared.outer.tunnel_device = if_nametoindex("ipsec0");
	assert_true(release_open(&gw->shared.release, marks, error, sizeof(error)));
}

static inline void close_gateway(struct gateway *gw)
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
static inline void set_policy(struct gateway *gw, enum policy_action action, bool is_private)
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

static inline void add_child(struct gateway *gw, const struct gateway *peer)
{
	uint8_t key[2][36];
	bool is_west = gw == &west;
	struct child_sa sa = { .spi_in = gw->spi,
		               .spi_out = peer->spi,
		               .cipher = AEAD_AES_GCM_16_256,
		               .is_esn = true,
		               .udp_encapsulation = true };
	struct ip_range local, remote;

	memset(key[0], 0x11, 36);
	memset(key[1], 0x22, 36);
	sa.key_in = (struct secret){ key[is_west], 36 };
	sa.key_out = (struct secret){ key[!is_west], 36 };
	assert_true(range_parse(gw->range, &local) && range_parse(peer->range, &remote));
	sa.local = (struct traffic_selector){ local, 0, 0, 65535 };
	sa.remote = (struct traffic_selector){ remote, 0, 0, 65535 };
	sa.path.local = (struct endpoint){ ip_of(gw->outside), 4500 };
	sa.path.remote = (struct endpoint){ ip_of(peer->outside), 4500 };
	assert_true(tables_add_child(&gw->shared.tables, &sa, 1500));
}

/* As engine.c does it, without the kernel's sets. */
static inline void verdict(struct gateway *gw, const struct ip_pair *pair,
                           enum eroute_action action, uint32_t spi_out)
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

/* The first of all there are: who does not take them all is not woken for the next. */
static inline bool take_acquires(struct gateway *gw, struct ip_pair *pair)
{
	struct ip_pair another;
	bool is_there;

	hold_lock(&gw->shared.holds);
	is_there = hold_next_acquire(&gw->shared.holds, pair, clock_now());
	while (hold_next_acquire(&gw->shared.holds, &another, clock_now()))
		;
	hold_unlock(&gw->shared.holds);
	return is_there;
}

static inline bool wait_acquire(struct gateway *gw, struct ip_pair *pair)
{
	struct pollfd wake = { .fd = gw->shared.mailbox.wake, .events = POLLIN };
	bool is_there = false;

	while (!is_there && poll(&wake, 1, TIMEOUT_MS) > 0) {
		mailbox_woken(&gw->shared.mailbox); /* perhaps for a letter */
		is_there = take_acquires(gw, pair);
	}
	return is_there;
}

/* The worker reads the TUN in its own time. */
static inline void wait_held(struct gateway *gw, const struct ip_pair *pair, uint64_t caught)
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

static inline int udp_socket(const struct gateway *gw, uint16_t port)
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

static inline void send_text(int fd, const struct gateway *to, uint16_t port, const char *text)
{
	union sockaddr_any address;
	struct ip ip = ip_of(to->inside);
	socklen_t len = sockaddr_from(&address, &ip, port);

	assert_int_equal(sendto(fd, text, strlen(text), 0, &address.any, len), strlen(text));
}

static inline void expect_text(int fd, const char *text)
{
	char got[2048] = "";
	ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(len >= 0);
	assert_string_equal(got, text);
}

static inline uint64_t dropped(const struct gateway *gw, enum engine_drop drop)
{
	return __atomic_load_n(&gw->shared.drops.count[drop], __ATOMIC_RELAXED);
}

static inline void wait_dropped(const struct gateway *gw, enum engine_drop drop, uint64_t count)
{
	struct instant end = instant_after(clock_now(), MILLISECONDS(TIMEOUT_MS));

	while (dropped(gw, drop) < count && clock_now().ns < end.ns)
		sched_yield();
	assert_int_equal(dropped(gw, drop), count);
}

/* At the wire of `east`; without a UDP checksum, as RFC 3948 section 2.1 would have it. */
static inline void send_marked(struct bytes datagram, int tos)
{
	union sockaddr_any address;
	struct ip ip = ip_of(east.outside);
	socklen_t len = sockaddr_from(&address, &ip, 4500);
	int fd;

	enter(&west);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &(int){ 1 }, sizeof(int));
	assert_int_equal(sendto(fd, datagram.data, datagram.len, 0, &address.any, len),
	                 datagram.len);
	close(fd);
}

static inline void fill_mailbox(struct mailbox *m)
{
	while (mailbox_put(m, &(struct letter){ .kind = LETTER_IKE }, BYTES(NULL, 0)))
		;
}

static inline unsigned take_letters(struct mailbox *m, enum letter_kind kind, uint32_t spi)
{
	struct letter letter;
	unsigned count = 0;

	while (mailbox_take(m, &letter)) {
		count += letter.kind == kind && letter.spi == spi;
		buf_free(&letter.datagram);
	}
	return count;
}

static inline void wait_taken_letter(struct mailbox *m, enum letter_kind kind, uint32_t spi)
{
	struct instant end = instant_after(clock_now(), MILLISECONDS(TIMEOUT_MS));
	unsigned count = 0;

	while (count == 0 && clock_now().ns < end.ns) {
		count = take_letters(m, kind, spi);
		sched_yield();
	}
	assert_int_equal(count, 1);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	for (int d = 0; getenv("SHOW_DROPS") != NULL && d < ENGINE_DROP_COUNT; d++)
		print_message("drop %d: west %lu east %lu\n", d, (unsigned long)dropped(&west, d),
		              (unsigned long)dropped(&east, d));
	close_gateway(&west);
	close_gateway(&east);
	rcu_unregister_thread();
	return 0;
}
