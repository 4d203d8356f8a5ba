#include "ike/two_ends_cases.h"

static void expect_failure(enum side side, enum ike_reason reason)
{
	const struct news *failed = last_news(&t.end[side], NEWS_CHILD_FAILED);

	assert_int_equal(failed->reason, reason);
	assert_int_equal(failed->tag, 100 + side);
	assert_int_equal(count_news(&t.end[side], NEWS_CHILD_FAILED), 1);
}

/* AUT-7, ERR-8: the Initiator finds the Responder's AUTH wrong */
static void a_responder_with_another_key_is_told_and_left(void **state)
{
	t.end[WEST].trusted = t.end[WEST].pubkey;
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	settle(&t);
	/* Not yet: the peer believes in the CHILD SA and would drop our cleartext. */
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
	assert_int_equal(ike_count(t.end[WEST].ike), 0);
	/* --> INFORMATIONAL { N(AUTHENTICATION_FAILED) } */
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason,
	                 IKE_REASON_AUTHENTICATION_FAILED);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	/* <-- INFORMATIONAL { } */
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	expect_failure(WEST, IKE_REASON_BAD_SIGNATURE);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
	expect_nothing_left(&t);
}

/* AUT-6, ERR-7 */
static void an_initiator_with_another_key_gets_no_sa(void **state)
{
	t.end[EAST].trusted = t.end[EAST].pubkey;
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
	repeat(&t, WEST);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 0);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_BAD_SIGNATURE);
	assert_int_equal(ike_count(t.end[EAST].ike), 0);
	/* The answer is lost; the same comes again for the same request, for 30 s. */
	lose(&t, EAST);
	wait_ms(&t, 400);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	/* <-- IKE_AUTH { N(AUTHENTICATION_FAILED) } */
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	expect_failure(WEST, IKE_REASON_AUTHENTICATION_FAILED);
	assert_false(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->proven);
	assert_int_equal(t.end[WEST].out_count, 0);
	expect_nothing_left(&t);
}

/* AUZ-9 (a) */
static void an_owner_that_finds_no_key_refuses_the_sa(void **state)
{
	t.end[EAST].verdict = IKE_VERDICT_UNAUTHENTICATED;
	initiate(&t, WEST);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_AUTHENTICATION_FAILED);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	expect_nothing_left(&t);
}

/* AUZ-9 (b)-(e), INI-12, INI-13 */
static void a_pair_that_is_not_allowed_leaves_the_sa_up(void **state)
{
	t.end[EAST].verdict = IKE_VERDICT_NO_CHILD;
	initiate(&t, WEST);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_TS_UNACCEPTABLE);
	assert_true(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->proven);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 0);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
	/* Nobody has a use for it: a minute later it is deleted. */
	live_ms(&t, 61000);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_US);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_PEER);
	expect_nothing_left(&t);
}

static void an_sa_without_a_child_may_still_get_one(void **state)
{
	const struct traffic_selector local = host_ts("10.1.0.6");
	const struct traffic_selector remote = host_ts("10.2.0.7");
	ike_handle sa;

	t.end[EAST].verdict = IKE_VERDICT_NO_CHILD;
	sa = initiate(&t, WEST);
	pass_all(&t);
	ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	pass_all(&t);
	live_ms(&t, 120000);
	expect_tunnels(&t, 1);
}

/* A bad proof outranks a refused pair: no oracle for strangers (INI-14). */
static void an_initiator_with_another_key_does_not_hear_of_its_pair(void **state)
{
	t.end[EAST].verdict = IKE_VERDICT_NO_CHILD;
	t.end[EAST].trusted = t.end[EAST].pubkey;
	initiate(&t, WEST);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_AUTHENTICATION_FAILED);
	expect_nothing_left(&t);
}

/* OIN-6, AUT-9 */
static void the_responder_must_be_who_was_asked_for(void **state)
{
	const struct ip stranger = ip_v4(203, 0, 113, 77);
	const struct ike_id any_name = id_of_fqdn("east.example.net");
	const struct ike_id address = id_of_ip(&t.end[EAST].address);
	const struct ike_id other_address = id_of_ip(&stranger);
	const struct ike_id other_name = id_of_fqdn("else.example.net");
	const struct {
		struct ike_id expected;
		struct ike_id says;
		bool ok;
	} cases[] = {
		{ address, address, true },        { address, any_name, true },
		{ address, other_address, false }, { any_name, any_name, true },
		{ any_name, other_name, false },   { any_name, address, false },
		{ { 0 }, any_name, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_wish wish = wish_of(&t, WEST);
		ike_handle sa;

		t.end[EAST].self.id = cases[i].says;
		wish.expected_id = cases[i].expected;
		sa = initiate_wish(&t, WEST, &wish);
		ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[EAST].pubkey, 1, t.now);
		pass_all(&t);
		expect_tunnels(&t, cases[i].ok);
		if (!cases[i].ok) {
			expect_failure(WEST, IKE_REASON_BAD_IDENTITY);
			assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
			expect_nothing_left(&t);
		}
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

static struct traffic_selector net(const char *range)
{
	return host_ts(range);
}

/* OIN-9, TS-6: less than the pair is a refusal, and the child is deleted at once */
static void an_opportunistic_initiator_takes_the_pair_or_nothing(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	wish.remote = net("10.2.0.0/24");
	t.end[EAST].claims = t.end[EAST].inside;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[EAST].pubkey, 1, t.now);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_TS_UNACCEPTABLE);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 0);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason,
	                 IKE_REASON_DELETED_BY_PEER);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
}

/* TS-4 */
static void a_configured_tunnel_may_be_narrowed(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	wish.remote = net("10.2.0.0/24");
	wish.is_opportunistic = false;
	t.end[EAST].claims = t.end[EAST].inside;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[EAST].pubkey, 1, t.now);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_true(range_is_single(&last_news(&t.end[WEST], NEWS_CHILD_UP)->child.remote.range));
}

/* TS-4: never wider, whatever the owner says */
static void nothing_is_granted_that_was_not_asked_for(void **state)
{
	t.end[EAST].claims = ip_v4(10, 2, 0, 99);
	initiate(&t, WEST);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_TS_UNACCEPTABLE);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 0);
}

/* DS-7: a key without a hash that the peer takes cannot sign */
static void a_peer_without_the_hash_of_our_key_is_given_up(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	only_sa(&t, EAST)->hs->peer_hashes = HASH_SET(HASH_SHA2_256);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_AUTHENTICATION_FAILED);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_NO_PROPOSAL);
	expect_nothing_left(&t);
}

static void a_signer_that_fails_ends_the_attempt(void **state)
{
	for (int side = WEST; side <= EAST; side++)
		t.end[side].self.auth = IKE_AUTH_PSK;
	t.end[WEST].psk[0] = NULL;
	initiate(&t, WEST);
	pass_all(&t);
	expect_failure(WEST, IKE_REASON_LOCAL);
	expect_nothing_left(&t);
}

/* ERR-8: we have no time left to wait for keys, and the peer believes in a CHILD SA. */
static void a_peer_is_told_that_nobody_waits_for_its_keys(void **state)
{
	ike_handle sa;

	t.end[WEST].knows_no_keys = true;
	sa = initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	assert_int_equal(only_sa(&t, WEST)->state, IKE_SA_KEYS_WANTED);
	ike_delete(t.end[WEST].ike, sa, t.now);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_DELETED_BY_PEER);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	expect_nothing_left(&t);
}

/* The same where the crypto pool is stuck; held packets wait for the peer's word (ERR-8). */
static void a_peer_whose_proof_is_never_checked_is_told(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	settle(&t);
	t.end[WEST].holds_jobs = true;
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	assert_int_equal(only_sa(&t, WEST)->state, IKE_SA_RESPONSE_CHECKING);
	wait_ms(&t, 30100);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_LOCAL);
	expect_nothing_left(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_peer_whose_proof_is_never_checked_is_told),
		CASE(a_peer_is_told_that_nobody_waits_for_its_keys),
		CASE(a_responder_with_another_key_is_told_and_left),
		CASE(an_initiator_with_another_key_gets_no_sa),
		CASE(an_owner_that_finds_no_key_refuses_the_sa),
		CASE(a_pair_that_is_not_allowed_leaves_the_sa_up),
		CASE(an_sa_without_a_child_may_still_get_one),
		CASE(an_initiator_with_another_key_does_not_hear_of_its_pair),
		CASE(the_responder_must_be_who_was_asked_for),
		CASE(an_opportunistic_initiator_takes_the_pair_or_nothing),
		CASE(a_configured_tunnel_may_be_narrowed),
		CASE(nothing_is_granted_that_was_not_asked_for),
		CASE(a_peer_without_the_hash_of_our_key_is_given_up),
		CASE(a_signer_that_fails_ends_the_attempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
