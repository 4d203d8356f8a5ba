#include "util/test.h"

#include "engine/userspace/netns_bed.h"

/*
 * Verdicts race with packets: one thread sends on many pairs, one receives, and this one gives and
 * takes back verdicts at every moment of a packet's way. Each packet arrives, once. Those that pass
 * do so in order; a tunnel that is taken back while its released packets go round through the
 * kernel holds them anew, perhaps behind later ones.
 */
enum {
	PAIRS = 60,
	PACKETS = 150,         /* of each pair */
	UNDER_WAY = 8,         /* of each pair; a hold keeps 16 */
	UNDER_WAY_IN_ALL = 200 /* less than the device queues */
};

static unsigned sent[PAIRS], received[PAIRS];
static unsigned sent_in_all, received_in_all;
static bool has_come[PAIRS][PACKETS];
static bool is_over, is_ordered;

struct datagram {
	unsigned pair, number;
};

static unsigned count_of(const unsigned *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void count(unsigned *count)
{
	__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

static struct ip east_host(unsigned pair)
{
	char text[32];

	snprintf(text, sizeof(text), "10.2.0.%u", pair + 1);
	return ip_of(text);
}

static struct ip_pair race_pair(unsigned i)
{
	struct ip_pair pair = { .source = ip_of(west.inside), .destination = east_host(i) };

	return pair;
}

static bool may_send(unsigned pair)
{
	return count_of(&sent[pair]) < PACKETS &&
	       count_of(&sent[pair]) - count_of(&received[pair]) < UNDER_WAY &&
	       count_of(&sent_in_all) - count_of(&received_in_all) < UNDER_WAY_IN_ALL;
}

static void *send_all(void *ctx)
{
	const int *fd = ctx;

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		for (unsigned pair = 0; pair < PAIRS; pair++) {
			struct datagram d = { pair, count_of(&sent[pair]) };
			union sockaddr_any to;
			struct ip host = east_host(pair);
			socklen_t len = sockaddr_from(&to, &host, 7021);

			if (!may_send(pair) ||
			    sendto(*fd, &d, sizeof(d), 0, &to.any, len) != sizeof(d))
				continue;
			count(&sent[pair]);
			count(&sent_in_all);
		}
		poll(NULL, 0, 1);
	}
	return NULL;
}

/* What went wrong is told by the thread of the test. */
static const char *fault;

static void *receive_all(void *ctx)
{
	const int *fd = ctx;

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		struct datagram d;

		if (recv(*fd, &d, sizeof(d), 0) != sizeof(d) || d.pair >= PAIRS)
			continue;
		if (d.number >= PACKETS || has_come[d.pair][d.number])
			fault = "one came twice";
		else if (is_ordered && d.number != received[d.pair])
			fault = "out of order, or one is missing";
		else
			has_come[d.pair][d.number] = true;
		count(&received[d.pair]);
		count(&received_in_all);
	}
	return NULL;
}

/* As engine.c does it. */
static void race_verdict(const struct ip_pair *pair, enum eroute_action action)
{
	struct shared *shared = &west.shared;
	struct released released = { 0 };

	hold_lock(&shared->holds);
	if (action == EROUTE_TRAP)
		(void)!hold_ask_again(&shared->holds, pair);
	else if (action != EROUTE_HOLD)
		outbound_release_held(shared, pair, action, &released, clock_now());
	if (action == EROUTE_TRAP)
		tables_remove_eroute(&shared->tables, pair);
	else
		assert_true(tables_set_eroute(&shared->tables, pair, action, east.spi, &released));
	hold_unlock(&shared->holds);
	tables_collect(&shared->tables);
}

/* Without waiting for the worker in between. */
static void release_quietly(const struct ip_pair *pair, enum eroute_action action)
{
	struct shared *shared = &west.shared;
	struct released released = { 0 };

	hold_lock(&shared->holds);
	outbound_release_held(shared, pair, action, &released, clock_now());
	assert_true(tables_set_eroute(&shared->tables, pair, action, east.spi, &released));
	hold_unlock(&shared->holds);
}

static bool take_acquire(struct ip_pair *pair)
{
	bool is_there;

	hold_lock(&west.shared.holds);
	is_there = hold_next_acquire(&west.shared.holds, pair, clock_now());
	hold_unlock(&west.shared.holds);
	return is_there;
}

static void answer_acquires(enum eroute_action action)
{
	struct ip_pair pair;

	while (take_acquire(&pair))
		race_verdict(&pair, action);
}

static bool is_done(void)
{
	for (unsigned i = 0; i < PAIRS; i++)
		if (count_of(&received[i]) < PACKETS)
			return false;
	return true;
}

static void flip(enum eroute_action way, unsigned *random)
{
	static const enum eroute_action back[] = { EROUTE_TRAP, EROUTE_HOLD, EROUTE_TRAP };
	struct ip_pair pair;

	*random = *random * 1664525 + 1013904223;
	pair = race_pair((*random >> 16) % PAIRS);
	race_verdict(&pair, back[(*random >> 8) % 3]);
	if ((*random >> 28) == 0)
		poll(NULL, 0, 1);
	race_verdict(&pair, way);
}

static void tell_losses(enum eroute_action way)
{
	print_message("%s: %u sent, %u received, %lu not kept, %lu not sent\n",
	              way == EROUTE_PASS ? "pass" : "tunnel", sent_in_all, received_in_all,
	              (unsigned long)west.shared.holds.dropped,
	              (unsigned long)dropped(&west, ENGINE_DROP_SEND));
}

/* Of all east's hosts. */
static int bound_socket(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval timeout = { .tv_usec = 200000 };
	int fd;

	enter(&east);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 8 << 20 }, sizeof(int));
	return fd;
}

static void race(enum eroute_action way)
{
	int from = udp_socket(&west, 7020), to = bound_socket(7021);
	struct instant end = instant_after(clock_now(), SECONDS(20));
	pthread_t sender, receiver;
	unsigned random = 1;

	memset(sent, 0, sizeof(sent));
	memset(received, 0, sizeof(received));
	sent_in_all = received_in_all = 0;
	memset(has_come, 0, sizeof(has_come));
	is_ordered = way == EROUTE_PASS;
	fault = NULL;
	is_over = false;
	for (unsigned i = 0; i < PAIRS; i++) {
		struct ip_pair pair = race_pair(i);

		race_verdict(&pair, EROUTE_TRAP);
	}
	assert_int_equal(pthread_create(&sender, NULL, send_all, &from), 0);
	assert_int_equal(pthread_create(&receiver, NULL, receive_all, &to), 0);
	while (!is_done() && fault == NULL && clock_now().ns < end.ns) {
		answer_acquires(way);
		flip(way, &random);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	pthread_join(receiver, NULL);
	close(from);
	close(to);
	if (!is_done() || fault != NULL)
		tell_losses(way);
	if (fault != NULL)
		fail_msg("%s", fault);
	assert_true(is_done());
}

/* HOLD-2, promise 2 */
static void no_verdict_loses_a_packet_that_passes(void **state)
{
	race(EROUTE_PASS);
}

static void no_verdict_loses_a_packet_of_a_tunnel(void **state)
{
	add_child(&east, &west);
	add_child(&west, &east);
	race(EROUTE_TUNNEL);
}

enum { BURST_PAIRS = 200, BURST = 15 };

/* What was held of many pairs leaves at once: the worker has to read it all from the device. */
static void burst(enum eroute_action way)
{
	int from = udp_socket(&west, 7022), to = bound_socket(7023);
	unsigned got = 0;

	for (unsigned i = 0; i < BURST_PAIRS; i++) {
		struct ip_pair pair = race_pair(i);

		race_verdict(&pair, EROUTE_HOLD);
		for (unsigned j = 0; j < BURST; j++) {
			struct datagram d = { i, j };
			union sockaddr_any address;
			socklen_t len = sockaddr_from(&address, &pair.destination, 7023);

			assert_int_equal(sendto(from, &d, sizeof(d), 0, &address.any, len),
			                 sizeof(d));
		}
		wait_held(&west, &pair, BURST);
	}
	for (unsigned i = 0; i < BURST_PAIRS; i++) {
		struct ip_pair pair = race_pair(i);

		release_quietly(&pair, way);
	}
	for (struct datagram d; recv(to, &d, sizeof(d), 0) == sizeof(d);)
		got++;
	close(from);
	close(to);
	assert_int_equal(got, BURST_PAIRS * BURST);
}

/* By an uplink with a queue: what waits there counts against the socket that sent it. */
static void a_burst_of_released_packets_passes(void **state)
{
	enter(&west);
	shell("tc qdisc add dev w root tbf rate 4mbit burst 10k limit 20mb");
	burst(EROUTE_PASS);
	enter(&west);
	shell("tc qdisc del dev w root");
}

static void a_burst_of_released_packets_takes_its_tunnel(void **state)
{
	burst(EROUTE_TUNNEL);
}

static int set_up_race(void **state)
{
	int failed = set_up(state);

	east.range = "10.2.0.0/24";
	enter(&east);
	shell("ip addr add 10.2.0.0/24 dev lo");
	enter(&west);
	shell("ip rule add fwmark 3 lookup 77; ip route add 10.2.0.0/24 via 192.0.2.2 table 77");
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_verdict_loses_a_packet_that_passes),
		cmocka_unit_test(no_verdict_loses_a_packet_of_a_tunnel),
		cmocka_unit_test(a_burst_of_released_packets_passes),
		cmocka_unit_test(a_burst_of_released_packets_takes_its_tunnel),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77; /* skipped: needs root */
	return cmocka_run_group_tests(tests, set_up_race, tear_down);
}
