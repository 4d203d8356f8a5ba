#include "util/test.h"

#include "engine/userspace/packet.h"
#include "engine/userspace/tables.h"

static const uint64_t seed[2] = { 5, 6 };

static struct ip_pair pair_of(uint8_t source, uint8_t destination)
{
	return (struct ip_pair){ ip_v4(10, 1, 0, source), ip_v4(10, 2, 0, destination) };
}

static bool add_child(struct tables *t, uint32_t spi_in, uint32_t spi_out, uint8_t remote)
{
	uint8_t key[36] = { 1 };
	struct ip local = ip_v4(10, 1, 0, 1), peer = ip_v4(10, 2, 0, remote);
	struct child_sa sa = { .spi_in = spi_in,
		               .spi_out = spi_out,
		               .cipher = AEAD_AES_GCM_16_256,
		               .key_in = { key, sizeof(key) },
		               .key_out = { key, sizeof(key) },
		               .local = { range_of_ip(&local), 0, 0, 65535 },
		               .remote = { range_of_ip(&peer), 0, 0, 65535 } };

	return tables_add_child(t, &sa, 1500);
}

static int set_up(void **state)
{
	struct tables *t = new_zeroed(sizeof(*t));

	rcu_register_thread();
	assert_true(tables_init(t, seed));
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	tables_wipe(*state);
	free(*state);
	rcu_unregister_thread();
	return 0;
}

/* RKY-6, RKY-5, OUT-5: at the soft limit it is said once, with the last of the hard one it is used
 * up, and nothing is sent any more. */
static void wears_out_at_its_limits(void **state)
{
	static const struct {
		struct child_limits soft, hard;
		bool is_esn;
	} cases[] = {
		{ { 10, 0 }, { 12, 0 }, true },
		{ { 0, 1000 }, { 0, 1200 }, true },
		{ { 10, 5000 }, { 12, 9000 }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t key[36] = { 1 };
		uint32_t spi = 0x3001 + (uint32_t)i;
		struct child_sa sa = { .spi_in = spi,
			               .spi_out = spi,
			               .cipher = AEAD_AES_GCM_16_256,
			               .is_esn = cases[i].is_esn,
			               .key_in = { key, sizeof(key) },
			               .key_out = { key, sizeof(key) },
			               .soft = cases[i].soft,
			               .hard = cases[i].hard };
		unsigned sent = 0, told = 0, told_at = 0, used_up_at = 0;
		struct child *child;

		assert_true(tables_add_child(*state, &sa, 1500));
		child = tables_child(*state, spi);
		for (int n = 0; n < 100; n++) {
			uint64_t sequence = child_next_sequence(child);

			if (sequence == 0)
				continue;
			use_add(&child->use_out, 100, (struct instant){ 1 });
			sent++;
			if (child_wears_out(child, sequence)) {
				told++;
				told_at = sent;
			}
			if (used_up_at == 0 && child_is_used_up(child, sequence))
				used_up_at = sent;
		}
		assert_int_equal(told, 1);
		assert_int_equal(told_at, 10);
		assert_int_equal(sent, 12);
		assert_int_equal(used_up_at, 12);
	}
}

/* SPD-9 */
static void sends_by_the_newest_sa_of_the_pair(void **state)
{
	struct tables *t = *state;
	struct ip_pair pair = pair_of(1, 1);
	struct eroute *eroute;

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, NULL));
	eroute = tables_eroute(t, &pair);
	use_add(&eroute->use, 100, (struct instant){ 7 });
	assert_true(add_child(t, 0x1002, 0x2002, 1));
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2002, NULL));
	eroute = tables_eroute(t, &pair);
	assert_int_equal(eroute_child(eroute)->spi_in, 0x1002);
	assert_int_equal(use_read(&eroute->use).packets, 1); /* a rekey keeps the count */
	assert_non_null(tables_child(t, 0x1001));            /* and both receive */
	tables_remove_child(t, 0x1001);
	tables_collect(t);
	assert_null(tables_child(t, 0x1001));
	assert_int_equal(eroute_child(eroute)->spi_in, 0x1002);
}

/* A peer may choose the outbound SPI that another peer has; its SA does not hold that pair. */
static void tells_peers_with_the_same_spi_apart(void **state)
{
	struct tables *t = *state;
	struct ip_pair one = pair_of(1, 1), two = pair_of(1, 2), three = pair_of(1, 3);

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	assert_true(add_child(t, 0x1002, 0x2001, 2));
	assert_true(tables_set_eroute(t, &one, EROUTE_TUNNEL, 0x2001, NULL));
	assert_true(tables_set_eroute(t, &two, EROUTE_TUNNEL, 0x2001, NULL));
	assert_int_equal(eroute_child(tables_eroute(t, &one))->spi_in, 0x1001);
	assert_int_equal(eroute_child(tables_eroute(t, &two))->spi_in, 0x1002);
	assert_false(tables_set_eroute(t, &three, EROUTE_TUNNEL, 0x2001, NULL));
	assert_null(tables_eroute(t, &three));
}

/* CLR-7, OUT-4 */
static void sends_by_no_sa_that_has_gone(void **state)
{
	struct tables *t = *state;
	struct ip_pair pair = pair_of(1, 1);

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, NULL));
	tables_remove_child(t, 0x1001);
	tables_collect(t);
	assert_null(eroute_child(tables_eroute(t, &pair)));
	assert_false(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, NULL));
	assert_null(tables_eroute(t, &pair));
	tables_collect(t);
}

static void counts_anew_by_another_verdict(void **state)
{
	struct tables *t = *state;
	struct ip_pair pair = pair_of(1, 1);
	struct released released = { .use = { 3, 300, 9 } };

	assert_true(tables_set_eroute(t, &pair, EROUTE_DROP, 0, NULL));
	use_add(&tables_eroute(t, &pair)->use, 50, (struct instant){ 8 });
	assert_true(tables_set_eroute(t, &pair, EROUTE_PASS, 0, &released));
	assert_int_equal(use_read(&tables_eroute(t, &pair)->use).packets, 3);
	tables_remove_eroute(t, &pair);
	assert_null(tables_eroute(t, &pair));
	assert_int_equal(t->eroute_count, 0);
}

/* An eroute in use by a worker is not written to: what is released anew takes a new one, with the
 * counters of the old. */
static void replaces_the_eroute_when_packets_settle(void **state)
{
	struct tables *t = *state;
	struct ip_pair pair = pair_of(1, 1);
	struct released released = { .settling = { .count = 2 } };
	struct eroute *before;

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, NULL));
	before = tables_eroute(t, &pair);
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, NULL));
	assert_ptr_equal(tables_eroute(t, &pair), before);
	use_add(&before->use, 70, (struct instant){ 6 });
	assert_true(tables_set_eroute(t, &pair, EROUTE_TUNNEL, 0x2001, &released));
	assert_ptr_not_equal(tables_eroute(t, &pair), before);
	assert_int_equal(use_read(&tables_eroute(t, &pair)->use).octets, 70);
	assert_int_equal(use_read(&tables_eroute(t, &pair)->use).last.ns, 6);
	assert_int_equal(tables_eroute(t, &pair)->settling.count, 2);
	assert_int_equal(t->eroute_count, 1);
	tables_collect(t);
}

static void refuses_an_spi_it_has(void **state)
{
	struct tables *t = *state;

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	assert_false(add_child(t, 0x1001, 0x2009, 2));
	assert_int_equal(tables_child(t, 0x1001)->spi_out, 0x2001);
}

/* OUT-1, OUT-2 */
static void numbers_packets_from_one_and_never_wraps(void **state)
{
	struct tables *t = *state;
	struct child *child;

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	child = tables_child(t, 0x1001);
	assert_int_equal(child_next_sequence(child), 1);
	assert_int_equal(child_next_sequence(child), 2);
	child->sequence = UINT32_MAX - 1;
	assert_int_equal(child_next_sequence(child), UINT32_MAX);
	assert_int_equal(child_next_sequence(child), 0);
	assert_int_equal(child_next_sequence(child), 0);
	child->hard.packets = UINT64_MAX; /* extended numbers */
	assert_int_equal(child_next_sequence(child), (uint64_t)UINT32_MAX + 1);
	child->sequence = UINT64_MAX;
	assert_int_equal(child_next_sequence(child), 0);
}

enum { THREADS = 4, PER_THREAD = 250000 };

static void *take_numbers(void *ctx)
{
	struct child *child = ctx;
	uint64_t *mine = new_array(PER_THREAD, sizeof(*mine));

	for (size_t i = 0; i < PER_THREAD; i++)
		mine[i] = child_next_sequence(child);
	return mine;
}

/* CIP-2, OUT-1 */
static void gives_no_number_twice_to_four_threads(void **state)
{
	struct tables *t = *state;
	pthread_t threads[THREADS];
	uint8_t *seen = new_zeroed(THREADS * PER_THREAD + 1);

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_numbers, tables_child(t, 0x1001));
	for (int i = 0; i < THREADS; i++) {
		uint64_t *numbers;

		pthread_join(threads[i], (void **)&numbers);
		for (size_t j = 0; j < PER_THREAD; j++) {
			assert_in_range(numbers[j], 1, THREADS * PER_THREAD);
			assert_int_equal(seen[numbers[j]]++, 0);
		}
		free(numbers);
	}
	free(seen);
}

/* MTU-5 */
static void tells_no_ipv6_host_less_than_1280(void **state)
{
	static const uint8_t key[36] = { 1 };
	struct child child = { .mtu = 1280, .path.remote.address = ip_v4(192, 0, 2, 2) };

	child.out.aead = aead_new(AEAD_AES_GCM_16_256, BYTES_OF(key));
	assert_int_equal(child_inner_limit(&child, 4),
	                 esp_inner_limit(aead_shape(AEAD_AES_GCM_16_256), 1280, IP_V4, false));
	assert_int_equal(child_inner_limit(&child, 6), 1280);
	child.mtu = 1500;
	assert_int_equal(child_inner_limit(&child, 6),
	                 esp_inner_limit(aead_shape(AEAD_AES_GCM_16_256), 1500, IP_V4, false));
	aead_free(child.out.aead);
}

/* MTU-9 */
static void believes_of_routers_only_what_is_about_its_own_late_packets(void **state)
{
	struct tables *t = *state;
	const struct instant at[] = { { SECONDS(100).ns },
		                      { SECONDS(100).ns + 999999999 },
		                      { SECONDS(101).ns },
		                      { SECONDS(700).ns } };
	struct letter letter = { .spi = 0x2001, .sequence_low = 5000 - 4095, .mtu = 1400 };
	struct child *child;

	assert_true(add_child(t, 0x1001, 0x2001, 1));
	child = tables_child(t, 0x1001);
	child->sequence = (UINT64_C(1) << 32) + 5000;
	child->path.remote.address = letter.path.remote.address = ip_v4(192, 0, 2, 2);

	letter.spi = 0x2002;
	assert_false(tables_learn_mtu(t, &letter, at[0]));
	letter.spi = 0x2001;
	letter.sequence_low = 5000 - 4096;
	assert_false(tables_learn_mtu(t, &letter, at[0]));
	letter.sequence_low = 5001;
	assert_false(tables_learn_mtu(t, &letter, at[0]));
	letter.sequence_low = 5000 - 4095;
	letter.path.remote.address = ip_v4(192, 0, 2, 3);
	assert_false(tables_learn_mtu(t, &letter, at[0]));
	letter.path.remote.address = ip_v4(192, 0, 2, 2);
	letter.mtu = 1500;
	assert_false(tables_learn_mtu(t, &letter, at[0]));
	assert_int_equal(child->mtu, 1500);

	letter.mtu = 1400;
	assert_true(tables_learn_mtu(t, &letter, at[0]));
	assert_int_equal(child->mtu, 1400);
	letter.mtu = 10;
	assert_false(tables_learn_mtu(t, &letter, at[1]));
	assert_true(tables_learn_mtu(t, &letter, at[2]));
	assert_int_equal(child->mtu, 576);
	tables_forget_mtus(t, at[3]);
	assert_int_equal(child->mtu, 576);
	tables_forget_mtus(t, (struct instant){ SECONDS(701).ns });
	assert_int_equal(child->mtu, 1500);
}

static struct policy_row row_of(const char *local, const char *remote, enum policy_action action)
{
	struct policy_row row = { .action = action };

	assert_true(range_parse(local, &row.local));
	assert_true(range_parse(remote, &row.remote));
	return row;
}

/* POL-5 */
static void keeps_the_counters_of_rows_that_stay_over_a_reload(void **state)
{
	struct tables *t = *state;
	struct policy_row before[] = { row_of("10.1.0.0/24", "10.9.0.0/16", POLICY_DROP),
		                       row_of("10.1.0.0/24", "10.2.0.0/16", POLICY_TRAP) };
	struct policy_row after[] = { before[1],
		                      row_of("10.1.0.0/24", "10.3.0.0/16", POLICY_PASS) };
	struct policy_table table;
	struct ip_pair pair = pair_of(1, 1), outside = pair_of(1, 1);

	outside.source = ip_v4(10, 7, 0, 1);
	assert_true(policy_build(&table, before, 2, NULL));
	tables_set_policy(t, &table);
	policy_wipe(&table);
	assert_int_equal(tables_row(t, &pair)->action, POLICY_TRAP);
	assert_null(tables_row(t, &outside));
	use_add(tables_row(t, &pair)->use, 60, (struct instant){ 5 });
	assert_int_equal(tables_row_use(t, 0).packets, 1);
	assert_true(policy_build(&table, after, 2, NULL));
	tables_set_policy(t, &table);
	policy_wipe(&table);
	tables_collect(t);
	assert_int_equal(tables_row_use(t, 0).packets, 1);
	assert_int_equal(tables_row_use(t, 1).packets, 0);
	assert_int_equal(tables_row_use(t, 2).packets, 0);
}

#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void set_rows(struct tables *t, const struct policy_row *rows, size_t count)
{
	struct policy_table table;

	assert_true(policy_build(&table, rows, count, NULL));
	tables_set_policy(t, &table);
	policy_wipe(&table);
}

static bool add_wide_child(struct tables *t, uint32_t spi_in, uint32_t spi_out)
{
	uint8_t key[36] = { 1 };
	struct traffic_selector more = { .port_last = 65535 };
	struct child_sa sa = { .spi_in = spi_in,
		               .spi_out = spi_out,
		               .cipher = AEAD_AES_GCM_16_256,
		               .key_in = { key, sizeof(key) },
		               .key_out = { key, sizeof(key) },
		               .local = { .port_last = 65535 },
		               .remote = { .port_last = 65535 },
		               .more_remote = { &more, 1 } };

	assert_true(range_parse("10.1.0.0/24", &sa.local.range));
	assert_true(range_parse("10.2.0.0/24", &sa.remote.range));
	assert_true(range_parse("10.3.0.0/24", &more.range));
	return tables_add_child(t, &sa, 1500);
}

/* A tunnel of ranges is one row; its SA may be replaced, and may go. */
static void a_row_sends_by_the_sa_that_holds_all_of_it(void **state)
{
	struct tables *t = *state;
	struct policy_row row = { .action = POLICY_TUNNEL, .spi_out = 0x2001 };
	struct ip_pair pair = { ip_v4(10, 1, 0, 9), ip_v4(10, 3, 0, 7) };

	assert_true(add_wide_child(t, 0x1001, 0x2001));
	assert_true(add_wide_child(t, 0x1002, 0x2002));
	assert_true(range_parse("10.1.0.0/24", &row.local));
	assert_true(range_parse("10.3.0.0/24", &row.remote));
	set_rows(t, &row, 1);
	assert_int_equal(row_child(tables_row(t, &pair))->spi_in, 0x1001);
	row.spi_out = 0x2002;
	set_rows(t, &row, 1);
	tables_remove_child(t, 0x1001);
	tables_collect(t);
	assert_int_equal(row_child(tables_row(t, &pair))->spi_in, 0x1002);
	tables_remove_child(t, 0x1002);
	assert_null(row_child(tables_row(t, &pair)));
	set_rows(t, &row, 1);
	assert_null(row_child(tables_row(t, &pair)));
	tables_collect(t);
}

static void a_row_wider_than_the_sa_has_none(void **state)
{
	struct tables *t = *state;
	struct policy_row row = { .action = POLICY_TUNNEL, .spi_out = 0x2001 };
	struct ip_pair pair = { ip_v4(10, 1, 0, 9), ip_v4(10, 3, 0, 7) };

	assert_true(add_wide_child(t, 0x1001, 0x2001));
	assert_true(range_parse("10.1.0.0/24", &row.local));
	assert_true(range_parse("10.2.0.0/15", &row.remote));
	set_rows(t, &row, 1);
	assert_null(row_child(tables_row(t, &pair)));
}

static struct policy_row with_port(const char *remote, enum policy_action action, uint16_t port)
{
	struct policy_row row = row_of("10.1.0.0/24", remote, action);

	if (port != 0)
		row.traffic = (struct traffic){ IPPROTO_NUMBER_TCP, true, port, port };
	return row;
}

static const struct eroute *decide(struct tables *t, struct ip_pair *pair, uint8_t protocol,
                                   int32_t port)
{
	const struct shown shown = { protocol, port, false };

	return tables_decide(t, pair, &shown);
}

/* POL-2: a pair has an eroute for each rule, and none where no rule asks for ports. */
static void a_packet_has_the_eroute_of_its_rule(void **state)
{
	struct tables *t = *state;
	const struct policy_row rows[] = { with_port("10.2.0.0/24", POLICY_TRAP, 25),
		                           with_port("10.2.0.0/24", POLICY_PASS, 80),
		                           with_port("10.2.0.0/24", POLICY_TRAP, 0),
		                           with_port("10.3.0.0/24", POLICY_TRAP, 0),
		                           with_port("10.4.0.0/24", POLICY_DROP, 23) };
	struct ip_pair all = pair_of(1, 1), smtp = pair_of(1, 1), other = pair_of(1, 1);

	smtp.traffic = rows[0].traffic;
	set_rows(t, rows, ARRAY_LEN(rows));
	assert_true(tables_set_eroute(t, &all, EROUTE_PASS, 0, NULL));
	assert_true(tables_set_eroute(t, &smtp, EROUTE_DROP, 0, NULL));
	assert_int_equal(decide(t, &other, 6, 25)->action, EROUTE_DROP);
	assert_true(traffic_equal(&other.traffic, &smtp.traffic));
	assert_int_equal(decide(t, &other, 6, 26)->action, EROUTE_PASS);
	assert_true(traffic_is_any(&other.traffic));
	assert_null(decide(t, &other, 6, 80));
	assert_int_equal(tables_row(t, &other)->action, POLICY_PASS);
	assert_int_equal(decide(t, &other, 17, 25)->action, EROUTE_PASS);
	other.destination = ip_v4(10, 3, 0, 1);
	assert_null(decide(t, &other, 6, 25));
	assert_true(traffic_is_any(&other.traffic));
	other.destination = ip_v4(10, 4, 0, 1);
	assert_null(decide(t, &other, 6, 24));
	assert_null(tables_row(t, &other)); /* what no rule has, nobody lets through */
	assert_null(decide(t, &other, 6, 23));
	assert_int_equal(tables_row(t, &other)->action, POLICY_DROP);
}

/* An SA outranks the rule that allowed it; a narrower rule with another verdict stays. */
static void a_tunnel_carries_what_other_rules_would_trap(void **state)
{
	struct tables *t = *state;
	const struct policy_row rows[] = { with_port("10.2.0.0/24", POLICY_TRAP, 25),
		                           with_port("10.2.0.0/24", POLICY_PASS, 80),
		                           with_port("10.2.0.0/24", POLICY_DROP, 23),
		                           with_port("10.2.0.0/24", POLICY_TRAP, 0) };
	struct ip_pair all = pair_of(1, 1), smtp = pair_of(1, 1), other = pair_of(1, 1);

	smtp.traffic = rows[0].traffic;
	set_rows(t, rows, ARRAY_LEN(rows));
	assert_true(add_child(t, 0x1001, 0x2001, 1));
	for (int made = 0; made < 2; made++) {
		struct ip_pair *by = made == 0 ? &all : &smtp;

		/* A shunt of the other rule does not keep its packets in the clear. */
		assert_true(tables_set_eroute(t, &smtp, EROUTE_PASS, 0, NULL));
		assert_true(tables_set_eroute(t, by, EROUTE_TUNNEL, 0x2001, NULL));
		assert_int_equal(decide(t, &other, 6, 25)->action, EROUTE_TUNNEL);
		assert_int_equal(decide(t, &other, 6, 99)->action, EROUTE_TUNNEL);
		assert_int_equal(decide(t, &other, 1, -1)->action, EROUTE_TUNNEL);
		assert_null(decide(t, &other, 6, 80));
		assert_null(decide(t, &other, 6, 23));
		tables_remove_eroute(t, &all);
		tables_remove_eroute(t, &smtp);
	}
	tables_collect(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TABLES(sends_by_the_newest_sa_of_the_pair),
		WITH_TABLES(wears_out_at_its_limits),
		WITH_TABLES(tells_peers_with_the_same_spi_apart),
		WITH_TABLES(sends_by_no_sa_that_has_gone),
		WITH_TABLES(a_row_sends_by_the_sa_that_holds_all_of_it),
		WITH_TABLES(a_row_wider_than_the_sa_has_none),
		WITH_TABLES(a_packet_has_the_eroute_of_its_rule),
		WITH_TABLES(a_tunnel_carries_what_other_rules_would_trap),
		WITH_TABLES(counts_anew_by_another_verdict),
		WITH_TABLES(replaces_the_eroute_when_packets_settle),
		WITH_TABLES(refuses_an_spi_it_has),
		WITH_TABLES(numbers_packets_from_one_and_never_wraps),
		WITH_TABLES(gives_no_number_twice_to_four_threads),
		cmocka_unit_test(tells_no_ipv6_host_less_than_1280),
		WITH_TABLES(believes_of_routers_only_what_is_about_its_own_late_packets),
		WITH_TABLES(keeps_the_counters_of_rows_that_stay_over_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
