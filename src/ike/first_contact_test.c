#include "ike/two_ends.h"

#include "ike/registry.h"

static struct two_ends t;

static int set_up(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	return 0;
}

static int set_up_rsa(void **state)
{
	two_ends_init(&t, KEY_RSA);
	return 0;
}

static int tear_down(void **state)
{
	two_ends_wipe(&t);
	return 0;
}

/* INI-1, AUT-1, KDF-5, KDF-6, NAT-12, TS-13, HDR-5 */
static void two_gateways_meet_in_four_datagrams(void **state)
{
	const struct news *up;

	initiate(&t, WEST);
	/* --> IKE_SA_INIT { SAi1, KEi, Ni, N(NAT_DETECTION_*), N(SIGNATURE_HASH_ALGORITHMS), V } */
	assert_int_equal(first_out(&t, WEST)->path.remote.port, 500);
	assert_true(first_out(&t, WEST)->datagram.len < 576);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	/* <-- IKE_SA_INIT { SAr1, KEr, Nr, ... } */
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	/* --> IKE_AUTH { IDi, N(INITIAL_CONTACT), IDr, AUTH, SAi2, TSi, TSr } */
	assert_int_equal(first_out(&t, WEST)->path.local.port, 4500);
	assert_int_equal(first_out(&t, WEST)->path.remote.port, 4500);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	/* <-- IKE_AUTH { IDr, AUTH, SAr2, TSi, TSr } */
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 1);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_UP)->sent_before, 1);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);

	expect_tunnels(&t, 1);
	assert_int_equal(t.end[WEST].out_count + t.end[EAST].out_count, 0);
	up = last_news(&t.end[WEST], NEWS_SA_UP);
	assert_true(up->up.is_initiator);
	assert_true(pubkey_equal(&up->up.peer_key, &t.end[EAST].pubkey));
	up = last_news(&t.end[EAST], NEWS_SA_UP);
	assert_false(up->up.is_initiator);
	assert_true(pubkey_equal(&up->up.peer_key, &t.end[WEST].pubkey));
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_gateways_meet_in_four_datagrams, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(two_gateways_meet_in_four_datagrams, set_up_rsa,
		                                tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
