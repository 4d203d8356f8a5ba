#include "bench/end.h"

#include <err.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>

struct instant end_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

void end_open(struct end *end)
{
	char error[256];

	if (!outer_open(&end->outer, 500, 4500, 0, error, sizeof(error)))
		errx(1, "%s", error);
	end->rx = outer_receiver_new();
	end->jobs = new_array(END_JOBS_MAX, sizeof(*end->jobs));
}

/* Ports. */

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct end *end = ctx;

	(void)!outer_send_ike(&end->outer, path, datagram);
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		err(1, "getrandom");
}

static void port_start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct end *end = ctx;

	if (end->job_count == END_JOBS_MAX)
		errx(1, "too many jobs");
	end->jobs[end->job_count++] = (struct end_job){ .id = job_id,
		                                        .kind = job->kind,
		                                        .prf = job->prf,
		                                        .signature_id = job->signature_id,
		                                        .data = buf_copy(job->data),
		                                        .signature = buf_copy(job->signature),
		                                        .came = end->came };
}

static void port_keepalive(void *ctx, const struct path *path)
{
}

static uint32_t port_new_spi(void *ctx)
{
	struct end *end = ctx;

	return 0x1000 + ++end->spi;
}

struct ike_ports end_ports(struct end *end)
{
	return (struct ike_ports){ .ctx = end,
		                   .send = port_send,
		                   .random = port_random,
		                   .start_job = port_start_job,
		                   .keepalive = port_keepalive,
		                   .new_spi = port_new_spi };
}

struct ike_settings end_settings(void)
{
	return (struct ike_settings){ .port = 500, .nat_port = 4500, .tries = 5 };
}

/* Owner. */

static void on_claim(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
}

static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
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

static void on_child_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
}

struct ike_owner end_owner(void *ctx)
{
	return (struct ike_owner){ .ctx = ctx,
		                   .auth_wanted = on_claim,
		                   .child_wanted = on_claim,
		                   .sa_up = on_sa_up,
		                   .child_up = on_child_up,
		                   .child_gone = on_child_gone,
		                   .child_failed = on_child_failed,
		                   .sa_gone = on_sa_gone,
		                   .child_moved = on_child_moved };
}

/* The loop. */

void end_wait(const struct end *end, struct instant due)
{
	struct pollfd fds[] = { { end->outer.fd[OUTER_IKE4], POLLIN, 0 },
		                { end->outer.fd[OUTER_NAT4], POLLIN, 0 } };
	int64_t ns = instant_since(due, end_now()).ns;
	struct timespec wait = { 0, ns < 0 ? 0 : ns > 100000000 ? 100000000 : ns };

	ppoll(fds, ARRAY_LEN(fds), &wait, NULL);
}

void end_receive(struct end *end,
                 void (*see)(void *ctx, const struct path *path, struct bytes datagram), void *ctx)
{
	static const enum outer_socket sockets[] = { OUTER_IKE4, OUTER_NAT4 };

	for (size_t s = 0; s < ARRAY_LEN(sockets); s++) {
		size_t skip = sockets[s] == OUTER_NAT4 ? OUTER_MARKER_LEN : 0;
		unsigned count = outer_receive(end->rx, &end->outer, sockets[s]);

		for (unsigned i = 0; i < count; i++) {
			struct outer_datagram d = outer_received(end->rx, i);

			if (skip == 0 || outer_kind(BYTES(d.data, d.len)) == OUTER_IKE)
				see(ctx, &d.path, BYTES(d.data + skip, d.len - skip));
		}
	}
}

/* RFC 7296 section 2.15 */
void end_do_psk_job(struct ike *ike, const struct end_job *job, const char *secret)
{
	const struct bytes pad = BYTES_STR("Key Pad for IKEv2"), data = buf_view(&job->data);
	size_t len = job->kind == CRYPTO_JOB_PSK_MAC ? prf_len(job->prf) : 0;
	uint8_t key[PRF_LEN_MAX], mac[PRF_LEN_MAX];

	if (len > 0 && (!prf(job->prf, BYTES_STR(secret), &pad, 1, key) ||
	                !prf(job->prf, BYTES(key, len), &data, 1, mac)))
		errx(1, "prf");
	ike_on_job_done(ike, job->id, BYTES(mac, len), end_now());
}

void end_job_wipe(struct end_job *job)
{
	buf_free(&job->data);
	buf_free(&job->signature);
}
