#include "util/test.h"

#include "crypto/selftest.h"

static void this_crypto_library_gives_the_known_answers(void **state)
{
	const char *wrong = crypto_selftest();

	assert_string_equal(wrong == NULL ? "" : wrong, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_crypto_library_gives_the_known_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
