/*
 * delay: a link with a delay, for kernels without sch_netem.
 *
 *      delay DEVICE MILLISECONDS
 *
 * Makes the TUN device and gives every packet that is routed into it back to the kernel after the
 * time, in order. Whoever routes decides what is delayed. At most QUEUE_MAX packets are under way;
 * beyond that new ones are lost, as on a real link. Ends with its namespace or a signal.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_MAX = 4096, PACKET_MAX = 2048 };

struct packet {
	int64_t due_ns;
	size_t len;
	uint8_t octets[PACKET_MAX];
};

static struct packet queue[QUEUE_MAX];
static size_t head, tail; /* count without end; the slot is the number modulo QUEUE_MAX */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		err(1, "%s", name);
	return fd;
}

static void take(int fd, int64_t delay_ns)
{
	static uint8_t lost[PACKET_MAX];

	for (;;) {
		bool full = tail - head == QUEUE_MAX;
		struct packet *packet = &queue[tail % QUEUE_MAX];
		ssize_t len = read(fd, full ? lost : packet->octets, PACKET_MAX);

		if (len <= 0)
			return;
		if (full)
			continue;
		packet->len = (size_t)len;
		packet->due_ns = now_ns() + delay_ns;
		tail++;
	}
}

static void give(int fd)
{
	while (head != tail && queue[head % QUEUE_MAX].due_ns <= now_ns()) {
		const struct packet *packet = &queue[head % QUEUE_MAX];

		if (write(fd, packet->octets, packet->len) < 0)
			warn("a packet was lost");
		head++;
	}
}

static void wait_for_work(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct timespec wait;
	int64_t left_ns = 0;

	if (head != tail) {
		left_ns = queue[head % QUEUE_MAX].due_ns - now_ns();
		if (left_ns < 0)
			left_ns = 0;
	}
	wait.tv_sec = left_ns / 1000000000;
	wait.tv_nsec = left_ns % 1000000000;
	ppoll(&poll_fd, 1, head != tail ? &wait : NULL, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: delay DEVICE MILLISECONDS");
	int64_t delay_ns = (int64_t)(atof(argv[2]) * 1e6);
	int fd = open_tun(argv[1]);

	puts("ready");
	fflush(stdout);
	for (;;) {
		wait_for_work(fd);
		take(fd, delay_ns);
		give(fd);
	}
}
