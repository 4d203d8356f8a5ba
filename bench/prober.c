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
#include <stdio.h>
#include <stdlib.h>

#include "bench/end.h"

enum { DONE_MAX = 256, PATIENCE_S = 20 };

struct prober {
	struct ike *ike;
	struct end end;
	struct ip gateway, first, first_inside;
	struct traffic_selector subnet;
	const char *secret;
	unsigned addresses;
	double per_second, seconds;
	struct instant *began; /* by tag */
	double *ms;
	unsigned begun, up, ended, wanted;
	ike_handle done[DONE_MAX]; /* to be deleted */
	unsigned done_count;
};

/* Handles are numbered as the attempts are. */
static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
{
	struct prober *p = ctx;

	p->ms[p->up++] = (double)instant_since(end_now(), p->began[sa - 1]).ns / 1e6;
	if (p->done_count < DONE_MAX)
		p->done[p->done_count++] = sa;
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

	p->began[p->begun++] = end_now();
	if (ike_initiate(p->ike, &wish, end_now()) == 0)
		errx(1, "ike_initiate");
}

static void on_datagram(void *ctx, const struct path *path, struct bytes datagram)
{
	struct prober *p = ctx;

	ike_on_datagram(p->ike, path, datagram, end_now());
}

static void do_jobs(struct prober *p)
{
	for (unsigned i = 0; i < p->end.job_count; i++) {
		end_do_psk_job(p->ike, &p->end.jobs[i], p->secret);
		end_job_wipe(&p->end.jobs[i]);
	}
	p->end.job_count = 0;
}

static void delete_done(struct prober *p)
{
	for (unsigned i = 0; i < p->done_count; i++)
		ike_delete(p->ike, p->done[i], end_now());
	p->done_count = 0;
}

static void turn(struct prober *p, struct instant next)
{
	end_wait(&p->end, instant_min(next, ike_deadline(p->ike)));
	end_receive(&p->end, on_datagram, p);
	while (p->end.job_count > 0 || p->done_count > 0) {
		do_jobs(p);
		delete_done(p);
	}
	ike_on_deadline(p->ike, end_now());
}

static void probe(struct prober *p)
{
	struct instant start = end_now();
	struct instant end = instant_after(start, SECONDS((int64_t)p->seconds + PATIENCE_S));

	p->wanted = (unsigned)(p->per_second * p->seconds);
	p->began = new_array(p->wanted, sizeof(*p->began));
	p->ms = new_array(p->wanted, sizeof(*p->ms));
	while (p->ended < p->wanted && !instant_reached(end, end_now())) {
		struct instant next = INSTANT_NEVER;

		if (p->begun < p->wanted)
			next = instant_after(
			    start, (struct duration){ (int64_t)(p->begun / p->per_second * 1e9) });
		if (instant_reached(next, end_now()))
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
	struct ike_ports ports = end_ports(&p.end);
	struct ike_owner owner = end_owner(&p);
	struct ike_settings settings = end_settings();

	if (argc != 9 || !ip_parse(argv[1], &p.gateway) || !ip_parse(argv[2], &p.first) ||
	    !range_parse(argv[6], &p.subnet.range) || !ip_parse(argv[7], &p.first_inside))
		errx(2,
		     "usage: prober GATEWAY FIRST COUNT PER-SECOND SECONDS SUBNET INSIDE SECRET");
	p.addresses = (unsigned)atoi(argv[3]);
	p.per_second = atof(argv[4]);
	p.seconds = atof(argv[5]);
	p.subnet.port_last = 65535;
	p.secret = argv[8];
	owner.sa_up = on_sa_up;
	owner.child_failed = on_child_failed;
	owner.sa_gone = on_sa_gone;
	end_open(&p.end);
	p.ike = ike_new(&ports, &owner, &settings);
	probe(&p);
	qsort(p.ms, p.up, sizeof(*p.ms), compare);
	printf("{\"begun\": %u, \"up\": %u, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
	       "\"max\": %.2f}\n",
	       p.begun, p.up, quantile(&p, 0.5), quantile(&p, 0.9), quantile(&p, 0.99),
	       quantile(&p, 1));
	return 0;
}
