#include "ike/two_ends_cases.h"

static struct ike_profile profiles[2];

static void use(enum side side, enum ike_ppk_use use, const char *ppk)
{
	profiles[side] = ike_profile_default;
	profiles[side].ppk = use;
	t.end[side].ppk = ppk;
	t.end[side].profile = &profiles[side];
	t.end[side].peer_profile = &profiles[side];
}

static void contact(void)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	wish.profile = &profiles[WEST];
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
}

static struct secret sk_d_of(enum side side)
{
	return secret_copy(secret_view(&only_sa(&t, side)->keys.sk_d));
}

/* PPK-1, PPK-2, RFC 8784 section 3: what each side says and has, and what comes of it. */
static void both_have_it_or_agree_to_do_without(void **state)
{
	static const struct {
		enum ike_ppk_use west;
		const char *west_ppk;
		enum ike_ppk_use east;
		const char *east_ppk;
		bool is_up;
	} cases[] = {
		{ IKE_PPK_INSIST, "stir", IKE_PPK_INSIST, "stir", true },
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_PROPOSE, "stir", true },
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_INSIST, "stir", true },
		{ IKE_PPK_INSIST, "stir", IKE_PPK_PROPOSE, "stir", true },
		/* The peer has none, or does not speak it. */
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_PROPOSE, NULL, true },
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_NO, NULL, true },
		{ IKE_PPK_INSIST, "stir", IKE_PPK_PROPOSE, NULL, false },
		{ IKE_PPK_INSIST, "stir", IKE_PPK_NO, NULL, false },
		{ IKE_PPK_NO, NULL, IKE_PPK_PROPOSE, "stir", true },
		{ IKE_PPK_NO, NULL, IKE_PPK_INSIST, "stir", false },
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_INSIST, NULL, false },
		/* Two different ones under one name. */
		{ IKE_PPK_INSIST, "stir", IKE_PPK_INSIST, "shake", false },
		{ IKE_PPK_PROPOSE, "stir", IKE_PPK_PROPOSE, "shake", false },
	};

	for (size_t kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			two_ends_wipe(&t);
			two_ends_init(&t, KEY_ED25519);
			if (kind == 1)
				t.end[WEST].self.auth = t.end[EAST].self.auth = IKE_AUTH_PSK;
			use(WEST, cases[i].west, cases[i].west_ppk);
			use(EAST, cases[i].east, cases[i].east_ppk);
			contact();
			assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), cases[i].is_up);
			assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), cases[i].is_up);
			if (cases[i].is_up)
				expect_tunnels(&t, 1);
		}
	}
}

/* PPK-2: SK_d, and with it the keys of all children, hang on the secret. */
static void the_keys_hang_on_the_secret(void **state)
{
	CLEANUP(secret_free) struct secret with = { 0 };
	CLEANUP(secret_free) struct secret east = { 0 };
	CLEANUP(secret_free) struct secret without = { 0 };

	use(WEST, IKE_PPK_PROPOSE, "stir");
	use(EAST, IKE_PPK_PROPOSE, "stir");
	contact();
	with = sk_d_of(WEST);
	east = sk_d_of(EAST);
	assert_true(secret_equal(secret_view(&with), secret_view(&east)));
	two_ends_wipe(&t);
	two_ends_init(&t, KEY_ED25519); /* the same random octets again */
	use(WEST, IKE_PPK_PROPOSE, "stir");
	use(EAST, IKE_PPK_PROPOSE, NULL);
	contact();
	without = sk_d_of(WEST);
	assert_int_equal(with.len, without.len);
	assert_false(secret_equal(secret_view(&with), secret_view(&without)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(both_have_it_or_agree_to_do_without),
		CASE(the_keys_hang_on_the_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
