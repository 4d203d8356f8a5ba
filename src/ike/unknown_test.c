#include "ike/two_ends_cases.h"

#include "ike/message.h"
#include "util/vectors.h"

static struct path esp_path(void)
{
	return path_to(&t, EAST, EXCHANGE_IKE_AUTH);
}

/* EAST forgets everything, as by kill -9. */
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
	t.end[EAST].crash_secret = NULL; /* crash_test.c has the tokens */
}

static uint32_t west_sends_by(void)
{
	return last_news(&t.end[WEST], NEWS_CHILD_UP)->child.spi_out;
}

/* ERR-16, vector invalid_spi_one_way */
static void esp_for_nobody_is_told_one_way(void **state)
{
	const struct path path = esp_path();
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free)
	struct buf want = vector_octets(
	    vector_member(vector_member(root, "unprotected"), "invalid_spi_one_way"), "message");

	ike_on_unknown_spi(t.end[EAST].ike, &path, 0x0a0b0c02, t.now);
	assert_true(bytes_equal(buf_view(&first_out(&t, EAST)->datagram), buf_view(&want)));
	assert_int_equal(first_out(&t, EAST)->path.remote.port, 4500);
	lose(&t, EAST);
	for (int i = 0; i < 1000; i++) {
		ike_on_unknown_spi(t.end[EAST].ike, &path, 0x0a0b0c03, t.now);
		wait_ms(&t, 59);
	}
	assert_int_equal(t.end[EAST].out_count, 0); /* once a minute */
	json_decref(root);
}

/* ERR-15: with an IKE SA it is said on that, and the peer knows who says it. */
static void esp_for_nobody_is_told_on_the_ike_sa(void **state)
{
	const struct path path = esp_path();

	bring_up(&t, WEST);
	t.end[EAST].sent = 0;
	for (int i = 0; i < 100; i++)
		ike_on_unknown_spi(t.end[EAST].ike, &path, 0x0a0b0c02, t.now);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(t.end[EAST].sent, 1);
	expect_tunnels(&t, 1);
}

/* ERR-15: what is unknown while something is being agreed on may be known in a moment. */
static void esp_that_comes_early_is_not_complained_of(void **state)
{
	const struct path path = path_to(&t, WEST, EXCHANGE_IKE_AUTH);

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	ike_on_unknown_spi(t.end[WEST].ike, &path, 0x1001, t.now);
	assert_int_equal(t.end[WEST].out_count, 0);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* ERR-13, ERR-14, LIV-1, LIV-3: the restarted peer says what it does not know; we ask, and only its
 * silence ends the SA. */
static void a_restarted_peer_makes_us_ask(void **state)
{
	const struct path path = esp_path();

	bring_up(&t, WEST);
	restart_east();
	ike_on_unknown_spi(t.end[EAST].ike, &path, west_sends_by(), t.now);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL); /* INVALID_SPI, one way */
	pass(&t, WEST, EXCHANGE_INFORMATIONAL); /* are you there? */
	assert_int_equal(first_out(&t, EAST)->datagram.len, 36);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL); /* INVALID_IKE_SPI */
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	wait_ms(&t, 150000);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_SILENT);
}

/* LIV-3: an SPI that is none of ours to send by comes from nobody who sees our traffic. */
static void a_guessed_spi_is_no_hint(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);

	bring_up(&t, WEST);
	t.end[WEST].sent = 0;
	restart_east();
	ike_on_unknown_spi(t.end[EAST].ike, &path, west_sends_by() + 1, t.now);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL);
	assert_int_equal(t.end[WEST].sent, 0);
}

/* ERR-13: SPIs, exchange and ID as they came, R set, I the other way; never to a response. */
static void an_unknown_sa_is_answered_once_a_minute(void **state)
{
	const struct path path = esp_path();
	struct ike_header request, answer;
	struct buf datagram;

	bring_up(&t, WEST);
	restart_east();
	ike_hint(t.end[WEST].ike, &t.end[EAST].address, t.now);
	datagram = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	lose(&t, WEST);
	datagram.data[19] |= IKE_FLAG_RESPONSE;
	inject(&t, EAST, &path, buf_view(&datagram));
	assert_int_equal(t.end[EAST].out_count, 0);
	datagram.data[19] &= (uint8_t)~IKE_FLAG_RESPONSE;
	for (int i = 0; i < 100; i++)
		inject(&t, EAST, &path, buf_view(&datagram));
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_true(header_parse(buf_view(&datagram), &request));
	assert_true(header_parse(buf_view(&first_out(&t, EAST)->datagram), &answer));
	assert_int_equal(answer.spi_i, request.spi_i);
	assert_int_equal(answer.spi_r, request.spi_r);
	assert_int_equal(answer.message_id, request.message_id);
	assert_int_equal(answer.exchange, request.exchange);
	assert_int_equal(request.flags, IKE_FLAG_INITIATOR);
	assert_int_equal(answer.flags, IKE_FLAG_RESPONSE);
	buf_free(&datagram);
}

/* ERR-14, LIV-3: a forger who knows the SPIs makes us ask once a minute, no more. */
static void forged_notifies_change_nothing(void **state)
{
	const struct path path = path_to(&t, WEST, EXCHANGE_IKE_AUTH);
	const struct ike_sa *sa;
	struct ike_header header = { .version = IKE_VERSION,
		                     .exchange = EXCHANGE_INFORMATIONAL,
		                     .flags = IKE_FLAG_RESPONSE };
	uint8_t octets[64];
	struct message_writer m;

	bring_up(&t, WEST);
	t.end[WEST].sent = 0;
	sa = only_sa(&t, WEST);
	header.spi_i = sa->spi_i;
	header.spi_r = sa->spi_r;
	header.message_id = sa->own_next_id;
	message_start(&m, octets, sizeof(octets), &header);
	message_add_notify(&m, NOTIFY_INVALID_IKE_SPI, (struct bytes){ 0 });
	for (int i = 0; i < 1000; i++) {
		inject(&t, WEST, &path, message_end(&m));
		pass_all(&t);
	}
	assert_int_equal(t.end[WEST].sent, 1);
	expect_tunnels(&t, 1);
}

/* MID-6 */
static void a_message_id_too_high_is_complained_of_once_a_minute(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_INFORMATIONAL);
	struct buf request;

	bring_up(&t, WEST);
	t.end[EAST].sent = 0;
	for (uint32_t id = 3; id < 30; id++) {
		request = seal_as(only_sa(&t, WEST), EXCHANGE_INFORMATIONAL, IKE_FLAG_INITIATOR, id,
		                  0, BYTES("", 0));
		inject(&t, EAST, &path, buf_view(&request));
		buf_free(&request);
		pass_all(&t);
	}
	assert_int_equal(t.end[EAST].sent, 1);
	expect_tunnels(&t, 1);
}

/* RST-5: asked in vain so far, the peer shows that it is back: asked again at once, once a second. */
static void a_peer_that_is_back_is_asked_again_at_once(void **state)
{
	const struct path path = esp_path();

	bring_up(&t, WEST);
	restart_east();
	ike_hint(t.end[WEST].ike, &t.end[EAST].address, t.now);
	lose(&t, WEST);
	for (int waited = 0; waited < 20000; waited += 100) { /* the next one is 16 s off */
		wait_ms(&t, 100);
		while (t.end[WEST].out_count > 0)
			lose(&t, WEST);
	}
	t.end[WEST].sent = 0;
	ike_on_unknown_spi(t.end[EAST].ike, &path, west_sends_by(), t.now);
	pass(&t, EAST, EXCHANGE_INFORMATIONAL); /* INVALID_SPI, one way */
	assert_int_equal(t.end[WEST].sent, 1);
	pass(&t, WEST, EXCHANGE_INFORMATIONAL);
}

/* RST-4: what the peer has lost is dropped, the IKE SA stays; and not twice within ten seconds. */
static void a_child_that_the_peer_lost_is_dropped(void **state)
{
	const struct path path = esp_path();

	bring_up(&t, WEST);
	ike_on_unknown_spi(t.end[EAST].ike, &path, west_sends_by(), t.now);
	pass_all(&t);
	expect_tunnels(&t, 1); /* it is too young to be lost */
	wait_ms(&t, 70000);
	pass_all(&t);
	ike_on_unknown_spi(t.end[EAST].ike, &path, west_sends_by(), t.now);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_GONE)->reason, IKE_REASON_LOST);
	assert_int_equal(count_news(&t.end[EAST], NEWS_CHILD_GONE), 1);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	assert_int_equal(only_sa(&t, WEST)->child_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(esp_for_nobody_is_told_one_way),
		CASE(esp_for_nobody_is_told_on_the_ike_sa),
		CASE(esp_that_comes_early_is_not_complained_of),
		CASE(a_restarted_peer_makes_us_ask),
		CASE(a_guessed_spi_is_no_hint),
		CASE(a_peer_that_is_back_is_asked_again_at_once),
		CASE(a_child_that_the_peer_lost_is_dropped),
		CASE(an_unknown_sa_is_answered_once_a_minute),
		CASE(forged_notifies_change_nothing),
		CASE(a_message_id_too_high_is_complained_of_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
