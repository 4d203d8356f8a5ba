#include "opportunism/thinning.h"

#include <stdlib.h>
#include <string.h>

/* Octets that the addresses of a group have in common, by level; the first is all of a family. */
static const struct {
	size_t octets[4];
	size_t count;
} levels4 = { { 0, 2, 3 }, 3 }, levels6 = { { 0, 4, 6, 8 }, 4 };

static int compare_address(const void *a, const void *b)
{
	const struct thinned *x = a, *y = b;

	return ip_compare(&x->address, &y->address);
}

static int compare_last(const void *a, const void *b)
{
	const struct thinned *x = a, *y = b;

	return x->last.ns > y->last.ns ? -1 : x->last.ns < y->last.ns;
}

static size_t level_count(const struct ip *address)
{
	return address->family == IP_V4 ? levels4.count : levels6.count;
}

static bool is_together(const struct ip *a, const struct ip *b, size_t level)
{
	size_t octets = a->family == IP_V4 ? levels4.octets[level] : levels6.octets[level];

	return a->family == b->family && memcmp(a->octets, b->octets, octets) == 0;
}

/* Of the group that `all` begins with. */
static size_t group_size(const struct thinned *all, size_t count, size_t level)
{
	size_t size = 1;

	while (size < count && is_together(&all[0].address, &all[size].address, level))
		size++;
	return size;
}

/* What all groups take together if each has `most` at most. */
static size_t taken_at(const size_t *sizes, size_t groups, size_t most)
{
	size_t taken = 0;

	for (size_t i = 0; i < groups; i++)
		taken += sizes[i] < most ? sizes[i] : most;
	return taken;
}

/* The largest share of a group with which the places are enough. */
static size_t share_of(const size_t *sizes, size_t groups, size_t places)
{
	size_t low = 0, high = places;

	while (low < high) {
		size_t middle = high - (high - low) / 2;

		if (taken_at(sizes, groups, middle) <= places)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static void thin_group(struct thinned *all, size_t count, size_t places, size_t level);

static void thin_groups(struct thinned *all, size_t count, size_t places, size_t level)
{
	size_t *sizes = new_array(count, sizeof(*sizes));
	size_t groups = 0, share, left;

	for (size_t i = 0; i < count; i += sizes[groups++])
		sizes[groups] = group_size(&all[i], count - i, level);
	share = share_of(sizes, groups, places);
	left = places - taken_at(sizes, groups, share);
	for (size_t i = 0; i < groups; i++) {
		bool has_one_more = sizes[i] > share && left > 0;

		left -= has_one_more;
		thin_group(all, sizes[i], (sizes[i] < share ? sizes[i] : share) + has_one_more,
		           level + 1);
		all += sizes[i];
	}
	free(sizes);
}

/* All of one group, if `level` is not 0. */
static void thin_group(struct thinned *all, size_t count, size_t places, size_t level)
{
	if (places < count && (level == 0 || level < level_count(&all[0].address))) {
		thin_groups(all, count, places, level);
		return;
	}
	if (places < count)
		qsort(all, count, sizeof(*all), compare_last);
	for (size_t i = 0; i < count; i++)
		all[i].stays = i < places;
}

void thin_out(struct thinned *all, size_t count, size_t places)
{
	qsort(all, count, sizeof(*all), compare_address);
	thin_group(all, count, places, 0);
}
