#include "ike/two_ends_cases.h"

static void prove_nothing(enum side side)
{
	t.end[side].self.auth = IKE_AUTH_NULL;
	t.end[side].self.id = id_null();
}

static ike_handle initiate_to_anybody(enum side side)
{
	struct ike_wish wish = wish_of(&t, side);
	ike_handle sa;

	wish.expected_id = (struct ike_id){ .type = ID_NONE };
	sa = initiate_wish(&t, side, &wish);
	ike_set_peer_keys(t.end[side].ike, sa, &t.end[side].trusted, 1, t.now);
	return sa;
}

/* NUL-1, RFC 7619 section 2.1 */
static void two_ends_without_a_proof_make_a_tunnel(void **state)
{
	const struct news *up;

	prove_nothing(WEST);
	prove_nothing(EAST);
	initiate_to_anybody(WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
	for (int side = WEST; side <= EAST; side++) {
		up = last_news(&t.end[side], NEWS_SA_UP);
		assert_int_equal(up->up.peer_auth, IKE_AUTH_NULL);
		assert_int_equal(up->up.peer_key.type, PUBKEY_NONE);
		assert_int_equal(up->up.peer_id.type, ID_NULL);
	}
}

/* AUT-2, RFC 7619 section 2: one side is known, as a server is */
static void one_side_may_prove_nothing(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
		prove_nothing((enum side)side);
		initiate_to_anybody(WEST);
		pass_all(&t);
		expect_tunnels(&t, 1);
	}
}

/* NUL-2 */
static void no_proof_is_no_signature(void **state)
{
	struct ike_wish wish;

	prove_nothing(EAST);
	wish = wish_of(&t, WEST);
	wish.peer_auth = IKE_AUTH_SIGNATURE;
	ike_set_peer_keys(t.end[WEST].ike, initiate_wish(&t, WEST, &wish), &t.end[WEST].trusted, 1,
	                  t.now);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_BAD_SIGNATURE);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	expect_nothing_left(&t);
}

static void a_signature_is_not_taken_where_none_is_wanted(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);

	wish.peer_auth = IKE_AUTH_NULL;
	initiate_wish(&t, WEST, &wish);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	expect_nothing_left(&t);
}

/* NUL-3: INITIAL_CONTACT of somebody deletes nothing of somebody else. */
static void a_first_contact_without_a_name_replaces_nobody(void **state)
{
	prove_nothing(WEST);
	initiate_to_anybody(WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
	/* It forgets, so that its next contact says it is the first. */
	ike_free(t.end[WEST].ike);
	t.end[WEST].ike = NULL;
	two_ends_reopen(&t, WEST);
	t.now = instant_after(t.now, SECONDS(60));
	initiate_to_anybody(WEST);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 0);
	assert_int_equal(ike_count(t.end[EAST].ike), 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(two_ends_without_a_proof_make_a_tunnel),
		CASE(one_side_may_prove_nothing),
		CASE(no_proof_is_no_signature),
		CASE(a_signature_is_not_taken_where_none_is_wanted),
		CASE(a_first_contact_without_a_name_replaces_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
