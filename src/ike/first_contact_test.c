#include "ike/two_ends_cases.h"
#include "ike/two_ends_parts.h"

static int set_up_rsa(void **state)
{
	two_ends_init(&t, KEY_RSA);
	return 0;
}

static int set_up_ecdsa(void **state)
{
	two_ends_init(&t, KEY_ECDSA);
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

static struct bytes nonce_in(struct bytes datagram)
{
	struct ike_header header;
	struct payloads p;

	assert_true(header_parse(datagram, &header));
	assert_int_equal(message_parse(datagram, &header, &p), PAYLOADS_OK);
	return p.nonce;
}

/* COL-27: both ends know the child by the beginning of the lower nonce of IKE_SA_INIT. */
static void a_child_is_marked_by_the_lower_nonce(void **state)
{
	CLEANUP(buf_free) struct buf request = { 0 };
	CLEANUP(buf_free) struct buf response = { 0 };
	struct bytes lowest;

	initiate(&t, WEST);
	request = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	response = buf_copy(buf_view(&first_out(&t, EAST)->datagram));
	pass_all(&t);
	lowest = nonce_in(buf_view(&request));
	if (memcmp(nonce_in(buf_view(&response)).data, lowest.data, CHILD_MARK_LEN) < 0)
		lowest = nonce_in(buf_view(&response));
	for (int side = WEST; side <= EAST; side++)
		assert_memory_equal(last_news(&t.end[side], NEWS_CHILD_UP)->child.mark, lowest.data,
		                    CHILD_MARK_LEN);
}

/* The order in which the owner hears of it. */
static void the_sa_is_up_before_its_child(void **state)
{
	bring_up(&t, WEST);
	for (int side = WEST; side <= EAST; side++) {
		assert_int_equal(t.end[side].news_count, 2);
		assert_int_equal(t.end[side].news[0].kind, NEWS_SA_UP);
		assert_int_equal(t.end[side].news[1].kind, NEWS_CHILD_UP);
	}
}

static void the_owner_hears_the_claim(void **state)
{
	const struct ike_claim *claim;

	t.end[EAST].holds_answers = true;
	initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(t.end[EAST].question_count, 1);
	claim = &t.end[EAST].questions[0].claim;
	assert_true(ip_equal(&claim->path.remote.address, &t.end[WEST].address));
	assert_int_equal(claim->path.remote.port, 4500);
	assert_true(id_equal(&claim->peer_id, &t.end[WEST].self.id));
	assert_true(id_equal(&claim->wanted_id, &t.end[EAST].self.id));
	assert_true(ip_equal(&claim->peer.range.first, &t.end[WEST].inside));
	assert_true(ip_equal(&claim->ours.range.first, &t.end[EAST].inside));
	assert_true(claim->is_single_pair);
	assert_true(claim->peer_is_wildswan);
	assert_false(claim->peer_behind_nat);
	assert_true(claim->initial_contact);
	assert_int_equal(claim->auth, IKE_AUTH_SIGNATURE);
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* The keys of the peer are still being looked up when its answer is here. */
static void keys_may_come_after_the_response(void **state)
{
	ike_handle sa;

	t.end[WEST].knows_no_keys = true;
	sa = initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[EAST].pubkey, 1, t.now);
	settle(&t);
	expect_tunnels(&t, 1);
}

static void keys_that_are_nowhere_end_the_attempt(void **state)
{
	ike_handle sa;

	t.end[WEST].knows_no_keys = true;
	sa = initiate(&t, WEST);
	pass_all(&t);
	ike_set_peer_keys(t.end[WEST].ike, sa, NULL, 0, t.now);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_NO_KEYS);
	/* The Responder took the SA for up; it is told. */
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason,
	                 IKE_REASON_AUTHENTICATION_FAILED);
	expect_tunnels(&t, 0);
	expect_nothing_left(&t);
}

/* The published set has several keys, as during a roll-over. */
static void any_of_the_published_keys_will_do(void **state)
{
	struct pubkey keys[2] = { t.end[WEST].pubkey, t.end[EAST].pubkey };
	ike_handle sa;

	t.end[WEST].knows_no_keys = true;
	sa = initiate(&t, WEST);
	ike_set_peer_keys(t.end[WEST].ike, sa, keys, 2, t.now);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_true(
	    pubkey_equal(&last_news(&t.end[WEST], NEWS_SA_UP)->up.peer_key, &t.end[EAST].pubkey));
}

static void use_psk(void)
{
	for (int side = WEST; side <= EAST; side++)
		t.end[side].self.auth = IKE_AUTH_PSK;
}

/* Does the jobs of that side up to the next with a secret, which is of that set. */
static void expect_mac_of(enum side side, uint32_t set)
{
	struct end *end = &t.end[side];
	bool is_found = false;

	while (!is_found && end->job_count > 0) {
		is_found = end->jobs[0].job.kind == CRYPTO_JOB_PSK_MAC;
		if (is_found)
			assert_int_equal(end->jobs[0].job.set, set);
		end_do_job(&t, end);
	}
	assert_true(is_found);
}

/* AUT-5 */
static void a_shared_secret_proves_both(void **state)
{
	use_psk();
	bring_up(&t, WEST);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_UP)->up.peer_key.type, PUBKEY_NONE);
}

static void different_secrets_prove_nothing(void **state)
{
	use_psk();
	t.end[EAST].psk[0] = "something else";
	initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_AUTHENTICATION_FAILED);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 0);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_BAD_SECRET);
	expect_nothing_left(&t);
}

/* A reload may come between any two steps, and the places in the next set are others'. */
static void a_handshake_keeps_to_the_secrets_that_it_began_with(void **state)
{
	use_psk();
	t.end[WEST].self.secret_set = 4;
	t.end[EAST].self.secret_set = 8;
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	t.end[WEST].self.secret_set = 5;
	for (int side = WEST; side <= EAST; side++)
		t.end[side].holds_jobs = true;
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	expect_mac_of(WEST, 4);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	t.end[EAST].self.secret_set = 9;
	expect_mac_of(EAST, 8); /* to check */
	expect_mac_of(EAST, 8); /* and to make */
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	expect_mac_of(WEST, 4);
	for (int side = WEST; side <= EAST; side++)
		t.end[side].holds_jobs = false;
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* AUT-2: a shared secret where a signature is wanted is no proof. */
static void each_side_must_use_the_method_wanted_of_it(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);

	t.end[EAST].self.auth = IKE_AUTH_PSK;
	initiate_wish(&t, WEST, &wish);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_BAD_SIGNATURE);
	expect_nothing_left(&t);
}

static void one_side_may_sign_and_the_other_know_the_secret(void **state)
{
	t.end[EAST].self.auth = IKE_AUTH_PSK;
	bring_up(&t, WEST);
}

/* OEN-2, NAT-5 */
static void behind_a_nat_no_ike_auth_leaves(void **state)
{
	struct path path;

	initiate(&t, WEST);
	/* The NAT changes what the other end sees of us. */
	path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);
	path.remote = (struct endpoint){ ip_v4(203, 0, 113, 9), 61000 };
	inject(&t, EAST, &path, buf_view(&first_out(&t, WEST)->datagram));
	lose(&t, WEST);
	path = path_to(&t, WEST, EXCHANGE_IKE_SA_INIT);
	inject(&t, WEST, &path, buf_view(&first_out(&t, EAST)->datagram));
	lose(&t, EAST);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_BEHIND_NAT);
	assert_int_equal(t.end[WEST].out_count, 0);
	expect_nothing_left(&t);
}

/* NAT-6 */
static void a_configured_tunnel_works_behind_a_nat(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);
	struct path outside = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);
	struct path inside = path_to(&t, WEST, EXCHANGE_IKE_SA_INIT);
	const struct child_sa *child;
	ike_handle sa;

	wish.is_opportunistic = false;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[EAST].pubkey, 1, t.now);
	outside.remote = (struct endpoint){ ip_v4(203, 0, 113, 9), 61000 };
	for (int i = 0; i < 2; i++) {
		inject(&t, EAST, &outside, buf_view(&first_out(&t, WEST)->datagram));
		lose(&t, WEST);
		assert_true(endpoint_equal(&first_out(&t, EAST)->path.remote, &outside.remote));
		inject(&t, WEST, &inside, buf_view(&first_out(&t, EAST)->datagram));
		lose(&t, EAST);
		outside.local.port = inside.remote.port = inside.local.port = 4500;
		outside.remote.port = 61001;
	}
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	child = &last_news(&t.end[EAST], NEWS_CHILD_UP)->child;
	assert_int_equal(child->path.remote.port, 61001);
	assert_true(child->udp_encapsulation);
}

/* INI-9: both gateways see a packet at once; both negotiations come through. */
static void both_sides_may_begin_at_once(void **state)
{
	initiate(&t, WEST);
	initiate(&t, EAST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_int_equal(ike_count(t.end[WEST].ike), 2);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
}

/* IC-1, IC-2: the peer lost its memory and says so. */
static void initial_contact_replaces_what_was_before(void **state)
{
	static struct two_ends reborn;

	bring_up(&t, WEST);
	t.now = instant_after(t.now, SECONDS(60));
	two_ends_init(&reborn, KEY_ED25519);
	ike_free(t.end[WEST].ike);
	t.end[WEST].ike = reborn.end[WEST].ike;
	reborn.end[WEST].ike = NULL;
	forget_news(&t);
	/* The ports of the new endpoint feed the old queues. */
	t.end[WEST].ike->ports.ctx = &t.end[WEST];
	t.end[WEST].ike->owner.ctx = &t.end[WEST];
	initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[EAST], NEWS_SA_GONE)->reason, IKE_REASON_REPLACED);
	assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_GONE)->reason, IKE_REASON_REPLACED);
	assert_int_equal(ike_count(t.end[EAST].ike), 1);
	expect_tunnels(&t, 1);
	two_ends_wipe(&reborn);
}

/* IC-2: what came up after the peer had begun is not from before its restart. */
static void initial_contact_spares_what_is_younger(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t); /* IKE_AUTH with INITIAL_CONTACT waits */
	t.now = instant_after(t.now, MILLISECONDS(10));
	initiate(&t, EAST);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(t.end[WEST].out_count, 2);
	inject(&t, EAST,
	       &(struct path){ { t.end[EAST].address, 500 }, { t.end[WEST].address, 500 } },
	       buf_view(&t.end[WEST].out[1].datagram));
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	inject(&t, EAST,
	       &(struct path){ { t.end[EAST].address, 4500 }, { t.end[WEST].address, 4500 } },
	       buf_view(&t.end[WEST].out[2].datagram));
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 1);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 0);
	expect_tunnels(&t, 2);
}

/* HDR-7 */
static void an_spi_in_use_is_not_drawn_again(void **state)
{
	uint64_t random = t.end[WEST].random;

	initiate(&t, WEST);
	t.end[WEST].random = random;
	initiate(&t, WEST);
	assert_int_equal(t.end[WEST].out_count, 2);
	assert_memory_not_equal(t.end[WEST].out[0].datagram.data, t.end[WEST].out[1].datagram.data,
	                        8);
}

/* KDF-8: what only the handshake needs is gone with it, and no two handshakes share a secret. */
static void the_secrets_of_the_handshake_end_with_it(void **state)
{
	struct secret private_value;

	initiate(&t, WEST);
	private_value = secret_copy(secret_view(&only_sa(&t, WEST)->hs->kex.private_value));
	assert_int_equal(private_value.len, 32);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(only_sa(&t, WEST)->hs->kex.private_value.len, 0);
	assert_int_equal(only_sa(&t, EAST)->hs->kex.private_value.len, 0);
	pass_all(&t);
	for (int side = WEST; side <= EAST; side++) {
		const struct ike_sa *sa = only_sa(&t, (enum side)side);

		assert_null(sa->hs);
		assert_int_equal(sa->keys.sk_pi.len + sa->keys.sk_pr.len, 0);
		assert_int_equal(sa->keys.sk_ei.len + sa->keys.sk_er.len, 0);
		assert_true(sa->keys.sk_d.len > 0);
	}
	ike_delete(t.end[WEST].ike, only_sa(&t, WEST)->handle, t.now);
	pass_all(&t);
	initiate(&t, WEST);
	assert_false(secret_equal(secret_view(&private_value),
	                          secret_view(&only_sa(&t, WEST)->hs->kex.private_value)));
	secret_free(&private_value);
}

/* IC-1 */
static void a_second_contact_does_not_claim_to_be_the_first(void **state)
{
	bring_up(&t, WEST);
	t.now = instant_after(t.now, SECONDS(60));
	initiate(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_int_equal(ike_count(t.end[EAST].ike), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(two_gateways_meet_in_four_datagrams),
		cmocka_unit_test_setup_teardown(two_gateways_meet_in_four_datagrams, set_up_rsa,
		                                tear_down),
		cmocka_unit_test_setup_teardown(two_gateways_meet_in_four_datagrams, set_up_ecdsa,
		                                tear_down),
		CASE(a_child_is_marked_by_the_lower_nonce),
		CASE(the_sa_is_up_before_its_child),
		CASE(the_owner_hears_the_claim),
		CASE(keys_may_come_after_the_response),
		CASE(keys_that_are_nowhere_end_the_attempt),
		CASE(any_of_the_published_keys_will_do),
		CASE(a_shared_secret_proves_both),
		CASE(a_handshake_keeps_to_the_secrets_that_it_began_with),
		CASE(different_secrets_prove_nothing),
		CASE(each_side_must_use_the_method_wanted_of_it),
		CASE(one_side_may_sign_and_the_other_know_the_secret),
		CASE(behind_a_nat_no_ike_auth_leaves),
		CASE(a_configured_tunnel_works_behind_a_nat),
		CASE(both_sides_may_begin_at_once),
		CASE(initial_contact_replaces_what_was_before),
		CASE(initial_contact_spares_what_is_younger),
		CASE(an_spi_in_use_is_not_drawn_again),
		CASE(the_secrets_of_the_handshake_end_with_it),
		CASE(a_second_contact_does_not_claim_to_be_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
