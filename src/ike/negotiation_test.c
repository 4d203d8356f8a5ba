#include "util/test.h"
#include "ike/two_ends.h"

static struct two_ends t;

static int set_up(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	return 0;
}

static int tear_down(void **state)
{
	two_ends_wipe(&t);
	return 0;
}

struct words {
	uint16_t encr, key_bits, integ, prf, kex;
};

static void add_cipher(struct proposal *p, const struct words *w)
{
	proposal_add_transform(p, TRANSFORM_ENCR, w->encr, w->key_bits);
	if (w->integ != INTEG_NONE)
		proposal_add_transform(p, TRANSFORM_INTEG, w->integ, 0);
}

/* One proposal of one suite each, as a conn would ask for. */
static struct ike_profile profile_of(const struct words *w)
{
	struct ike_profile profile = ike_profile_default;
	struct proposal *p = proposals_add(&profile.ike, PROTOCOL_IKE, 0, 0);

	add_cipher(p, w);
	proposal_add_transform(p, TRANSFORM_PRF, w->prf, 0);
	proposal_add_transform(p, TRANSFORM_KE, w->kex, 0);
	p = proposals_add(&profile.esp, PROTOCOL_ESP, 0, 4);
	add_cipher(p, w);
	proposal_add_transform(p, TRANSFORM_KE, w->kex, 0);
	proposal_add_transform(p, TRANSFORM_SN, SN_64, 0);
	proposal_add_transform(p, TRANSFORM_SN, SN_32, 0);
	return profile;
}

static const struct words aes256 = { ENCR_AES_GCM_16, 256, INTEG_NONE, PRF_HMAC_SHA2_256,
	                             KEX_X25519 };
static const struct words aes128 = { ENCR_AES_GCM_16, 128, INTEG_NONE, PRF_HMAC_SHA2_256,
	                             KEX_X25519 };
static const struct words chacha = { ENCR_CHACHA20_POLY1305, 0, INTEG_NONE, PRF_HMAC_SHA2_256,
	                             KEX_P256 };

static ike_handle initiate_with(enum side side, const struct ike_profile *profile)
{
	struct ike_wish wish = wish_of(&t, side);
	ike_handle sa;

	wish.profile = profile;
	sa = initiate_wish(&t, side, &wish);
	ike_set_peer_keys(t.end[side].ike, sa, &t.end[side].trusted, 1, t.now);
	return sa;
}

/* SA-14 */
static void a_conn_gets_the_algorithms_it_asks_for(void **state)
{
	struct ike_profile profile = profile_of(&chacha);

	initiate_with(WEST, &profile);
	memset(&profile, 0, sizeof(profile)); /* it was only lent */
	pass_all(&t);
	expect_tunnels(&t, 1);
	for (int side = WEST; side <= EAST; side++) {
		assert_int_equal(only_sa(&t, side)->suite.cipher, AEAD_CHACHA20_POLY1305);
		assert_int_equal(only_sa(&t, side)->suite.kex, KEX_P256);
		assert_int_equal(last_news(&t.end[side], NEWS_CHILD_UP)->child.cipher,
		                 AEAD_CHACHA20_POLY1305);
	}
}

/* SA-10, SA-14 */
static void what_the_responder_does_not_allow_is_refused(void **state)
{
	struct ike_profile mine = profile_of(&aes256);
	struct ike_profile theirs = profile_of(&aes128);

	t.end[EAST].profile = &theirs;
	initiate_with(WEST, &mine);
	pass_all(&t);
	assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_REFUSED_UNPROVEN)->reason,
	                 IKE_REASON_UNPROTECTED_NO_PROPOSAL);
	live_ms(&t, 200000);
	assert_int_equal(count_news(&t.end[WEST], NEWS_REFUSED_UNPROVEN), 1); /* not each time */
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason,
	                 IKE_REASON_UNPROTECTED_NO_PROPOSAL);
	expect_nothing_left(&t);
}

/* SA-14: who the peer is, is known in IKE_AUTH only */
static void a_profile_that_forbids_the_agreed_algorithms_ends_the_sa(void **state)
{
	struct ike_profile theirs = profile_of(&chacha);

	t.end[EAST].peer_profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_NO_PROPOSAL);
	expect_nothing_left(&t);
}

static void the_profile_of_the_peer_chooses_for_its_child(void **state)
{
	struct ike_profile theirs = ike_profile_default;

	theirs.esp = profile_of(&chacha).esp;
	t.end[EAST].peer_profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->child.cipher,
	                 AEAD_CHACHA20_POLY1305);
	assert_int_equal(only_sa(&t, WEST)->suite.cipher, AEAD_AES_GCM_16_256);
}

/* One more pair over the IKE SA of WEST. */
static void add_pair(const char *local, const char *remote, uint64_t tag)
{
	const struct traffic_selector ours = host_ts(local), theirs = host_ts(remote);

	ike_create_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, &ours, &theirs, tag, t.now);
	pass_all(&t);
}

/* SA-2 to SA-9, SK-1, SK-2, KDF-2, KDF-4, KDF-5, PLD-20: with all we have, both exchanges */
static void every_suite_carries_both_exchanges(void **state)
{
	static const struct words cases[] = {
		{ ENCR_AES_GCM_16, 128, INTEG_NONE, PRF_HMAC_SHA2_384, KEX_P384 },
		{ ENCR_AES_GCM_16, 256, INTEG_NONE, PRF_HMAC_SHA2_512, KEX_MODP_2048 },
		{ ENCR_CHACHA20_POLY1305, 0, INTEG_NONE, PRF_HMAC_SHA2_256, KEX_MODP_3072 },
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, KEX_MODP_4096 },
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_512, KEX_X25519 },
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_384, KEX_P256 },
		{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, KEX_MODP_2048 },
		{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384, KEX_P384 },
		{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_512, KEX_X25519 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct words *w = &cases[i];
		struct ike_profile profile = profile_of(w);

		/* East has its defaults and takes them (ALG-2), but for what is too much work. */
		if (w->kex == KEX_MODP_3072 || w->kex == KEX_MODP_4096)
			t.end[EAST].profile = &profile;
		initiate_with(WEST, &profile);
		pass_all(&t);
		expect_tunnels(&t, 1);
		add_pair("10.1.0.6", "10.2.0.7", 7);
		expect_tunnels(&t, 2);
		assert_int_equal(only_sa(&t, EAST)->suite.cipher,
		                 proposal_cipher(w->encr, w->key_bits, w->integ));
		assert_int_equal(only_sa(&t, EAST)->suite.prf, w->prf);
		assert_int_equal(only_sa(&t, EAST)->suite.kex, w->kex);
		assert_int_equal(last_news(&t.end[EAST], NEWS_CHILD_UP)->child.cipher,
		                 only_sa(&t, EAST)->suite.cipher);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* SA-13: 64-bit numbers where both have them, 32-bit where one insists; a lone 1 refuses those */
static void sequence_numbers_are_agreed_on(void **state)
{
	static const struct {
		int west, east; /* bits: 1 SN_32, 2 SN_64 */
		int want;       /* -1: no child */
	} cases[] = {
		{ 3, 3, SN_64 }, { 1, 3, SN_32 }, { 3, 1, SN_32 }, { 2, 3, SN_64 },
		{ 1, 1, SN_32 }, { 2, 2, SN_64 }, { 1, 2, -1 },    { 2, 1, -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_profile profiles[2] = { ike_profile_default, ike_profile_default };

		for (int side = WEST; side <= EAST; side++) {
			int bits = side == WEST ? cases[i].west : cases[i].east;
			struct proposal *p = proposals_add(&profiles[side].esp, PROTOCOL_ESP, 0, 4);

			add_cipher(p, &aes256);
			if ((bits & 2) != 0)
				proposal_add_transform(p, TRANSFORM_SN, SN_64, 0);
			if ((bits & 1) != 0)
				proposal_add_transform(p, TRANSFORM_SN, SN_32, 0);
		}
		t.end[EAST].profile = &profiles[EAST];
		initiate_with(WEST, &profiles[WEST]);
		pass_all(&t);
		expect_tunnels(&t, cases[i].want < 0 ? 0 : 1);
		if (cases[i].want >= 0)
			assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->child.is_esn,
			                 cases[i].want == SN_64);
		else
			assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
			                 IKE_REASON_NO_PROPOSAL);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* TS-15: with PFS the Responder insists on a key exchange, without it takes either */
static void pfs_is_the_policy_of_each_side(void **state)
{
	static const struct {
		bool west, east;
		int want; /* key exchange of the second child; -1: refused */
	} cases[] = {
		{ true, true, KEX_X25519 },
		{ true, false, KEX_X25519 },
		{ false, false, KEX_NONE },
		{ false, true, -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_profile west = ike_profile_default, east = ike_profile_default;
		size_t without_ke;

		west.pfs = cases[i].west;
		east.pfs = cases[i].east;
		t.end[EAST].profile = &east;
		initiate_with(WEST, &west);
		pass_all(&t);
		without_ke = t.end[WEST].sent;
		add_pair("10.1.0.6", "10.2.0.7", 7);
		assert_true(t.end[WEST].sent > without_ke);
		expect_tunnels(&t, cases[i].want < 0 ? 1 : 2);
		if (cases[i].want < 0)
			assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
			                 IKE_REASON_NO_PROPOSAL);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* TS-14: another method of those offered: once more, with a new message ID and nonce */
static void the_responder_gets_the_key_exchange_it_wants(void **state)
{
	struct ike_profile theirs = ike_profile_default;
	struct proposal *p = proposals_add(&theirs.esp, PROTOCOL_ESP, 0, 4);
	uint32_t next_id;

	add_cipher(p, &aes256);
	proposal_add_transform(p, TRANSFORM_KE, KEX_P256, 0);
	proposal_add_transform(p, TRANSFORM_SN, SN_32, 0);
	t.end[EAST].profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	next_id = only_sa(&t, WEST)->own_next_id;
	add_pair("10.1.0.6", "10.2.0.7", 7);
	expect_tunnels(&t, 2);
	assert_int_equal(only_sa(&t, WEST)->own_next_id, next_id + 2);
}

/* TS-14: the method that the IKE SA ended with is tried first, also where it is not our first */
static void the_key_exchange_of_the_ike_sa_is_that_of_its_children(void **state)
{
	struct words words = aes256;
	struct ike_profile theirs;
	uint32_t next_id;

	words.kex = KEX_MODP_2048;
	theirs = profile_of(&words);
	t.end[EAST].profile = &theirs;
	initiate(&t, WEST);
	pass_all(&t);
	next_id = only_sa(&t, WEST)->own_next_id;
	add_pair("10.1.0.6", "10.2.0.7", 7);
	expect_tunnels(&t, 2);
	assert_int_equal(only_sa(&t, WEST)->own_next_id, next_id + 1);
}

/* INI-2: the Responder has no X25519; the same proposals, SPI, nonce and message ID come again */
static void ike_sa_init_is_tried_again_with_the_wanted_method(void **state)
{
	static const uint16_t methods[] = { KEX_P256, KEX_MODP_2048 };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct words words = aes256;
		struct ike_profile theirs;
		CLEANUP(buf_free) struct buf first = { 0 };
		struct bytes second;
		size_t sa_len;

		words.kex = methods[i];
		theirs = profile_of(&words);
		t.end[EAST].profile = &theirs;
		initiate(&t, WEST);
		first = buf_copy(buf_view(&first_out(&t, WEST)->datagram));
		pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
		assert_int_equal(t.end[EAST].ike->by_handle.count, 0);
		pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
		second = buf_view(&first_out(&t, WEST)->datagram);
		/* SPIs and flags; the SA payload behind the header. */
		assert_memory_equal(second.data, first.data, 24);
		sa_len =
		    (size_t)(first.data[IKE_HEADER_LEN + 2] << 8 | first.data[IKE_HEADER_LEN + 3]);
		assert_memory_equal(second.data + IKE_HEADER_LEN, first.data + IKE_HEADER_LEN,
		                    sa_len);
		assert_int_equal(second.data[IKE_HEADER_LEN + sa_len + 5], methods[i]);
		pass_all(&t);
		assert_int_equal(only_sa(&t, WEST)->suite.kex, methods[i]);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* EAST answers WEST's outstanding CREATE_CHILD_SA with that error, which it would not itself. */
static void answer_with(uint16_t error)
{
	struct path path = path_to(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	struct ike_sa *east = only_sa(&t, EAST);
	CLEANUP(buf_free) struct buf datagram = { 0 };
	uint8_t inner[64];
	struct message_writer m;
	struct bytes text;

	lose(&t, WEST);
	message_start_inner(&m, inner, sizeof(inner));
	message_add_notify(&m, error, (struct bytes){ 0 });
	text = message_end(&m);
	datagram = seal_as(east, EXCHANGE_CREATE_CHILD_SA, IKE_FLAG_RESPONSE, east->peer_next_id++,
	                   m.first, text);
	inject(&t, WEST, &path, buf_view(&datagram));
}

static void ask_for_networks(struct ike_packet packet)
{
	const struct traffic_selector local = {
		.range = { ip_v4(10, 1, 0, 0), ip_v4(10, 1, 0, 255) }, .port_last = 65535
	};
	const struct traffic_selector remote = {
		.range = { ip_v4(10, 2, 0, 0), ip_v4(10, 2, 0, 255) }, .port_last = 65535
	};
	const struct more_selectors more = { .packet = packet };

	ike_create_wide_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, &local, &remote, &more, 9,
	                      t.now);
}

/* TS-7: once more with the pair of the waiting packet, and only once */
static void a_peer_of_single_pairs_is_asked_for_the_packets_pair(void **state)
{
	const struct ike_packet packet = { ip_v4(10, 1, 0, 77), ip_v4(10, 2, 0, 88),
		                           .protocol = 0 };
	const struct child_sa *child;

	initiate(&t, WEST);
	pass_all(&t);
	ask_for_networks(packet);
	answer_with(NOTIFY_SINGLE_PAIR_REQUIRED);
	pass_all(&t);
	child = &last_news(&t.end[WEST], NEWS_CHILD_UP)->child;
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 9);
	assert_true(range_is_single(&child->local.range) &&
	            ip_equal(&child->local.range.first, &packet.source));
	assert_true(range_is_single(&child->remote.range) &&
	            ip_equal(&child->remote.range.first, &packet.destination));
	ask_for_networks(packet);
	answer_with(NOTIFY_SINGLE_PAIR_REQUIRED);
	answer_with(NOTIFY_SINGLE_PAIR_REQUIRED);
	assert_int_equal(t.end[WEST].out_count, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
	                 IKE_REASON_SINGLE_PAIR);
	expect_tunnels(&t, 2);
}

/* TS-5: the packet that waits is named first, and takes nothing away from the ranges. */
static void the_packet_is_named_before_the_ranges(void **state)
{
	const struct ike_packet packet = { ip_v4(10, 1, 0, 77),  ip_v4(10, 2, 0, 88),
		                           .protocol = 6,        .has_ports = true,
		                           .source_port = 40000, .destination_port = 80 };
	const struct traffic_selector from = { range_of_ip(&packet.source), 6, 40000, 40000 };
	const struct traffic_selector to = { range_of_ip(&packet.destination), 6, 80, 80 };
	const struct child_sa *child;
	const struct ike_claim *claim;

	initiate(&t, WEST);
	pass_all(&t);
	t.end[EAST].holds_answers = true;
	ask_for_networks(packet);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	claim = &t.end[EAST].questions[0].claim;
	assert_true(ts_equal(&claim->peer, &from) && ts_equal(&claim->ours, &to));
	assert_int_equal(claim->more_peer.count, 1);
	assert_int_equal(claim->more_ours.count, 1);
	assert_true(!claim->is_single_pair && !range_is_single(&claim->more_ours.list[0].range));
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	child = &last_news(&t.end[WEST], NEWS_CHILD_UP)->child;
	assert_int_equal(child->local.protocol, 0);
	assert_true(!range_is_single(&child->local.range) && child->more_local.count == 0);
	assert_true(!range_is_single(&child->remote.range) && child->more_remote.count == 0);
	ike_rekey_child(t.end[WEST].ike, only_sa(&t, WEST)->handle, child->spi_in, t.now);
	pass_all(&t);
	child = &last_news(&t.end[WEST], NEWS_CHILD_UP)->child;
	assert_int_not_equal(child->replaces, 0);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
}

/* TS-5, TS-6: of no use is a tunnel for its protocol and ports alone, but one for its addresses. */
static void what_is_for_the_packet_alone_is_asked_for_by_its_addresses(void **state)
{
	const struct ike_packet packet = { ip_v4(10, 1, 0, 77), ip_v4(10, 2, 0, 88),
		                           .protocol = 17 };
	const struct child_sa *child;

	initiate(&t, WEST);
	pass_all(&t);
	only_sa(&t, WEST)->is_opportunistic = false; /* what is narrower is fine */
	forget_news(&t);
	t.end[EAST].claims = packet.destination;
	t.end[EAST].holds_answers = true;
	ask_for_networks(packet);
	pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
	selectors_free(&t.end[EAST].questions[0].claim.more_peer);
	t.end[EAST].holds_answers = false;
	pass_all(&t);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_UP), 1);
	child = &last_news(&t.end[WEST], NEWS_CHILD_UP)->child;
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, 9);
	assert_true(ts_is_host(&child->local) && ts_is_host(&child->remote));
	expect_tunnels(&t, 1);
}

/* TS-7, TS-16: what cannot be mended here is the owner's to mend; the IKE SA is unharmed */
static void errors_in_place_of_a_child_are_told_apart(void **state)
{
	static const struct {
		uint16_t error;
		enum ike_reason reason;
	} cases[] = {
		{ NOTIFY_NO_ADDITIONAL_SAS, IKE_REASON_NO_MORE_CHILDREN },
		{ NOTIFY_SINGLE_PAIR_REQUIRED, IKE_REASON_SINGLE_PAIR },
		{ NOTIFY_TS_UNACCEPTABLE, IKE_REASON_TS_UNACCEPTABLE },
		{ NOTIFY_NO_PROPOSAL_CHOSEN, IKE_REASON_NO_PROPOSAL },
		{ 8192, IKE_REASON_REFUSED },
	};

	initiate(&t, WEST);
	pass_all(&t);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ask_for_networks((struct ike_packet){ 0 });
		answer_with(cases[i].error);
		assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason,
		                 cases[i].reason);
		assert_true(last_news(&t.end[WEST], NEWS_CHILD_FAILED)->proven);
	}
	expect_tunnels(&t, 1);
}

/* TS-7: the first child too */
static void the_first_child_is_asked_for_by_the_packets_pair_too(void **state)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	wish.packet = (struct ike_packet){ t.end[WEST].inside, t.end[EAST].inside, .protocol = 0 };
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	only_sa(&t, WEST)->hs->child_error = 0;
	t.end[EAST].holds_jobs = true; /* its AUTH waits, and so its error can be another */
	pass(&t, WEST, EXCHANGE_IKE_AUTH);
	only_sa(&t, EAST)->hs->child_error = NOTIFY_SINGLE_PAIR_REQUIRED;
	t.end[EAST].holds_jobs = false;
	settle(&t);
	pass_all(&t);
	expect_tunnels(&t, 1);
	assert_int_equal(last_news(&t.end[WEST], NEWS_CHILD_UP)->tag, wish.tag);
	assert_int_equal(count_news(&t.end[WEST], NEWS_CHILD_FAILED), 0);
}

/* Does the next message of EAST to WEST have that notify in it? It goes on its way. */
static bool says(uint16_t type)
{
	struct ike_sa *sa = only_sa(&t, WEST);
	const struct out *out = first_out(&t, EAST);
	struct bytes datagram = buf_view(&out->datagram);
	struct ike_header header;
	struct payloads p, inner_payloads;
	uint8_t plain[4096];
	struct bytes inner;
	struct notify n;

	assert_true(header_parse(datagram, &header));
	assert_int_equal(message_parse(datagram, &header, &p), PAYLOADS_OK);
	assert_int_equal(sk_open(&sa->sk, datagram, &p, plain, &inner), SK_OK);
	assert_int_equal(payloads_parse_inner(p.sk_first, inner, &inner_payloads), PAYLOADS_OK);
	pass_all(&t);
	return payloads_find_notify(&inner_payloads, type, &n);
}

/* TS-4: what was offered beside what was granted is mentioned */
static void a_responder_that_narrows_says_so(void **state)
{
	static const struct {
		bool narrows;
		bool says;
	} cases[] = { { false, false }, { true, true } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_wish wish = wish_of(&t, WEST);
		ike_handle sa;

		wish.is_opportunistic = false; /* what is narrower is fine */
		sa = initiate_wish(&t, WEST, &wish);
		ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
		pass_all(&t);
		if (cases[i].narrows)
			t.end[EAST].claims = ip_v4(10, 2, 0, 9);
		ask_for_networks((struct ike_packet){ 0 });
		pass(&t, WEST, EXCHANGE_CREATE_CHILD_SA);
		assert_int_equal(says(NOTIFY_ADDITIONAL_TS_POSSIBLE), cases[i].says);
		expect_tunnels(&t, 2);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

static ike_handle initiate_childless(void)
{
	struct ike_wish wish = wish_of(&t, WEST);
	ike_handle sa;

	wish.is_childless = true;
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	return sa;
}

/* CHL-1, CHL-3 */
static void an_ike_sa_without_a_child(void **state)
{
	initiate_childless();
	pass_all(&t);
	for (int side = WEST; side <= EAST; side++) {
		assert_int_equal(count_news(&t.end[side], NEWS_SA_UP), 1);
		assert_int_equal(count_news(&t.end[side], NEWS_CHILD_UP), 0);
		assert_int_equal(count_news(&t.end[side], NEWS_CHILD_FAILED), 0);
		assert_int_equal(only_sa(&t, side)->state, IKE_SA_UP);
	}
	live_ms(&t, 120000); /* nobody ends it for want of a child */
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_GONE), 0);
	add_pair("10.1.0.6", "10.2.0.7", 7);
	expect_tunnels(&t, 1);
}

/* CHL-2: a Responder that has not said so is not asked */
static void nobody_is_asked_for_an_ike_sa_alone_who_has_not_offered_it(void **state)
{
	struct out *out;
	uint8_t *at;

	initiate_childless();
	pass(&t, WEST, EXCHANGE_IKE_SA_INIT);
	out = first_out(&t, EAST);
	/* The notify becomes one that nobody knows. */
	at = memmem(out->datagram.data, out->datagram.len, "\x00\x08\x00\x00\x40\x22", 6);
	assert_non_null(at);
	at[4] = 0x5f;
	pass(&t, EAST, EXCHANGE_IKE_SA_INIT);
	assert_int_equal(t.end[WEST].out_count, 0);
	assert_int_equal(last_news(&t.end[WEST], NEWS_SA_GONE)->reason, IKE_REASON_REFUSED);
}

static struct traffic_selector gateway_ts(enum side side)
{
	return ts_of_ip(&t.end[side].address);
}

/* TS-9: only if both say so, only between the gateways themselves, and not through a NAT */
static void transport_mode_is_for_those_who_both_want_it(void **state)
{
	static const struct {
		bool west, east, of_gateways, through_nat;
		bool want;
	} cases[] = {
		{ true, true, true, false, true },   { true, false, true, false, false },
		{ false, true, true, false, false }, { true, true, false, false, false },
		{ true, true, true, true, false },   { false, false, true, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
		struct ike_profile west = ike_profile_default, east = ike_profile_default;
		struct ike_wish wish = wish_of(&t, WEST);
		bool is_first_child = i % 2 == 0;
		struct traffic_selector local, remote;
		ike_handle sa;

		west.transport = cases[i / 2].west;
		east.transport = cases[i / 2].east;
		west.encapsulation = cases[i / 2].through_nat; /* says it is behind one */
		t.end[EAST].profile = &east;
		wish.profile = &west;
		local = cases[i / 2].of_gateways ? gateway_ts(WEST) : wish.local;
		remote = cases[i / 2].of_gateways ? gateway_ts(EAST) : wish.remote;
		if (is_first_child) {
			wish.local = local;
			wish.remote = remote;
		}
		sa = initiate_wish(&t, WEST, &wish);
		ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
		pass_all(&t);
		if (!is_first_child) {
			ike_create_child(t.end[WEST].ike, sa, &local, &remote, 7, t.now);
			pass_all(&t);
		}
		expect_tunnels(&t, is_first_child ? 1 : 2);
		for (int side = WEST; side <= EAST; side++)
			assert_int_equal(last_news(&t.end[side], NEWS_CHILD_UP)->child.is_transport,
			                 cases[i / 2].want);
		two_ends_wipe(&t);
		two_ends_init(&t, KEY_ED25519);
	}
}

/* TS-9, CIP-7: what takes the place of a child is as it was */
static void a_rekeyed_child_keeps_its_mode_and_suite(void **state)
{
	struct ike_profile profile = profile_of(&(struct words){
	    ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, KEX_P256 });
	struct ike_wish wish = wish_of(&t, WEST);
	const struct child_sa *child;
	ike_handle sa;

	profile.transport = true;
	profile.life.child_s = 100;
	profile.life.margin_s = 10;
	wish.profile = t.end[EAST].profile = &profile;
	wish.local = gateway_ts(WEST);
	wish.remote = gateway_ts(EAST);
	sa = initiate_wish(&t, WEST, &wish);
	ike_set_peer_keys(t.end[WEST].ike, sa, &t.end[WEST].trusted, 1, t.now);
	pass_all(&t);
	forget_news(&t);
	live_ms(&t, 100000);
	for (int side = WEST; side <= EAST; side++) {
		child = &last_news(&t.end[side], NEWS_CHILD_UP)->child;
		assert_true(child->is_transport);
		assert_true(child->replaces != 0);
		assert_int_equal(child->cipher, AEAD_AES_CBC_256_SHA2_256);
		assert_in_range(child->soft.octets, 1, (uint64_t)1 << 36);
		assert_in_range(child->hard.octets, 1, (uint64_t)1 << 36);
	}
}

/* SA-14: the Responder rekeys what it took, though it would not have offered it */
static void a_responder_offers_what_its_peer_had_chosen(void **state)
{
	const struct words old = { ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_384,
		                   KEX_P384 };
	struct ike_profile west = profile_of(&old), east = ike_profile_default;
	const struct traffic_selector ours = host_ts("10.2.0.9"), theirs = host_ts("10.1.0.9");

	west.life.rekey = false;
	east.life.ike_s = 1000;
	east.life.child_s = 400;
	east.life.margin_s = 50;
	t.end[EAST].profile = &east;
	initiate_with(WEST, &west);
	pass_all(&t);
	ike_create_child(t.end[EAST].ike, only_sa(&t, EAST)->handle, &ours, &theirs, 5, t.now);
	pass_all(&t);
	expect_tunnels(&t, 2);
	for (int i = 0; i < 30; i++)
		live_ms(&t, 100000);
	expect_tunnels(&t, 2);
	assert_true(last_news(&t.end[WEST], NEWS_CHILD_UP)->child.replaces != 0);
	assert_int_equal(only_sa(&t, EAST)->suite.cipher, AEAD_AES_CBC_128_SHA2_512);
	assert_true(only_sa(&t, EAST)->is_initiator); /* of the one that took its place */
}

/* Section 19: below 576 octets with the headers of UDP and IPv6, cookie included */
static void the_first_message_is_short(void **state)
{
	initiate(&t, WEST);
	assert_in_range(first_out(&t, WEST)->datagram.len, 200,
	                575 - 8 - 40 - (PAYLOAD_HEADER_LEN + 4 + 17));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		CASE(a_conn_gets_the_algorithms_it_asks_for),
		CASE(what_the_responder_does_not_allow_is_refused),
		CASE(a_profile_that_forbids_the_agreed_algorithms_ends_the_sa),
		CASE(the_profile_of_the_peer_chooses_for_its_child),
		CASE(every_suite_carries_both_exchanges),
		CASE(sequence_numbers_are_agreed_on),
		CASE(pfs_is_the_policy_of_each_side),
		CASE(the_responder_gets_the_key_exchange_it_wants),
		CASE(the_key_exchange_of_the_ike_sa_is_that_of_its_children),
		CASE(ike_sa_init_is_tried_again_with_the_wanted_method),
		CASE(the_packet_is_named_before_the_ranges),
		CASE(what_is_for_the_packet_alone_is_asked_for_by_its_addresses),
		CASE(a_peer_of_single_pairs_is_asked_for_the_packets_pair),
		CASE(errors_in_place_of_a_child_are_told_apart),
		CASE(the_first_child_is_asked_for_by_the_packets_pair_too),
		CASE(a_responder_that_narrows_says_so),
		CASE(an_ike_sa_without_a_child),
		CASE(nobody_is_asked_for_an_ike_sa_alone_who_has_not_offered_it),
		CASE(transport_mode_is_for_those_who_both_want_it),
		CASE(a_rekeyed_child_keeps_its_mode_and_suite),
		CASE(a_responder_offers_what_its_peer_had_chosen),
		CASE(the_first_message_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
