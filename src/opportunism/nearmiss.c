#include "opportunism/nearmiss.h"

#include <string.h>

static bool was_told(const struct near_misses *all, uint64_t hash, struct instant now)
{
	for (size_t i = 0; i < NEAR_MISSES_MAX; i++)
		if (all->told[i].hash == hash && now.ns < all->told[i].until.ns)
			return true;
	return false;
}

void near_misses_look(struct near_misses *all, const struct hash *seed, const struct log *log,
                      const char *name, const struct record_set *set, struct instant now)
{
	uint64_t hash;

	if (set->malformed == 0)
		return;
	hash = hash_octets(seed, name, strlen(name));
	if (was_told(all, hash, now))
		return;
	all->told[all->next] =
	    (struct near_miss){ hash, instant_after(now, SECONDS(set->ttl_s)) };
	all->next = (all->next + 1) % NEAR_MISSES_MAX;
	log_line(log, LOG_WARNING,
	         "dns %s: %u record%s of ours in name or type, malformed and not used", name,
	         set->malformed, set->malformed == 1 ? "" : "s");
}
