#include "engine/userspace/child.h"

#include <stdlib.h>

#include "engine/userspace/happens.h"
#include "engine/userspace/transport.h"

static bool child_expand_keys(struct child *child, const struct child_sa *sa)
{
	child->in = (struct esp_key){ sa->spi_in, sa->is_esn,
		                      aead_new(sa->cipher, secret_view(&sa->key_in)) };
	child->out = (struct esp_key){ sa->spi_out, sa->is_esn,
		                       aead_new(sa->cipher, secret_view(&sa->key_out)) };
	return child->in.aead != NULL && child->out.aead != NULL;
}

void esp_child_free(struct child *child)
{
	aead_free(child->in.aead);
	aead_free(child->out.aead);
	replay_wipe(&child->replay);
	free(child->moved);
	selectors_free(&child->more_local);
	selectors_free(&child->more_remote);
	free(child);
}

static uint64_t limit_of(uint64_t limit, uint64_t most)
{
	return limit == 0 || limit > most ? most : limit;
}

/* Sequence numbers are a limit of their own, whatever was said. */
static void child_set_limits(struct child *child, const struct child_sa *sa)
{
	uint64_t most = sa->is_esn ? UINT64_MAX : UINT32_MAX;

	child->soft.packets = limit_of(sa->soft.packets, UINT64_MAX);
	child->soft.octets = limit_of(sa->soft.octets, UINT64_MAX);
	child->hard.packets = limit_of(sa->hard.packets, most);
	child->hard.octets = limit_of(sa->hard.octets, UINT64_MAX);
}

struct child *esp_child_new(const struct child_sa *sa, unsigned mtu)
{
	struct child *child = new_zeroed(sizeof(*child));

	child->spi_in = sa->spi_in;
	child->spi_out = sa->spi_out;
	child->local = sa->local;
	child->remote = sa->remote;
	child->more_local = selectors_copy(sa->more_local);
	child->more_remote = selectors_copy(sa->more_remote);
	child->path = sa->path;
	child->udp_encapsulation = sa->udp_encapsulation;
	child->copies_dscp = sa->copies_dscp;
	child->is_transport = sa->is_transport;
	child->mtu = child->device_mtu = mtu;
	child_set_limits(child, sa);
	replay_init(&child->replay, REPLAY_WINDOW, sa->is_esn);
	if (!child_expand_keys(child, sa)) {
		esp_child_free(child);
		return NULL;
	}
	return child;
}

const struct path *child_path(const struct child *child)
{
	const struct moved *moved = PUBLISHED(child->moved);

	return moved == NULL ? &child->path : &moved->path;
}

size_t child_limit(const struct child *child)
{
	enum ip_family outer = (enum ip_family)child->path.remote.address.family;
	size_t limit = esp_inner_limit(aead_shape_of(child->out.aead),
	                               __atomic_load_n(&child->mtu, __ATOMIC_RELAXED), outer,
	                               child->udp_encapsulation);

	return child->is_transport && limit > 0 ? limit + transport_header_len(outer) : limit;
}

size_t child_inner_limit(const struct child *child, unsigned version)
{
	size_t limit = child_limit(child);

	/* Nothing may tell an IPv6 host less than 1280 (RFC 8200 section 5). */
	return version == 6 && limit < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : limit;
}

uint64_t child_next_sequence(struct child *child)
{
	uint64_t most = child->hard.packets;
	uint64_t last = __atomic_load_n(&child->sequence, __ATOMIC_RELAXED);

	if (__atomic_load_n(&child->use_out.octets, __ATOMIC_RELAXED) >= child->hard.octets)
		return 0;
	do {
		if (last >= most)
			return 0;
	} while (!__atomic_compare_exchange_n(&child->sequence, &last, last + 1, true,
	                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return last + 1;
}

bool child_wears_out(struct child *child, uint64_t sequence)
{
	if (sequence < child->soft.packets &&
	    __atomic_load_n(&child->use_out.octets, __ATOMIC_RELAXED) < child->soft.octets)
		return false;
	return !__atomic_load_n(&child->is_worn, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(&child->is_worn, true, __ATOMIC_RELAXED);
}

void child_says_again(struct child *child)
{
	__atomic_store_n(&child->is_worn, false, __ATOMIC_RELAXED);
}

bool child_is_used_up(const struct child *child, uint64_t sequence)
{
	return sequence >= child->hard.packets ||
	       __atomic_load_n(&child->use_out.octets, __ATOMIC_RELAXED) >= child->hard.octets;
}

void child_spend(struct child *child)
{
	__atomic_store_n(&child->is_spent, true, __ATOMIC_RELAXED);
}

bool child_is_spent(const struct child *child)
{
	return __atomic_load_n(&child->is_spent, __ATOMIC_RELAXED);
}

bool child_carries_no_more(const struct child *child)
{
	return __atomic_load_n(&child->is_gone, __ATOMIC_RELAXED) || child_is_spent(child);
}
