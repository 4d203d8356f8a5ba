/* What many requests at once may cost, and who is served meanwhile. */
#include "ike/init.h"
#include "ike/two_ends_cases.h"

enum { SPI_OFFSET = 0, LAST_OF_SPI = 7, FLAGS_OFFSET = 19 };

static struct buf request; /* a good IKE_SA_INIT request of WEST, to be sent from anywhere */

static int set_up_flood(void **state)
{
	set_up(state);
	initiate(&t, WEST);
	request = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
	return 0;
}

static int tear_down_flood(void **state)
{
	buf_free(&request);
	return tear_down(state);
}

#define FLOOD_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_flood, tear_down_flood)

static struct ike *east(void)
{
	return t.end[EAST].ike;
}

/* The n-th stranger: 250 to a network. */
static struct path stranger(unsigned n)
{
	struct path path = path_to(&t, EAST, EXCHANGE_IKE_SA_INIT);

	path.remote.address =
	    ip_v4(10, (uint8_t)(n / 62500), (uint8_t)(n / 250 % 250), (uint8_t)(n % 250 + 1));
	return path;
}

static void set_spi(struct buf *datagram, unsigned n)
{
	datagram->data[SPI_OFFSET] = 1;
	for (int i = 0; i < 4; i++)
		datagram->data[LAST_OF_SPI - i] = (uint8_t)(n >> (8 * i));
}

/* Takes away what EAST said last. */
static void hush(void)
{
	while (t.end[EAST].out_count > 0)
		lose(&t, EAST);
}

static void knock(const struct path *path, unsigned n)
{
	set_spi(&request, n);
	inject(&t, EAST, path, buf_view(&request));
}

static bool says_cookie(const struct out *out, struct notify *n)
{
	struct ike_header header;
	struct payloads p;

	return header_parse(buf_view(&out->datagram), &header) && header.spi_r == 0 &&
	       message_parse(buf_view(&out->datagram), &header, &p) == PAYLOADS_OK &&
	       p.count == 1 && payloads_find_notify(&p, NOTIFY_COOKIE, n);
}

/* The same request with the cookie in front. */
static struct buf with_cookie(struct bytes plain, struct bytes cookie)
{
	struct buf out = { .data = new_array(plain.len + 8 + cookie.len, 1) };
	struct writer w = writer_on(out.data, plain.len + 8 + cookie.len);
	uint8_t first = plain.data[16];

	write_bytes(&w, BYTES(plain.data, IKE_HEADER_LEN));
	write_u8(&w, first);
	write_u8(&w, 0);
	write_be16(&w, (uint16_t)(8 + cookie.len));
	write_be16(&w, 0);
	write_be16(&w, NOTIFY_COOKIE);
	write_bytes(&w, cookie);
	write_bytes(&w, BYTES(plain.data + IKE_HEADER_LEN, plain.len - IKE_HEADER_LEN));
	out.data[16] = PAYLOAD_NOTIFY;
	write_patch_be32(&w, 24, (uint32_t)w.len);
	out.len = w.len;
	return out;
}

/* Knocks, takes the cookie and knocks with it. */
static void knock_twice(const struct path *path, unsigned n)
{
	struct notify cookie;
	struct buf second;

	hush();
	knock(path, n);
	assert_int_equal(t.end[EAST].out_count, 1);
	assert_true(says_cookie(&t.end[EAST].out[0], &cookie));
	second = with_cookie(buf_view(&request), cookie.data);
	hush();
	inject(&t, EAST, path, buf_view(&second));
	buf_free(&second);
}

/* As many strangers as are served without a cookie. */
static void crowd(void)
{
	for (unsigned i = 0; i < GATE_HALF_OPEN; i++) {
		const struct path path = stranger(i);

		knock(&path, i);
		hush();
	}
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
}

/* DOS-1, DOS-4 */
static void above_a_hundred_half_open_a_cookie_is_all_that_is_given(void **state)
{
	struct notify cookie;

	crowd();
	for (unsigned i = 0; i < 300; i++) {
		const struct path path = stranger(1000 + i);

		knock(&path, 1000 + i);
		assert_int_equal(t.end[EAST].out_count, 1);
		assert_true(says_cookie(&t.end[EAST].out[0], &cookie));
		assert_true(t.end[EAST].out[0].datagram.len <= request.len);
		hush();
	}
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
	assert_int_equal(east()->by_handle.count, GATE_HALF_OPEN);
	assert_int_equal(ike_dropped(east(), IKE_DROP_COOKIE), 300);
}

/* DOS-1, INI-4, INI-6: an Initiator that gives the cookie back comes through */
static void a_real_peer_comes_through_the_crowd(void **state)
{
	crowd();
	/* --> IKE_SA_INIT, <-- N(COOKIE), --> IKE_SA_INIT with it, ... */
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(ike_dropped(east(), IKE_DROP_COOKIE), 1);
}

/* DOS-3 */
static void a_wrong_cookie_is_no_cookie(void **state)
{
	static const uint8_t wrong[COOKIE_LEN] = { 1, 2, 3 };
	const struct path path = stranger(5000);
	struct notify cookie;
	struct buf second;

	crowd();
	second = with_cookie(buf_view(&request), BYTES_OF(wrong));
	inject(&t, EAST, &path, buf_view(&second));
	assert_true(says_cookie(&t.end[EAST].out[0], &cookie));
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
	buf_free(&second);
}

/* DOS-2: a cookie is good where it was sent to, and nowhere else */
static void a_cookie_does_not_travel(void **state)
{
	const struct path here = stranger(5000), there = stranger(5001);
	struct notify cookie;
	struct buf second;

	crowd();
	knock(&here, 1);
	assert_true(says_cookie(&t.end[EAST].out[0], &cookie));
	second = with_cookie(buf_view(&request), cookie.data);
	inject(&t, EAST, &there, buf_view(&second));
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
	inject(&t, EAST, &here, buf_view(&second));
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN + 1);
	buf_free(&second);
}

/* Requests that are refused leave nothing to count, and still cost: they ask for cookies too. */
static void many_refusals_ask_for_cookies(void **state)
{
	size_t ke = IKE_HEADER_LEN + (size_t)(request.data[IKE_HEADER_LEN + 2] << 8) +
	            request.data[IKE_HEADER_LEN + 3];
	struct notify cookie;
	struct path path;
	unsigned refused = 0;

	request.data[ke + 5] = 250; /* a key exchange method nobody has */
	for (unsigned i = 0; i < 2 * GATE_REFUSED; i++) {
		path = stranger(i);
		knock(&path, i);
		assert_int_equal(t.end[EAST].out_count, 1);
		refused += !says_cookie(&t.end[EAST].out[0], &cookie);
		hush();
	}
	assert_int_equal(refused, GATE_REFUSED);
	/* A second later all is forgotten. */
	wait_ms(&t, 1000);
	request.data[ke + 5] = KEX_X25519;
	hush();
	path = stranger(900);
	knock(&path, 900);
	assert_int_equal(east()->half_opens.count, 1);
}

/* DOS-5: below the threshold there is no such limit */
static void a_source_has_ten_half_open_in_a_crowd(void **state)
{
	const struct path path = stranger(40000);

	for (unsigned i = 0; i < GATE_HALF_OPEN; i++)
		knock(&path, i);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
	knock_twice(&path, 200);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
	assert_int_equal(t.end[EAST].out_count, 0);
	assert_int_equal(ike_dropped(east(), IKE_DROP_CROWD), 1);
}

/* DOS-5 */
static void a_source_has_five_requests_a_second_in_a_crowd(void **state)
{
	const struct path path = stranger(40000);

	crowd();
	for (unsigned i = 0; i < GATE_REQUESTS_PER_SOURCE + 2; i++)
		knock_twice(&path, 1000 + i);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN + GATE_REQUESTS_PER_SOURCE);
	wait_ms(&t, 1000);
	knock_twice(&path, 2000);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN + GATE_REQUESTS_PER_SOURCE + 1);
}

/* INI-10: at the bound the oldest goes; whoever comes back within a round trip is served */
static void the_oldest_half_open_makes_room(void **state)
{
	for (unsigned i = 0; i < HALF_OPEN_MAX + 500; i++) {
		const struct path path = stranger(25 * i);

		/* Sources that share a counter share its five requests a second. */
		if (i % 100 == 0)
			wait_ms(&t, 100);
		if (i < GATE_HALF_OPEN)
			knock(&path, i);
		else
			knock_twice(&path, i);
		hush();
	}
	assert_int_equal(east()->half_opens.count, HALF_OPEN_MAX);
	assert_int_equal(ike_dropped(east(), IKE_DROP_FULL), 500);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(east()->half_opens.count, HALF_OPEN_MAX - 1);
	wait_ms(&t, 31000);
	assert_int_equal(east()->half_opens.count, 0);
	assert_int_equal(east()->half_opens.origins.count, 0);
}

/* DOS-4: no shared secret and no keys before the peer shows that it is in earnest; and a peer that
 * sent no public value at all is gone then. */
static void keys_wait_for_ike_auth_in_a_crowd(void **state)
{
	const struct path path = stranger(40000);
	struct hash_node *node = NULL;
	size_t ke = IKE_HEADER_LEN + (size_t)(request.data[IKE_HEADER_LEN + 2] << 8) +
	            request.data[IKE_HEADER_LEN + 3];
	struct ike_sa *sa = NULL;
	struct buf forged;

	crowd();
	memset(request.data + ke + 8, 0, 32); /* small order: KDF-9 */
	knock_twice(&path, 1000);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN + 1);
	while ((node = hash_walk(&east()->by_handle, node)) != NULL) {
		struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (endpoint_equal(&other->path.remote, &path.remote))
			sa = other;
	}
	assert_non_null(sa);
	assert_null(sa->sk.in);
	forged = buf_copy(buf_view(&request));
	memcpy(forged.data + 8, (uint8_t[8]){ 0 }, 8);
	for (int i = 0; i < 8; i++)
		forged.data[8 + i] = (uint8_t)(sa->spi_r >> (56 - 8 * i));
	forged.data[18] = EXCHANGE_IKE_AUTH;
	forged.data[23] = 1;
	inject(&t, EAST, &path, buf_view(&forged));
	buf_free(&forged);
	assert_int_equal(east()->half_opens.count, GATE_HALF_OPEN);
}

/* A new attempt of WEST that would like P-384, and can also do `other` if that is one. */
static void ask_for_p384(enum kex_id other)
{
	struct ike_profile profile = ike_profile_default;
	struct proposal *p = proposals_add(&profile.ike, PROTOCOL_IKE, 0, 0);
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	proposal_add_transform(p, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
	proposal_add_transform(p, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	proposal_add_transform(p, TRANSFORM_KE, KEX_P384, 0);
	if (other != KEX_NONE)
		proposal_add_transform(p, TRANSFORM_KE, other, 0);
	wish.profile = &profile;
	while (t.end[WEST].out_count > 0)
		lose(&t, WEST);
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
}

/* DOS-5: P-384 costs ten times what X25519 does */
static void costly_key_exchanges_are_rationed_in_a_crowd(void **state)
{
	crowd();
	/* Who can do it cheaper is asked to. */
	ask_for_p384(KEX_X25519);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(east()->gate.refused, 1); /* INVALID_KE_PAYLOAD */
	assert_int_equal(east()->gate.costly, 0);
	/* Who cannot is served as long as there is something left for this second. */
	ask_for_p384(KEX_NONE);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_int_equal(east()->gate.costly, 1);
	east()->gate.costly = GATE_COSTLY_EXCHANGES;
	ask_for_p384(KEX_NONE);
	pass_all(&t);
	expect_tunnels(&t, 2);
	assert_int_equal(ike_dropped(east(), IKE_DROP_CROWD), 1);
	live_ms(&t, 1200);
	expect_tunnels(&t, 3);
}

/* A request that says next to nothing must not make us say much: nobody is flooded through us. */
static void no_answer_is_much_larger_than_its_question(void **state)
{
	struct path path = stranger(1);
	size_t whole = request.len;

	/* Cut at every place, and padded lengths apart: what is answered is answered briefly. */
	for (size_t len = IKE_HEADER_LEN; len <= whole; len++) {
		struct buf cut = buf_copy(BYTES(request.data, len));

		set_spi(&cut, (unsigned)len);
		cut.data[26] = (uint8_t)(len >> 8);
		cut.data[27] = (uint8_t)len;
		for (unsigned kind = 0; kind < 4; kind++) {
			cut.data[17] = kind == 1 ? 0x30 : IKE_VERSION;
			cut.data[18] = kind == 2 ? EXCHANGE_IKE_AUTH : EXCHANGE_IKE_SA_INIT;
			cut.data[FLAGS_OFFSET] = kind == 3 ? 0 : IKE_FLAG_INITIATOR;
			inject(&t, EAST, &path, buf_view(&cut));
			assert_true(t.end[EAST].out_count <= 1);
			if (t.end[EAST].out_count == 1)
				assert_true(t.end[EAST].out[0].datagram.len <=
				            AMPLIFICATION_MAX * len);
			hush();
		}
		buf_free(&cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOOD_CASE(above_a_hundred_half_open_a_cookie_is_all_that_is_given),
		FLOOD_CASE(a_real_peer_comes_through_the_crowd),
		FLOOD_CASE(a_wrong_cookie_is_no_cookie),
		FLOOD_CASE(a_cookie_does_not_travel),
		FLOOD_CASE(many_refusals_ask_for_cookies),
		FLOOD_CASE(a_source_has_ten_half_open_in_a_crowd),
		FLOOD_CASE(a_source_has_five_requests_a_second_in_a_crowd),
		FLOOD_CASE(the_oldest_half_open_makes_room),
		FLOOD_CASE(keys_wait_for_ike_auth_in_a_crowd),
		FLOOD_CASE(costly_key_exchanges_are_rationed_in_a_crowd),
		FLOOD_CASE(no_answer_is_much_larger_than_its_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
