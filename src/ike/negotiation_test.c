#include "util/test.h"
#include "ike/two_ends.h"

static struct two_ends t;

static int set_up(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	return 0;
}

static int tear_down(void **state)
{
	two_ends_wipe(&t);
	return 0;
}

/* One proposal of one suite each, as a conn would ask for. */
static struct ike_profile profile_of(enum encr_id cipher, uint16_t key_bits, enum kex_id kex)
{
	struct ike_profile profile = ike_profile_default;
	const struct transform encr = { .type = TRANSFORM_ENCR,
		                        .id = cipher,
		                        .key_bits = key_bits };
	const struct transform ke = { .type = TRANSFORM_KE, .id = kex };

	profile.ike.count = profile.esp.count = 1;
	profile.ike.proposals[0] = (struct proposal){
		.transform_count = 3,
		.transforms = { encr, { .type = TRANSFORM_PRF, .id = PRF_HMAC_SHA2_256 }, ke },
	};
	profile.esp.proposals[0] = (struct proposal){
		.transform_count = 3,
		.transforms = { encr, ke, { .type = TRANSFORM_SN, .id = 1 } },
	};
	return profile;
}

static ike_handle initiate_with(enum side side, const struct ike_profile *profile)
{
	struct ike_wish wish = wish_of(&t, side);
	ike_handle sa;

	wish.profile = profile;
	sa = initiate_wish(&t, side, &wish);
	ike_set_peer_keys(t.end[side].ike, sa, &t.end[side].trusted, 1, t.now);
	return sa;
}

/* SA-14 */
static void a_conn_gets_the_algorithms_it_asks_for(void **state)
{
	struct ike_profile profile = profile_of(ENCR_CHACHA20_POLY1305, 0, KEX_P256);

	initiate_with(WEST, &profile);
	memset(&profile, 0, sizeof(profile)); /* it was only lent */
	pass_all(&t);
	expect_tunnels(&t, 1);
	for (int side = WEST; side <= EAST; side++) {
		assert_int_equal(only_sa(&t, side)->suite.cipher, AEAD_CHACHA20_POLY1305);
		assert_int_equal(only_sa(&t, side)->suite.kex, KEX_P256);
		assert_int_equal(last_news(&t.end[side], NEWS_CHILD_UP)->child.cipher,
		                 AEAD_CHACHA20_POLY1305);
	}
}

/* SA-10, SA-14 */
static void what_the_responder_does_not_allow_is_refused(void **state)
{
	struct ike_profile mine = profile_of(ENCR_AES_GCM_16, 256, KEX_X25519);
	struct ike_profile theirs = profile_of(ENCR_AES_GCM_16, 128, KEX_X25519);

	t.end[EAST].profile = &theirs;
	initiate_with(WEST, &mine);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 0);
	live_ms(&t, 200000);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason,
	                 IKE_REASON_UNPROTECTED_REFUSAL);
	expect_nothing_left(&t);
}

/* SA-14: who the peer is, is known in IKE_AUTH only */
static void a_profile_that_forbids_the_agreed_algorithms_ends_the_sa(void **state)
{
	struct ike_profile theirs = profile_of(ENCR_CHACHA20_POLY1305, 0, KEX_X25519);

	t.end[EAST].peer_profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_NO_PROPOSAL);
	expect_nothing_left(&t);
}

static void the_profile_of_the_peer_chooses_for_its_child(void **state)
{
	struct ike_profile theirs = ike_profile_default;

	theirs.esp = profile_of(ENCR_CHACHA20_POLY1305, 0, KEX_X25519).esp;
	t.end[EAST].peer_profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->child.cipher,
	                 AEAD_CHACHA20_POLY1305);
	assert_int_equal(only_sa(&t, WEST)->suite.cipher, AEAD_AES_GCM_16_256);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		CASE(a_conn_gets_the_algorithms_it_asks_for),
		CASE(what_the_responder_does_not_allow_is_refused),
		CASE(a_profile_that_forbids_the_agreed_algorithms_ends_the_sa),
		CASE(the_profile_of_the_peer_chooses_for_its_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
