#include "util/test.h"

#include "opportunism/limits.h"
#include "opportunism/protected.h"

static const struct instant start = { 1000000000000 };
static const uint64_t seed[2] = { 1, 2 };

static struct pubkey key_of(uint8_t first)
{
	uint8_t octets[32] = { first };
	struct pubkey key;

	assert_true(pubkey_from_ed25519(BYTES_OF(octets), &key));
	return key;
}

static struct instant after_days(int64_t days)
{
	return instant_after(start, SECONDS(days * 86400));
}

/* TRU-9 */
static void remembers_address_and_key_for_thirty_days(void **state)
{
	struct pubkey first = key_of(1), second = key_of(2);
	struct ip host = ip_v4(198, 51, 100, 5), other = ip_v4(198, 51, 100, 6);
	struct protected_hosts all;

	protected_init(&all, seed);
	protected_note(&all, &host, &first, start);
	assert_null(protected_find(&all, &other, start));
	assert_non_null(protected_find(&all, &host, after_days(29)));
	assert_null(protected_find(&all, &host, after_days(30)));
	assert_true(protected_is_by(protected_find(&all, &host, start), &first));
	assert_false(protected_is_by(protected_find(&all, &host, start), &second));
	protected_note(&all, &host, &second, after_days(29));
	assert_true(protected_is_by(protected_find(&all, &host, after_days(58)), &second));
	assert_true(protected_forget(&all, &host));
	assert_false(protected_forget(&all, &host));
	assert_null(protected_find(&all, &host, after_days(29)));
	protected_wipe(&all);
}

static void changes_only_when_it_is_worth_writing_down(void **state)
{
	struct pubkey key = key_of(1);
	struct ip host = ip_v4(198, 51, 100, 5);
	struct protected_hosts all;

	protected_init(&all, seed);
	protected_note(&all, &host, &key, start);
	assert_int_equal(all.changes, 1);
	protected_note(&all, &host, &key, instant_after(start, SECONDS(60)));
	assert_int_equal(all.changes, 1);
	protected_note(&all, &host, &key, instant_after(start, SECONDS(7200)));
	assert_int_equal(all.changes, 2);
	protected_wipe(&all);
}

static void what_was_written_is_read_back(void **state)
{
	struct pubkey key = key_of(1);
	struct ip host = ip_v4(198, 51, 100, 5), host6;
	struct protected_hosts all, again;
	struct protected_list_copy *copy;
	struct text text = { 0 };

	assert_true(ip_parse("2001:db8::5", &host6));
	protected_init(&all, seed);
	protected_init(&again, seed);
	protected_note(&all, &host, &key, start);
	protected_note(&all, &host6, &key, after_days(10));
	copy = protected_copy(&all, 1700000000, after_days(20));
	protected_write(copy, &text);
	free(copy);
	/* A day later, after a restart of the machine. */
	protected_read(&again, BYTES(text.s, text.len), 1700000000 + 86400, start);
	assert_non_null(protected_find(&again, &host, after_days(8)));
	assert_null(protected_find(&again, &host, after_days(9)));
	assert_non_null(protected_find(&again, &host6, after_days(18)));
	assert_null(protected_find(&again, &host6, after_days(19)));
	assert_true(protected_is_by(protected_find(&again, &host6, start), &key));
	text_free(&text);
	protected_wipe(&all);
	protected_wipe(&again);
}

static void damaged_lines_are_passed_over(void **state)
{
#define KEY "00112233445566778899aabbccddeeff"
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{ "", 0 },
		{ "\n\n", 0 },
		{ "192.0.2.1 " KEY " 1700000000\n", 1 },
		{ "192.0.2.1 " KEY " 1700000000", 0 },
		{ "192.0.2.1 " KEY " 1700000000\n192.0.2.2 0011", 1 },
		{ "192.0.2.1 " KEY "00 1700000000\n", 0 },
		{ "192.0.2.1 " KEY " soon\n", 0 },
		{ "192.0.2.1 " KEY " -5\n", 0 },
		{ "192.0.2.1 " KEY " 1700000000 x\n", 0 },
		{ "host " KEY " 1700000000\n2001:db8::1 " KEY " 1700000000\n", 1 },
		{ "192.0.2.1 " KEY " 9999999999999999999999\n", 0 },
		{ "192.0.2.1 " KEY " 5\n", 1 },
		{ "192.0.2.1 " KEY " 5\n192.0.2.2 " KEY " 1700000000\n", 1 },
		{ "written 1700000000\n192.0.2.1 " KEY " 5\n", 0 },
		{ "written 7\n192.0.2.1 " KEY " 5\n", 1 },
		{ "written -9999999999999\n192.0.2.1 " KEY " 5\n", 1 },
		{ "written soon\n192.0.2.1 " KEY " 5\n", 1 },
		{ "192.0.2.1 " KEY " 99999999999999\n", 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct protected_hosts all;

		protected_init(&all, seed);
		protected_read(&all, BYTES_STR(cases[i].text), 1700000100, start);
		if (all.by_address.count != cases[i].count)
			fail_msg("case %zu", i);
		protected_wipe(&all);
	}
}

static struct text written(const struct protected_hosts *all, int64_t wall_s, struct instant now)
{
	struct protected_list_copy *copy = protected_copy(all, wall_s, now);
	struct text text = { 0 };

	protected_write(copy, &text);
	free(copy);
	return text;
}

/* TRU-9: a clock that is wrong at a start, by whole years, or put right while the daemon runs. */
static void a_wrong_clock_ends_no_memory(void **state)
{
	static const int64_t days[] = { 40, 4000, -4000, 0, 31, 0 };
	struct pubkey key = key_of(1);
	struct ip host = ip_v4(198, 51, 100, 5);
	struct protected_hosts all;
	struct text text;

	protected_init(&all, seed);
	protected_note(&all, &host, &key, start);
	text = written(&all, 1700000000, start);
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		int64_t wall_s = 1700000000 + days[i] * 86400;

		protected_wipe(&all);
		protected_init(&all, seed);
		protected_read(&all, BYTES(text.s, text.len), wall_s, start);
		text_free(&text);
		text = (struct text){ 0 };
		assert_non_null(protected_find(&all, &host, start));
		assert_int_equal(all.changes, 1);
		text = written(&all, wall_s, start);
	}
	text_free(&text);
	protected_wipe(&all);
}

/* A machine that runs for some hours each day: what is never seen again is forgotten. */
static void days_that_were_seen_to_pass_count(void **state)
{
	struct pubkey key = key_of(1);
	struct ip host = ip_v4(198, 51, 100, 5);
	struct protected_hosts all;
	int64_t day = 0;

	protected_init(&all, seed);
	protected_note(&all, &host, &key, start);
	while (all.by_address.count > 0 && day < 100) {
		struct text text = written(&all, 1700000000 + day * 86400, start);

		day++;
		protected_wipe(&all);
		protected_init(&all, seed);
		protected_read(&all, BYTES(text.s, text.len), 1700000000 + day * 86400, start);
		text_free(&text);
	}
	assert_int_equal(day, 30);
	protected_wipe(&all);
}

/* Somebody with a whole network of addresses does not wash out the others. */
static void forgets_those_of_the_largest_network_at_the_bound(void **state)
{
	struct pubkey key = key_of(1);
	struct protected_hosts all;
	struct ip friend = ip_v4(198, 51, 100, 5), last;

	protected_init(&all, seed);
	protected_note(&all, &friend, &key, start);
	for (unsigned i = 0; i < 3 * PROTECTED_MAX; i++) {
		struct ip host = ip_v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i);

		host = i % 2 == 0 ? host : ip_v4(10, 2, (uint8_t)(i >> 8), (uint8_t)i);
		protected_note(&all, &host, &key, instant_after(start, SECONDS(i)));
		last = host;
	}
	assert_true(all.by_address.count <= PROTECTED_MAX);
	assert_true(all.by_address.count >= PROTECTED_MAX - PROTECTED_MAX / 16);
	assert_non_null(protected_find(&all, &friend, after_days(1)));
	assert_non_null(protected_find(&all, &last, after_days(1)));
	protected_wipe(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_address_and_key_for_thirty_days),
		cmocka_unit_test(changes_only_when_it_is_worth_writing_down),
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(damaged_lines_are_passed_over),
		cmocka_unit_test(a_wrong_clock_ends_no_memory),
		cmocka_unit_test(days_that_were_seen_to_pass_count),
		cmocka_unit_test(forgets_those_of_the_largest_network_at_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
