/*
 * The addresses of this machine.
 */
#include "opportunism/conns.h"

struct own_addresses own_of(const struct ip *outer, size_t outer_count, const struct ip *covered,
                            size_t covered_count, const struct ip *all, size_t count)
{
	struct own_addresses own = { .all = all,
		                     .count = count,
		                     .outer = outer,
		                     .outer_count = outer_count,
		                     .covered = covered,
		                     .covered_count = covered_count };

	for (size_t i = outer_count; i-- > 0;)
		*(outer[i].family == IP_V4 ? &own.own4 : &own.own6) = outer[i];
	return own;
}

static bool is_among(const struct ip *list, size_t count, const struct ip *address)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_equal(&list[i], address))
			return true;
	}
	return false;
}

bool own_is_outer(const struct own_addresses *own, const struct ip *address)
{
	return is_among(own->outer, own->outer_count, address);
}

bool own_is_covered(const struct own_addresses *own, const struct ip *address)
{
	return is_among(own->covered, own->covered_count, address);
}

bool own_has_choice(const struct own_addresses *own, enum ip_family family)
{
	size_t count = 0;

	for (size_t i = 0; i < own->outer_count; i++)
		count += own->outer[i].family == family;
	return count > 1;
}
