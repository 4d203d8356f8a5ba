#include "util/test.h"
#include "dns/name.h"
#include "util/vectors.h"

/* DNS-1 */
static void turns_addresses_into_reverse_names(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "reverse_names"), i, v)
	{
		CLEANUP(buf_free) struct buf wire = vector_octets(v, "wire");
		struct reader r = reader_of(buf_view(&wire));
		uint8_t written[NAME_WIRE_MAX];
		struct writer w = writer_on(written, sizeof(written));
		struct dns_name name;
		char with_dot[DNS_NAME_MAX + 1];
		char read[DNS_NAME_MAX];
		struct ip address;

		assert_true(ip_parse(vector_string(v, "address"), &address));
		name = reverse_name(&address);
		snprintf(with_dot, sizeof(with_dot), "%s.", name.s);
		assert_string_equal(with_dot, vector_string(v, "name"));
		name_write(&w, name.s);
		assert_true(bytes_equal(writer_view(&w), buf_view(&wire)));
		assert_true(name_read(&r, read));
		assert_string_equal(read, name.s);
	}
	assert_int_equal(i, 6);
	json_decref(root);
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void normalises_host_names(void **state)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: refused */
	} cases[] = {
		{ "sg.example.net", "sg.example.net" },
		{ "SG.Example.NET.", "sg.example.net" },
		{ "_x-1.net", "_x-1.net" },
		{ "localhost", "localhost" },
		{ LABEL_63 ".net", LABEL_63 ".net" },
		{ LABEL_63 "1.net", NULL },
		{ LABEL_63 "." LABEL_63 "." LABEL_63
		           ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy",
		  LABEL_63 "." LABEL_63 "." LABEL_63
		           ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy" },
		{ LABEL_63 "." LABEL_63 "." LABEL_63
		           ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
		  NULL }, /* 254 */
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ ".net", NULL },
		{ "a..b", NULL },
		{ "a b", NULL },
		{ "a\nb", NULL },
		{ "a/b", NULL },
		{ "b\xc3\xbc"
		  "cher.example",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[DNS_NAME_MAX] = "untouched";
		bool ok = dns_name_normalise(BYTES_STR(cases[i].text), out);

		assert_int_equal(ok, cases[i].name != NULL);
		assert_string_equal(out, ok ? cases[i].name : "untouched");
	}
	assert_false(dns_name_normalise(BYTES("a\0b", 3), (char[DNS_NAME_MAX]){ 0 }));
}

/* DNS-7 */
static void refuses_names_on_the_wire_that_are_none(void **state)
{
	static const char *cases[] = {
		"",           /* nothing */
		"00",         /* the root */
		"0161",       /* no end */
		"0361620100", /* runs past the end */
		"c00c",       /* a pointer */
		"0161c00c",   /* a pointer behind a label */
		"4061",       /* a label type of RFC 2673 */
	};
	char out[DNS_NAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf wire = vector_octets_of(cases[i]);
		struct reader r = reader_of(buf_view(&wire));

		assert_false(name_read(&r, out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_addresses_into_reverse_names),
		cmocka_unit_test(normalises_host_names),
		cmocka_unit_test(refuses_names_on_the_wire_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
