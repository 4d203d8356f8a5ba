#include "opportunism/protected.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/prf.h"
#include "opportunism/limits.h"
#include "opportunism/thinning.h"

/* A tunnel that is used all day is written down once in so long. */
#define PROTECTED_STEP SECONDS(3600)

enum { UNSEEN_MOST_S = 86400 };

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
	struct hash_node *node =
	    hash_first(&all->by_address, hash_octets(&all->by_address, address, sizeof(*address)));

	for (; node != NULL; node = hash_following(node)) {
		struct protected_host *host = CONTAINER_OF(node, struct protected_host, by_address);

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

	copy->written_s = wall_s;
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
	text_add(out, "written %lld\n", (long long)copy->written_s);
	for (size_t i = 0; i < copy->count; i++) {
		const struct protected_record *host = &copy->hosts[i];
		char key[2 * PROTECTED_KEY_LEN + 1];

		hex_write(BYTES_OF(host->key), key);
		text_add(out, "%s %s %lld\n", ip_text(&host->address).s, key,
		         (long long)host->last_s);
	}
}

static bool read_line(const char *line, struct protected_record *out)
{
	char address[48], key[2 * PROTECTED_KEY_LEN + 1];
	long long then;
	char end;

	if (sscanf(line, "%47s %32s %15lld%c", address, key, &then, &end) != 3 || then < 0 ||
	    strlen(key) != 2 * PROTECTED_KEY_LEN || !ip_parse(address, &out->address) ||
	    hex_read(key, out->key, sizeof(out->key)) != PROTECTED_KEY_LEN)
		return false;
	out->last_s = then;
	return true;
}

/* False: it was the last one. */
static bool next_line(struct bytes *text, char *line, size_t size)
{
	const uint8_t *newline;
	size_t len;

	do {
		/* The last line without its end was cut off. */
		newline = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
		if (newline == NULL)
			return false;
		len = (size_t)(newline - text->data);
		line[0] = '\0';
		if (len < size && memchr(text->data, 0, len) == NULL) {
			memcpy(line, text->data, len);
			line[len] = '\0';
		}
		*text = BYTES(text->data + len + 1, text->len - len - 1);
	} while (line[0] == '\0');
	return true;
}

/* When it was written: as it says, or the latest time in it. */
static int64_t written_at(struct bytes text)
{
	struct protected_record host;
	int64_t latest_s = 0;
	char line[128];

	while (next_line(&text, line, sizeof(line))) {
		long long at;

		if (sscanf(line, "written %15lld", &at) == 1)
			return at;
		if (read_line(line, &host) && host.last_s > latest_s)
			latest_s = host.last_s;
	}
	return latest_s;
}

/* By the clock that wrote it; of the time since then, which no clock of ours has seen pass, a day
 * is believed. A clock that is wrong at a start, or for the moment of a write, ends no memory. */
static int64_t age_of(const struct protected_record *host, int64_t written_s, int64_t wall_s)
{
	int64_t since_s = wall_s > written_s ? wall_s - written_s : 0;
	int64_t age_s = written_s > host->last_s ? written_s - host->last_s : 0;

	return age_s + (since_s < UNSEEN_MOST_S ? since_s : UNSEEN_MOST_S);
}

static void take_record(struct protected_hosts *all, const struct protected_record *record,
                        int64_t age_s, struct instant now)
{
	struct protected_host *host;

	if (age_s >= PROTECTED_TIME.ns / 1000000000)
		return;
	host = host_of(all, &record->address);
	memcpy(host->key, record->key, sizeof(host->key));
	host->last = (struct instant){ now.ns - age_s * 1000000000 };
}

void protected_read(struct protected_hosts *all, struct bytes text, int64_t wall_s,
                    struct instant now)
{
	int64_t written_s = written_at(text);
	struct protected_record record;
	char line[128];

	while (next_line(&text, line, sizeof(line))) {
		if (read_line(line, &record))
			take_record(all, &record, age_of(&record, written_s, wall_s), now);
	}
	/* Time that passes without a change is seen to pass by being written down. */
	all->changes += all->by_address.count > 0;
}
