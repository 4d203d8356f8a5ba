/*
 * Any octets as the body of a TS payload. What parses, written and parsed again, is the same list;
 * whatever it is narrowed to lies inside both what was offered and what is allowed.
 */
#include <assert.h>
#include <stdlib.h>

#include "ike/ts.h"

static void narrow(const struct ts_list *offered, const char *range)
{
	static struct ts_list allowed, out;
	struct ip_range r;

	assert(range_parse(range, &r));
	allowed = (struct ts_list){ .count = 1, .selectors = { ts_of_range(&r) } };
	if (!ts_narrow(offered, &allowed, &out, NULL))
		return;
	assert(out.count > 0);
	assert(ts_list_within(&out, offered) || offered->unknown > 0);
	assert(ts_list_within(&out, &allowed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ts_list first, second;
	uint8_t again[4 + TS_MAX * 40];
	struct writer w = writer_on(again, sizeof(again));

	if (!ts_parse(BYTES(data, size), &first))
		return 0;
	assert(first.count + first.unknown <= TS_MAX);
	narrow(&first, "10.1.1.1");
	narrow(&first, "198.51.0.0/16");
	narrow(&first, "2001:db8::/32");
	if (first.count == 0)
		return 0;
	ts_write(&w, first.selectors, first.count);
	assert(!w.failed && ts_parse(writer_view(&w), &second));
	assert(second.count == first.count);
	for (size_t i = 0; i < first.count; i++)
		assert(ts_equal(&first.selectors[i], &second.selectors[i]));
	return 0;
}
