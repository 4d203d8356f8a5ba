/*
 * sprayer: datagrams to many destinations, and a count of what arrives.
 *
 *      sprayer send STREAM SOURCE FIRST-DESTINATION DESTINATIONS PER-SECOND PACKETS
 *      sprayer count
 *
 * `send` goes round the destinations, each datagram to the next one, at a steady rate (0: as fast
 * as it goes). `count` says "ready", hears on every address that routes bring to it until its stdin
 * ends, and prints one line of JSON: for every stream (0..9) how many came, the time from the first
 * to the last, when the last came, and how long they were on their way, in ms (but `last`: in s).
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 4009, STREAMS = 10, LATENCIES_MAX = 1 << 20, SIZE = 64 };

struct payload {
	uint32_t stream;
	uint32_t number;
	int64_t sent_ns;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		errx(2, "not an address: %s", text);
	return a;
}

static void wait_until(int64_t due_ns)
{
	int64_t left = due_ns - now_ns();
	struct timespec ts = { .tv_nsec = left > 1000000 ? 1000000 : left };

	if (left > 100000)
		nanosleep(&ts, NULL);
}

static int send_all(char **w)
{
	struct sockaddr_in source = address_of(w[1], 0), to = address_of(w[2], PORT);
	uint32_t first = ntohl(to.sin_addr.s_addr);
	unsigned destinations = (unsigned)atoi(w[3]), packets = (unsigned)atoi(w[5]);
	double rate = atof(w[4]);
	uint8_t octets[SIZE] = { 0 };
	struct payload p = { .stream = (uint32_t)atoi(w[0]) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int64_t begin = now_ns();

	if (fd < 0 || bind(fd, (struct sockaddr *)&source, sizeof(source)) != 0)
		err(1, "socket");
	for (p.number = 0; p.number < packets; p.number++) {
		int64_t due = rate > 0 ? begin + (int64_t)(p.number / rate * 1e9) : 0;

		while (rate > 0 && now_ns() < due)
			wait_until(due);
		to.sin_addr.s_addr = htonl(first + p.number % destinations);
		p.sent_ns = now_ns();
		memcpy(octets, &p, sizeof(p));
		while (sendto(fd, octets, SIZE, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN)
				err(1, "sendto"); /* or refused: nobody is there */
			usleep(100);
		}
	}
	printf("{\"sent\": %u, \"ms\": %.1f}\n", packets, (double)(now_ns() - begin) / 1e6);
	return 0;
}

struct stream {
	unsigned count;
	int64_t first_ns, last_ns;
	double *ms;
};

static void take(struct stream *streams, const uint8_t *octets, int64_t at)
{
	struct stream *s;
	struct payload p;

	memcpy(&p, octets, sizeof(p));
	s = &streams[p.stream % STREAMS];
	if (s->ms == NULL)
		s->ms = calloc(LATENCIES_MAX, sizeof(*s->ms));
	if (s->ms == NULL)
		err(1, "memory");
	if (s->count == 0)
		s->first_ns = at;
	s->last_ns = at;
	if (s->count < LATENCIES_MAX)
		s->ms[s->count] = (double)(at - p.sent_ns) / 1e6;
	s->count++;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double share(const struct stream *s, double part)
{
	unsigned kept = s->count < LATENCIES_MAX ? s->count : LATENCIES_MAX;

	return s->ms[(unsigned)(part * (kept - 1))];
}

static void say(struct stream *streams)
{
	const char *comma = "";

	printf("{");
	for (int i = 0; i < STREAMS; i++) {
		struct stream *s = &streams[i];

		if (s->count == 0)
			continue;
		qsort(s->ms, s->count < LATENCIES_MAX ? s->count : LATENCIES_MAX, sizeof(*s->ms),
		      by_size);
		printf("%s\"%d\": {\"count\": %u, \"span\": %.1f, \"last\": %.9f, \"p50\": %.2f, "
		       "\"p99\": %.2f, \"max\": %.2f}",
		       comma, i, s->count, (double)(s->last_ns - s->first_ns) / 1e6,
		       (double)s->last_ns / 1e9, share(s, 0.5), share(s, 0.99), share(s, 1));
		comma = ", ";
	}
	printf("}\n");
}

static int count_all(void)
{
	static struct stream streams[STREAMS];
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), space = 8 << 20;
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	uint8_t octets[2048];

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space));
	puts("ready");
	fflush(stdout);
	for (;;) {
		poll(fds, 2, -1);
		while (recv(fd, octets, sizeof(octets), 0) >= (ssize_t)sizeof(struct payload))
			take(streams, octets, now_ns());
		if (fds[1].revents != 0)
			break;
	}
	say(streams);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "send") == 0)
		return send_all(argv + 2);
	if (argc >= 2 && strcmp(argv[1], "count") == 0)
		return count_all();
	fprintf(stderr,
	        "usage: sprayer send STREAM SOURCE FIRST DESTINATIONS RATE PACKETS | count\n");
	return 2;
}
