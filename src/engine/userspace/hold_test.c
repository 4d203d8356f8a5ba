#include "util/test.h"

#include "engine/userspace/hold.h"

static const uint64_t seed[2] = { 3, 4 };
static const struct instant start = { INT64_C(5000000000) };

static struct ip_pair pair_of(uint8_t source, uint8_t destination)
{
	return (struct ip_pair){ ip_v4(10, 1, 0, source), ip_v4(10, 2, 0, destination) };
}

struct seen {
	unsigned numbers[64];
	unsigned count;
};

static void see(void *ctx, struct bytes packet)
{
	struct seen *seen = ctx;
	unsigned number;

	assert_true(packet.len >= sizeof(number));
	memcpy(&number, packet.data, sizeof(number));
	seen->numbers[seen->count++] = number;
}

/* A packet of `len` octets that carries its number. */
static bool keep(struct hold_table *t, struct ip_pair pair, unsigned number, size_t len,
                 struct instant now)
{
	uint8_t packet[2048] = { 0 };

	memcpy(packet, &number, sizeof(number));
	return hold_keep(t, &pair, BYTES(packet, len), now);
}

/* HOLD-1, HOLD-2 */
static void keeps_the_first_sixteen_then_replaces_the_newest(void **state)
{
	struct hold_table t;
	struct ip_pair pair = pair_of(1, 1);
	struct seen seen = { 0 };

	hold_table_init(&t, seed);
	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(keep(&t, pair, i, 100, start), i == 1);
	assert_int_equal(hold_find(&t, &pair)->caught, 20);
	assert_int_equal(hold_first(&t, &pair).data[0], 1);
	assert_true(hold_drain(&t, &pair, see, &seen));
	assert_int_equal(seen.count, 16);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(seen.numbers[i], i + 1);
	assert_int_equal(seen.numbers[15], 20);
	assert_int_equal(t.dropped, 4);
	assert_false(hold_drain(&t, &pair, see, &seen));
	assert_int_equal(hold_first(&t, &pair).len, 0);
	assert_int_equal(t.octets, 0);
	assert_int_equal(t.hosts.count, 0);
	hold_table_wipe(&t);
}

/* HOLD-4 */
static void bounds_the_octets_of_one_host_and_of_all(void **state)
{
	struct hold_table t;
	struct seen seen = { 0 };
	struct ip_pair first = pair_of(1, 1), empty = pair_of(1, 2);

	hold_table_init(&t, seed);
	t.host_octets_max = 3000;
	t.octets_max = 5000;
	assert_true(keep(&t, first, 1, 1000, start));
	assert_false(keep(&t, first, 2, 1000, start));
	assert_false(keep(&t, first, 3, 1000, start));
	assert_true(
	    keep(&t, empty, 4, 1000, start)); /* held, and asked about, without its packet */
	assert_int_equal(hold_find(&t, &empty)->count, 0);
	assert_false(keep(&t, first, 5, 1000, start)); /* the newest takes the place of 3 */
	assert_true(keep(&t, pair_of(2, 1), 6, 1000, start));
	assert_true(keep(&t, pair_of(3, 1), 7, 1000, start));
	assert_true(keep(&t, pair_of(4, 1), 8, 1000, start));
	assert_int_equal(t.octets, 5000);
	assert_int_equal(t.dropped, 3);
	assert_true(hold_drain(&t, &first, see, &seen));
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.numbers[2], 5);
	assert_true(hold_drain(&t, &empty, see, &seen));
	assert_int_equal(t.octets, 2000);
	hold_table_wipe(&t);
}

static void drops_the_packets_of_pairs_beyond_the_bound(void **state)
{
	struct hold_table t;
	struct ip_pair third = pair_of(1, 3);

	hold_table_init(&t, seed);
	t.pairs_max = 2;
	t.few = 0;
	assert_true(keep(&t, pair_of(1, 1), 1, 100, start));
	assert_true(keep(&t, pair_of(1, 2), 2, 100, start));
	assert_false(keep(&t, third, 3, 100, start));
	assert_null(hold_find(&t, &third));
	assert_int_equal(t.dropped, 1);
	hold_table_wipe(&t);
}

/* HOLD-3, OIN-1 */
static void asks_again_after_a_second_and_not_before(void **state)
{
	struct hold_table t;
	struct ip_pair pair = pair_of(1, 1), asked;
	struct instant later = instant_after(start, MILLISECONDS(999));

	hold_table_init(&t, seed);
	assert_true(keep(&t, pair, 1, 100, start));
	assert_false(keep(&t, pair, 2, 100, start)); /* waits to be handed out already */
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pair));
	assert_false(hold_next_acquire(&t, &asked, start));
	assert_false(keep(&t, pair, 3, 100, later));
	assert_true(keep(&t, pair, 4, 100, instant_after(start, SECONDS(1))));
	assert_true(hold_next_acquire(&t, &asked, later));
	hold_remind(&t, SECONDS(10), instant_after(later, SECONDS(9)));
	assert_false(hold_next_acquire(&t, &asked, later));
	hold_remind(&t, SECONDS(10), instant_after(later, SECONDS(10)));
	assert_true(hold_next_acquire(&t, &asked, later));
	hold_table_wipe(&t);
}

/* A reload in the middle of a decision loses no first packet. */
static void asks_again_for_a_pair_that_is_trapped_again(void **state)
{
	struct hold_table t;
	struct seen seen = { 0 };
	struct ip_pair pair = pair_of(1, 1), asked;

	hold_table_init(&t, seed);
	assert_false(hold_ask_again(&t, &pair));
	assert_true(keep(&t, pair, 1, 100, start));
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(hold_ask_again(&t, &pair));
	assert_true(hold_ask_again(&t, &pair)); /* queued once */
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pair));
	assert_false(hold_next_acquire(&t, &asked, start));
	assert_true(hold_drain(&t, &pair, see, &seen));
	assert_int_equal(seen.count, 1);
	hold_table_wipe(&t);
}

static void hands_out_acquires_in_order_and_none_for_what_is_decided(void **state)
{
	struct hold_table t;
	struct seen seen = { 0 };
	struct ip_pair pairs[5], asked;

	hold_table_init(&t, seed);
	for (uint8_t i = 0; i < 5; i++) {
		pairs[i] = pair_of(1, i);
		assert_true(keep(&t, pairs[i], i, 100, start));
	}
	assert_true(hold_drain(&t, &pairs[4], see, &seen));
	assert_true(hold_drain(&t, &pairs[1], see, &seen));
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pairs[0]));
	assert_true(keep(&t, pairs[4], 9, 100, start));
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pairs[2]));
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pairs[3]));
	assert_true(hold_next_acquire(&t, &asked, start));
	assert_true(pair_equal(&asked, &pairs[4]));
	assert_false(hold_next_acquire(&t, &asked, start));
	hold_table_wipe(&t);
}

/* SEC-5: who has few pairs gets them, whatever others have. */
static void bounds_the_pairs_of_one_host_and_of_all(void **state)
{
	static const struct {
		uint8_t host, pair;
		bool is_kept;
	} cases[] = {
		{ 1, 1, true },  { 1, 2, true },  { 1, 3, true },
		{ 1, 4, false },                  /* its own bound */
		{ 2, 1, true },  { 2, 2, false }, /* that of all */
		{ 3, 1, true },  { 3, 2, false }, { 1, 1, true },
	};
	struct hold_table t;

	hold_table_init(&t, seed);
	t.host_pairs_max = 3;
	t.pairs_max = 4;
	t.few = 1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_pair pair = pair_of(cases[i].host, cases[i].pair);

		(void)keep(&t, pair, 1, 100, start);
		assert_int_equal(hold_find(&t, &pair) != NULL, cases[i].is_kept);
	}
	assert_int_equal(t.hosts.count, 3);
	hold_table_wipe(&t);
}

/* TTL-8, SEC-5 */
static void hands_out_acquires_host_by_host(void **state)
{
	static const uint8_t turns[][2] = { { 1, 0 }, { 2, 0 }, { 1, 1 }, { 3, 0 }, { 1, 2 } };
	struct hold_table t;
	struct ip_pair asked;

	hold_table_init(&t, seed);
	for (uint8_t i = 0; i < 3; i++)
		assert_true(keep(&t, pair_of(1, i), i, 100, start));
	assert_true(keep(&t, pair_of(2, 0), 0, 100, start));
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		struct ip_pair due = pair_of(turns[i][0], turns[i][1]);

		assert_true(hold_next_acquire(&t, &asked, start));
		assert_true(pair_equal(&asked, &due));
		if (i == 1)
			assert_true(keep(&t, pair_of(3, 0), 0, 100, start));
	}
	assert_false(hold_next_acquire(&t, &asked, start));
	hold_table_wipe(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_first_sixteen_then_replaces_the_newest),
		cmocka_unit_test(bounds_the_octets_of_one_host_and_of_all),
		cmocka_unit_test(drops_the_packets_of_pairs_beyond_the_bound),
		cmocka_unit_test(asks_again_after_a_second_and_not_before),
		cmocka_unit_test(asks_again_for_a_pair_that_is_trapped_again),
		cmocka_unit_test(hands_out_acquires_in_order_and_none_for_what_is_decided),
		cmocka_unit_test(bounds_the_pairs_of_one_host_and_of_all),
		cmocka_unit_test(hands_out_acquires_host_by_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
