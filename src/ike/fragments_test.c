/* Messages in pieces, between two endpoints (RFC 7383). Names of 250 octets and RSA make IKE_AUTH
 * too long for a small datagram, not for a usual one. */
#include "ike/pieces.h"
#include "ike/two_ends_cases.h"

enum { SMALL = PIECES_IP_SMALL - 20 - 8 - 4 };

static void take_long_name(struct end *end)
{
	end->self.id = (struct ike_id){ .type = ID_FQDN, .len = 250 };
	memset(end->self.id.data, 'x', 250);
}

static int set_up_names(void **state)
{
	two_ends_init(&t, KEY_RSA);
	take_long_name(&t.end[WEST]);
	take_long_name(&t.end[EAST]);
	return 0;
}

/* Both cut for small datagrams from the beginning. */
static int set_up_small(void **state)
{
	set_up_names(state);
	t.end[WEST].ike->settings.ip_size = PIECES_IP_SMALL;
	t.end[EAST].ike->settings.ip_size = PIECES_IP_SMALL;
	return 0;
}

#define USUAL_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_names, tear_down)
#define SMALL_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

static void pass_init(void)
{
	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	settle(&t);
}

static struct piece piece_of(const struct out *out)
{
	struct ike_header header;
	struct payloads p;

	assert_true(header_parse(buf_view(&out->datagram), &header));
	assert_int_equal(message_parse(buf_view(&out->datagram), &header, &p), PAYLOADS_OK);
	return p.piece;
}

static void swap(enum side side, size_t a, size_t b)
{
	struct out *out = t.end[side].out;
	struct out kept = out[a];

	out[a] = out[b];
	out[b] = kept;
}

/* FRG-1, FRG-2, FRG-3, FRG-9 */
static void a_long_message_goes_in_pieces(void **state)
{
	pass_init();
	assert_true(t.end[WEST].out_count >= 2);
	for (size_t i = 0; i < t.end[WEST].out_count; i++) {
		struct piece piece = piece_of(&t.end[WEST].out[i]);

		assert_int_equal(piece.number, i + 1);
		assert_int_equal(piece.total, t.end[WEST].out_count);
		assert_true(t.end[WEST].out[i].datagram.len <= SMALL);
	}
	while (t.end[WEST].out_count > 0)
		pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_true(t.end[EAST].out_count >= 2);
	for (size_t i = 0; i < t.end[EAST].out_count; i++)
		assert_true(t.end[EAST].out[i].datagram.len <= SMALL);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(t.end[EAST].ike->joins.octets, 0);
	assert_int_equal(t.end[WEST].ike->joins.octets, 0);
}

/* FRG-10 */
static void what_fits_stays_whole(void **state)
{
	pass_init();
	assert_int_equal(t.end[WEST].out_count, 1);
	assert_int_equal(piece_of(&t.end[WEST].out[0]).number, 0);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* FRG-5, FRG-6 */
static void pieces_come_in_any_order_and_twice(void **state)
{
	pass_init();
	swap(WEST, 0, t.end[WEST].out_count - 1);
	repeat(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	while (t.end[WEST].out_count > 0)
		pass(&t, WEST, EXCHANGE_IKE_AUTH);
	swap(EAST, 0, t.end[EAST].out_count - 1);
	repeat(&t, EAST);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* FRG-7 */
static void a_lost_piece_brings_all_again(void **state)
{
	size_t count;

	pass_init();
	count = t.end[WEST].out_count;
	lose(&t, WEST);
	while (t.end[WEST].out_count > 0)
		pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_int_equal(t.end[EAST].question_count + t.end[EAST].out_count, 0);
	wait_ms(&t, 600);
	assert_int_equal(t.end[WEST].out_count, count);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	/* What was missing was the first; the others are repetitions of a request that is whole. */
	assert_true(t.end[EAST].out_count >= 2);
	count = t.end[EAST].out_count;
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_int_equal(t.end[EAST].out_count, count);
	while (t.end[WEST].out_count > 0)
		lose(&t, WEST);
	/* The answer loses its first piece: the first piece of the request asks for it again. */
	lose(&t, EAST);
	while (t.end[EAST].out_count > 0)
		pass(&t, EAST, EXCHANGE_IKE_AUTH);
	wait_ms(&t, 1200);
	assert_true(t.end[WEST].out_count >= 2);
	swap(WEST, 0, 1);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_int_equal(t.end[EAST].out_count, 0);
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_int_equal(t.end[EAST].out_count, count);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* FRG-4 */
static void a_forged_piece_does_not_spoil_the_others(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf forged;

	pass_init();
	forged = buf_copy(buf_view(&t.end[WEST].out[0].datagram));
	forged.data[forged.len / 2] ^= 1;
	inject(&t, EAST, &path, buf_view(&forged));
	forged.data[forged.len / 2] ^= 1;
	/* The numbers are part of what is sealed. */
	forged.data[IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + 3] += 3;
	inject(&t, EAST, &path, buf_view(&forged));
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_INTEGRITY), 2);
	assert_int_equal(t.end[EAST].ike->joins.octets, 0);
	buf_free(&forged);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* Nothing longer than a small datagram arrives, whole or not. */
static void live_on_a_narrow_path(int64_t ms)
{
	for (int64_t i = 0; i < ms; i += 100) {
		for (int side = WEST; side <= EAST; side++) {
			while (t.end[side].out_count > 0) {
				if (t.end[side].out[0].datagram.len > SMALL)
					lose(&t, (enum side)side);
				else
					pass(&t, (enum side)side,
					     t.end[side].out[0].datagram.data[18]);
			}
		}
		wait_ms(&t, 100);
	}
}

/* FRG-8 */
static void the_third_repetition_is_cut_smaller(void **state)
{
	initiate(&t, WEST);
	live_on_a_narrow_path(3000);
	expect_tunnels(&t, 0);
	live_on_a_narrow_path(2000);
	expect_tunnels(&t, 1);
	/* What was learnt stays. */
	assert_int_equal(only_sa(&t, WEST)->ip_size, PIECES_IP_SMALL);
	assert_int_equal(only_sa(&t, EAST)->ip_size, PIECES_IP_SMALL);
}

/* FRG-8: only our answer is too long; the peer's request came whole */
static void an_answer_asked_for_again_and_again_is_cut_smaller(void **state)
{
	t.end[WEST].self.id = id_of_ip(&t.end[WEST].address);
	t.end[WEST].self.auth = IKE_AUTH_PSK;
	initiate(&t, WEST);
	live_on_a_narrow_path(3000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	live_on_a_narrow_path(6000);
	expect_tunnels(&t, 1);
}

/* FRG-5: the same request cut otherwise */
static void a_new_cut_replaces_the_old_one(void **state)
{
	size_t count;

	pass_init();
	count = t.end[WEST].out_count;
	/* One piece of the old cut arrives; then the cut becomes a smaller one. */
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	while (t.end[WEST].out_count > 0)
		lose(&t, WEST);
	only_sa(&t, WEST)->ip_size = PIECES_IP_SMALL;
	wait_ms(&t, 600);
	assert_true(t.end[WEST].out_count > count);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* FRG-1 */
static void a_peer_that_cannot_join_gets_no_pieces(void **state)
{
	const struct path path = path_to(&t, EAST, EXCHANGE_IKE_AUTH);
	struct buf piece;

	t.end[WEST].holds_jobs = true;
	pass_init();
	only_sa(&t, WEST)->cuts = false;
	only_sa(&t, EAST)->cuts = false;
	assert_true(sk_seal_piece(&only_sa(&t, WEST)->sk,
	                          &(struct ike_header){ .spi_i = only_sa(&t, WEST)->spi_i,
	                                                .spi_r = only_sa(&t, WEST)->spi_r,
	                                                .exchange = EXCHANGE_IKE_AUTH,
	                                                .flags = IKE_FLAG_INITIATOR,
	                                                .message_id = 1 },
	                          (struct piece){ 1, 2 }, 35, BYTES_STR("text"), &piece));
	inject(&t, EAST, &path, buf_view(&piece));
	assert_int_equal(ike_dropped(t.end[EAST].ike, IKE_DROP_STATE), 1);
	assert_int_equal(t.end[EAST].ike->joins.octets, 0);
	buf_free(&piece);
	t.end[WEST].holds_jobs = false;
	settle(&t);
	assert_int_equal(t.end[WEST].out_count, 1);
	assert_true(t.end[WEST].out[0].datagram.len > SMALL);
	pass_all(&t);
	expect_tunnels(&t, 1);
}

/* A join ends with the exchange it belongs to, and with its IKE SA. */
static void a_join_that_never_ends_leaves_nothing(void **state)
{
	pass_init();
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	assert_true(t.end[EAST].ike->joins.octets > 0);
	while (t.end[WEST].out_count > 0)
		lose(&t, WEST);
	wait_ms(&t, 31000);
	assert_int_equal(t.end[EAST].ike->joins.octets, 0);
	expect_nothing_left(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL_CASE(a_long_message_goes_in_pieces),
		USUAL_CASE(what_fits_stays_whole),
		SMALL_CASE(pieces_come_in_any_order_and_twice),
		SMALL_CASE(a_lost_piece_brings_all_again),
		SMALL_CASE(a_forged_piece_does_not_spoil_the_others),
		USUAL_CASE(the_third_repetition_is_cut_smaller),
		USUAL_CASE(an_answer_asked_for_again_and_again_is_cut_smaller),
		USUAL_CASE(a_new_cut_replaces_the_old_one),
		SMALL_CASE(a_peer_that_cannot_join_gets_no_pieces),
		SMALL_CASE(a_join_that_never_ends_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
