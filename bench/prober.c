/*
 * prober: real IKE SAs with one gateway, at a steady rate, each from the next of some addresses.
 *
 *      prober GATEWAY FIRST-ADDRESS COUNT PER-SECOND SECONDS SUBNET FIRST-INSIDE SECRET
 *
 * Each makes IKE_SA_INIT and IKE_AUTH with a shared secret and a CHILD SA between its inside
 * address and SUBNET, and deletes both at once. Prints one line of JSON: how many were begun and
 * came up, and the time from the first datagram to the IKE SA in ms; a peer that makes no CHILD SA
 * counts too.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "crypto/prf.h"
#include "engine/userspace/outer.h"
#include "ike/ike.h"

enum { JOBS_MAX = 256, PATIENCE_S = 20 };

struct job {
	uint64_t id;
	enum prf_id prf; /* PRF_NONE: a job we have no answer to */
	struct buf data;
};

struct prober {
	struct ike *ike;
	struct outer outer;
	struct outer_receiver *rx;
	struct ip gateway, first, first_inside;
	struct traffic_selector subnet;
	const char *secret;
	unsigned addresses;
	double per_second, seconds;
	struct instant *began; /* by tag */
	double *ms;
	unsigned begun, up, ended, wanted;
	struct job jobs[JOBS_MAX];
	unsigned job_count;
	uint32_t spi;
	ike_handle done[JOBS_MAX]; /* to be deleted */
	unsigned done_count;
};

static struct instant now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct prober *p = ctx;

	(void)!outer_send_ike(&p->outer, path, datagram);
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		err(1, "getrandom");
}

static void port_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct prober *p = ctx;

	if (p->job_count == JOBS_MAX)
		errx(1, "too many jobs");
	p->jobs[p->job_count++] =
	    (struct job){ job_id, job->kind == CRYPTO_JOB_PSK_MAC ? job->prf : PRF_NONE,
		          buf_copy(job->data) };
}

static uint32_t port_new_spi(void *ctx)
{
	struct prober *p = ctx;

	return 0x1000 + ++p->spi;
}

static void port_keepalive(void *ctx, const struct path *path)
{
}

static void on_child_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
}

/* Handles are numbered as the attempts are. */
static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
{
	struct prober *p = ctx;

	p->ms[p->up++] = (double)instant_since(now(), p->began[sa - 1]).ns / 1e6;
	if (p->done_count < JOBS_MAX)
		p->done[p->done_count++] = sa;
}

static void on_child_up(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child)
{
}

static void on_claim(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
}

static void on_child_gone(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason)
{
}

static void on_child_failed(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
                            bool proven)
{
	if (!proven) /* not the child alone */
		fprintf(stderr, "prober: %s\n", ike_reason_text(reason));
}

static void on_sa_gone(void *ctx, ike_handle sa, enum ike_reason reason)
{
	struct prober *p = ctx;

	p->ended++;
}

static struct ip address_of(struct ip address, unsigned i)
{
	for (; i > 0; i--) {
		if (!ip_next(&address, &address))
			errx(1, "no such address");
	}
	return address;
}

static void begin(struct prober *p)
{
	struct ip own = address_of(p->first, p->begun % p->addresses);
	struct ip inside = address_of(p->first_inside, p->begun % p->addresses);
	struct ike_wish wish = {
		.path = { { own, 500 }, { p->gateway, 500 } },
		.self = { .id = id_of_ip(&own), .auth = IKE_AUTH_PSK },
		.expected_id = id_of_ip(&p->gateway),
		.peer_auth = IKE_AUTH_PSK,
		.local = { .range = range_of_ip(&inside), .port_last = 65535 },
		.remote = p->subnet,
		.tag = p->begun + 1,
	};

	p->began[p->begun++] = now();
	if (ike_initiate(p->ike, &wish, now()) == 0)
		errx(1, "ike_initiate");
}

static void receive(struct prober *p, enum outer_socket from)
{
	unsigned count = outer_receive(p->rx, &p->outer, from);

	for (unsigned i = 0; i < count; i++) {
		struct outer_datagram d = outer_received(p->rx, i);
		struct bytes datagram = BYTES(d.data, d.len);

		if (from == OUTER_NAT4 && outer_kind(datagram) != OUTER_IKE)
			continue;
		if (from == OUTER_NAT4)
			datagram = BYTES(d.data + OUTER_MARKER_LEN, d.len - OUTER_MARKER_LEN);
		ike_on_datagram(p->ike, &d.path, datagram, now());
	}
}

static void do_job(struct prober *p, const struct job *job)
{
	const struct bytes pad = BYTES_STR("Key Pad for IKEv2"), data = buf_view(&job->data);
	uint8_t key[PRF_LEN_MAX], mac[PRF_LEN_MAX];
	size_t len = prf_len(job->prf);

	if (len > 0 && (!prf(job->prf, BYTES_STR(p->secret), &pad, 1, key) ||
	                !prf(job->prf, BYTES(key, len), &data, 1, mac)))
		errx(1, "prf");
	ike_on_job_done(p->ike, job->id, BYTES(mac, len), now());
}

static void do_jobs(struct prober *p)
{
	for (unsigned i = 0; i < p->job_count; i++) {
		do_job(p, &p->jobs[i]);
		buf_free(&p->jobs[i].data);
	}
	p->job_count = 0;
}

static void delete_done(struct prober *p)
{
	for (unsigned i = 0; i < p->done_count; i++)
		ike_delete(p->ike, p->done[i], now());
	p->done_count = 0;
}

static void turn(struct prober *p, struct instant next)
{
	struct pollfd fds[2] = { { p->outer.fd[OUTER_IKE4], POLLIN, 0 },
		                 { p->outer.fd[OUTER_NAT4], POLLIN, 0 } };
	struct instant due = instant_min(next, ike_deadline(p->ike));
	int64_t ns = instant_since(due, now()).ns;
	struct timespec wait = { 0, ns < 0 ? 0 : ns > 100000000 ? 100000000 : ns };

	ppoll(fds, 2, &wait, NULL);
	receive(p, OUTER_IKE4);
	receive(p, OUTER_NAT4);
	while (p->job_count > 0 || p->done_count > 0) {
		do_jobs(p);
		delete_done(p);
	}
	ike_on_deadline(p->ike, now());
}

static void probe(struct prober *p)
{
	struct instant start = now();
	struct instant end = instant_after(start, SECONDS((int64_t)p->seconds + PATIENCE_S));

	p->wanted = (unsigned)(p->per_second * p->seconds);
	p->began = new_array(p->wanted, sizeof(*p->began));
	p->ms = new_array(p->wanted, sizeof(*p->ms));
	while (p->ended < p->wanted && !instant_reached(end, now())) {
		struct instant next = INSTANT_NEVER;

		if (p->begun < p->wanted)
			next = instant_after(
			    start, (struct duration){ (int64_t)(p->begun / p->per_second * 1e9) });
		if (instant_reached(next, now()))
			begin(p);
		else
			turn(p, next);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const struct prober *p, double part)
{
	return p->up == 0 ? -1 : p->ms[(unsigned)(part * (p->up - 1))];
}

int main(int argc, char **argv)
{
	static struct prober p;
	const struct ike_ports ports = { .ctx = &p,
		                         .send = port_send,
		                         .random = port_random,
		                         .start_job = port_start_job,
		                         .keepalive = port_keepalive,
		                         .new_spi = port_new_spi };
	const struct ike_owner owner = { .ctx = &p,
		                         .auth_wanted = on_claim,
		                         .child_wanted = on_claim,
		                         .sa_up = on_sa_up,
		                         .child_up = on_child_up,
		                         .child_gone = on_child_gone,
		                         .child_failed = on_child_failed,
		                         .sa_gone = on_sa_gone,
		                         .child_moved = on_child_moved };
	const struct ike_settings settings = { .port = 500, .nat_port = 4500, .tries = 5 };
	char error[256];

	if (argc != 9 || !ip_parse(argv[1], &p.gateway) || !ip_parse(argv[2], &p.first) ||
	    !range_parse(argv[6], &p.subnet.range) || !ip_parse(argv[7], &p.first_inside))
		errx(2,
		     "usage: prober GATEWAY FIRST COUNT PER-SECOND SECONDS SUBNET INSIDE SECRET");
	p.addresses = (unsigned)atoi(argv[3]);
	p.per_second = atof(argv[4]);
	p.seconds = atof(argv[5]);
	p.subnet.port_last = 65535;
	p.secret = argv[8];
	if (!outer_open(&p.outer, 500, 4500, 0, error, sizeof(error)))
		errx(1, "%s", error);
	p.rx = outer_receiver_new();
	p.ike = ike_new(&ports, &owner, &settings);
	probe(&p);
	qsort(p.ms, p.up, sizeof(*p.ms), compare);
	printf("{\"begun\": %u, \"up\": %u, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
	       "\"max\": %.2f}\n",
	       p.begun, p.up, quantile(&p, 0.5), quantile(&p, 0.9), quantile(&p, 0.99),
	       quantile(&p, 1));
	return 0;
}
