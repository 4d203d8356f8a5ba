#include "util/test.h"

#include "engine/userspace/ivs.h"

/* CIP-3: no block comes twice, also not behind a new draw, and there is no pattern in them. */
static void gives_out_each_random_block_once(void **state)
{
	static uint8_t taken[4 * IVS_BLOCKS][IVS_BLOCK];
	static struct ivs ivs;
	unsigned changed = 0;

	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		const uint8_t *iv = ivs_take(&ivs);

		assert_non_null(iv);
		memcpy(taken[i], iv, IVS_BLOCK);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(taken[i], taken[j], IVS_BLOCK);
		for (size_t j = 0; i > 0 && j < IVS_BLOCK; j++)
			changed += (unsigned)__builtin_popcount(taken[i][j] ^ taken[i - 1][j]);
	}
	/* Half of 128 bits, give or take six times what is usual. */
	assert_in_range(changed, 1023 * 64 - 6 * 181, 1023 * 64 + 6 * 181);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_out_each_random_block_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
