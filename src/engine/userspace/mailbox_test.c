#include "util/test.h"

#include "engine/userspace/mailbox.h"

static struct mailbox mailbox;

static int set_up(void **state)
{
	return mailbox_init(&mailbox) ? 0 : -1;
}

static int tear_down(void **state)
{
	mailbox_wipe(&mailbox);
	return 0;
}

static void put(bool is_bare, size_t len)
{
	static const uint8_t octets[65000];

	mailbox_put(&mailbox, &(struct letter){ .kind = LETTER_IKE, .is_bare = is_bare },
	            BYTES(octets, len));
}

static void letters_come_out_in_order(void **state)
{
	struct letter letter;

	for (size_t len = 1; len <= 3; len++)
		put(false, len);
	for (size_t len = 1; len <= 3; len++) {
		assert_true(mailbox_take(&mailbox, &letter));
		assert_int_equal(letter.datagram.len, len);
		buf_free(&letter.datagram);
	}
	assert_false(mailbox_take(&mailbox, &letter));
	assert_int_equal(mailbox.octets, 0);
}

static void a_flood_of_first_requests_leaves_half_for_the_others(void **state)
{
	for (int i = 0; i < 2 * MAILBOX_SIZE; i++)
		put(true, 100);
	assert_int_equal(mailbox.count, MAILBOX_SIZE / 2);
	for (int i = 0; i < MAILBOX_SIZE; i++)
		put(false, 100);
	assert_int_equal(mailbox.count, MAILBOX_SIZE);
	assert_int_equal(mailbox.dropped, 2 * MAILBOX_SIZE);
}

static void large_letters_are_bounded_together(void **state)
{
	for (int i = 0; i < MAILBOX_SIZE; i++)
		put(false, 65000);
	assert_int_equal(mailbox.count, MAILBOX_OCTETS_MAX / 65000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(letters_come_out_in_order),
		CASE(a_flood_of_first_requests_leaves_half_for_the_others),
		CASE(large_letters_are_bounded_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
