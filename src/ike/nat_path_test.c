#include "ike/two_ends_cases.h"

static struct endpoint outside = { .port = 61000 };

/* From WEST, whose NAT shows it as `outside`, to EAST. */
static void to_east(uint16_t local_port)
{
	const struct path path = { { t.end[EAST].address, local_port }, outside };
	struct out *out = first_out(&t, WEST);

	inject(&t, EAST, &path, buf_view(&out->datagram));
	lose(&t, WEST);
}

static void to_west(uint16_t local_port)
{
	const struct path path = { { t.end[WEST].address, local_port },
		                   { t.end[EAST].address, local_port } };
	struct out *out = first_out(&t, EAST);

	assert_true(endpoint_equal(&out->path.remote, &outside));
	inject(&t, WEST, &path, buf_view(&out->datagram));
	lose(&t, EAST);
}

/* A configured tunnel from behind a NAT (NAT-5, NAT-6). */
static ike_handle tunnel_through_a_nat(void)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	outside = (struct endpoint){ ip_v4(203, 0, 113, 9), 61000 };
	wish.is_opportunistic = false;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	to_east(500);
	to_west(500);
	outside.port = 61001;
	to_east(4500);
	to_west(4500);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	return sa;
}

/* NAT-10, NAT-11 */
static void behind_the_nat_one_octet_keeps_it_open(void **state)
{
	tunnel_through_a_nat();
	t.end[WEST].sent = 0;
	wait_ms(&t, 19900);
	assert_int_equal(t.end[WEST].keepalives, 0);
	wait_ms(&t, 100300);
	assert_int_equal(t.end[WEST].keepalives, 6);
	assert_int_equal(t.end[WEST].kept_alive.local.port, 4500);
	assert_true(ip_equal(&t.end[WEST].kept_alive.remote.address, &t.end[EAST].address));
	assert_int_equal(t.end[EAST].keepalives, 0);
	assert_int_equal(t.end[WEST].sent, 0);
}

/* NAT-10: what is sent keeps it open as well. */
static void traffic_spares_the_keepalives(void **state)
{
	tunnel_through_a_nat();
	for (int i = 0; i < 60; i++) {
		t.end[WEST].traffic = (struct ike_traffic){ t.now, t.now };
		wait_ms(&t, 5000);
	}
	assert_int_equal(t.end[WEST].keepalives, 0);
	wait_ms(&t, 16000);
	assert_int_equal(t.end[WEST].keepalives, 1);
}

/* NAT-10: without a NAT, and without a CHILD SA, there is nothing to keep. */
static void without_a_nat_nothing_is_kept_open(void **state)
{
	bring_up(&t, WEST);
	wait_ms(&t, 25000);
	assert_int_equal(t.end[WEST].keepalives + t.end[EAST].keepalives, 0);
}

/* NAT-9, MID-14: a request from the NAT's new port; the answer, the children and our own next
 * request go there. */
static void a_request_from_elsewhere_is_followed(void **state)
{
	ike_handle sa = tunnel_through_a_nat();

	ike_hint_sa(t.end[WEST].ike, sa, t.now);
	outside.port = 61002;
	to_east(4500);
	to_west(4500);
	assert_int_equal(t.end[EAST].moves, 1);
	assert_int_equal(t.end[EAST].moved_to.remote.port, 61002);
	ike_hint(t.end[EAST].ike, &outside.address, t.now);
	to_west(4500);
	to_east(4500);
}

/* NAT-9: recorded, held back, or without a new message ID: no reason to go there. */
static void a_replayed_request_from_elsewhere_is_not_followed(void **state)
{
	ike_handle sa = tunnel_through_a_nat();
	const struct path forger = { { t.end[EAST].address, 4500 }, { ip_v4(192, 0, 2, 66), 666 } };
	struct buf recorded;

	ike_hint_sa(t.end[WEST].ike, sa, t.now);
	recorded = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	to_east(4500);
	to_west(4500);
	inject(&t, EAST, &forger, buf_view(&recorded));
	assert_int_equal(first_out(&t, EAST)->path.remote.port, 666); /* MID-6: the same answer */
	lose(&t, EAST);
	assert_int_equal(t.end[EAST].moves, 0);
	recorded.data[recorded.len - 1] ^= 1;
	recorded.data[23]++;
	inject(&t, EAST, &forger, buf_view(&recorded));
	assert_int_equal(t.end[EAST].moves, 0);
	ike_hint(t.end[EAST].ike, &outside.address, t.now);
	to_west(4500);
	buf_free(&recorded);
}

/* NAT-9: ESP tells as well; the packet engine has checked it. */
static void esp_from_elsewhere_is_followed(void **state)
{
	struct path path = { { t.end[EAST].address, 4500 }, { ip_v4(203, 0, 113, 10), 4500 } };

	tunnel_through_a_nat();
	ike_peer_moved(t.end[EAST].ike, only_sa(&t, EAST)->handle, &path, t.now);
	outside = path.remote;
	assert_int_equal(t.end[EAST].moves, 1);
	ike_hint(t.end[EAST].ike, &outside.address, t.now);
	to_west(4500);
	to_east(4500);
}

/* NAT-9: who is behind a NAT stays. */
static void behind_the_nat_nobody_is_followed(void **state)
{
	ike_handle sa = tunnel_through_a_nat();
	struct path path = { { t.end[WEST].address, 4500 }, { ip_v4(192, 0, 2, 66), 4500 } };

	ike_peer_moved(t.end[WEST].ike, sa, &path, t.now);
	assert_int_equal(t.end[WEST].moves, 0);
	ike_hint_sa(t.end[WEST].ike, sa, t.now);
	assert_true(ip_equal(&first_out(&t, WEST)->path.remote.address, &t.end[EAST].address));
}

/* NAT-10: the IKE SA that takes over at a rekey knows of the NAT. */
static void a_rekey_does_not_forget_the_nat(void **state)
{
	ike_handle sa = tunnel_through_a_nat();

	ike_rekey(t.end[WEST].ike, sa, t.now);
	for (int i = 0; i < 20 && t.end[WEST].out_count + t.end[EAST].out_count > 0; i++) {
		if (t.end[WEST].out_count > 0)
			to_east(4500);
		if (t.end[EAST].out_count > 0)
			to_west(4500);
	}
	t.end[WEST].sent = t.end[WEST].keepalives = 0;
	wait_ms(&t, 41000);
	assert_int_equal(t.end[WEST].keepalives, 2);
	assert_int_equal(t.end[EAST].keepalives, 0);
}

/* Nobody moves by himself where no NAT is: a captured request that comes from the forger first. */
static void without_a_nat_nobody_is_followed(void **state)
{
	const struct path forger = { { t.end[EAST].address, 4500 }, { ip_v4(192, 0, 2, 66), 666 } };
	ike_handle sa = bring_up(&t, WEST);

	ike_hint_sa(t.end[WEST].ike, sa, t.now);
	inject(&t, EAST, &forger, buf_view(&first_out(&t, WEST)->datagram));
	assert_int_equal(t.end[EAST].moves, 0);
	assert_true(ip_equal(&only_sa(&t, EAST)->path.remote.address, &t.end[WEST].address));
}

static void wait_at_east(void)
{
	t.end[EAST].holds_answers = true;
}

/* What the peer, who is at `outside` now, wants of EAST: from where does it say it speaks? */
static const struct ip *speaker_at_east(void)
{
	assert_int_equal(t.end[EAST].question_count, 1);
	return &t.end[EAST].questions[0].claim.path.remote.address;
}

/* AUZ-5: IKE_AUTH tells no address, as everybody can send from any; what came back from it did. */
static void who_authenticates_from_elsewhere_speaks_for_where_it_began(void **state)
{
	const struct ip home = ip_v4(203, 0, 113, 9);
	struct ike_wish wish = wish_of(&t, WEST);

	outside = (struct endpoint){ home, 61000 };
	wish.is_opportunistic = false;
	ike_set_peer_keys(t.end[WEST].ike, initiate_wish(&t, WEST, &wish), &t.end[WEST].trusted, 1,
	                  t.now);
	to_east(500);
	to_west(500);
	wait_at_east();
	outside.address = ip_v4(198, 51, 100, 77);
	to_east(4500);
	assert_true(ip_equal(speaker_at_east(), &home));
	t.end[EAST].holds_answers = false;
	to_west(4500); /* NAT-9: it may have more than one address, and is answered there */
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
}

/* AUZ-5, NAT-9: nor does a request tell where the peer hears us, though we follow it there. */
static void who_moves_speaks_for_where_it_began(void **state)
{
	const struct traffic_selector local = host_ts("10.1.0.6"), remote = host_ts("10.2.0.7");
	const struct ip home = ip_v4(203, 0, 113, 9);
	ike_handle sa = tunnel_through_a_nat();

	wait_at_east();
	outside.address = ip_v4(198, 51, 100, 77);
	ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	to_east(4500);
	assert_int_equal(t.end[EAST].moves, 1);
	assert_true(ip_equal(speaker_at_east(), &home));
	t.end[EAST].holds_answers = false;
	to_west(4500);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 7);
}

/* The same on the IKE SA that took over: a rekey proves no address either. */
static void who_moved_before_a_rekey_speaks_for_where_it_began(void **state)
{
	const struct traffic_selector local = host_ts("10.1.0.6"), remote = host_ts("10.2.0.7");
	const struct ip home = ip_v4(203, 0, 113, 9);
	ike_handle sa = tunnel_through_a_nat();

	outside.address = ip_v4(198, 51, 100, 77);
	ike_rekey(t.end[WEST].ike, sa, t.now);
	for (int i = 0; i < 20 && t.end[WEST].out_count + t.end[EAST].out_count > 0; i++) {
		if (t.end[WEST].out_count > 0)
			to_east(4500);
		if (t.end[EAST].out_count > 0)
			to_west(4500);
	}
	wait_at_east();
	ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
	to_east(4500);
	assert_true(ip_equal(speaker_at_east(), &home));
}

/* A captured IKE_AUTH that comes from the forger first, where no NAT is: answered, not followed. */
static void without_a_nat_ike_auth_is_not_followed(void **state)
{
	const struct path forger = { { t.end[EAST].address, 4500 },
		                     { ip_v4(192, 0, 2, 66), 4500 } };

	initiate(&t, WEST);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	inject(&t, EAST, &forger, buf_view(&first_out(&t, WEST)->datagram));
	assert_true(ip_equal(&first_out(&t, EAST)->path.remote.address, &forger.remote.address));
	lose(&t, EAST);
	assert_true(ip_equal(&only_sa(&t, EAST)->path.remote.address, &t.end[WEST].address));
	pass(&t, WEST, EXCHANGE_IKE_AUTH); /* the same, from where it belongs */
	pass(&t, EAST, EXCHANGE_IKE_AUTH);
	expect_tunnels(&t, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(behind_the_nat_one_octet_keeps_it_open),
		CASE(traffic_spares_the_keepalives),
		CASE(without_a_nat_nothing_is_kept_open),
		CASE(a_request_from_elsewhere_is_followed),
		CASE(a_replayed_request_from_elsewhere_is_not_followed),
		CASE(esp_from_elsewhere_is_followed),
		CASE(without_a_nat_nobody_is_followed),
		CASE(behind_the_nat_nobody_is_followed),
		CASE(a_rekey_does_not_forget_the_nat),
		CASE(who_authenticates_from_elsewhere_speaks_for_where_it_began),
		CASE(who_moves_speaks_for_where_it_began),
		CASE(who_moved_before_a_rekey_speaks_for_where_it_began),
		CASE(without_a_nat_ike_auth_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
