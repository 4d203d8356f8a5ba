#pragma once
/*
 * Destinations that were protected in the last 30 days, each with the key that proved its gateway
 * (TRU-9). Where the DNS is not signed, whoever can forge an answer can also deny that there ever
 * was a record: what was protected once and is not now, or by another key, is worth a warning, and
 * with sticky=yes it gets no cleartext.
 *
 * At PROTECTED_MAX a part of them is forgotten, those of the networks that have the most
 * (thinning.h): who shows us thousands of addresses of his own displaces his own.
 */
#include <sys/queue.h>

#include "crypto/pubkey.h"
#include "util/address.h"
#include "util/hash.h"
#include "util/text.h"
#include "util/time.h"

enum { PROTECTED_KEY_LEN = 16 };

/* The file's, in slots (slot.h). */
#define PROTECTED_WHAT "wildswan-protected"

struct protected_host {
	struct hash_node by_address;
	TAILQ_ENTRY(protected_host) in_order;
	struct ip address;
	uint8_t key[PROTECTED_KEY_LEN]; /* of its digest */
	struct instant last;
};

struct protected_hosts {
	struct hash by_address;
	TAILQ_HEAD(protected_list, protected_host) in_order; /* the least recent first */
	uint64_t changes; /* counts what is worth writing down */
};

/* As it is written down: copied fast, made a text of by whoever has the time. */
struct protected_list_copy {
	int64_t written_s; /* since 1970 */
	size_t count;
	struct protected_record {
		struct ip address;
		uint8_t key[PROTECTED_KEY_LEN];
		int64_t last_s; /* since 1970 */
	} hosts[];
};

void protected_init(struct protected_hosts *all, const uint64_t seed[2]);
void protected_wipe(struct protected_hosts *all);

/* A tunnel to the address is up, proven by this key. */
void protected_note(struct protected_hosts *all, const struct ip *address, const struct pubkey *key,
                    struct instant now);
/* NULL: never protected, or too long ago. */
const struct protected_host *protected_find(const struct protected_hosts *all,
                                            const struct ip *address, struct instant now);
bool protected_is_by(const struct protected_host *host, const struct pubkey *key);
/* False: it was not remembered. */
bool protected_forget(struct protected_hosts *all, const struct ip *address);

/* What is written down, at most PROTECTED_MAX; the caller frees. `wall_s`: the wall clock now. */
struct protected_list_copy *protected_copy(const struct protected_hosts *all, int64_t wall_s,
                                           struct instant now);
/*
 * As lines "ADDRESS KEY TIME", the time in seconds of the wall clock, after a line "written TIME".
 * Lines that are none are passed over. However long ago it was written by the clock now, that
 * counts as a day at most: the clock may be wrong, and what is dropped here is gone for good.
 */
void protected_write(const struct protected_list_copy *copy, struct text *out);
void protected_read(struct protected_hosts *all, struct bytes text, int64_t wall_s,
                    struct instant now);
