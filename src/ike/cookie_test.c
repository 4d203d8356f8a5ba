#include "util/test.h"

#include "ike/cookie.h"

static const uint8_t nonce[32] = { 1, 2, 3 };
static const uint8_t secrets[4][COOKIE_SECRET_LEN] = { { 10 }, { 11 }, { 12 }, { 13 } };

static struct instant at(int64_t s)
{
	return (struct instant){ SECONDS(s).ns };
}

static struct cookie_facts facts(void)
{
	return (struct cookie_facts){ BYTES_OF(nonce), { ip_v4(192, 0, 2, 1), 500 }, 0x1122 };
}

/* DOS-2 */
static void a_cookie_vouches_for_nonce_address_port_and_spi(void **state)
{
	static const uint8_t other_nonce[32] = { 1, 2, 4 };
	const struct cookie_facts right = facts();
	struct cookie_facts wrong[4] = { right, right, right, right };
	struct cookies cookies = { 0 };
	uint8_t cookie[COOKIE_LEN];

	wrong[0].nonce = BYTES_OF(other_nonce);
	wrong[1].source.address = ip_v4(192, 0, 2, 2);
	wrong[2].source.port = 501;
	wrong[3].spi_i = 0x1123;
	assert_true(cookies_want_secret(&cookies, at(5)));
	cookies_turn(&cookies, secrets[0], at(5));
	assert_true(cookie_make(&cookies, &right, cookie));
	assert_true(cookie_is_good(&cookies, &right, BYTES_OF(cookie)));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(cookie_is_good(&cookies, &wrong[i], BYTES_OF(cookie)));
}

/* DOS-3 */
static void a_cookie_changed_anywhere_is_none(void **state)
{
	const struct cookie_facts right = facts();
	struct cookies cookies = { 0 };
	uint8_t cookie[COOKIE_LEN + 1] = { 0 };

	cookies_turn(&cookies, secrets[0], at(5));
	assert_true(cookie_make(&cookies, &right, cookie));
	for (size_t i = 0; i < COOKIE_LEN; i++) {
		cookie[i] ^= 0x10;
		assert_false(cookie_is_good(&cookies, &right, BYTES(cookie, COOKIE_LEN)));
		cookie[i] ^= 0x10;
	}
	for (size_t len = 0; len <= COOKIE_LEN + 1; len++)
		assert_int_equal(cookie_is_good(&cookies, &right, BYTES(cookie, len)),
		                 len == COOKIE_LEN);
}

/* DOS-2: a new secret every minute; the one before it still counts */
static void a_cookie_lives_for_two_secrets(void **state)
{
	const struct cookie_facts right = facts();
	struct cookies cookies = { 0 };
	uint8_t cookie[COOKIE_LEN];
	uint8_t later[COOKIE_LEN];

	cookies_turn(&cookies, secrets[0], at(0));
	assert_true(cookie_make(&cookies, &right, cookie));
	assert_false(cookies_want_secret(&cookies, at(59)));
	assert_true(cookies_want_secret(&cookies, at(60)));
	cookies_turn(&cookies, secrets[1], at(60));
	assert_true(cookie_make(&cookies, &right, later));
	assert_memory_not_equal(cookie, later, COOKIE_LEN);
	assert_true(cookie_is_good(&cookies, &right, BYTES_OF(cookie)));
	assert_true(cookie_is_good(&cookies, &right, BYTES_OF(later)));
	cookies_turn(&cookies, secrets[2], at(120));
	assert_false(cookie_is_good(&cookies, &right, BYTES_OF(cookie)));
	/* Nobody asked for an hour: the next secret is alone. */
	assert_true(cookie_make(&cookies, &right, cookie));
	cookies_turn(&cookies, secrets[3], at(3720));
	assert_false(cookie_is_good(&cookies, &right, BYTES_OF(cookie)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_vouches_for_nonce_address_port_and_spi),
		cmocka_unit_test(a_cookie_changed_anywhere_is_none),
		cmocka_unit_test(a_cookie_lives_for_two_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
