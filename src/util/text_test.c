#include "util/test.h"
#include "util/text.h"

static void grows_by_appending(void **state)
{
	struct text t = { 0 };

	for (int i = 0; i < 1000; i++)
		text_add(&t, "%d,", i % 10);
	text_add_bytes(&t, BYTES("a\0b", 3));
	text_add(&t, "%s", "");
	assert_int_equal(t.len, 2003);
	assert_memory_equal(t.s, "0,1,2,3,4,5,6,7,8,9,0,", 22);
	assert_memory_equal(t.s + 2000, "a\0b", 4);
	text_free(&t);
	assert_null(t.s);
	text_free(&t);
}

static void reads_hex_as_it_writes_it(void **state)
{
	uint8_t octets[256];
	uint8_t read[256];
	char text[513];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	hex_write(BYTES_OF(octets), text);
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 506, "fdfeff");
	assert_int_equal(hex_read(text, read, sizeof(read)), 256);
	assert_memory_equal(read, octets, sizeof(octets));
}

static void refuses_what_is_no_hex(void **state)
{
	static const struct {
		const char *text;
		int len;
	} cases[] = {
		{ "", 0 },    { "0A ff", 2 }, { " 01 ", 1 },   { "0", -1 },          { "0 1", -1 },
		{ "0g", -1 }, { "0x01", -1 }, { "01-02", -1 }, { "0102030405", -1 }, /* no room */
	};
	uint8_t out[4];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(hex_read(cases[i].text, out, sizeof(out)), cases[i].len);
}

/* RFC 4648 section 10. */
static void reads_and_writes_the_base64_of_the_rfc(void **state)
{
	static const struct {
		const char *plain, *text;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	uint8_t out[16];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = base64_write(BYTES_STR(cases[i].plain));
		size_t unpadded = strcspn(text, "=");

		assert_string_equal(text, cases[i].text);
		assert_int_equal(base64_read(BYTES_STR(text), out, sizeof(out)),
		                 strlen(cases[i].plain));
		assert_memory_equal(out, cases[i].plain, strlen(cases[i].plain));
		assert_int_equal(base64_read(BYTES(text, unpadded), out, sizeof(out)),
		                 strlen(cases[i].plain));
		free(text);
	}
}

static void is_strict_about_base64_but_for_white_space(void **state)
{
	static const struct {
		const char *text;
		int len;
	} cases[] = {
		{ "Zm 9v\tYm\r\nFy", 6 },
		{ "+/+/", 3 },
		{ "Z", -1 }, /* six bits are no octet */
		{ "Zm9vY", -1 },
		{ "Zh==", -1 },     /* stray bits */
		{ "Zg==Zg==", -1 }, /* more behind the padding */
		{ "Zm-v", -1 },
		{ "Zm9v!", -1 },
		{ "Zm9vYmFyZm9vYmFyZm9vYmFy", -1 }, /* no room */
	};
	uint8_t out[16];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(base64_read(BYTES_STR(cases[i].text), out, sizeof(out)),
		                 cases[i].len);
	assert_int_equal(base64_read(BYTES("Zm\0v", 4), out, sizeof(out)), -1);
}

static void counts_the_edits_between_two_words(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "leftsubnet", "leftsubnet", 0 },
		{ "leftsubnt", "leftsubnet", 1 },
		{ "lfetid", "leftid", 2 },
		{ "kitten", "sitting", 3 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(text_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(text_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void takes_words_of_any_length(void **state)
{
	char a[300];
	char b[300];

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	a[299] = b[299] = '\0';
	assert_int_equal(text_distance(a, a), 0);
	assert_int_equal(text_distance(a, b), 63); /* what counts of them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_appending),
		cmocka_unit_test(reads_hex_as_it_writes_it),
		cmocka_unit_test(refuses_what_is_no_hex),
		cmocka_unit_test(reads_and_writes_the_base64_of_the_rfc),
		cmocka_unit_test(is_strict_about_base64_but_for_white_space),
		cmocka_unit_test(counts_the_edits_between_two_words),
		cmocka_unit_test(takes_words_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
