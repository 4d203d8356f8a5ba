/*
 * What holds for all packets of a protocol family for a while: that we are alive, and that the
 * policy is just being changed.
 */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>

void protocols_put(struct batch *b, const char *set, bool are_in)
{
	static const uint8_t protocols[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct elements e = elements_begin(b, NFT_MSG_NEWSETELEM, set);

	batch_flush_set(b, set);
	for (size_t i = 0; are_in && i < ARRAY_LEN(protocols); i++) {
		struct element element = { .key = { protocols[i] }, .key_len = 1 };

		element_put(&e, &element);
	}
	elements_end(&e);
}

void protocols_clear(struct steering *s, const char *set)
{
	struct batch b = { 0 };
	int error;

	protocols_put(&b, set, false);
	error = nft_commit(&s->nft, &b, NULL);
	if (error != 0 && error != ENOENT) /* without a table there is nothing to clear */
		log_line(&s->log, LOG_ERROR, "steering: set %s cannot be emptied: %s", set,
		         strerror(error));
	batch_wipe(&b);
}

/* Kernels before 6.12 do not renew an element that is there, so it goes and comes back. */
void alive_put(struct steering *s, struct batch *b)
{
	static const uint8_t messages[] = { NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM,
		                            NFT_MSG_NEWSETELEM };
	static const uint8_t protocols[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct elements e = elements_begin(b, messages[i], "alive");

		for (size_t j = 0; j < ARRAY_LEN(protocols); j++) {
			struct element element = { .key = { protocols[j] }, .key_len = 1 };

			element_put(&e, &element);
		}
		elements_end(&e);
	}
}

void steering_alive(struct steering *s)
{
	struct batch b = { 0 };

	alive_put(s, &b);
	/* Should the kernel not have taken that when it was due, all would wait without end. */
	protocols_put(&b, "replacing", false);
	protocols_put(&b, "changing", false);
	steering_commit(s, &b, "heartbeat");
	labels_retry(s);
}
