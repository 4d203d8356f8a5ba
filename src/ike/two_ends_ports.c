/*
 * What two endpoints call: their ports, and their owner, which notes what it is told.
 */
#include "ike/two_ends_parts.h"

#include "crypto/x509.h"

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

void question_wipe(struct question *q)
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

static void on_refused_unproven(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason)
{
	struct news *news = add_news(ctx, NEWS_REFUSED_UNPROVEN, sa);

	news->tag = tag;
	news->reason = reason;
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

static void on_child_unrenewed(void *ctx, ike_handle sa, uint32_t spi_in)
{
	struct end *end = ctx;

	end->unrenewed++;
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

void two_ends_reopen(struct two_ends *t, enum side side)
{
	struct end *end = &t->end[side];
	const struct ike_ports ports = {
		.ctx = end,
		.send = port_send,
		.random = port_random,
		.start_job = end_start_job,
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
		.refused_unproven = on_refused_unproven,
		.child_unrenewed = on_child_unrenewed,
		.sa_gone = on_sa_gone,
		.child_moved = on_child_moved,
		.wants_rekey = on_wants_rekey,
		.traffic = on_traffic,
	};
	const struct ike_settings settings = {
		.port = 500, .nat_port = 4500, .tries = 5, .kem = end->kem
	};

	end->ike = ike_new(&ports, &owner, &settings);
}

void two_ends_give_kem(struct two_ends *t, enum side side, const struct kem *kem)
{
	t->end[side].kem = kem;
	ike_free(t->end[side].ike);
	two_ends_reopen(t, side);
}
