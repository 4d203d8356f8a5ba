#include "engine/steering/taken.h"

/* A sum of keyed hashes says whether two lists are the same, in whatever order. */
struct tally {
	const struct hash *hash;
	uint64_t sum;
	size_t count;
};

/* One element, without padding. */
struct trait {
	uint8_t key[40];
	uint8_t key_end[40];
	uint8_t data[40];
	uint64_t lens[3];
	uint64_t is_range_end;
};

static void copy(uint8_t out[40], uint64_t *len, struct bytes from)
{
	*len = from.len;
	if (from.len > 0)
		memcpy(out, from.data, from.len < 40 ? from.len : 40);
}

/* `nft` writes it where a set of single ranges does not begin with the first address. */
static bool is_nothing(const struct element_report *report)
{
	static const uint8_t zero[40];

	return report->is_range_end && report->key.len <= sizeof(zero) &&
	       memcmp(report->key.data, zero, report->key.len) == 0;
}

static void add(void *ctx, const struct element_report *report)
{
	struct tally *tally = ctx;
	struct trait trait = { .is_range_end = report->is_range_end };

	if (is_nothing(report))
		return;
	copy(trait.key, &trait.lens[0], report->key);
	copy(trait.key_end, &trait.lens[1],
	     report->key_end.len > 0 ? report->key_end : report->key);
	copy(trait.data, &trait.lens[2], report->data);
	tally->sum += hash_octets(tally->hash, &trait, sizeof(trait));
	tally->count++;
}

bool taken_has(struct steering *s, const char *set, const struct batch *wanted)
{
	struct tally want = { .hash = &s->pairs };
	struct tally have = want;

	batch_each_new(wanted, add, &want);
	return nft_dump_set(&s->nft, set, add, &have) == 0 && have.count == want.count &&
	       have.sum == want.sum;
}
