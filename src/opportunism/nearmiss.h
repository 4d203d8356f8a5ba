#pragma once
/*
 * Records that look like ours and are not used: said once in their TTL, since whoever made the
 * mistake cannot see it (TXT-4, IPK-1).
 */
#include "opportunism/limits.h"
#include "opportunism/records.h"
#include "util/hash.h"
#include "util/log.h"

struct near_misses {
	struct near_miss {
		uint64_t hash; /* of the name */
		struct instant until;
	} told[NEAR_MISSES_MAX];
	size_t next;
};

/* `seed` makes hashes nobody can foresee. */
void near_misses_look(struct near_misses *all, const struct hash *seed, const struct log *log,
                      const char *name, const struct record_set *set, struct instant now);
