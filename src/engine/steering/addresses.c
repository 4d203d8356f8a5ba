/* Sets of single ranges: which addresses are inside, known or let by, as the kernel has them. */
#include "engine/steering/state.h"

#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

static const enum ip_family families[] = { IP_V4, IP_V6 };

void range_put(struct elements *e, const struct ip_range *range, const char *chain)
{
	struct element element = { .key_len = ip_len(&range->first), .chain = chain };
	struct ip after;

	memcpy(element.key, range->first.octets, element.key_len);
	element_put(e, &element);
	if (!ip_next(&range->last, &after))
		return; /* open to the end of the address space */
	memcpy(element.key, after.octets, element.key_len);
	element.is_range_end = true;
	element.chain = NULL;
	element_put(e, &element);
}

void cover_put(struct batch *b, const char *stem, enum ip_family family, const struct cover *cover)
{
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, stem, family));

	batch_flush_set(b, name);
	for (size_t i = 0; i < cover->count; i++)
		if (cover->ranges[i].first.family == family)
			range_put(&e, &cover->ranges[i], NULL);
	elements_end(&e);
}

struct ip_range *ranges_copy(const struct ip_range *ranges, size_t count)
{
	struct ip_range *copy = new_array(count + 1, sizeof(*copy));

	if (count > 0)
		memcpy(copy, ranges, count * sizeof(*copy));
	return copy;
}

void inside_put(struct steering *s, struct batch *b)
{
	struct cover inside;

	cover_of_ranges(&inside, s->inside, s->settings.inside_count);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		cover_put(b, "inside", families[i], &inside);
	cover_wipe(&inside);
}

void bypass_put(struct steering *s, struct batch *b)
{
	struct cover bypass;

	cover_of_ranges(&bypass, s->bypass, s->settings.bypass_count);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		cover_put(b, "bypass", families[i], &bypass);
	cover_wipe(&bypass);
}

void known_put(struct steering *s, struct batch *b)
{
	struct cover known;

	steering_known(&known, &s->settings);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		cover_put(b, "known", families[i], &known);
	cover_wipe(&known);
}

void steering_set_inside(struct steering *s, const struct ip_range *inside, size_t count)
{
	struct batch b = { 0 };
	struct ip_range *copy = ranges_copy(inside, count);

	free(s->inside);
	s->settings.inside = s->inside = copy;
	s->settings.inside_count = count;
	inside_put(s, &b);
	steering_commit(s, &b, "inside ranges");
}

void steering_set_network(struct steering *s, const struct ip_range *known, size_t known_count,
                          const struct ip_range *bypass, size_t bypass_count)
{
	struct batch b = { 0 };

	free(s->known);
	free(s->bypass);
	s->settings.known = s->known = ranges_copy(known, known_count);
	s->settings.known_count = known_count;
	s->settings.bypass = s->bypass = ranges_copy(bypass, bypass_count);
	s->settings.bypass_count = bypass_count;
	known_put(s, &b);
	bypass_put(s, &b);
	steering_commit(s, &b, "addresses and routes");
}
