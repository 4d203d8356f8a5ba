#include "util/test.h"
#include "ike/profile.h"

static struct proposal_list one_suite(uint16_t kex)
{
	struct proposal_list list = { .count = 1 };
	struct proposal *p = &list.proposals[0];

	p->transforms[0] =
	    (struct transform){ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 128 };
	p->transforms[1] = (struct transform){ .type = TRANSFORM_KE, .id = kex };
	p->transform_count = 2;
	return list;
}

static void equal_profiles_share_one_copy(void **state)
{
	struct profiles profiles = { 0 };
	struct ike_profile mine = ike_profile_default;
	struct ike_profile other = ike_profile_default;
	const struct ike_profile *first, *second, *third;

	mine.ike = one_suite(KEX_P256);
	first = profiles_hold(&profiles, &mine);
	assert_ptr_not_equal(first, &mine);
	assert_true(ike_profile_equal(first, &mine));
	second = profiles_hold(&profiles, &mine);
	assert_ptr_equal(first, second);
	other.ike = one_suite(KEX_X25519);
	third = profiles_hold(&profiles, &other);
	assert_ptr_not_equal(first, third);
	profiles_release(&profiles, second);
	assert_true(ike_profile_equal(first, &mine)); /* one holder is left */
	profiles_release(&profiles, third);
	profiles_release(&profiles, first);
	assert_null(profiles.first);
}

static void no_profile_is_the_default_one(void **state)
{
	struct profiles profiles = { 0 };
	const struct ike_profile copy = ike_profile_default;

	assert_ptr_equal(profiles_hold(&profiles, NULL), &ike_profile_default);
	assert_ptr_equal(profiles_hold(&profiles, &copy), &ike_profile_default);
	assert_null(profiles.first);
	profiles_release(&profiles, &ike_profile_default);
	profiles_release(&profiles, NULL);
}

static void profiles_differ_by_every_word(void **state)
{
	struct ike_profile other[] = {
		[0 ... 15] = ike_profile_default,
	};

	other[0].ike = one_suite(KEX_P256);
	other[1].esp = one_suite(KEX_P256);
	other[2].pfs = false;
	other[3].life.ike_s++;
	other[4].life.child_s++;
	other[5].life.margin_s++;
	other[6].life.fuzz_percent++;
	other[7].life.child_packets++;
	other[8].life.child_octets++;
	other[9].life.rekey = false;
	other[10].dpd_delay_s++;
	other[11].dpd_timeout_s++;
	other[12].encapsulation = true;
	other[13].transport = true;
	other[14].unique = false;
	other[15].copies_dscp = true;
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		if (ike_profile_equal(&other[i], &ike_profile_default))
			fail_msg("difference %zu is not seen", i);
	}
}

/* SA-3, SA-12 */
static void an_offer_has_our_header_and_no_key_exchange_in_ike_auth(void **state)
{
	struct ike_profile profile = ike_profile_default;
	struct proposal_list offer;

	profile.ike = one_suite(KEX_P256);
	profile.esp = one_suite(KEX_P256);
	profile_offer_ike(&profile, 0, &offer);
	assert_int_equal(offer.count, 1);
	assert_int_equal(offer.proposals[0].number, 1);
	assert_int_equal(offer.proposals[0].protocol, PROTOCOL_IKE);
	assert_int_equal(offer.proposals[0].spi_len, 0);
	assert_int_equal(profile_first_kex(&offer), KEX_P256);
	profile_offer_ike(&profile, 7, &offer);
	assert_int_equal(offer.proposals[0].spi_len, 8);
	profile_offer_esp(&profile, 0x1000, true, &offer);
	assert_int_equal(offer.proposals[0].spi, 0x1000);
	assert_int_equal(offer.proposals[0].spi_len, 4);
	assert_int_equal(offer.proposals[0].transform_count, 2);
	profile_offer_esp(&profile, 0x1000, false, &offer);
	assert_int_equal(offer.proposals[0].transform_count, 1);
	assert_int_equal(profile_first_kex(&offer), KEX_NONE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_profiles_share_one_copy),
		cmocka_unit_test(no_profile_is_the_default_one),
		cmocka_unit_test(profiles_differ_by_every_word),
		cmocka_unit_test(an_offer_has_our_header_and_no_key_exchange_in_ike_auth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
