#include "util/test.h"

#include "opportunism/nearmiss.h"

static unsigned lines;

static void count(void *ctx, enum log_level level, const char *text)
{
	lines++;
}

/* TXT-4 */
static void a_near_miss_is_said_once_in_its_ttl(void **state)
{
	static struct near_misses all;
	static const uint64_t seed[2] = { 1, 2 };
	const struct log log = { .level = LOG_INFO, .line = count };
	struct record_set set = { .malformed = 1, .ttl_s = 300 }, fine = { .ttl_s = 300 };
	struct instant now = { 1000 };
	struct hash hash;

	hash_init(&hash, seed);
	near_misses_look(&all, &hash, &log, "5.100.51.198.in-addr.arpa", &fine, now);
	assert_int_equal(lines, 0);
	near_misses_look(&all, &hash, &log, "5.100.51.198.in-addr.arpa", &set, now);
	near_misses_look(&all, &hash, &log, "5.100.51.198.in-addr.arpa", &set,
	                 instant_after(now, SECONDS(299)));
	assert_int_equal(lines, 1);
	near_misses_look(&all, &hash, &log, "6.100.51.198.in-addr.arpa", &set, now);
	assert_int_equal(lines, 2);
	near_misses_look(&all, &hash, &log, "5.100.51.198.in-addr.arpa", &set,
	                 instant_after(now, SECONDS(300)));
	assert_int_equal(lines, 3);
	hash_wipe(&hash);
}

/* TTL-1 */
static void what_was_found_is_believed_for_a_minute_to_a_day(void **state)
{
	static const struct {
		enum dns_status status;
		uint32_t ttl_s, kept_s;
	} cases[] = {
		{ DNS_FOUND, 0, 60 },           { DNS_FOUND, 61, 61 },
		{ DNS_FOUND, 90000, 86400 },    { DNS_NO_NAME, 5, 5 },
		{ DNS_NO_DATA, 90000, 90000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_answer answer = { .status = cases[i].status, .ttl_s = cases[i].ttl_s };
		struct record_set set = { 0 };

		record_set_read(&set, DNS_TYPE_TXT, &answer);
		assert_int_equal(set.ttl_s, cases[i].kept_s);
		record_set_wipe(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_near_miss_is_said_once_in_its_ttl),
		cmocka_unit_test(what_was_found_is_believed_for_a_minute_to_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
