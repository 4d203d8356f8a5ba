/*
 * A steady stream of numbered UDP datagrams, and who counts them: for tests that must not lose one.
 *
 *   stream receive PORT                  until a second of silence after the first, then prints
 *                                        {"received": N, "lost": N, "doubled": N, "first_lost": N}
 *   stream send ADDRESS PORT RATE COUNT  RATE a second, COUNT of them; IPv4
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum { COUNT_MAX = 1 << 24, BUFFER = 64 << 20 };

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int receive(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct timeval silence = { .tv_sec = 1 }, patience = { .tv_sec = 60 };
	static uint8_t seen[COUNT_MAX];
	uint32_t number, most = 0, received = 0, doubled = 0, first_lost = 0;
	int s = socket(AF_INET, SOCK_DGRAM, 0), room = BUFFER;

	if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof(at)) != 0)
		return fail("bind");
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		return fail("SO_RCVBUFFORCE");
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	puts("ready");
	fflush(stdout);
	while (recv(s, &number, sizeof(number), 0) == sizeof(number)) {
		number = ntohl(number);
		if (received++ == 0)
			setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
		if (number >= COUNT_MAX)
			continue;
		doubled += seen[number];
		seen[number] = 1;
		if (number >= most)
			most = number + 1;
	}
	for (uint32_t i = 0; i < most && first_lost == 0; i++)
		first_lost = seen[i] ? 0 : i + 1;
	printf("{\"received\": %u, \"lost\": %u, \"doubled\": %u, \"first_lost\": %d}\n", received,
	       most - (received - doubled), doubled, (int)first_lost - 1);
	return 0;
}

/* An ICMP error that came for one before, or a filter that drops. */
static bool was_refused(void)
{
	return errno == ECONNREFUSED || errno == EPERM;
}

static int stream(const char *address, int port, unsigned rate, uint32_t count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t octets[100] = { 0 };
	struct timespec start, now;

	if (s < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
		return fail("connect");
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint32_t i = 0; i < count;) {
		uint64_t ns;

		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = (uint64_t)((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec -
		                start.tv_nsec);
		/* Late, never more than 32 at once: the queues on the way are not what is tested.
		 */
		for (int burst = 0; burst < 32 && i < count && i * 1000000000ull / rate <= ns;
		     burst++, i++) {
			uint32_t number = htonl(i);

			memcpy(octets, &number, sizeof(number));
			if (send(s, octets, sizeof(octets), 0) < 0 && !was_refused())
				return fail("send");
		}
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		return receive(atoi(argv[2]));
	if (argc == 6 && strcmp(argv[1], "send") == 0)
		return stream(argv[2], atoi(argv[3]), (unsigned)atoi(argv[4]),
		              (uint32_t)atoi(argv[5]));
	fprintf(stderr, "usage: stream receive PORT | stream send ADDRESS PORT RATE COUNT\n");
	return 2;
}
