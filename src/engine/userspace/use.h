#pragma once
/*
 * What has gone through something: written by the worker (and, while a hold drains, by the control
 * thread), read by the control thread at any time. Each number is right; together they may be one
 * packet apart.
 */
#include "opportunism/ports.h"

struct use {
	uint64_t packets;
	uint64_t octets;
	int64_t last_ns;
};

static inline void use_add(struct use *use, size_t octets, struct instant now)
{
	__atomic_fetch_add(&use->packets, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&use->octets, octets, __ATOMIC_RELAXED);
	__atomic_store_n(&use->last_ns, now.ns, __ATOMIC_RELAXED);
}

static inline struct eroute_use use_read(const struct use *use)
{
	return (struct eroute_use){
		.packets = __atomic_load_n(&use->packets, __ATOMIC_RELAXED),
		.octets = __atomic_load_n(&use->octets, __ATOMIC_RELAXED),
		.last = { __atomic_load_n(&use->last_ns, __ATOMIC_RELAXED) },
	};
}
