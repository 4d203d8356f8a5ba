/*
 * flooder: IKE_SA_INIT requests from many addresses that are not ours.
 *
 *      flooder GATEWAY FIRST-ADDRESS BITS PER-SECOND SECONDS [answer]
 *
 * Sources are drawn from 2^BITS addresses. With `answer` a cookie that comes back is sent back with
 * the request, as somebody would who holds all those addresses; they must be routed here and local.
 * Every request is a good one: with its own SPI and nonce, our proposals and an X25519 value.
 * Prints one line of JSON: what was sent, and how many cookies and other answers came.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ike/ike.h"
#include "ike/message.h"

enum { BATCH = 64, PACKET_MAX = 1024, HEADERS = 28 };

struct flooder {
	int raw, udp;
	uint32_t gateway, first;
	unsigned bits;
	uint64_t random;
	uint8_t request[PACKET_MAX]; /* the template, from the IKE header on */
	size_t len;
	size_t nonce_at;
	uint64_t sent, cookies, answers;
};

static uint64_t draw(struct flooder *f)
{
	uint64_t v = f->random += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/*
 * The template: what our own Initiator sends
 */

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct flooder *f = ctx;
	struct ike_header header;
	struct payloads p;

	if (datagram.len > sizeof(f->request) || !header_parse(datagram, &header) ||
	    message_parse(datagram, &header, &p) != PAYLOADS_OK)
		errx(1, "no template");
	memcpy(f->request, datagram.data, datagram.len);
	f->len = datagram.len;
	f->nonce_at = (size_t)(p.nonce.data - datagram.data);
}

static void port_random(void *ctx, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)draw(ctx);
}

static void make_template(struct flooder *f)
{
	const struct ike_ports ports = { .ctx = f, .send = port_send, .random = port_random };
	const struct ike_owner owner = { 0 };
	const struct ike_settings settings = { .port = 500, .nat_port = 4500, .tries = 1 };
	const struct ip address = ip_v4(192, 0, 2, 1);
	const struct ike_wish wish = { .path = { { address, 500 }, { address, 500 } }, .tag = 1 };
	struct ike *ike = ike_new(&ports, &owner, &settings);

	if (ike_initiate(ike, &wish, (struct instant){ 0 }) == 0)
		errx(1, "ike_initiate");
	ike_free(ike);
}

/*
 * Sending: the IP header is ours
 */

static size_t write_headers(const struct flooder *f, uint8_t *packet, uint32_t source, size_t len)
{
	struct ip_header {
		struct iphdr ip;
		struct udphdr udp;
	} h = { 0 };

	h.ip.version = 4;
	h.ip.ihl = 5;
	h.ip.tot_len = htons((uint16_t)(HEADERS + len));
	h.ip.ttl = 64;
	h.ip.protocol = IPPROTO_UDP;
	h.ip.saddr = htonl(source);
	h.ip.daddr = htonl(f->gateway);
	h.udp.source = h.udp.dest = htons(500);
	h.udp.len = htons((uint16_t)(8 + len));
	memcpy(packet, &h, HEADERS);
	return HEADERS + len;
}

struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_in to;
	uint8_t packets[BATCH][PACKET_MAX + HEADERS];
	unsigned count;
};

static void flush(struct flooder *f, struct batch *b)
{
	for (unsigned i = 0; i < b->count;) {
		int sent = sendmmsg(f->raw, b->headers + i, b->count - i, 0);

		if (sent < 0)
			err(1, "sendmmsg");
		i += (unsigned)sent;
	}
	b->count = 0;
}

static uint8_t *slot(struct flooder *f, struct batch *b)
{
	if (b->count == BATCH)
		flush(f, b);
	return b->packets[b->count] + HEADERS;
}

static void commit(struct flooder *f, struct batch *b, uint32_t source, size_t len)
{
	unsigned i = b->count++;

	b->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(f->gateway) };
	b->vectors[i] =
	    (struct iovec){ b->packets[i], write_headers(f, b->packets[i], source, len) };
	b->headers[i].msg_hdr = (struct msghdr){ .msg_name = &b->to,
		                                 .msg_namelen = sizeof(b->to),
		                                 .msg_iov = &b->vectors[i],
		                                 .msg_iovlen = 1 };
}

/* SPI and nonce follow from the source, so that an answer can be given without remembering. */
static void personalise(const struct flooder *f, uint8_t *request, uint32_t source)
{
	uint32_t mixed = source * 2654435761u;

	memcpy(request, &source, 4);
	memcpy(request + 4, &mixed, 4);
	memcpy(request + f->nonce_at, &mixed, 4);
}

static void knock(struct flooder *f, struct batch *b)
{
	uint32_t source = f->first + (uint32_t)(draw(f) & ((1u << f->bits) - 1));
	uint8_t *out = slot(f, b);

	memcpy(out, f->request, f->len);
	personalise(f, out, source);
	commit(f, b, source, f->len);
	f->sent++;
}

/*
 * Answering
 */

static void give_back(struct flooder *f, struct batch *b, uint32_t source, struct bytes cookie)
{
	size_t len = f->len + 8 + cookie.len;
	uint8_t *out = slot(f, b);
	struct writer w = writer_on(out, PACKET_MAX);

	write_bytes(&w, BYTES(f->request, IKE_HEADER_LEN));
	write_u8(&w, f->request[16]);
	write_u8(&w, 0);
	write_be16(&w, (uint16_t)(8 + cookie.len));
	write_be16(&w, 0);
	write_be16(&w, NOTIFY_COOKIE);
	write_bytes(&w, cookie);
	write_bytes(&w, BYTES(f->request + IKE_HEADER_LEN, f->len - IKE_HEADER_LEN));
	memcpy(out, &source, 4);
	out[16] = PAYLOAD_NOTIFY;
	write_patch_be32(&w, 24, (uint32_t)len);
	{
		uint32_t mixed = source * 2654435761u;

		memcpy(out + 4, &mixed, 4);
		memcpy(out + f->nonce_at + 8 + cookie.len, &mixed, 4);
	}
	commit(f, b, source, len);
}

static void on_answer(struct flooder *f, struct batch *b, uint32_t source, struct bytes datagram)
{
	struct ike_header header;
	struct payloads p;
	struct notify cookie;

	if (!header_parse(datagram, &header) || message_parse(datagram, &header, &p) != PAYLOADS_OK)
		return;
	if (!payloads_find_notify(&p, NOTIFY_COOKIE, &cookie)) {
		f->answers++;
		return;
	}
	f->cookies++;
	give_back(f, b, source, cookie.data);
}

static void receive(struct flooder *f, struct batch *b)
{
	uint8_t datagram[PACKET_MAX];
	_Alignas(struct cmsghdr) uint8_t control[128];
	struct iovec vector = { datagram, sizeof(datagram) };

	for (int i = 0; i < 4 * BATCH; i++) {
		struct msghdr h = { .msg_iov = &vector,
			            .msg_iovlen = 1,
			            .msg_control = control,
			            .msg_controllen = sizeof(control) };
		ssize_t len = recvmsg(f->udp, &h, MSG_DONTWAIT);
		struct cmsghdr *c = len < 0 ? NULL : CMSG_FIRSTHDR(&h);
		struct in_pktinfo info;

		if (len < 0)
			return;
		if (c == NULL)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		on_answer(f, b, ntohl(info.ipi_addr.s_addr), BYTES(datagram, len));
	}
}

static void open_sockets(struct flooder *f, bool answers)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(500) };
	int on = 1, room = 8 << 20;

	f->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	f->udp = answers ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	if (f->raw < 0 || (answers && f->udp < 0))
		err(1, "socket");
	setsockopt(f->raw, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (!answers)
		return;
	setsockopt(f->udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (setsockopt(f->udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0 ||
	    bind(f->udp, (struct sockaddr *)&any, sizeof(any)) != 0)
		err(1, "bind");
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void flood(struct flooder *f, double per_second, double seconds)
{
	static struct batch b;
	double start = now_s();
	double since;

	while ((since = now_s() - start) < seconds) {
		uint64_t due = (uint64_t)(since * per_second);

		/* What this machine did not manage to send in time is left out. */
		if (due > f->sent + (uint64_t)(per_second / 20))
			start += 0.01;
		for (int i = 0; i < BATCH && f->sent < due; i++)
			knock(f, &b);
		if (f->udp >= 0)
			receive(f, &b);
		flush(f, &b);
		if (f->sent >= due)
			usleep(200);
	}
}

int main(int argc, char **argv)
{
	static struct flooder f = { .random = 4711 };
	struct in_addr gateway, first;

	if (argc < 6 || inet_aton(argv[1], &gateway) == 0 || inet_aton(argv[2], &first) == 0)
		errx(2, "usage: flooder GATEWAY FIRST BITS PER-SECOND SECONDS [answer]");
	f.gateway = ntohl(gateway.s_addr);
	f.first = ntohl(first.s_addr);
	f.bits = (unsigned)atoi(argv[3]);
	make_template(&f);
	open_sockets(&f, argc > 6);
	flood(&f, atof(argv[4]), atof(argv[5]));
	printf("{\"sent\": %llu, \"cookies\": %llu, \"answers\": %llu}\n",
	       (unsigned long long)f.sent, (unsigned long long)f.cookies,
	       (unsigned long long)f.answers);
	return 0;
}
