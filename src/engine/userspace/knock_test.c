#include "util/test.h"

#include "engine/userspace/knock.h"

static void only_a_first_request_is_bare(void **state)
{
	static const struct {
		const char *name;
		uint8_t spi_r, first, exchange;
		size_t len;
		bool is_bare;
	} cases[] = {
		{ "IKE_SA_INIT", 0, 33, 34, 200, true },
		{ "with a cookie", 0, 41, 34, 200, false },
		{ "its response", 1, 33, 34, 200, false },
		{ "IKE_AUTH", 1, 46, 35, 200, false },
		{ "IKE_AUTH of nobody", 0, 46, 35, 200, false },
		{ "a runt", 1, 46, 35, 27, true },
	};
	uint8_t octets[200];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(octets, 0, sizeof(octets));
		octets[15] = cases[i].spi_r;
		octets[16] = cases[i].first;
		octets[18] = cases[i].exchange;
		assert_int_equal(knock_is_bare(BYTES(octets, cases[i].len)), cases[i].is_bare);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_first_request_is_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
