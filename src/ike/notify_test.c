#include "ike/two_ends_cases.h"

#include "ike/message.h"

/* Said by peers that can do more than we: compressed packets (RFC 7296 section 2.22), no padding of
 * packets, SAs for fragments (section 1.3.1), RFC 9593, RFC 9867. */
static const uint16_t types[] = { 16387, 16394, 16395, 16443, 16445, 16446 };

enum { NOTIFY_LEN = 11, NOTIFIES_LEN = NOTIFY_LEN * (int)ARRAY_LEN(types) };

static void write_notifies(uint8_t *out, uint8_t next)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		bool is_last = i + 1 == ARRAY_LEN(types);
		const uint8_t notify[NOTIFY_LEN] = { is_last ? next : PAYLOAD_NOTIFY,
			                             0,
			                             0,
			                             NOTIFY_LEN,
			                             0,
			                             0,
			                             (uint8_t)(types[i] >> 8),
			                             (uint8_t)types[i],
			                             0x12,
			                             0x34,
			                             2 };

		memcpy(out + i * NOTIFY_LEN, notify, NOTIFY_LEN);
	}
}

static void expect_none_of(const struct payloads *p)
{
	struct notify n;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_false(payloads_find_notify(p, types[i], &n));
}

/* What `from` sends next says all of it, before anything else, and arrives. */
static void pass_with_notifies(enum side from, uint8_t exchange)
{
	struct out *out = first_out(&t, from);
	uint8_t inner[2048 + NOTIFIES_LEN];
	struct opened o;

	open_first(&t, from, only_sa(&t, peer_of(from)), &o);
	expect_none_of(&o.p); /* that we say none of it, whatever was asked */
	write_notifies(inner, o.first);
	memcpy(inner + NOTIFIES_LEN, o.text.data, o.text.len);
	buf_free(&out->datagram);
	out->datagram = seal_as(only_sa(&t, from), exchange, o.header.flags, o.header.message_id,
	                        PAYLOAD_NOTIFY, BYTES(inner, NOTIFIES_LEN + o.text.len));
	pass(&t, from, exchange);
}

/* TS-11, DS-10, PPK-4, FMT-9 */
static void what_we_do_not_do_is_neither_said_nor_minded(void **state)
{
	const struct traffic_selector west = host_ts("10.1.0.6"), east = host_ts("10.2.0.7");
	ike_handle sa = initiate(&t, WEST);

	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	pass_with_notifies(WEST, EXCHANGE_IKE_AUTH);
	pass_with_notifies(EAST, EXCHANGE_IKE_AUTH);
	expect_tunnels(&t, 1);
	ike_create_child(t.end[WEST].ike, sa, &west, &east, 7, t.now);
	pass_with_notifies(WEST, EXCHANGE_CREATE_CHILD_SA);
	pass_with_notifies(EAST, EXCHANGE_CREATE_CHILD_SA);
	pass_all(&t);
	expect_tunnels(&t, 2);
}

/* DS-10, PPK-4: before there are keys, too. */
static void nor_in_the_first_message(void **state)
{
	struct ike_header header;
	struct payloads p;
	struct buf *datagram;
	uint8_t changed[2048 + NOTIFIES_LEN];
	size_t len;

	initiate(&t, WEST);
	datagram = &first_out(&t, WEST)->datagram;
	len = datagram->len + NOTIFIES_LEN;
	memcpy(changed, datagram->data, 28);
	write_notifies(changed + 28, changed[16]);
	memcpy(changed + 28 + NOTIFIES_LEN, datagram->data + 28, datagram->len - 28);
	changed[16] = PAYLOAD_NOTIFY;
	changed[26] = (uint8_t)(len >> 8);
	changed[27] = (uint8_t)len;
	buf_free(datagram);
	*datagram = buf_copy(BYTES(changed, len));
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	assert_true(header_parse(buf_view(&first_out(&t, EAST)->datagram), &header));
	assert_int_equal(message_parse(buf_view(&first_out(&t, EAST)->datagram), &header, &p),
	                 PAYLOADS_OK);
	assert_non_null(p.sa.data);
	assert_non_null(p.ke.data);
	expect_none_of(&p);
}

/* PLD-21: the CREATE_CHILD_SA request of a conn without PFS. */
static void no_method_no_key_exchange(void **state)
{
	for (int pfs = 0; pfs < 2; pfs++) {
		const struct traffic_selector west = host_ts("10.1.0.6"),
					      east = host_ts("10.2.0.7");
		struct ike_profile profile = ike_profile_default;
		struct ike_wish wish = wish_of(&t, WEST);
		struct opened o;
		ike_handle sa;

		profile.pfs = pfs;
		wish.profile = t.end[EAST].profile = &profile;
		sa = initiate_wish(&t, WEST, &wish);
		ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
		pass_all(&t);
		ike_create_child(t.end[WEST].ike, sa, &west, &east, 7, t.now);
		for (int from = WEST; from <= EAST; from++) {
			open_first(&t, (enum side)from, only_sa(&t, peer_of((enum side)from)), &o);
			assert_non_null(o.p.nonce.data);
			assert_int_equal(o.p.ke.data != NULL, pfs);
			pass(&t, (enum side)from, EXCHANGE_CREATE_CHILD_SA);
		}
		expect_tunnels(&t, 2);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(what_we_do_not_do_is_neither_said_nor_minded),
		CASE(nor_in_the_first_message),
		CASE(no_method_no_key_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
