#pragma once
/*
 * The TUN device: where the kernel puts trapped packets, and where decrypted ones come from.
 *
 * Whole IP packets without any header in front. No offloads are asked for, so the kernel segments
 * and completes checksums before it gives a packet to us. The device is made for several queues;
 * each queue is a descriptor of its own.
 */
#include "util/address.h"

struct tun_settings {
	const char *name;
	unsigned mtu; /* of the outer device, never less: the engine enforces inner limits itself */
	struct ip address; /* IPv4 address of the outer device as /32, or IP_NONE */
};

/*
 * Makes the device with everything it needs and brings it up; it goes when its last queue is
 * closed. -1: `error` says why.
 */
int tun_open(const struct tun_settings *settings, char *error, size_t size);
/* Another address (IP_NONE: none) instead of `before`, and another MTU. */
MUST_USE bool tun_change(const char *name, const struct ip *before, const struct ip *after,
                         unsigned mtu);
/* Up, address and MTU as they should be, whoever changed them; `mtu_now` may be 0, not known. True:
 * they were others. */
MUST_USE bool tun_put_back(const struct tun_settings *settings, unsigned mtu_now);
