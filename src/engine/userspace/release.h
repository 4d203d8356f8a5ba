#pragma once
/*
 * Gives packets back to the kernel: held ones whose verdict came, and ICMP errors of our own.
 *
 * Raw sockets whose marks the steering knows: a `pass` release leaves in the clear, a `tunnel`
 * release goes through the kernel to the TUN once more, tracked this time, and is sealed there; so
 * connection tracking and translation see the first packet of a connection. Safe from several
 * threads.
 */
#include <pthread.h>

#include "engine/userspace/icmp.h"
#include "engine/userspace/packet.h"

enum release_way { RELEASE_PASS, RELEASE_TUNNEL, RELEASE_WAYS };

struct release {
	int raw4[RELEASE_WAYS], raw6[RELEASE_WAYS];
	int icmp4, icmp6;
	int probe4, probe6; /* tell the MTU of a route */
	pthread_mutex_t probe_lock;
};

/* `marks` by way. False: `error` says why. */
MUST_USE bool release_open(struct release *r, const uint32_t marks[RELEASE_WAYS], char *error,
                           size_t size);
void release_close(struct release *r);
/*
 * False: the kernel refused. What is larger than its route's device carries is cut into fragments,
 * or its sender is told.
 */
MUST_USE bool release_packet(struct release *r, enum release_way way, const struct packet *packet);
/* To the source of `about`; the caller has asked icmp_may_answer() and its rate. */
void release_icmp(struct release *r, enum icmp_error error, const struct packet *about, size_t mtu);
