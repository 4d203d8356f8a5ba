#include "ike/two_ends.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "crypto/pkey.h"
#include "crypto/x509.h"
#include "crypto/prf.h"
#include "ike/message.h"

static enum side other(enum side side)
{
	return side == WEST ? EAST : WEST;
}

/*
 * Keys
 */

static void make_ed25519(struct end *end)
{
	uint8_t seed[32];
	uint8_t public_key[32];
	size_t len = sizeof(public_key);

	memset(seed, 0x40 + (int)end->side, sizeof(seed));
	end->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	assert_non_null(end->key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(end->key, public_key, &len), 1);
	assert_true(pubkey_from_ed25519(BYTES_OF(public_key), &end->pubkey));
	end->key_type = PUBKEY_ED25519;
}

static void make_key(struct end *end, EVP_PKEY *key)
{
	assert_non_null(key);
	end->key = key;
	assert_true(pkey_public(key, &end->pubkey));
	end->key_type = end->pubkey.type;
}

static const EVP_MD *digest_of(enum signature_id id)
{
	switch (signature_hash(id)) {
	case HASH_SHA2_256:
		return EVP_sha256();
	case HASH_SHA2_384:
		return EVP_sha384();
	case HASH_SHA2_512:
		return EVP_sha512();
	case HASH_IDENTITY:
		break;
	}
	return NULL;
}

static size_t sign(const struct end *end, const struct job *job, uint8_t *out, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t len = size;

	assert_int_equal(
	    EVP_DigestSignInit(ctx, &pctx, digest_of(job->job.signature_id), NULL, end->key), 1);
	if (signature_is_pss(job->job.signature_id)) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &len, job->data.data, job->data.len), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

static size_t ppk_keys(const struct end *end, const struct job *job, uint8_t *out)
{
	size_t len = prf_len(job->job.prf);

	assert_int_equal(job->data.len, 3 * len);
	if (end->ppk == NULL)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		struct bytes key = BYTES(job->data.data + i * len, len);

		assert_true(
		    prf_plus(job->job.prf, BYTES_STR(end->ppk), &key, 1, out + i * len, len));
	}
	return 3 * len;
}

static size_t verify_certificate(const struct job *job, uint8_t *out, size_t size)
{
	struct crypto_job again = job->job;

	again.data = buf_view(&job->data);
	again.signature = buf_view(&job->signature);
	again.trust = job->trust;
	again.claim.chain = buf_view(&job->chain);
	again.claim.ca = buf_view(&job->ca);
	again.claim.id = buf_view(&job->claimed);
	CLEANUP(buf_free) struct buf result = x509_do_job(&again, TWO_ENDS_TIME);

	assert_true(result.len <= size);
	memcpy(out, result.data, result.len);
	return result.len;
}

static size_t verify(const struct job *job, uint8_t *out)
{
	for (size_t i = 0; i < job->job.key_count; i++) {
		if (pubkey_verify(&job->keys[i], job->job.signature_id, buf_view(&job->data),
		                  buf_view(&job->signature))) {
			out[0] = (uint8_t)i;
			return 1;
		}
	}
	return 0;
}

static size_t psk_mac(const struct end *end, const struct job *job, uint8_t *out)
{
	const char *psk = end->psk[job->job.key];
	const struct bytes pad = BYTES_STR("Key Pad for IKEv2");
	const struct bytes data = buf_view(&job->data);
	uint8_t key[PRF_LEN_MAX];
	size_t len = prf_len(job->job.prf);

	if (psk == NULL)
		return 0;
	assert_true(prf(job->job.prf, BYTES_STR(psk), &pad, 1, key));
	assert_true(prf(job->job.prf, BYTES(key, len), &data, 1, out));
	return len;
}

static size_t qcd_token(const struct end *end, const struct job *job, uint8_t *out)
{
	const struct bytes data = buf_view(&job->data);

	if (end->crash_secret == NULL)
		return 0;
	assert_true(prf(PRF_HMAC_SHA2_256, BYTES_STR(end->crash_secret), &data, 1, out));
	return SHA2_256_LEN;
}

/*
 * Ports
 */

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct end *end = ctx;

	assert_true(end->out_count < OUT_MAX);
	assert_true(ip_equal(&path->local.address, &end->address));
	end->out[end->out_count++] = (struct out){ .path = *path, .datagram = buf_copy(datagram) };
	end->sent++;
}

/* splitmix64 */
static uint64_t next_random(struct end *end)
{
	uint64_t v = end->random += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)next_random(ctx);
}

static void port_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct end *end = ctx;
	struct job *copy = &end->jobs[end->job_count++];

	assert_true(end->job_count <= JOBS_MAX);
	*copy = (struct job){ .id = job_id, .job = *job };
	copy->data = buf_copy(job->data);
	copy->signature = buf_copy(job->signature);
	for (size_t i = 0; i < job->key_count; i++)
		copy->keys[i] = job->keys[i];
	copy->trust = x509_trust_hold(job->trust);
	copy->chain = buf_copy(job->claim.chain);
	copy->ca = buf_copy(job->claim.ca);
	copy->claimed = buf_copy(job->claim.id);
}

static void port_keepalive(void *ctx, const struct path *path)
{
	struct end *end = ctx;

	end->keepalives++;
	end->kept_alive = *path;
}

static uint32_t port_new_spi(void *ctx)
{
	struct end *end = ctx;

	return ++end->spi;
}

/*
 * Owner
 */

static struct news *add_news(struct end *end, enum news_kind kind, ike_handle sa)
{
	struct news *news = &end->news[end->news_count++];

	assert_true(end->news_count <= NEWS_MAX);
	*news = (struct news){ .kind = kind, .sa = sa, .sent_before = end->sent };
	return news;
}

static void ask(struct end *end, ike_handle sa, const struct ike_claim *claim, bool is_child)
{
	struct question *q = &end->questions[end->question_count++];

	assert_true(end->question_count <= QUESTIONS_MAX);
	*q = (struct question){ .sa = sa, .is_child = is_child, .claim = *claim };
	q->claim.more_peer = selectors_copy(claim->more_peer);
	q->claim.more_ours = selectors_copy(claim->more_ours);
}

static void question_wipe(struct question *q)
{
	selectors_free(&q->claim.more_peer);
	selectors_free(&q->claim.more_ours);
}

static void on_auth_wanted(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
	ask(ctx, sa, claim, false);
}

static void on_child_wanted(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
	ask(ctx, sa, claim, true);
}

static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
{
	add_news(ctx, NEWS_SA_UP, sa)->up = *up;
}

static void on_child_up(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child)
{
	struct news *news = add_news(ctx, NEWS_CHILD_UP, sa);

	news->tag = tag;
	news->child = *child;
	news->child.key_in = secret_copy(secret_view(&child->key_in));
	news->child.key_out = secret_copy(secret_view(&child->key_out));
	news->child.more_local = selectors_copy(child->more_local);
	news->child.more_remote = selectors_copy(child->more_remote);
}

static void on_child_gone(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason)
{
	struct news *news = add_news(ctx, NEWS_CHILD_GONE, sa);

	news->child.spi_in = spi_in;
	news->reason = reason;
}

static void on_child_failed(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
                            bool proven)
{
	struct news *news = add_news(ctx, NEWS_CHILD_FAILED, sa);

	news->tag = tag;
	news->reason = reason;
	news->proven = proven;
}

static void on_sa_gone(void *ctx, ike_handle sa, enum ike_reason reason)
{
	add_news(ctx, NEWS_SA_GONE, sa)->reason = reason;
}

static const struct ike_profile *on_profile(void *ctx, const struct path *path)
{
	const struct end *end = ctx;

	return end->profile;
}

static void on_child_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
	struct end *end = ctx;

	end->moves++;
	end->moved_to = *path;
}

static bool on_wants_rekey(void *ctx, ike_handle sa, uint32_t spi_in)
{
	const struct end *end = ctx;

	return !end->lets_go;
}

static bool on_wants_certificate(void *ctx, const struct path *path, struct bytes *hashes)
{
	const struct end *end = ctx;

	*hashes = x509_trust_hashes(end->certs.trust);
	return end->certs.trust != NULL;
}

static struct ike_traffic on_traffic(void *ctx, uint32_t spi_in)
{
	const struct end *end = ctx;

	return end->traffic;
}

/*
 * Set-up
 */

void two_ends_reopen(struct two_ends *t, enum side side)
{
	struct end *end = &t->end[side];
	const struct ike_ports ports = {
		.ctx = end,
		.send = port_send,
		.random = port_random,
		.start_job = port_start_job,
		.keepalive = port_keepalive,
		.new_spi = port_new_spi,
	};
	const struct ike_owner owner = {
		.ctx = end,
		.profile = on_profile,
		.wants_certificate = on_wants_certificate,
		.auth_wanted = on_auth_wanted,
		.child_wanted = on_child_wanted,
		.sa_up = on_sa_up,
		.child_up = on_child_up,
		.child_gone = on_child_gone,
		.child_failed = on_child_failed,
		.sa_gone = on_sa_gone,
		.child_moved = on_child_moved,
		.wants_rekey = on_wants_rekey,
		.traffic = on_traffic,
	};
	const struct ike_settings settings = { .port = 500, .nat_port = 4500, .tries = 5, .kem = end->kem };

	end->ike = ike_new(&ports, &owner, &settings);
}

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
		make_ed25519(end);
		break;
	case KEY_RSA:
		make_key(end, EVP_RSA_gen(2048));
		break;
	case KEY_ECDSA: /* two curves: each end verifies what it would not sign */
		make_key(end, EVP_EC_gen(side == WEST ? "P-256" : "P-384"));
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

static void job_wipe(struct job *job)
{
	buf_free(&job->data);
	buf_free(&job->signature);
	buf_free(&job->chain);
	buf_free(&job->ca);
	buf_free(&job->claimed);
	x509_trust_release(job->trust);
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
	struct end *peer = &t->end[other(side)];

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

static void do_job(struct two_ends *t, struct end *end)
{
	bool is_late =
	    end->late_tokens && end->job_count > 1 && end->jobs[0].job.kind == CRYPTO_JOB_QCD_TOKEN;
	struct job job = end->jobs[is_late];
	uint8_t result[2048];
	size_t len = 0;

	end->job_count--;
	memmove(end->jobs + is_late, end->jobs + is_late + 1,
	        (end->job_count - is_late) * sizeof(job));
	switch (job.job.kind) {
	case CRYPTO_JOB_SIGN:
		len = sign(end, &job, result, sizeof(result));
		break;
	case CRYPTO_JOB_VERIFY:
		len = verify(&job, result);
		break;
	case CRYPTO_JOB_PPK:
		len = ppk_keys(end, &job, result);
		break;
	case CRYPTO_JOB_VERIFY_CERT:
		len = verify_certificate(&job, result, sizeof(result));
		break;
	case CRYPTO_JOB_QCD_TOKEN:
		len = qcd_token(end, &job, result);
		break;
	case CRYPTO_JOB_PSK_MAC:
		len = psk_mac(end, &job, result);
		break;
	}
	job_wipe(&job);
	ike_on_job_done(end->ike, job.id, BYTES(result, len), t->now);
}

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
		do_job(t, end);
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

	inject(t, other(from), &path, buf_view(&out->datagram));
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

	return (struct path){ { t->end[to].address, port }, { t->end[other(to)].address, port } };
}

struct ike_sa *only_sa(const struct two_ends *t, enum side side)
{
	const struct hash *sas = &t->end[side].ike->by_handle;

	assert_int_equal(sas->count, 1);
	return CONTAINER_OF(hash_walk(sas, NULL), struct ike_sa, handle_node);
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

/*
 * Checking
 */

size_t count_news(const struct end *end, enum news_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < end->news_count; i++)
		count += end->news[i].kind == kind;
	return count;
}

const struct news *last_news(const struct end *end, enum news_kind kind)
{
	for (size_t i = end->news_count; i > 0; i--) {
		if (end->news[i - 1].kind == kind)
			return &end->news[i - 1];
	}
	fail_msg("no news of kind %d", (int)kind);
	return NULL;
}

static bool is_gone(const struct end *end, uint32_t spi_in)
{
	for (size_t i = 0; i < end->news_count; i++) {
		if (end->news[i].kind == NEWS_CHILD_GONE && end->news[i].child.spi_in == spi_in)
			return true;
	}
	return false;
}

static const struct child_sa *find_twin(const struct end *end, const struct child_sa *child)
{
	for (size_t i = 0; i < end->news_count; i++) {
		const struct child_sa *twin = &end->news[i].child;

		if (end->news[i].kind == NEWS_CHILD_UP && twin->spi_in == child->spi_out &&
		    twin->spi_out == child->spi_in && !is_gone(end, twin->spi_in))
			return twin;
	}
	return NULL;
}

static bool ts_same(const struct traffic_selector *a, const struct traffic_selector *b)
{
	return range_equal(&a->range, &b->range) && a->protocol == b->protocol &&
	       a->port_first == b->port_first && a->port_last == b->port_last;
}

static bool fits(const struct child_sa *a, const struct child_sa *b)
{
	return a->cipher == b->cipher && a->is_esn == b->is_esn && a->key_in.len > 0 &&
	       secret_equal(secret_view(&a->key_in), secret_view(&b->key_out)) &&
	       secret_equal(secret_view(&a->key_out), secret_view(&b->key_in)) &&
	       !secret_equal(secret_view(&a->key_in), secret_view(&a->key_out)) &&
	       ts_same(&a->local, &b->remote) && ts_same(&a->remote, &b->local) &&
	       endpoint_equal(&a->path.local, &b->path.remote) &&
	       endpoint_equal(&a->path.remote, &b->path.local);
}

static size_t count_tunnels(const struct end *end, const struct end *peer, const char *file,
                            int line)
{
	size_t count = 0;

	for (size_t i = 0; i < end->news_count; i++) {
		const struct child_sa *child = &end->news[i].child;
		const struct child_sa *twin;

		if (end->news[i].kind != NEWS_CHILD_UP || is_gone(end, child->spi_in))
			continue;
		twin = find_twin(peer, child);
		if (twin == NULL || !fits(child, twin)) {
			print_error("%s:%d: child 0x%x has no twin\n", file, line,
			            (unsigned)child->spi_in);
			_fail(file, line);
		}
		count++;
	}
	return count;
}

void expect_tunnels_at(struct two_ends *t, size_t count, const char *file, int line)
{
	size_t west = count_tunnels(&t->end[WEST], &t->end[EAST], file, line);
	size_t east = count_tunnels(&t->end[EAST], &t->end[WEST], file, line);

	if (west != count || east != count) {
		print_error("%s:%d: %zu and %zu tunnels\n", file, line, west, east);
		_fail(file, line);
	}
}

void expect_nothing_left_at(struct two_ends *t, const char *file, int line)
{
	live_ms(t, 400000);
	for (int side = WEST; side <= EAST; side++) {
		if (ike_count(t->end[side].ike) != 0 || !ike_is_quiet(t->end[side].ike) ||
		    ike_deadline(t->end[side].ike).ns != INSTANT_NEVER.ns) {
			print_error("%s:%d: something is left at end %d\n", file, line, side);
			_fail(file, line);
		}
	}
}
