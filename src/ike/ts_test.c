#include "util/test.h"
#include "ike/ts.h"
#include "util/vectors.h"

/* "10.0.0.0/8", "10.0.0.1 17", "10.0.0.1 17 53-53", several behind commas. */
static struct ts_list list_of(const char *line)
{
	struct ts_list list = { 0 };
	char *words = new_string(line), *save = NULL;

	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		struct traffic_selector *ts = &list.selectors[list.count++];
		unsigned protocol = 0, first = 0, last = 65535;
		char range[64];

		assert_true(sscanf(w, "%63s %u %u-%u", range, &protocol, &first, &last) >= 1);
		assert_true(range_parse(range, &ts->range));
		ts->protocol = (uint8_t)protocol;
		ts->port_first = (uint16_t)first;
		ts->port_last = (uint16_t)last;
	}
	free(words);
	return list;
}

static bool lists_equal(const struct ts_list *a, const struct ts_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!ts_equal(&a->selectors[i], &b->selectors[i]))
			return false;
	return true;
}

/* TS-4 */
static void narrows_and_never_widens(void **state)
{
	static const struct {
		const char *offered, *allowed, *want; /* want NULL: TS_UNACCEPTABLE */
	} cases[] = {
		{ "10.1.1.1", "10.1.1.1", "10.1.1.1" },
		{ "10.1.1.1", "10.0.0.0/8", "10.1.1.1" },
		{ "10.0.0.0/8", "10.1.1.1", "10.1.1.1" },
		{ "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.20", "10.0.0.5-10.0.0.9" },
		{ "10.1.1.1", "10.1.1.2", NULL },
		{ "10.1.1.1", "2001:db8::/32", NULL },
		{ "2001:db8::1", "2001:db8::/32", "2001:db8::1" },
		{ "::/0", "2001:db8::/32", "2001:db8::/32" },
		{ "10.1.1.1 6", "10.1.1.1", "10.1.1.1 6" },
		{ "10.1.1.1", "10.1.1.1 6", "10.1.1.1 6" },
		{ "10.1.1.1 17", "10.1.1.1 6", NULL },
		{ "10.1.1.1 6 80-90", "10.1.1.1", "10.1.1.1 6 80-90" },
		{ "10.1.1.1 6 80-90", "10.1.1.1 6 85-99", "10.1.1.1 6 85-90" },
		{ "10.1.1.1 6 80-80", "10.1.1.1 6 81-81", NULL },
		{ "10.1.1.1 6 65535-0", "10.1.1.1", "10.1.1.1 6 65535-0" }, /* opaque */
		{ "10.1.1.1 6 65535-0", "10.1.1.1 6 80-80", NULL },
		{ "10.1.1.1,10.1.1.2", "10.0.0.0/8", "10.1.1.1,10.1.1.2" },
		{ "10.1.1.1 6 80-80,10.1.0.0/16", "10.1.1.1", "10.1.1.1 6 80-80" },
		{ "192.0.2.1,10.1.0.0/16", "10.1.1.1", "10.1.1.1" },
		{ "10.1.1.1,192.0.2.1", "10.1.1.1,192.0.2.0/24", "10.1.1.1,192.0.2.1" },
		{ "192.0.2.1,192.0.2.2", "10.0.0.0/8", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ts_list offered = list_of(cases[i].offered);
		struct ts_list allowed = list_of(cases[i].allowed);
		struct ts_list want = list_of(cases[i].want ? cases[i].want : "0.0.0.0/0"), got;
		bool is_cut;
		bool ok = ts_narrow(&offered, &allowed, &got, &is_cut);

		if (ok != (cases[i].want != NULL) || (ok && !lists_equal(&got, &want)))
			fail_msg("%s for %s", cases[i].offered, cases[i].allowed);
		if (!ok)
			continue;
		assert_int_equal(is_cut, !lists_equal(&got, &offered));
		assert_true(ts_list_within(&got, &offered));
		assert_true(ts_list_within(&got, &allowed));
	}
}

/* TS-6 */
static void knows_when_an_answer_is_wider_than_the_request(void **state)
{
	static const struct {
		const char *answer, *offered;
		bool ok;
	} cases[] = {
		{ "10.1.1.1", "10.1.1.1", true },
		{ "10.1.1.1", "10.1.1.0/24", true },
		{ "10.1.1.0/24", "10.1.1.1", false },
		{ "10.1.1.1 6", "10.1.1.1", true },
		{ "10.1.1.1", "10.1.1.1 6", false },
		{ "10.1.1.1,10.9.9.9", "10.1.1.1", false },
		{ "10.1.1.1 6 65535-0", "10.1.1.1 6 80-80", false },
	};
	struct ts_list none = { .unknown = 1 }, all = list_of("0.0.0.0/0");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ts_list answer = list_of(cases[i].answer);
		struct ts_list offered = list_of(cases[i].offered);

		assert_int_equal(ts_list_within(&answer, &offered), cases[i].ok);
	}
	assert_false(ts_list_within(&none, &all));
}

/* TS-5, NUL-4 */
static void knows_a_single_pair(void **state)
{
	static const struct {
		const char *a, *b;
		bool ok;
	} cases[] = {
		{ "10.1.1.1", "10.2.2.2", true },
		{ "10.1.1.1/32", "10.2.2.2", true },
		{ "10.1.1.0/31", "10.2.2.2", false },
		{ "10.1.1.1 6", "10.2.2.2", false },
		{ "10.1.1.1", "10.2.2.2 0 80-80", false },
		{ "10.1.1.1,10.1.1.2", "10.2.2.2", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ts_list a = list_of(cases[i].a), b = list_of(cases[i].b);

		assert_int_equal(ts_is_single_pair(&a, &b), cases[i].ok);
		assert_int_equal(ts_is_single_pair(&b, &a), cases[i].ok);
	}
}

/* TS-2, TS-3 */
static void refuses_selectors_that_do_not_add_up(void **state)
{
	static const struct {
		const char *hex;
		bool ok;
		size_t count, unknown;
	} cases[] = {
		{ "01000000 07000010 0000ffff 0a010101 0a010101", true, 1, 0 },
		{ "01ffffff 07000010 0000ffff 0a010101 0a010101", true, 1, 0 },  /* reserved */
		{ "01000000 07110010 ffff0000 0a010101 0a010101", true, 1, 0 },  /* opaque */
		{ "01000000 07110010 00500035 0a010101 0a010101", false, 0, 0 }, /* ports */
		{ "01000000 07000010 0000ffff 0a010102 0a010101", false, 0, 0 }, /* addresses */
		{ "00000000", false, 0, 0 },
		{ "00000000 07000010 0000ffff 0a010101 0a010101", false, 0, 0 },
		{ "02000000 07000010 0000ffff 0a010101 0a010101", false, 0, 0 },
		{ "01000000 07000010 0000ffff 0a010101 0a010101 00", false, 0, 0 },
		{ "01000000 0700000f 0000ffff 0a010101 0a0101", false, 0, 0 },
		{ "01000000 07000011 0000ffff 0a010101 0a010101 00", false, 0, 0 },
		{ "01000000 08000010 0000ffff 0a010101 0a010101", false, 0, 0 },
		{ "01000000 08000028 0000ffff 20010db8000000000000000000000001 "
		  "20010db800000000000000000000000f",
		  true, 1, 0 },
		/* one end IPv4-mapped, the other not */
		{ "01000000 08000028 0000ffff 00000000000000000000000000000000 "
		  "00000000000000000000ffff0a010101",
		  false, 0, 0 },
		{ "02000000 0a000008 00000000 07000010 0000ffff 0a010101 0a010101", true, 1, 1 },
		{ "01000000 0a000007 000000", false, 0, 0 },
		{ "01000000 0a000008 00000000", true, 0, 1 },
		{ "010000", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf octets = vector_octets_of(cases[i].hex);
		struct ts_list list;

		if (ts_parse(buf_view(&octets), &list) != cases[i].ok)
			fail_msg("%s", cases[i].hex);
		if (cases[i].ok) {
			assert_int_equal(list.count, cases[i].count);
			assert_int_equal(list.unknown, cases[i].unknown);
		}
	}
}

/* PLD-10 */
static void takes_thirty_two_selectors(void **state)
{
	uint8_t octets[4 + 33 * 16];

	for (size_t count = 32; count <= 33; count++) {
		struct traffic_selector all[33];
		struct ip any = ip_v4(10, 1, 1, 1);
		struct writer w = writer_on(octets, sizeof(octets));
		struct ts_list list;

		for (size_t i = 0; i < count; i++)
			all[i] = ts_of_ip(&any);
		ts_write(&w, all, count);
		assert_int_equal(ts_parse(writer_view(&w), &list), count == 32);
	}
}

/* TS-2 */
static void reads_back_what_it_wrote(void **state)
{
	struct ts_list list = list_of("10.0.0.0/8,10.1.1.1 17 53-53,2001:db8::/32 6,"
	                              "192.0.2.1-192.0.2.9 6 65535-0");
	uint8_t octets[512];
	struct writer w = writer_on(octets, sizeof(octets));
	struct ts_list again;

	ts_write(&w, list.selectors, list.count);
	assert_true(ts_parse(writer_view(&w), &again));
	assert_true(lists_equal(&list, &again));
	assert_true(ts_is_opaque(&again.selectors[3]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrows_and_never_widens),
		cmocka_unit_test(knows_when_an_answer_is_wider_than_the_request),
		cmocka_unit_test(knows_a_single_pair),
		cmocka_unit_test(refuses_selectors_that_do_not_add_up),
		cmocka_unit_test(takes_thirty_two_selectors),
		cmocka_unit_test(reads_back_what_it_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
