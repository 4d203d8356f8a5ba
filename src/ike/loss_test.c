#include "ike/two_ends_cases.h"

/* The exchanges of a first contact with one more child and both deletes, in order. */
static const struct {
	enum side from;
	uint8_t exchange;
} story[] = {
	{ WEST, EXCHANGE_IKE_SA_INIT },     /* --> SAi1, KEi, Ni */
	{ EAST, EXCHANGE_IKE_SA_INIT },     /* <-- SAr1, KEr, Nr */
	{ WEST, EXCHANGE_IKE_AUTH },        /* --> IDi, AUTH, SAi2, TSi, TSr */
	{ EAST, EXCHANGE_IKE_AUTH },        /* <-- IDr, AUTH, SAr2, TSi, TSr */
	{ WEST, EXCHANGE_CREATE_CHILD_SA }, /* --> SA, Ni, KEi, TSi, TSr */
	{ EAST, EXCHANGE_CREATE_CHILD_SA }, /* <-- SA, Nr, KEr, TSi, TSr */
	{ EAST, EXCHANGE_INFORMATIONAL },   /* <-- D (the second child) */
	{ WEST, EXCHANGE_INFORMATIONAL },   /* --> D */
};

/* Orders that come before a step of the story. */
static void order(size_t step, ike_handle sa)
{
	const struct traffic_selector local = host_ts("10.1.0.6");
	const struct traffic_selector remote = host_ts("10.2.0.7");
	const struct news *child;

	if (step == 4)
		ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	if (step == 6) {
		child = last_news(&t.end[EAST], NEWS_CHILD_UP);
		ike_delete_child(t.end[EAST].ike, child->sa, child->child.spi_in, t.now);
	}
}

static void check_the_end(void)
{
	expect_tunnels(&t, 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 2);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_UP), 2);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_GONE), 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 1);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 1);
	assert_int_equal(ike_count(t.end[WEST].ike), 1);
	assert_int_equal(ike_count(t.end[EAST].ike), 1);
	assert_true(ike_is_quiet(t.end[WEST].ike));
	assert_true(ike_is_quiet(t.end[EAST].ike));
}

/* MID-6, MID-8, MID-9, INI-8 */
static void a_datagram_lost_at_any_place_is_made_good(void **state)
{
	for (size_t lost = 0; lost < ARRAY_LEN(story); lost++) {
		ike_handle sa = initiate(&t, WEST);

		for (size_t i = 0; i < ARRAY_LEN(story); i++) {
			order(i, sa);
			if (i == lost) {
				lose(&t, story[i].from);
				live_ms(&t, 600); /* the request again, and its answer */
			} else if (t.end[story[i].from].out_count > 0 || i < lost) {
				pass(&t, story[i].from, story[i].exchange);
			} else {
				settle(&t);
				pass_all(&t);
			}
		}
		pass_all(&t);
		check_the_end();
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* MID-6, MID-12 */
static void a_datagram_that_comes_twice_counts_once(void **state)
{
	ike_handle sa = initiate(&t, WEST);

	for (size_t i = 0; i < ARRAY_LEN(story); i++) {
		size_t before;

		order(i, sa);
		repeat(&t, story[i].from);
		before = t.end[WEST].sent + t.end[EAST].sent;
		pass(&t, story[i].from, story[i].exchange);
		/* A repeated request is answered with the same octets; a repeated response with
		 * nothing. */
		if (i % 2 == 0) {
			struct end *to = &t.end[peer_of(story[i].from)];

			assert_int_equal(t.end[WEST].sent + t.end[EAST].sent, before + 1);
			assert_int_equal(to->out_count, 2);
			assert_true(bytes_equal(buf_view(&to->out[0].datagram),
			                        buf_view(&to->out[1].datagram)));
			lose(&t, to->side);
		} else {
			assert_int_equal(t.end[WEST].sent + t.end[EAST].sent, before);
		}
	}
	check_the_end();
}

/* MID-7, MID-15 */
static void a_request_that_waits_for_the_owner_is_answered_once(void **state)
{
	t.end[EAST].holds_answers = true;
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	repeat(&t, WEST);
	repeat(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_int_equal(t.end[EAST].question_count, 1);
	assert_int_equal(t.end[EAST].out_count, 0);
	t.end[EAST].holds_answers = false;
	settle(&t);
	assert_int_equal(t.end[EAST].out_count, 1);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* MID-10, SK-5 */
static void a_silent_gateway_gets_five_datagrams(void **state)
{
	initiate(&t, WEST);
	wait_ms(&t, 60000);
	assert_int_equal(t.end[WEST].out_count, 5);
	for (int i = 1; i < 5; i++)
		assert_true(bytes_equal(buf_view(&t.end[WEST].out[0].datagram),
		                        buf_view(&t.end[WEST].out[i].datagram)));
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_SILENT);
	assert_false(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->proven);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 1);
	assert_int_equal(ike_count(t.end[WEST].ike), 0);
}

static void a_gateway_silent_after_ike_sa_init_ends_the_attempt_too(void **state)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
	wait_ms(&t, 60000);
	assert_int_equal(t.end[WEST].out_count, 5);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason, IKE_REASON_SILENT);
	/* INI-10: the other half went after 30 s, without a word to the owner. */
	assert_int_equal(ike_count(t.end[EAST].ike), 0);
	assert_int_equal(t.end[EAST].news_count, 0);
}

/* LIV-1, LIV-4: eight sendings in two minutes on an SA that is up */
static void a_peer_that_died_is_noticed_by_an_unanswered_request(void **state)
{
	const struct traffic_selector local = host_ts("10.1.0.6");
	const struct traffic_selector remote = host_ts("10.2.0.7");
	ike_handle sa = bring_up(&t, WEST);

	ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	wait_ms(&t, 100000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	wait_ms(&t, 100000);
	assert_int_equal(t.end[WEST].out_count, 8);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->tag, 7);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_SILENT);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
}

/* An owner that never answers does not keep the half-open SA for ever. */
static void an_owner_that_says_nothing_is_not_waited_for_long(void **state)
{
	t.end[EAST].holds_answers = true;
	initiate(&t, WEST);
	pass_all(&t);
	wait_ms(&t, 31000);
	assert_int_equal(ike_count(t.end[EAST].ike), 0);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_GONE), 1);
	/* Its late answer finds nothing. */
	t.end[EAST].holds_answers = false;
	settle(&t);
	assert_int_equal(ike_count(t.end[EAST].ike), 0);
}

static void a_job_that_ends_late_finds_nothing(void **state)
{
	ike_handle sa = initiate(&t, WEST);

	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	t.end[WEST].holds_jobs = true;
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(t.end[WEST].job_count, 2);
	ike_delete(t.end[WEST].ike, sa, t.now);
	t.end[WEST].holds_jobs = false;
	settle(&t);
	assert_int_equal(t.end[WEST].out_count, 0);
	assert_int_equal(ike_count(t.end[WEST].ike), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_datagram_lost_at_any_place_is_made_good),
		CASE(a_datagram_that_comes_twice_counts_once),
		CASE(a_request_that_waits_for_the_owner_is_answered_once),
		CASE(a_silent_gateway_gets_five_datagrams),
		CASE(a_gateway_silent_after_ike_sa_init_ends_the_attempt_too),
		CASE(a_peer_that_died_is_noticed_by_an_unanswered_request),
		CASE(an_owner_that_says_nothing_is_not_waited_for_long),
		CASE(a_job_that_ends_late_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
