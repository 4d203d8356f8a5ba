/*
 * hostile_peer: a peer that knows the shared secret and abuses it.
 *
 *      hostile_peer GATEWAY OWN-ADDRESS SUBNET SECRET SECONDS
 *
 * Round after round it gets as far as IKE_SA_INIT, IKE_AUTH sent, or an IKE SA, and then says well
 * sealed nonsense: every exchange, request and response, right and wrong message IDs, whole, cut
 * short and in pieces. Prints one line of JSON: rounds, messages sent, datagrams that came back.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "crypto/prf.h"
#include "engine/userspace/outer.h"
#include "ike/endpoint.h"
#include "ike/ike_sa.h"
#include "ike/nonsense.h"

enum depth { AFTER_INIT, AFTER_AUTH_SENT, UP, DEPTHS };
enum { PER_ROUND = 60, STEP_MS = 500 };

struct job {
	uint64_t id;
	enum prf_id prf; /* PRF_NONE: a job we have no answer to */
	struct buf data;
};

static struct peer {
	struct ike *ike;
	struct outer outer;
	struct outer_receiver *rx;
	struct ip gateway, own;
	struct traffic_selector subnet;
	const char *secret;
	struct job jobs[16];
	unsigned job_count;
	bool is_deaf; /* what comes is counted and thrown away */
	struct path path;
	unsigned rounds, sent, came, position;
} p;

static struct instant now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	p.path = *path;
	(void)!outer_send_ike(&p.outer, path, datagram);
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		err(1, "getrandom");
}

static void port_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	if (p.job_count == ARRAY_LEN(p.jobs))
		errx(1, "too many jobs");
	p.jobs[p.job_count++] =
	    (struct job){ job_id, job->kind == CRYPTO_JOB_PSK_MAC ? job->prf : PRF_NONE,
		          buf_copy(job->data) };
}

static uint32_t port_new_spi(void *ctx)
{
	return 0x1000 + p.rounds;
}

static void port_keepalive(void *ctx, const struct path *path)
{
}

static void on_child_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
}

static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
{
}

static void on_claim(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
}

static void on_child_up(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child)
{
}

static void on_child_gone(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason)
{
}

static void on_child_failed(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
                            bool proven)
{
}

static void on_sa_gone(void *ctx, ike_handle sa, enum ike_reason reason)
{
}

static void do_jobs(void)
{
	for (unsigned i = 0; i < p.job_count; i++) {
		struct job *job = &p.jobs[i];
		const struct bytes pad = BYTES_STR("Key Pad for IKEv2");
		const struct bytes data = buf_view(&job->data);
		uint8_t key[PRF_LEN_MAX], mac[PRF_LEN_MAX];
		size_t len = prf_len(job->prf);

		if (len > 0 && (!prf(job->prf, BYTES_STR(p.secret), &pad, 1, key) ||
		                !prf(job->prf, BYTES(key, len), &data, 1, mac)))
			errx(1, "prf");
		ike_on_job_done(p.ike, job->id, BYTES(mac, len), now());
		buf_free(&job->data);
	}
	p.job_count = 0;
}

static void receive(enum outer_socket from)
{
	unsigned count = outer_receive(p.rx, &p.outer, from);

	for (unsigned i = 0; i < count; i++) {
		struct outer_datagram d = outer_received(p.rx, i);
		size_t skip = from == OUTER_NAT4 ? OUTER_MARKER_LEN : 0;

		if (outer_kind(BYTES(d.data, d.len)) != OUTER_IKE && skip > 0)
			continue;
		p.came++;
		if (!p.is_deaf)
			ike_on_datagram(p.ike, &d.path, BYTES(d.data + skip, d.len - skip), now());
	}
}

static void wait_and_receive(int ms)
{
	struct pollfd fds[2] = { { p.outer.fd[OUTER_IKE4], POLLIN, 0 },
		                 { p.outer.fd[OUTER_NAT4], POLLIN, 0 } };

	if (poll(fds, 2, ms) > 0) {
		receive(OUTER_IKE4);
		receive(OUTER_NAT4);
	}
}

static struct ike_sa *own_sa(void)
{
	struct hash_node *node = hash_walk(&p.ike->by_handle, NULL);

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, handle_node);
}

static bool is_there(enum depth depth)
{
	const struct ike_sa *sa = own_sa();

	if (sa == NULL || sa->sk.out == NULL)
		return false;
	switch (depth) {
	case AFTER_INIT:
		return true;
	case AFTER_AUTH_SENT:
		return sa->state >= IKE_SA_AUTH_SENT;
	case UP:
	case DEPTHS:
		break;
	}
	return sa->state == IKE_SA_UP;
}

/* False: the gateway would not have it; so be it. */
static bool go(enum depth depth)
{
	struct ike_wish wish = {
		.path = { { p.own, 500 }, { p.gateway, 500 } },
		.self = { .id = id_of_ip(&p.own), .auth = IKE_AUTH_PSK },
		.expected_id = id_of_ip(&p.gateway),
		.peer_auth = IKE_AUTH_PSK,
		.local = { .range = range_of_ip(&p.own), .port_last = 65535 },
		.remote = p.subnet,
		.tag = 1,
	};
	struct instant end = instant_after(now(), MILLISECONDS(STEP_MS));

	if (ike_initiate(p.ike, &wish, now()) == 0)
		errx(1, "ike_initiate");
	while (!is_there(depth) && !instant_reached(end, now())) {
		wait_and_receive(20);
		if (depth != AFTER_INIT || !is_there(AFTER_INIT))
			do_jobs();
	}
	return is_there(depth);
}

static void say(struct bytes datagram)
{
	(void)!outer_send_ike(&p.outer, &p.path, datagram);
	p.sent++;
}

static void say_sealed(struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t id,
                       struct piece piece, const struct inner *inner)
{
	const struct ike_header header = { .spi_i = sa->spi_i,
		                           .spi_r = sa->spi_r,
		                           .exchange = exchange,
		                           .flags = IKE_FLAG_INITIATOR | flags,
		                           .message_id = id };
	struct buf datagram;

	if (!sk_seal_piece(&sa->sk, &header, piece, inner->first, inner->text, &datagram))
		errx(1, "sk_seal_piece");
	say(buf_view(&datagram));
	say(buf_view(&datagram));
	say(BYTES(datagram.data, datagram.len - 1));
	datagram.data[datagram.len - 1] ^= 1;
	if (p.position % 16 == 0) /* a half-open IKE SA bears few of those */
		say(buf_view(&datagram));
	buf_free(&datagram);
}

/* A message of many octets in pieces, and more of another cut. */
static void say_pieces(struct ike_sa *sa, uint32_t id)
{
	static const uint8_t junk[1000];
	const struct inner inner = { PAYLOAD_VENDOR_ID, BYTES_OF(junk) };

	for (uint16_t i = 1; i <= 64; i++)
		say_sealed(sa, EXCHANGE_INFORMATIONAL, 0, id, (struct piece){ i, 64 }, &inner);
	say_sealed(sa, EXCHANGE_INFORMATIONAL, 0, id, (struct piece){ 2, 3 }, &inner);
	say_sealed(sa, EXCHANGE_INFORMATIONAL, 0, id, (struct piece){ 65535, 65535 }, &inner);
}

/* Each message ID is used up when an answer comes. */
static void say_nonsense(struct ike_sa *sa, enum depth depth)
{
	uint32_t id = depth == AFTER_INIT ? 1 : 2;

	for (unsigned i = 0; i < PER_ROUND; i++, p.position++) {
		const struct inner *inner = &inners[p.position % ARRAY_LEN(inners)];
		uint8_t exchange = exchanges[p.position / ARRAY_LEN(inners) % ARRAY_LEN(exchanges)];
		unsigned came = p.came;

		say_sealed(sa, exchange, 0, id, (struct piece){ 0 }, inner);
		say_sealed(sa, exchange, 0, id + p.position % 7, (struct piece){ 0 }, inner);
		say_sealed(sa, exchange, IKE_FLAG_RESPONSE, p.position % 3, (struct piece){ 0 },
		           inner);
		wait_and_receive(1);
		id += p.came > came;
	}
	say_pieces(sa, id);
}

static void round_of(enum depth depth)
{
	static const struct ike_owner owner = { .auth_wanted = on_claim,
		                                .child_wanted = on_claim,
		                                .sa_up = on_sa_up,
		                                .child_up = on_child_up,
		                                .child_gone = on_child_gone,
		                                .child_failed = on_child_failed,
		                                .sa_gone = on_sa_gone,
		                                .child_moved = on_child_moved };
	const struct ike_ports ports = { .ctx = &p,
		                         .send = port_send,
		                         .random = port_random,
		                         .start_job = port_start_job,
		                         .keepalive = port_keepalive,
		                         .new_spi = port_new_spi };
	const struct ike_settings settings = { .port = 500, .nat_port = 4500, .tries = 5 };

	p.rounds++;
	p.ike = ike_new(&ports, &owner, &settings);
	if (go(depth)) {
		p.path.local.port = p.path.remote.port = 4500;
		p.is_deaf = true;
		say_nonsense(own_sa(), depth);
		p.is_deaf = false;
	}
	for (unsigned i = 0; i < p.job_count; i++)
		buf_free(&p.jobs[i].data);
	p.job_count = 0;
	ike_free(p.ike);
}

int main(int argc, char **argv)
{
	struct instant end;
	char error[256];

	if (argc != 6 || !ip_parse(argv[1], &p.gateway) || !ip_parse(argv[2], &p.own) ||
	    !range_parse(argv[3], &p.subnet.range))
		errx(2, "usage: hostile_peer GATEWAY OWN-ADDRESS SUBNET SECRET SECONDS");
	p.subnet.port_last = 65535;
	p.secret = argv[4];
	if (!outer_open(&p.outer, 500, 4500, 0, error, sizeof(error)))
		errx(1, "%s", error);
	p.rx = outer_receiver_new();
	end = instant_after(now(), SECONDS(atoi(argv[5])));
	while (!instant_reached(end, now()))
		round_of((enum depth)(p.rounds % DEPTHS));
	printf("{\"rounds\": %u, \"sent\": %u, \"came\": %u}\n", p.rounds, p.sent, p.came);
	return 0;
}
