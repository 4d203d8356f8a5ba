#include "util/test.h"

#include "opportunism/dealing.h"

#include "ike/choice.h"

static void a_conn_that_says_nothing_has_the_defaults(void **state)
{
	struct ike_profile profile;

	profile_of_conn(&profile, &(struct conn){ 0 }, &(struct conf_setup){ 0 });
	assert_true(ike_profile_equal(&profile, &ike_profile_default));
}

static void what_a_conn_says_is_in_its_profile(void **state)
{
	static const struct conn conn = { .dealings = { .ikelifetime_s = 7200,
		                                        .keylife_s = 1200,
		                                        .life_octets = 5000000,
		                                        .life_packets = 7000,
		                                        .rekeymargin_s = 60,
		                                        .has_rekeyfuzz = true,
		                                        .rekeyfuzz_percent = 0,
		                                        .has_no_rekey = true,
		                                        .has_no_pfs = true,
		                                        .dpddelay_s = 5,
		                                        .dpdtimeout_s = 15,
		                                        .encapsulation = true,
		                                        .copies_dscp = true,
		                                        .transport = true } };
	static const struct conf_setup setup = { .has_shared_ids = true };
	struct ike_profile profile;

	profile_of_conn(&profile, &conn, &setup);
	assert_int_equal(profile.life.ike_s, 7200);
	assert_int_equal(profile.life.child_s, 1200);
	assert_int_equal(profile.life.child_octets, 5000000);
	assert_int_equal(profile.life.child_packets, 7000);
	assert_int_equal(profile.life.margin_s, 60);
	assert_int_equal(profile.life.fuzz_percent, 0);
	assert_false(profile.life.rekey);
	assert_false(profile.pfs);
	assert_int_equal(profile.dpd_delay_s, 5);
	assert_int_equal(profile.dpd_timeout_s, 15);
	assert_true(profile.encapsulation);
	assert_true(profile.copies_dscp);
	assert_true(profile.transport);
	assert_false(profile.unique);
}

/* PPK-3 */
static void strangers_share_no_secret(void **state)
{
	struct conn conn = { .dealings = { .ppk = PPK_USE_INSIST } };
	struct ike_profile profile;

	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	assert_int_equal(profile.ppk, IKE_PPK_INSIST);
	conn.right.kind = END_OPPORTUNISTIC;
	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	assert_int_equal(profile.ppk, IKE_PPK_NO);
}

/* SA-14, TS-15 */
static void its_suites_are_what_is_offered(void **state)
{
	static const struct conn conn = {
		.dealings = { .ike = "aes256gcm16-sha512-ecp384,aes128-sha256-modp2048",
		              .esp = "aes256-sha256-noesn,aes128gcm16-x25519" },
	};
	struct ike_profile profile;
	struct proposal_list offer;

	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	profile_offer_ike(&profile, 0, &offer);
	assert_int_equal(offer.count, 2);
	assert_int_equal(profile_first_kex(&offer), KEX_P384);
	assert_true(proposals_allow(&offer, &(struct suite){ .cipher = AEAD_AES_GCM_16_256,
	                                                     .prf = PRF_HMAC_SHA2_512,
	                                                     .kex = KEX_P384 }));
	assert_true(proposals_allow(&offer, &(struct suite){ .cipher = AEAD_AES_CBC_128_SHA2_256,
	                                                     .prf = PRF_HMAC_SHA2_256,
	                                                     .kex = KEX_MODP_2048 }));
	assert_false(proposals_allow(&offer, &(struct suite){ .cipher = AEAD_AES_GCM_16_256,
	                                                      .prf = PRF_HMAC_SHA2_256,
	                                                      .kex = KEX_P384 }));
	profile_offer_esp(&profile, 0x1000, true, &offer);
	assert_int_equal(offer.count, 2);
	assert_true(proposals_offer_kex(&offer, KEX_MODP_2048)); /* PFS wants one */
	assert_int_equal(profile_first_kex(&offer), KEX_X25519);
	profile_offer_esp(&profile, 0x1000, false, &offer);
	assert_false(proposals_offer_kex(&offer, KEX_X25519));
}

/* RKY-5 */
static void the_margin_of_a_short_life_is_a_tenth_of_it(void **state)
{
	struct conn conn = { .dealings = { .keylife_s = 600 } };
	struct ike_profile profile;

	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	assert_int_equal(profile.life.margin_s, 60);
	conn.dealings = (struct conn_dealings){ .ikelifetime_s = 300 };
	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	assert_int_equal(profile.life.margin_s, 30);
	conn.dealings = (struct conn_dealings){ .keylife_s = 20 * 3600, .ikelifetime_s = 86400 };
	profile_of_conn(&profile, &conn, &(struct conf_setup){ 0 });
	assert_int_equal(profile.life.margin_s, 540);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conn_that_says_nothing_has_the_defaults),
		cmocka_unit_test(what_a_conn_says_is_in_its_profile),
		cmocka_unit_test(strangers_share_no_secret),
		cmocka_unit_test(its_suites_are_what_is_offered),
		cmocka_unit_test(the_margin_of_a_short_life_is_a_tenth_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
