#include "opportunism/protected.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/prf.h"
#include "opportunism/limits.h"
#include "opportunism/thinning.h"

/* A tunnel that is used all day is written down once in so long. */
#define PROTECTED_STEP SECONDS(3600)

void protected_init(struct protected_hosts *all, const uint64_t seed[2])
{
	hash_init(&all->by_address, seed);
	TAILQ_INIT(&all->in_order);
	all->changes = 0;
}

static void host_free(struct protected_hosts *all, struct protected_host *host)
{
	TAILQ_REMOVE(&all->in_order, host, in_order);
	hash_remove(&all->by_address, &host->by_address);
	free(host);
}

void protected_wipe(struct protected_hosts *all)
{
	while (!TAILQ_EMPTY(&all->in_order))
		host_free(all, TAILQ_FIRST(&all->in_order));
	hash_wipe(&all->by_address);
}

static struct protected_host *find(const struct protected_hosts *all, const struct ip *address)
{
	struct hash_node *node = hash_first(
	    &all->by_address, hash_octets(&all->by_address, address, sizeof(*address)));

	for (; node != NULL; node = hash_following(node)) {
		struct protected_host *host =
		    CONTAINER_OF(node, struct protected_host, by_address);

		if (ip_equal(&host->address, address))
			return host;
	}
	return NULL;
}

static bool is_past(const struct protected_host *host, struct instant now)
{
	return instant_since(now, host->last).ns >= PROTECTED_TIME.ns;
}

const struct protected_host *protected_find(const struct protected_hosts *all,
                                            const struct ip *address, struct instant now)
{
	const struct protected_host *host = find(all, address);

	return host == NULL || is_past(host, now) ? NULL : host;
}

static bool key_digest(const struct pubkey *key, uint8_t out[PROTECTED_KEY_LEN])
{
	struct bytes octets = pubkey_octets(key);
	uint8_t digest[SHA2_256_LEN];

	if (octets.len == 0 || !sha2_256(&octets, 1, digest))
		return false;
	memcpy(out, digest, PROTECTED_KEY_LEN);
	return true;
}

bool protected_is_by(const struct protected_host *host, const struct pubkey *key)
{
	uint8_t digest[PROTECTED_KEY_LEN];

	return key_digest(key, digest) && memcmp(digest, host->key, sizeof(digest)) == 0;
}

/* A part at once, since all are looked at for it. */
static void make_room(struct protected_hosts *all)
{
	size_t count = 0;
	struct thinned *hosts = new_array(all->by_address.count, sizeof(*hosts));
	struct protected_host *host;

	TAILQ_FOREACH (host, &all->in_order, in_order)
		hosts[count++] = (struct thinned){ host->address, host->last, host, false };
	thin_out(hosts, count, PROTECTED_MAX - PROTECTED_MAX / 16);
	for (size_t i = 0; i < count; i++)
		if (!hosts[i].stays)
			host_free(all, hosts[i].owner);
	free(hosts);
}

static struct protected_host *host_of(struct protected_hosts *all, const struct ip *address)
{
	struct protected_host *host = find(all, address);

	if (host != NULL) {
		TAILQ_REMOVE(&all->in_order, host, in_order);
		TAILQ_INSERT_TAIL(&all->in_order, host, in_order);
		return host;
	}
	if (all->by_address.count >= PROTECTED_MAX)
		make_room(all);
	host = new_zeroed(sizeof(*host));
	host->address = *address;
	hash_add(&all->by_address, &host->by_address,
	         hash_octets(&all->by_address, address, sizeof(*address)));
	TAILQ_INSERT_TAIL(&all->in_order, host, in_order);
	return host;
}

void protected_note(struct protected_hosts *all, const struct ip *address, const struct pubkey *key,
                    struct instant now)
{
	uint8_t digest[PROTECTED_KEY_LEN];
	struct protected_host *host;

	if (!key_digest(key, digest))
		return;
	host = host_of(all, address);
	if (memcmp(host->key, digest, sizeof(digest)) == 0 &&
	    instant_since(now, host->last).ns < PROTECTED_STEP.ns)
		return;
	memcpy(host->key, digest, sizeof(digest));
	host->last = now;
	all->changes++;
}

bool protected_forget(struct protected_hosts *all, const struct ip *address)
{
	struct protected_host *host = find(all, address);

	if (host == NULL)
		return false;
	host_free(all, host);
	all->changes++;
	return true;
}

/* ---- On disk ---- */

static int64_t seconds_since(struct instant now, struct instant then)
{
	return instant_since(now, then).ns / 1000000000;
}

struct protected_list_copy *protected_copy(const struct protected_hosts *all, int64_t wall_s,
                                           struct instant now)
{
	struct protected_list_copy *copy =
	    new_zeroed(sizeof(*copy) + all->by_address.count * sizeof(copy->hosts[0]));
	const struct protected_host *host;

	TAILQ_FOREACH (host, &all->in_order, in_order) {
		struct protected_record *to = &copy->hosts[copy->count];

		if (is_past(host, now))
			continue;
		to->address = host->address;
		memcpy(to->key, host->key, sizeof(to->key));
		to->last_s = wall_s - seconds_since(now, host->last);
		copy->count++;
	}
	return copy;
}

void protected_write(const struct protected_list_copy *copy, struct text *out)
{
	for (size_t i = 0; i < copy->count; i++) {
		const struct protected_record *host = &copy->hosts[i];
		char key[2 * PROTECTED_KEY_LEN + 1];

		hex_write(BYTES_OF(host->key), key);
		text_add(out, "%s %s %lld\n", ip_text(&host->address).s, key,
		         (long long)host->last_s);
	}
}

/* A time to come is that of a clock that was wrong: as if it were now. */
static void read_line(struct protected_hosts *all, const char *line, int64_t wall_s,
                      struct instant now)
{
	char address[48], key[2 * PROTECTED_KEY_LEN + 1];
	uint8_t digest[PROTECTED_KEY_LEN];
	struct protected_host *host;
	long long then;
	int64_t age_s;
	struct ip ip;
	char end;

	if (sscanf(line, "%47s %32s %19lld%c", address, key, &then, &end) != 3 || then < 0 ||
	    strlen(key) != 2 * PROTECTED_KEY_LEN || !ip_parse(address, &ip) ||
	    hex_read(key, digest, sizeof(digest)) != PROTECTED_KEY_LEN)
		return;
	age_s = then < wall_s ? wall_s - then : 0;
	if (age_s >= PROTECTED_TIME.ns / 1000000000)
		return;
	host = host_of(all, &ip);
	memcpy(host->key, digest, sizeof(digest));
	host->last = (struct instant){ now.ns - age_s * 1000000000 };
}

void protected_read(struct protected_hosts *all, struct bytes text, int64_t wall_s,
                    struct instant now)
{
	while (text.len > 0) {
		const uint8_t *newline = memchr(text.data, '\n', text.len);
		size_t len = newline == NULL ? text.len : (size_t)(newline - text.data);
		char line[128];

		/* The last line without its end was cut off. */
		if (newline != NULL && len < sizeof(line) && memchr(text.data, 0, len) == NULL) {
			memcpy(line, text.data, len);
			line[len] = '\0';
			read_line(all, line, wall_s, now);
		}
		len += newline != NULL;
		text = BYTES(text.data + len, text.len - len);
	}
}
