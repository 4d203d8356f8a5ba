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
#include <stdio.h>
#include <stdlib.h>

#include "bench/end.h"
#include "ike/endpoint.h"
#include "ike/ike_sa.h"
#include "ike/nonsense.h"

enum depth { AFTER_INIT, AFTER_AUTH_SENT, UP, DEPTHS };
enum { PER_ROUND = 60, STEP_MS = 500 };

static struct peer {
	struct ike *ike;
	struct end end;
	struct ip gateway, own;
	struct traffic_selector subnet;
	const char *secret;
	bool is_deaf; /* what comes is counted and thrown away */
	struct path path;
	unsigned rounds, sent, came, position;
} p;

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	p.path = *path;
	(void)!outer_send_ike(&p.end.outer, path, datagram);
}

static void drop_jobs(void)
{
	for (unsigned i = 0; i < p.end.job_count; i++)
		end_job_wipe(&p.end.jobs[i]);
	p.end.job_count = 0;
}

static void do_jobs(void)
{
	for (unsigned i = 0; i < p.end.job_count; i++)
		end_do_psk_job(p.ike, &p.end.jobs[i], p.secret);
	drop_jobs();
}

static void on_datagram(void *ctx, const struct path *path, struct bytes datagram)
{
	p.came++;
	if (!p.is_deaf)
		ike_on_datagram(p.ike, path, datagram, end_now());
}

static void wait_and_receive(int ms)
{
	end_wait(&p.end, instant_after(end_now(), MILLISECONDS(ms)));
	end_receive(&p.end, on_datagram, NULL);
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
	struct instant end = instant_after(end_now(), MILLISECONDS(STEP_MS));

	if (ike_initiate(p.ike, &wish, end_now()) == 0)
		errx(1, "ike_initiate");
	while (!is_there(depth) && !instant_reached(end, end_now())) {
		wait_and_receive(20);
		if (depth != AFTER_INIT || !is_there(AFTER_INIT))
			do_jobs();
	}
	return is_there(depth);
}

static void say(struct bytes datagram)
{
	(void)!outer_send_ike(&p.end.outer, &p.path, datagram);
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
	struct ike_ports ports = end_ports(&p.end);
	struct ike_owner owner = end_owner(NULL);
	struct ike_settings settings = end_settings();

	ports.send = port_send;
	p.rounds++;
	p.ike = ike_new(&ports, &owner, &settings);
	if (go(depth)) {
		p.path.local.port = p.path.remote.port = 4500;
		p.is_deaf = true;
		say_nonsense(own_sa(), depth);
		p.is_deaf = false;
	}
	drop_jobs();
	ike_free(p.ike);
}

int main(int argc, char **argv)
{
	struct instant end;

	if (argc != 6 || !ip_parse(argv[1], &p.gateway) || !ip_parse(argv[2], &p.own) ||
	    !range_parse(argv[3], &p.subnet.range))
		errx(2, "usage: hostile_peer GATEWAY OWN-ADDRESS SUBNET SECRET SECONDS");
	p.subnet.port_last = 65535;
	p.secret = argv[4];
	end_open(&p.end);
	end = instant_after(end_now(), SECONDS(atoi(argv[5])));
	while (!instant_reached(end, end_now()))
		round_of((enum depth)(p.rounds % DEPTHS));
	printf("{\"rounds\": %u, \"sent\": %u, \"came\": %u}\n", p.rounds, p.sent, p.came);
	return 0;
}
