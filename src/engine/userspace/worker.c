#include "engine/userspace/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCHES_PER_TURN = 4,
	ICMP_PER_SECOND = 100,
	ICMP_BURST = 50,
	HINTS_PER_SECOND = 10,
	ERRORS_PER_TURN = 64
};

static struct instant clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

/* Up to a batch from the TUN; false: it is empty. */
static bool drain_tun(struct worker *worker)
{
	bool is_empty = false;

	worker->now = clock_now();
	tables_read_begin(&worker->shared->tables);
	for (int i = 0; i < WORKER_BATCH && !is_empty; i++) {
		ssize_t len = read(worker->tun, worker->packet, WORKER_PACKET_MAX);

		if (len > 0)
			outbound(worker, worker->packet, (size_t)len);
		else
			is_empty = true;
	}
	outer_sender_flush(worker->tx);
	tables_read_end(&worker->shared->tables);
	return !is_empty;
}

static bool drain_outer(struct worker *worker, enum outer_socket from)
{
	unsigned count = outer_receive(worker->rx, &worker->shared->outer, from);

	worker->now = clock_now();
	tables_read_begin(&worker->shared->tables);
	for (unsigned i = 0; i < count; i++) {
		struct outer_datagram d = outer_received(worker->rx, i);

		inbound(worker, &d);
	}
	tables_read_end(&worker->shared->tables);
	return count == OUTER_BATCH;
}

/* What an event of the poll is about: an outer socket, or one of these. */
enum { EVENT_TUN = OUTER_SOCKETS, EVENT_STOP };

static void serve(struct worker *worker, unsigned about)
{
	bool is_more = true;

	for (int i = 0; i < BATCHES_PER_TURN && is_more; i++)
		is_more = about == EVENT_TUN ? drain_tun(worker) : drain_outer(worker, about);
}

/* What stays in the queue keeps the poll awake. */
static void drain_errors(struct worker *worker, enum outer_socket from)
{
	struct outer_error error;

	worker->now = clock_now();
	for (int i = 0; i < ERRORS_PER_TURN; i++) {
		if (!outer_receive_error(&worker->shared->outer, from, &error))
			return;
		inbound_error(worker, &error);
	}
}

/*
 * The kernel says so without end, so it is asked no more once the control thread knows. What comes
 * by ESP meanwhile cannot be delivered; what is marked goes into the trap's blackhole.
 */
static void lose_device(struct worker *worker)
{
	if (mailbox_put(&worker->shared->mailbox, &(struct letter){ .kind = LETTER_DEVICE_GONE },
	                BYTES(NULL, 0)))
		(void)epoll_ctl(worker->poll, EPOLL_CTL_DEL, worker->tun, NULL);
}

static void *run(void *ctx)
{
	struct worker *worker = ctx;
	struct epoll_event events[4];
	bool is_stopped = false;

	rcu_register_thread();
	while (!is_stopped) {
		int count = epoll_wait(worker->poll, events, ARRAY_LEN(events), -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.u32 == EVENT_STOP) {
				is_stopped = true;
				continue;
			}
			if ((events[i].events & EPOLLERR) && events[i].data.u32 == EVENT_TUN) {
				lose_device(worker);
				continue;
			}
			if ((events[i].events & EPOLLERR) && events[i].data.u32 < OUTER_SOCKETS)
				drain_errors(worker, events[i].data.u32);
			serve(worker, events[i].data.u32);
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static bool watch(struct worker *worker, int fd, unsigned about)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = about };

	return fd < 0 || epoll_ctl(worker->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch_all(struct worker *worker)
{
	for (int which = OUTER_NAT4; which <= OUTER_ESP6; which++) {
		if (!watch(worker, worker->shared->outer.fd[which], (unsigned)which))
			return false;
	}
	return watch(worker, worker->tun, EVENT_TUN) && watch(worker, worker->stop, EVENT_STOP);
}

/* Signals are the control thread's. */
static bool start_thread(struct worker *worker)
{
	sigset_t all, before;
	bool is_started;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of the sandbox: it must be heard */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	is_started = pthread_create(&worker->thread, NULL, run, worker) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

/* The longest ESP packet we make: an inner one of the limit, or of 1280 octets where IPv6 wants. */
static size_t slot_size(unsigned mtu)
{
	return (mtu < 1500 ? 1500u : mtu) + ESP_OVERHEAD_MAX;
}

bool worker_start(struct worker *worker, struct shared *shared, int tun)
{
	*worker = (struct worker){ .shared = shared, .tun = tun };
	worker->icmp_rate = rate_of(ICMP_PER_SECOND, ICMP_BURST);
	worker->hint_rate = rate_of(HINTS_PER_SECOND, HINTS_PER_SECOND);
	worker->packet = new_zeroed(WORKER_PACKET_MAX);
	worker->piece = new_zeroed(WORKER_PACKET_MAX);
	worker->pieces = new_zeroed(sizeof(*worker->pieces));
	worker->ivs = new_zeroed(sizeof(*worker->ivs));
	worker->rx = outer_receiver_new();
	worker->slot = slot_size(shared->mtu);
	worker->tx =
	    outer_sender_new(&shared->outer, worker->slot, &shared->drops.count[ENGINE_DROP_SEND]);
	worker->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->poll = epoll_create1(EPOLL_CLOEXEC);
	worker->is_running =
	    worker->stop >= 0 && worker->poll >= 0 && watch_all(worker) && start_thread(worker);
	return worker->is_running;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void worker_stop(struct worker *worker)
{
	uint64_t one = 1;

	if (worker->packet == NULL)
		return;
	if (worker->is_running) {
		ssize_t written = write(worker->stop, &one, sizeof(one));

		assert(written == sizeof(one));
		pthread_join(worker->thread, NULL);
	}
	outer_receiver_free(worker->rx);
	outer_sender_free(worker->tx);
	free(worker->packet);
	free(worker->piece);
	free(worker->pieces);
	free(worker->ivs);
	close_if_open(worker->stop);
	close_if_open(worker->poll);
	*worker = (struct worker){ .tun = -1 };
}
