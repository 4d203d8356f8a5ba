#include "ike/two_ends_parts.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "ike/message.h"

/*
 * Set-up
 */

static void end_init(struct two_ends *t, enum side side, enum key_kind kind)
{
	struct end *end = &t->end[side];

	*end = (struct end){
		.side = side,
		.random = 77 + (uint64_t)side,
		.spi = side == WEST ? 0x1000 : 0x2000,
		.psk = { "swordfish", "another" },
		.crash_secret = side == WEST ? "west" : "east",
	};
	end->address = side == WEST ? ip_v4(192, 0, 2, 1) : ip_v4(198, 51, 100, 2);
	end->inside = side == WEST ? ip_v4(10, 1, 0, 5) : ip_v4(10, 2, 0, 7);
	switch (kind) {
	case KEY_ED25519:
		end_make_ed25519(end);
		break;
	case KEY_RSA:
		end_take_key(end, EVP_RSA_gen(2048));
		break;
	case KEY_ECDSA: /* two curves: each end verifies what it would not sign */
		end_take_key(end, EVP_EC_gen(side == WEST ? "P-256" : "P-384"));
		break;
	}
	end->self = (struct ike_self){
		.id = id_of_ip(&end->address),
		.auth = IKE_AUTH_SIGNATURE,
		.key_type = end->key_type,
	};
	two_ends_reopen(t, side);
}

void two_ends_init(struct two_ends *t, enum key_kind kind)
{
	t->now = (struct instant){ SECONDS(1000).ns };
	end_init(t, WEST, kind);
	end_init(t, EAST, kind);
	t->end[WEST].trusted = t->end[EAST].pubkey;
	t->end[EAST].trusted = t->end[WEST].pubkey;
}

void forget_news(struct two_ends *t)
{
	for (int side = WEST; side <= EAST; side++) {
		struct end *end = &t->end[side];

		for (size_t i = 0; i < end->news_count; i++) {
			child_sa_wipe(&end->news[i].child);
			selectors_free(&end->news[i].child.more_local);
			selectors_free(&end->news[i].child.more_remote);
		}
		end->news_count = 0;
	}
}

void two_ends_wipe(struct two_ends *t)
{
	forget_news(t);
	for (int side = WEST; side <= EAST; side++) {
		struct end *end = &t->end[side];

		ike_free(end->ike);
		EVP_PKEY_free(end->key);
		for (size_t i = 0; i < end->out_count; i++)
			buf_free(&end->out[i].datagram);
		for (size_t i = 0; i < end->job_count; i++)
			job_wipe(&end->jobs[i]);
	}
}

struct traffic_selector host_ts(const char *address)
{
	struct traffic_selector ts = { .port_last = 65535 };

	assert_true(range_parse(address, &ts.range));
	return ts;
}

static struct traffic_selector inside_ts(const struct end *end)
{
	return (struct traffic_selector){ .range = range_of_ip(&end->inside), .port_last = 65535 };
}

struct ike_wish wish_of(struct two_ends *t, enum side side)
{
	struct end *end = &t->end[side];
	struct end *peer = &t->end[peer_of(side)];

	return (struct ike_wish){
		.path = { { end->address, 500 }, { peer->address, 500 } },
		.self = end->self,
		.expected_id = id_of_ip(&peer->address),
		.peer_auth = peer->self.auth,
		.ppk = { .is_there = end->ppk != NULL, .id = "the ppk" },
		.certs = end->certs,
		.local = inside_ts(end),
		.remote = inside_ts(peer),
		.tag = 100 + (uint64_t)side,
		.is_opportunistic = true,
	};
}

ike_handle initiate_wish(struct two_ends *t, enum side side, const struct ike_wish *wish)
{
	struct end *end = &t->end[side];
	ike_handle sa = ike_initiate(end->ike, wish, t->now);

	assert_true(sa != 0);
	return sa;
}

ike_handle initiate(struct two_ends *t, enum side side)
{
	const struct ike_wish wish = wish_of(t, side);
	struct end *end = &t->end[side];
	ike_handle sa = initiate_wish(t, side, &wish);

	if (!end->knows_no_keys)
		ike_set_peer_keys(end->ike, sa, &end->trusted, 1, t->now);
	return sa;
}

/*
 * Moving on
 */

static void answer(struct two_ends *t, struct end *end)
{
	struct question q = end->questions[0];
	struct ike_permission permission = {
		.verdict = q.is_child ? end->child_verdict : end->verdict,
		.self = end->self,
		.ppk = { .is_there = end->ppk != NULL && strcmp(q.claim.ppk_id, "the ppk") == 0 },
		.keys = &end->trusted,
		.key_count = 1,
		.certs = end->certs,
		.peer = q.claim.peer,
		.ours = q.claim.ours,
		.more_peer = q.claim.more_peer,
		.more_ours = q.claim.more_ours,
		.profile = end->peer_profile,
	};

	if (end->claims.family != IP_NONE) {
		permission.ours = (struct traffic_selector){ .range = range_of_ip(&end->claims),
			                                     .port_last = 65535 };
		permission.more_ours = (struct selectors){ 0 };
	}
	end->question_count--;
	memmove(end->questions, end->questions + 1, end->question_count * sizeof(q));
	if (q.is_child)
		ike_authorize_child(end->ike, q.sa, &permission, t->now);
	else
		ike_authorize(end->ike, q.sa, &permission, t->now);
	question_wipe(&q);
}

static bool settle_end(struct two_ends *t, struct end *end)
{
	if (end->job_count > 0 && !end->holds_jobs)
		end_do_job(t, end);
	else if (end->question_count > 0 && !end->holds_answers)
		answer(t, end);
	else
		return false;
	return true;
}

void settle(struct two_ends *t)
{
	while (settle_end(t, &t->end[WEST]) || settle_end(t, &t->end[EAST]))
		;
}

struct out *first_out(struct two_ends *t, enum side from)
{
	settle(t);
	assert_true(t->end[from].out_count > 0);
	return &t->end[from].out[0];
}

static struct out take_out(struct two_ends *t, enum side from)
{
	struct end *end = &t->end[from];
	struct out out = end->out[0];

	end->out_count--;
	memmove(end->out, end->out + 1, end->out_count * sizeof(out));
	return out;
}

void inject(struct two_ends *t, enum side to, const struct path *path, struct bytes datagram)
{
	/* Exactly as long as it is, so that a sanitizer sees any read behind its end. */
	struct buf copy = buf_copy(datagram);

	ike_on_datagram(t->end[to].ike, path, buf_view(&copy), t->now);
	buf_free(&copy);
	settle(t);
}

static void arrive(struct two_ends *t, enum side from, const struct out *out)
{
	const struct path path = { out->path.remote, out->path.local };

	inject(t, peer_of(from), &path, buf_view(&out->datagram));
}

void pass_at(struct two_ends *t, enum side from, uint8_t exchange, const char *file, int line)
{
	struct ike_header header;
	struct out out;

	settle(t);
	if (t->end[from].out_count == 0) {
		print_error("%s:%d: nothing to pass\n", file, line);
		_fail(file, line);
	}
	out = take_out(t, from);
	assert_true(header_parse(buf_view(&out.datagram), &header));
	if (header.exchange != exchange) {
		print_error("%s:%d: %s to pass\n", file, line, exchange_name(header.exchange));
		_fail(file, line);
	}
	arrive(t, from, &out);
	buf_free(&out.datagram);
}

void lose_at(struct two_ends *t, enum side from, const char *file, int line)
{
	struct out out;

	settle(t);
	if (t->end[from].out_count == 0) {
		print_error("%s:%d: nothing to lose\n", file, line);
		_fail(file, line);
	}
	out = take_out(t, from);
	buf_free(&out.datagram);
}

void pass_whole_at(struct two_ends *t, enum side from, uint8_t exchange, const char *file, int line)
{
	do
		pass_at(t, from, exchange, file, line);
	while (t->end[from].out_count > 0);
}

void lose_whole_at(struct two_ends *t, enum side from, const char *file, int line)
{
	do
		lose_at(t, from, file, line);
	while (t->end[from].out_count > 0);
}

void repeat(struct two_ends *t, enum side from)
{
	struct out *out = first_out(t, from);
	struct out copy = { .path = out->path, .datagram = buf_copy(buf_view(&out->datagram)) };

	arrive(t, from, &copy);
	buf_free(&copy.datagram);
}

void pass_all(struct two_ends *t)
{
	settle(t);
	while (t->end[WEST].out_count + t->end[EAST].out_count > 0) {
		enum side from = t->end[WEST].out_count > 0 ? WEST : EAST;
		struct out out = take_out(t, from);

		arrive(t, from, &out);
		buf_free(&out.datagram);
	}
}

ike_handle bring_up(struct two_ends *t, enum side side)
{
	ike_handle sa = initiate(t, side);

	pass_all(t);
	expect_tunnels(t, 1);
	return sa;
}

struct path path_to(const struct two_ends *t, enum side to, uint8_t exchange)
{
	uint16_t port = exchange == EXCHANGE_IKE_SA_INIT ? 500 : 4500;

	return (struct path){ { t->end[to].address, port }, { t->end[peer_of(to)].address, port } };
}

struct ike_sa *only_sa(const struct two_ends *t, enum side side)
{
	const struct hash *sas = &t->end[side].ike->by_handle;

	assert_int_equal(sas->count, 1);
	return CONTAINER_OF(hash_walk(sas, NULL), struct ike_sa, handle_node);
}

struct ike_sa *live_sa(const struct two_ends *t, enum side side)
{
	struct hash_node *node = NULL;
	struct ike_sa *found = NULL;

	while ((node = hash_walk(&t->end[side].ike->by_handle, node)) != NULL) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (!sa->is_known_to_owner || sa->state != IKE_SA_UP)
			continue;
		assert_null(found);
		found = sa;
	}
	assert_non_null(found);
	return found;
}

void open_first(struct two_ends *t, enum side from, struct ike_sa *to, struct opened *o)
{
	struct bytes datagram = buf_view(&first_out(t, from)->datagram);
	struct payloads outer;

	assert_true(header_parse(datagram, &o->header));
	assert_int_equal(message_parse(datagram, &o->header, &outer), PAYLOADS_OK);
	assert_true(outer.sk.len <= sizeof(o->plain));
	assert_int_equal(sk_open(&to->sk, datagram, &outer, o->plain, &o->text), SK_OK);
	o->first = outer.sk_first;
	assert_int_equal(payloads_parse_inner(o->first, o->text, &o->p), PAYLOADS_OK);
}

uint16_t first_notify(struct two_ends *t, enum side from)
{
	struct opened o;
	struct notify n;
	size_t at = 0;

	open_first(t, from, live_sa(t, peer_of(from)), &o);
	return payloads_next_notify(&o.p, &at, &n) ? n.type : 0;
}

struct buf seal_as(struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t message_id,
                   uint8_t first, struct bytes inner)
{
	const struct ike_header header = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = flags,
		.message_id = message_id,
	};
	struct buf datagram = { 0 };

	assert_true(sk_seal(&sa->sk, &header, first, inner, &datagram));
	return datagram;
}

static struct instant next_deadline(const struct two_ends *t)
{
	return instant_min(ike_deadline(t->end[WEST].ike), ike_deadline(t->end[EAST].ike));
}

static void run_ms(struct two_ends *t, int64_t ms, bool delivers)
{
	struct instant until = instant_after(t->now, MILLISECONDS(ms));

	while (next_deadline(t).ns <= until.ns) {
		t->now = next_deadline(t);
		ike_on_deadline(t->end[WEST].ike, t->now);
		ike_on_deadline(t->end[EAST].ike, t->now);
		settle(t);
		if (delivers)
			pass_all(t);
	}
	t->now = until;
}

void wait_ms(struct two_ends *t, int64_t ms)
{
	run_ms(t, ms, false);
}

void live_ms(struct two_ends *t, int64_t ms)
{
	run_ms(t, ms, true);
}
