#include "util/test.h"

#include "opportunism/fair.h"

struct item {
	struct fair_entry entry;
	unsigned host, number;
};

enum { ITEMS_MAX = 64 };

static struct ip host_address(unsigned host)
{
	return ip_from_octets(BYTES(((const uint8_t[]){ 10, 0, 0, (uint8_t)host }), 4));
}

static void add(struct fair_queue *queue, struct item *item, unsigned host, unsigned number)
{
	struct ip address = host_address(host);

	*item = (struct item){ .host = host, .number = number };
	fair_add(queue, &item->entry, &address);
}

static const struct item *item_of(const struct fair_entry *entry)
{
	return entry == NULL ? NULL : CONTAINER_OF(entry, const struct item, entry);
}

static void start(struct fair_queue *queue)
{
	static const uint64_t seed[2] = { 1, 2 };

	fair_init(queue, seed);
}

/* TTL-8 */
static void hosts_take_turns_whatever_each_has(void **state)
{
	static const struct {
		unsigned host, number;
	} turns[] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 1, 1 }, { 2, 1 }, { 1, 2 }, { 1, 3 } };
	struct item items[ITEMS_MAX];
	struct fair_queue queue;

	start(&queue);
	for (unsigned i = 0; i < 4; i++)
		add(&queue, &items[i], 1, i);
	add(&queue, &items[4], 2, 0);
	add(&queue, &items[5], 2, 1);
	add(&queue, &items[6], 3, 0);
	assert_int_equal(fair_line(&items[0].entry), 4);
	assert_int_equal(fair_line(&items[6].entry), 1);
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		const struct item *item = item_of(fair_next(&queue));

		assert_int_equal(item->host, turns[i].host);
		assert_int_equal(item->number, turns[i].number);
		assert_null(fair_queue_of(&item->entry));
		assert_int_equal(fair_line(&item->entry), 0);
	}
	assert_null(fair_next(&queue));
	assert_int_equal(queue.count, 0);
	fair_wipe(&queue);
}

static void a_new_host_waits_for_one_turn_of_each(void **state)
{
	struct item items[ITEMS_MAX];
	struct fair_queue queue;

	start(&queue);
	for (unsigned i = 0; i < 30; i++)
		add(&queue, &items[i], 1 + i % 2, i);
	(void)fair_next(&queue);
	add(&queue, &items[30], 7, 0);
	assert_int_equal(item_of(fair_next(&queue))->host, 2);
	assert_int_equal(item_of(fair_next(&queue))->host, 1);
	assert_int_equal(item_of(fair_next(&queue))->host, 7);
	fair_wipe(&queue);
}

/* TTL-8: whom the bound hits. */
static void the_oldest_of_the_fullest_host_is_known(void **state)
{
	struct item items[ITEMS_MAX];
	struct fair_queue queue;

	start(&queue);
	assert_null(fair_oldest_of_fullest(&queue));
	add(&queue, &items[0], 1, 0);
	for (unsigned i = 1; i < 4; i++)
		add(&queue, &items[i], 2, i);
	for (unsigned i = 4; i < 6; i++)
		add(&queue, &items[i], 3, i);
	assert_int_equal(item_of(fair_oldest_of_fullest(&queue))->number, 1);
	fair_remove(&items[1].entry);
	fair_remove(&items[1].entry); /* twice is once */
	fair_remove(&items[2].entry);
	assert_int_equal(item_of(fair_oldest_of_fullest(&queue))->number, 4);
	assert_int_equal(queue.count, 4);
	fair_wipe(&queue);
	assert_null(fair_queue_of(&items[5].entry));
}

/* SEC-5 */
static void who_is_busy_enough_is_passed_over(void **state)
{
	struct item items[ITEMS_MAX];
	struct fair_queue queue, busy;

	start(&queue);
	start(&busy);
	for (unsigned i = 0; i < 3; i++)
		add(&busy, &items[i], 1, i);
	add(&busy, &items[3], 2, 0);
	for (unsigned i = 4; i < 8; i++)
		add(&queue, &items[i], 1 + i % 2, i);
	assert_int_equal(item_of(fair_next_below(&queue, &busy, 3))->host, 2);
	assert_int_equal(item_of(fair_next_below(&queue, &busy, 3))->host, 2);
	assert_null(fair_next_below(&queue, &busy, 3));
	assert_int_equal(item_of(fair_next_below(&queue, &busy, 4))->host, 1);
	fair_wipe(&queue);
	fair_wipe(&busy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_take_turns_whatever_each_has),
		cmocka_unit_test(a_new_host_waits_for_one_turn_of_each),
		cmocka_unit_test(the_oldest_of_the_fullest_host_is_known),
		cmocka_unit_test(who_is_busy_enough_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
