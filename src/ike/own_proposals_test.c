#include "util/test.h"
#include "ike/own_proposals.h"

#include "crypto/kex.h"

/* SA-1, SA-7, PLD-22 */
static void offers_the_best_first(void **state)
{
	struct proposal_list ike, esp, first, again;
	uint8_t octets[1024];
	struct writer w = writer_on(octets, sizeof(octets));

	proposals_for_ike(&ike, 0);
	proposals_for_esp(&esp, 0x5678, true);
	proposals_for_esp(&first, 0x5678, false);
	assert_int_equal(ike.proposals[0].transforms[0].id, ENCR_AES_GCM_16);
	assert_int_equal(ike.proposals[0].transforms[0].key_bits, 256);
	assert_int_equal(ike.proposals[1].transforms[0].id, ENCR_CHACHA20_POLY1305);
	assert_true(proposals_offer_kex(&ike, KEX_X25519));
	assert_true(proposals_offer_kex(&esp, KEX_P256));
	assert_false(proposals_offer_kex(&first, KEX_X25519));
	assert_false(proposals_offer_kex(&ike, 2));
	assert_int_equal(proposals_nonce_len(&ike), 64);
	assert_int_equal(proposals_nonce_len(&esp), 32);
	proposals_write(&w, &ike);
	assert_true(proposals_parse(writer_view(&w), &again));
	assert_int_equal(again.count, 3);
	assert_int_equal(ike.proposals[2].transforms[0].id, ENCR_AES_CBC);
	assert_true(proposals_offer_kex(&ike, KEX_MODP_2048));
	assert_false(proposals_offer_kex(&esp, KEX_MODP_2048));
	proposals_for_ike(&ike, 0xa1a2a3a4a5a6a7a8);
	assert_int_equal(ike.proposals[0].spi_len, 8);
}

/* ALG-1: what is never used is neither offered nor taken. */
static void never_takes_what_is_broken(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t id;
	} cases[] = {
		{ 1, 1 }, { 1, 2 }, { 1, 3 },  { 1, 4 },  { 1, 5 },  { 1, 6 },  { 1, 7 },
		{ 1, 8 }, { 1, 9 }, { 1, 11 }, { 1, 21 }, { 2, 1 },  { 2, 2 },  { 2, 3 },
		{ 2, 4 }, { 3, 1 }, { 3, 2 },  { 3, 3 },  { 3, 4 },  { 3, 5 },  { 3, 6 },
		{ 3, 7 }, { 4, 1 }, { 4, 2 },  { 4, 5 },  { 4, 22 }, { 4, 23 }, { 4, 24 },
	};
	struct proposal_list lists[4];

	proposals_for_ike(&lists[0], 0);
	proposals_for_esp(&lists[1], 0x5678, true);
	proposals_taken_for_ike(&lists[2], 0);
	proposals_taken_for_esp(&lists[3], true);
	for (size_t i = 0; i < ARRAY_LEN(lists) * PROPOSALS_MAX; i++) {
		const struct proposal_list *list = &lists[i / PROPOSALS_MAX];
		const struct proposal *p = &list->proposals[i % PROPOSALS_MAX];

		for (size_t j = 0; i % PROPOSALS_MAX < list->count && j < p->transform_count; j++) {
			for (size_t k = 0; k < ARRAY_LEN(cases); k++)
				assert_false(p->transforms[j].type == cases[k].type &&
				             p->transforms[j].id == cases[k].id);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_the_best_first),
		cmocka_unit_test(never_takes_what_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
