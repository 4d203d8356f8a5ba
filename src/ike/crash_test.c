#include "ike/two_ends_cases.h"

#include "ike/message.h"

static struct path esp_path(void)
{
	return path_to(&t, EAST, EXCHANGE_IKE_AUTH);
}

/* EAST forgets everything but what lies on its disk, as by kill -9. */
static void restart_east(void)
{
	static struct two_ends reborn;

	two_ends_init(&reborn, KEY_ED25519);
	ike_free(t.end[EAST].ike);
	t.end[EAST].ike = reborn.end[EAST].ike;
	reborn.end[EAST].ike = NULL;
	t.end[EAST].ike->ports.ctx = &t.end[EAST];
	t.end[EAST].ike->owner.ctx = &t.end[EAST];
	two_ends_wipe(&reborn);
}

/* WEST sends ESP, EAST does not know it, WEST asks, EAST answers. */
static void ask_the_restarted(void)
{
	const struct path path = esp_path();

	ike_on_unknown_spi(t.end[EAST].ike, &path,
	                   last_news(&t.end[WEST], NEWS_CHILD_UP)->child.spi_out, t.now);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	settle(&t);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
}

/* QCD-1, QCD-3, QCD-5: in no time at all, and without another word. */
static void a_token_ends_what_the_peer_lost(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		bring_up(&t, (enum side)side); /* either role */
		restart_east();
		ask_the_restarted();
		assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_CRASHED);
		assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
		assert_int_equal(ike_count(t.end[WEST].ike), 0);
		assert_int_equal(t.end[WEST].out_count, 0);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* QCD-5: a wrong token is a mere hint. */
static void a_wrong_token_ends_nothing(void **state)
{
	bring_up(&t, WEST);
	restart_east();
	t.end[EAST].crash_secret = "another";
	ask_the_restarted();
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
}

/* Without a secret there is no token, and silence decides as ever. */
static void without_a_secret_nothing_is_proven(void **state)
{
	t.end[EAST].crash_secret = NULL;
	bring_up(&t, WEST);
	restart_east();
	ask_the_restarted();
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
}

/* A token that is made too late for IKE_AUTH follows in an INFORMATIONAL. */
static void a_late_token_follows(void **state)
{
	t.end[EAST].late_tokens = true;
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	restart_east();
	ask_the_restarted();
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_CRASHED);
}

/* QCD-1: after a rekey the new SPIs have tokens of their own, from both. */
static void a_rekeyed_sa_has_tokens_as_well(void **state)
{
	for (int side = WEST; side <= EAST; side++) {
		ike_handle sa = bring_up(&t, WEST);

		if (side == EAST)
			sa = only_sa(&t, EAST)->handle;
		ike_rekey(t.end[side].ike, sa, t.now);
		pass_all(&t);
		live_ms(&t, 40000);
		restart_east();
		ask_the_restarted();
		assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_CRASHED);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* QCD-4: an SA that lives keeps its token, however it is asked for. */
static void the_token_of_a_living_sa_is_never_said(void **state)
{
	static const uint8_t flags[] = { 0, IKE_FLAG_INITIATOR };
	const struct path path = esp_path();
	const struct ike_sa *sa;

	bring_up(&t, WEST);
	sa = only_sa(&t, EAST);
	for (size_t i = 0; i < 2 * ARRAY_LEN(flags); i++) {
		const struct ike_header header = { .spi_i = i < 2 ? sa->spi_i : sa->spi_r,
			                           .spi_r = i < 2 ? sa->spi_r : sa->spi_i,
			                           .version = IKE_VERSION,
			                           .exchange = EXCHANGE_INFORMATIONAL,
			                           .flags = flags[i % 2] };
		uint8_t octets[128];
		struct message_writer m;

		message_start(&m, octets, sizeof(octets), &header);
		message_add(&m, PAYLOAD_SK, BYTES("0123456789abcdef0123456789abcdef", 32));
		inject(&t, EAST, &path, message_end(&m));
		settle(&t);
		for (size_t j = 0; j < t.end[EAST].out_count; j++)
			assert_true(t.end[EAST].out[j].datagram.len < 60);
		t.now = instant_after(t.now, SECONDS(61));
	}
	assert_true(t.end[EAST].out_count > 0); /* it was answered, without */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_token_ends_what_the_peer_lost),
		CASE(a_wrong_token_ends_nothing),
		CASE(without_a_secret_nothing_is_proven),
		CASE(a_late_token_follows),
		CASE(a_rekeyed_sa_has_tokens_as_well),
		CASE(the_token_of_a_living_sa_is_never_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
