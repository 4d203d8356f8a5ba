#include "ike/two_ends_cases.h"

#include "crypto/kem_bed.h"
#include "ike/auth.h"
#include "ike/intermediate.h"
#include "util/vectors.h"

/*
 * Known answers
 */

static struct secret secret_of(const json_t *v, const char *name)
{
	CLEANUP(buf_free) struct buf octets = vector_octets(v, name);

	return secret_copy(buf_view(&octets));
}

static void expect_octets(const json_t *v, const char *name, struct bytes got)
{
	CLEANUP(buf_free) struct buf want = vector_octets(v, name);

	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
}

static void expect_keys(const json_t *v, const struct ike_keys *keys)
{
	expect_octets(v, "sk_d", secret_view(&keys->sk_d));
	expect_octets(v, "sk_ei", secret_view(&keys->sk_ei));
	expect_octets(v, "sk_er", secret_view(&keys->sk_er));
	expect_octets(v, "sk_pi", secret_view(&keys->sk_pi));
	expect_octets(v, "sk_pr", secret_view(&keys->sk_pr));
}

struct known {
	json_t *root;
	struct suite suite;
	struct buf ni, nr;
	uint64_t spi_i, spi_r;
	struct ike_keys before, after;
};

static void known_wipe(struct known *k)
{
	json_decref(k->root);
	buf_free(&k->ni);
	buf_free(&k->nr);
	ike_keys_wipe(&k->before);
	ike_keys_wipe(&k->after);
}

static void known_derive(struct known *k)
{
	CLEANUP(secret_free) struct secret first = { 0 };
	CLEANUP(secret_free) struct secret second = { 0 };

	k->root = vectors_load("pq");
	first = secret_of(k->root, "shared_secret_0");
	second = secret_of(vector_member(k->root, "mlkem768"), "shared_secret");
	k->suite = (struct suite){ .cipher = AEAD_AES_GCM_16_256, .prf = PRF_HMAC_SHA2_256 };
	k->ni = vector_octets(k->root, "ni");
	k->nr = vector_octets(k->root, "nr");
	k->spi_i = strtoull(vector_string(k->root, "spi_i"), NULL, 16);
	k->spi_r = strtoull(vector_string(k->root, "spi_r"), NULL, 16);
	assert_true(ike_keys_derive(&k->suite, &first, buf_view(&k->ni), buf_view(&k->nr), k->spi_i,
	                            k->spi_r, &k->before));
	assert_true(ike_keys_rederive(&k->suite, k->suite.prf, &k->before.sk_d, &second, NULL,
	                              buf_view(&k->ni), buf_view(&k->nr), k->spi_i, k->spi_r,
	                              &k->after));
}

/* MKE-2, MKE-3; RFC 9370 section 2.2.2 */
static void the_known_secrets_make_the_known_keys(void **state)
{
	CLEANUP(known_wipe) struct known k = { 0 };

	known_derive(&k);
	expect_keys(vector_member(k.root, "keys_0"), &k.before);
	expect_keys(vector_member(k.root, "keys_1"), &k.after);
}

/* IntAuth of one known message, opened with the keys before. */
static void expect_int_auth(const struct known *k, bool by_initiator, uint8_t *out)
{
	const json_t *v =
	    vector_member(k->root, by_initiator ? "intermediate_request" : "intermediate_response");
	CLEANUP(buf_free) struct buf message = vector_octets(v, "message");
	const struct secret *sk_p = by_initiator ? &k->before.sk_pi : &k->before.sk_pr;
	uint8_t plain[4096];
	struct ike_header header;
	struct payloads p;
	struct bytes text;
	struct sk sk = { 0 };

	assert_true(sk_init(&sk, k->suite.cipher, &k->before, !by_initiator, NULL));
	assert_true(header_parse(buf_view(&message), &header));
	assert_int_equal(message_parse(buf_view(&message), &header, &p), PAYLOADS_OK);
	assert_int_equal(sk_open(&sk, buf_view(&message), &p, plain, &text), SK_OK);
	expect_octets(v, "inner_payloads", text);
	assert_true(
	    int_auth_of_message(k->suite.prf, secret_view(sk_p), &header, p.sk_first, text, out));
	expect_octets(vector_member(k->root, "int_auth"),
	              by_initiator ? "int_auth_i1" : "int_auth_r1", BYTES(out, 32));
	sk_wipe(&sk);
}

static void expect_auth(const struct known *k, bool by_initiator, struct bytes int_auth)
{
	const struct secret *sk_p = by_initiator ? &k->after.sk_pi : &k->after.sk_pr;
	CLEANUP(buf_free)
	struct buf message =
	    vector_octets(k->root, by_initiator ? "ike_sa_init_request" : "ike_sa_init_response");
	CLEANUP(buf_free)
	struct buf id = vector_octets(k->root, by_initiator ? "idi_body" : "idr_body");
	CLEANUP(buf_free) struct buf octets = { 0 };

	assert_true(auth_signed_octets(k->suite.prf, secret_view(sk_p), buf_view(&message),
	                               buf_view(by_initiator ? &k->nr : &k->ni), buf_view(&id),
	                               int_auth, &octets));
	expect_octets(k->root, by_initiator ? "signed_octets_i" : "signed_octets_r",
	              buf_view(&octets));
}

/* MKE-4, MKE-5; RFC 9242 section 3.3 */
static void the_known_exchange_is_in_what_is_signed(void **state)
{
	CLEANUP(known_wipe) struct known k = { 0 };
	uint8_t int_auth[32 + 32 + 4] = { [67] = 2 };

	known_derive(&k);
	expect_int_auth(&k, true, int_auth);
	expect_int_auth(&k, false, int_auth + 32);
	expect_octets(vector_member(k.root, "int_auth"), "int_auth", BYTES_OF(int_auth));
	expect_auth(&k, true, BYTES_OF(int_auth));
	expect_auth(&k, false, BYTES_OF(int_auth));
}

/*
 * Two endpoints, with a key encapsulation for tests that anybody can break
 */

static int set_up_both(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	two_ends_give_kem(&t, WEST, kem_bed());
	two_ends_give_kem(&t, EAST, kem_bed());
	return 0;
}

/* MKE-1, MKE-2, MKE-3, MKE-4 */
static void a_second_key_exchange_comes_before_ike_auth(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	/* --> IKE_INTERMEDIATE { KEi(1) } */
	pass_whole(&t, WEST, EXCHANGE_IKE_INTERMEDIATE);
	/* <-- IKE_INTERMEDIATE { KEr(1) } */
	pass(&t, EAST, EXCHANGE_IKE_INTERMEDIATE);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	expect_tunnels(&t, 1);
	assert_int_equal(only_sa(&t, WEST)->suite.addke, KEX_ML_KEM_768);
	assert_int_equal(only_sa(&t, EAST)->suite.addke, KEX_ML_KEM_768);
}

/* MKE-7: an older peer, in either role */
static void who_has_none_finds_the_same_without_it(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		two_ends_init(&t, KEY_ED25519);
		two_ends_give_kem(&t, (enum side)side, kem_bed());
		bring_up(&t, WEST);
		expect_tunnels(&t, 1);
		assert_int_equal(only_sa(&t, WEST)->suite.addke, 0);
		assert_int_equal(only_sa(&t, WEST)->suite.cipher, AEAD_AES_GCM_16_256);
		two_ends_wipe(&t);
	}
}

/* MID-6, MID-7: the answer is lost, then both come twice */
static void repetitions_get_the_same_octets(void **state)
{
	CLEANUP(buf_free) struct buf first = { 0 };

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass_whole(&t, WEST, EXCHANGE_IKE_INTERMEDIATE);
	first = buf_copy(buf_view(&first_out(&t, EAST)->datagram));
	lose(&t, EAST);
	wait_ms(&t, 600);
	pass_whole(&t, WEST, EXCHANGE_IKE_INTERMEDIATE);
	assert_true(bytes_equal(buf_view(&first_out(&t, EAST)->datagram), buf_view(&first)));
	pass_all(&t);
	expect_tunnels(&t, 1);
}

static void every_loss_is_mended(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_IKE_SA_INIT, EXCHANGE_IKE_INTERMEDIATE,
		                             EXCHANGE_IKE_AUTH };

	for (int lost = 0; lost < 6; lost++) {
		set_up_both(NULL);
		initiate(&t, WEST);
		for (int at = 0; at < lost; at++)
			pass_whole(&t, at % 2 == 0 ? WEST : EAST, exchanges[at / 2]);
		lose_whole(&t, lost % 2 == 0 ? WEST : EAST);
		live_ms(&t, 1500);
		expect_tunnels(&t, 1);
		two_ends_wipe(&t);
	}
}

/* INI-1: the peer would skip it */
static void ike_auth_does_not_come_before_it(void **state)
{
	CLEANUP(buf_free) struct buf early = { 0 };
	struct path path;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	early = seal_as(only_sa(&t, WEST), EXCHANGE_IKE_AUTH, IKE_FLAG_INITIATOR, 1, PAYLOAD_NONE,
	                (struct bytes){ 0 });
	path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	inject(&t, EAST, &path, buf_view(&early));
	assert_int_equal(t.end[EAST].question_count, 0);
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_STATE), 1);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* After IKE_SA_INIT WEST asks for this exchange with a key that is too short. */
static void ask_with_a_short_key(void)
{
	uint8_t inner[64];
	CLEANUP(buf_free) struct buf wrong = { 0 };
	struct message_writer m;
	struct path path;

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_ke(&m, KEX_ML_KEM_768, BYTES_STR("short"));
	wrong = seal_as(only_sa(&t, WEST), EXCHANGE_IKE_INTERMEDIATE, IKE_FLAG_INITIATOR, 1,
	                PAYLOAD_KE, message_end(&m));
	path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	inject(&t, EAST, &path, buf_view(&wrong));
}

/* MKE-10 */
static void a_key_of_the_wrong_length_ends_it(void **state)
{
	ask_with_a_short_key();
	live_ms(&t, 120000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	expect_nothing_left(&t);
}

/* What nobody agreed on is no exchange. */
static void without_agreement_it_is_dropped(void **state)
{
	ask_with_a_short_key();
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_STATE), 1);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* MKE-9, where the crypto library has it. */
static void ml_kem_768_makes_a_tunnel(void **state)
{
	if (kem_ml_kem_768() == NULL)
		skip();
	two_ends_give_kem(&t, WEST, kem_ml_kem_768());
	two_ends_give_kem(&t, EAST, kem_ml_kem_768());
	bring_up(&t, WEST);
	expect_tunnels(&t, 1);
	assert_int_equal(only_sa(&t, EAST)->suite.addke, KEX_ML_KEM_768);
}

/* SA-14: the Responder's conn says nothing of algorithms, so it takes what was offered to strangers
 */
static void a_conn_without_algorithms_takes_it(void **state)
{
	struct ike_profile profile = ike_profile_default;

	profile.dpd_delay_s = 40;
	t.end[EAST].peer_profile = &profile;
	bring_up(&t, WEST);
	expect_tunnels(&t, 1);
	assert_int_equal(only_sa(&t, EAST)->suite.addke, KEX_ML_KEM_768);
}

static void a_rekey_has_it_too(void **state)
{
	bring_up(&t, WEST);
	live_ms(&t, 9 * 3600 * 1000LL);
	expect_tunnels(&t, 1);
	assert_int_equal(only_sa(&t, EAST)->suite.addke, KEX_ML_KEM_768);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_secrets_make_the_known_keys),
		cmocka_unit_test(the_known_exchange_is_in_what_is_signed),
		cmocka_unit_test_setup_teardown(a_second_key_exchange_comes_before_ike_auth,
		                                set_up_both, tear_down),
		cmocka_unit_test(who_has_none_finds_the_same_without_it),
		cmocka_unit_test_setup_teardown(repetitions_get_the_same_octets, set_up_both,
		                                tear_down),
		cmocka_unit_test(every_loss_is_mended),
		cmocka_unit_test_setup_teardown(ike_auth_does_not_come_before_it, set_up_both,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_key_of_the_wrong_length_ends_it, set_up_both,
		                                tear_down),
		cmocka_unit_test_setup_teardown(without_agreement_it_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ml_kem_768_makes_a_tunnel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_conn_without_algorithms_takes_it, set_up_both,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_rekey_has_it_too, set_up_both, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
