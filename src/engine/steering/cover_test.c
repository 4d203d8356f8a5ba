#include "util/test.h"

#include "engine/steering/cover.h"
#include "util/text.h"

static void joins_ranges_that_overlap_or_touch(void **state)
{
	static const struct {
		const char *in[4];
		const char *out;
	} cases[] = {
		{ { NULL }, "" },
		{ { "10.1.0.0/16" }, "10.1.0.0/16 " },
		{ { "10.1.0.0/17", "10.1.128.0/17" }, "10.1.0.0/16 " },
		{ { "10.1.0.0/16", "10.1.3.0/24" }, "10.1.0.0/16 " },
		{ { "10.1.0.0/16", "10.3.0.0/16", "10.1.0.0/16" }, "10.1.0.0/16 10.3.0.0/16 " },
		{ { "255.255.255.255", "::" }, "255.255.255.255/32 ::/128 " },
		{ { "2001:db8::/33", "10.0.0.0/8", "2001:db8:8000::/33" },
		  "10.0.0.0/8 2001:db8::/32 " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_range ranges[4];
		struct cover cover;
		struct text t = { 0 };
		size_t n = 0;

		for (; n < 4 && cases[i].in[n] != NULL; n++)
			assert_true(range_parse(cases[i].in[n], &ranges[n]));
		cover_of_ranges(&cover, ranges, n);
		text_add(&t, "%s", "");
		for (size_t j = 0; j < cover.count; j++)
			text_add(&t, "%s ", range_text(&cover.ranges[j]).s);
		assert_string_equal(t.s, cases[i].out);
		cover_wipe(&cover);
		text_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_ranges_that_overlap_or_touch),
	};

	return cmocka_run_group_tests_name("cover", tests, NULL, NULL);
}
