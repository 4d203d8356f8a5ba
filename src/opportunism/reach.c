#include "opportunism/reach.h"

#include <stdio.h>

static bool has_family(const struct ip_range *ranges, size_t count, enum ip_family family)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].first.family == family)
			return true;
	return false;
}

static bool has_common_family(const struct reach *reach)
{
	for (size_t i = 0; i < reach->local_count; i++)
		if (has_family(reach->remote, reach->remote_count,
		               (enum ip_family)reach->local[i].first.family))
			return true;
	return false;
}

/* Our outer addresses, in the families of the other side. */
static void add_outer(struct reach *reach, const struct conn_state *conn,
                      const struct own_addresses *own)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct ip outer = conn_outer(conn, families[i], own);

		if (outer.family != IP_NONE &&
		    has_family(reach->remote, reach->remote_count, families[i]))
			reach->local[reach->local_count++] = range_of_ip(&outer);
	}
}

/* Adds what is not in it yet. */
static void add_range(struct ip_range *ranges, size_t *count, const struct ip_range *range)
{
	for (size_t i = 0; i < *count; i++) {
		if (range_within(range, &ranges[i]))
			return;
		if (range_within(&ranges[i], range)) {
			ranges[i] = *range;
			return;
		}
	}
	if (*count < REACH_MAX)
		ranges[(*count)++] = *range;
}

/* Ranges that are translated are one address to the peer. */
static void add_inner(struct reach *reach, const struct conn_end *ours)
{
	struct ip_range nat = range_of_ip(&ours->nat);

	for (size_t i = 0; i < ours->subnet_count; i++)
		if (ours->subnets[i].first.family == ours->nat.family)
			add_range(reach->local, &reach->local_count, &nat);
		else
			reach->local[reach->local_count++] = ours->subnets[i];
}

bool reach_of_conn(struct reach *reach, const struct conn_state *conn, const struct ip *peer,
                   const struct own_addresses *own)
{
	const struct conn_end *ours = &conn->ours, *theirs = &conn->theirs;

	*reach = (struct reach){ 0 };
	for (size_t i = 0; i < theirs->subnet_count; i++)
		reach->remote[reach->remote_count++] = theirs->subnets[i];
	if (theirs->subnet_count == 0)
		reach->remote[reach->remote_count++] = range_of_ip(peer);
	add_inner(reach, ours);
	if (ours->subnet_count == 0)
		add_outer(reach, conn, own);
	return has_common_family(reach);
}

/* Selectors of single protocols or ports are not ours to take: our rows know addresses only. */
static bool is_for_all(const struct traffic_selector *ts)
{
	return ts->protocol == 0 && ts->port_first == 0 && ts->port_last == 65535;
}

static bool common(const struct ip_range *a, const struct ip_range *b, struct ip_range *out)
{
	if (!range_overlaps(a, b))
		return false;
	out->first = ip_compare(&a->first, &b->first) > 0 ? a->first : b->first;
	out->last = ip_compare(&a->last, &b->last) < 0 ? a->last : b->last;
	return true;
}

static void narrow_side(struct ip_range *out, size_t *count, const struct traffic_selector *first,
                        struct selectors more, const struct ip_range *allowed, size_t allowed_count)
{
	for (size_t i = 0; i <= more.count; i++) {
		const struct traffic_selector *ts = i == 0 ? first : &more.list[i - 1];
		struct ip_range part;

		for (size_t j = 0; is_for_all(ts) && j < allowed_count; j++)
			if (common(&ts->range, &allowed[j], &part))
				add_range(out, count, &part);
	}
}

bool reach_narrow(struct reach *reach, const struct ike_claim *said, const struct reach *allowed)
{
	*reach = (struct reach){ 0 };
	narrow_side(reach->local, &reach->local_count, &said->ours, said->more_ours, allowed->local,
	            allowed->local_count);
	narrow_side(reach->remote, &reach->remote_count, &said->peer, said->more_peer,
	            allowed->remote, allowed->remote_count);
	return reach->local_count > 0 && reach->remote_count > 0 && has_common_family(reach);
}

static bool meets_side(const struct traffic_selector *first, struct selectors more,
                       const struct ip_range *allowed, size_t allowed_count)
{
	for (size_t i = 0; i <= more.count; i++)
		for (size_t j = 0; j < allowed_count; j++)
			if (range_overlaps(i == 0 ? &first->range : &more.list[i - 1].range,
			                   &allowed[j]))
				return true;
	return false;
}

bool reach_meets(const struct ike_claim *said, const struct reach *allowed)
{
	return meets_side(&said->ours, said->more_ours, allowed->local, allowed->local_count) &&
	       meets_side(&said->peer, said->more_peer, allowed->remote, allowed->remote_count);
}

static void take_side(struct ip_range *out, size_t *count, const struct traffic_selector *first,
                      struct selectors more)
{
	for (size_t i = 0; i <= more.count; i++) {
		const struct traffic_selector *ts = i == 0 ? first : &more.list[i - 1];

		if (is_for_all(ts))
			add_range(out, count, &ts->range);
	}
}

void reach_of_child(struct reach *reach, const struct child_sa *child)
{
	*reach = (struct reach){ 0 };
	take_side(reach->local, &reach->local_count, &child->local, child->more_local);
	take_side(reach->remote, &reach->remote_count, &child->remote, child->more_remote);
}

bool reach_is_pair(const struct reach *reach)
{
	return reach->local_count == 1 && reach->remote_count == 1 &&
	       range_is_single(&reach->local[0]) && range_is_single(&reach->remote[0]);
}

static bool is_in_one(const struct ip_range *range, const struct ip_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (range_within(range, &ranges[i]))
			return true;
	return false;
}

static bool are_in(const struct ip_range *inner, size_t inner_count, const struct ip_range *outer,
                   size_t outer_count)
{
	for (size_t i = 0; i < inner_count; i++)
		if (!is_in_one(&inner[i], outer, outer_count))
			return false;
	return true;
}

bool reach_within(const struct reach *inner, const struct reach *outer)
{
	return are_in(inner->local, inner->local_count, outer->local, outer->local_count) &&
	       are_in(inner->remote, inner->remote_count, outer->remote, outer->remote_count);
}

bool reach_equal(const struct reach *a, const struct reach *b)
{
	return reach_within(a, b) && reach_within(b, a);
}

bool reach_covers(const struct reach *reach, const struct ip_pair *pair)
{
	struct ip_range source = range_of_ip(&pair->source);
	struct ip_range destination = range_of_ip(&pair->destination);

	return is_in_one(&source, reach->local, reach->local_count) &&
	       is_in_one(&destination, reach->remote, reach->remote_count);
}

static bool overlap(const struct ip_range *a, size_t a_count, const struct ip_range *b,
                    size_t b_count)
{
	for (size_t i = 0; i < a_count; i++)
		for (size_t j = 0; j < b_count; j++)
			if (range_overlaps(&a[i], &b[j]))
				return true;
	return false;
}

bool reach_overlaps(const struct reach *a, const struct reach *b)
{
	return overlap(a->local, a->local_count, b->local, b->local_count) &&
	       overlap(a->remote, a->remote_count, b->remote, b->remote_count);
}

struct reach_text reach_text(const struct reach *reach)
{
	struct reach_text text;
	size_t more = reach->local_count + reach->remote_count - 2;
	int len = snprintf(text.s, sizeof(text.s), "%s > %s", range_text(&reach->local[0]).s,
	                   range_text(&reach->remote[0]).s);

	if (more > 0 && len > 0 && (size_t)len < sizeof(text.s))
		snprintf(text.s + len, sizeof(text.s) - (size_t)len, " and %zu more", more);
	return text;
}

void reach_selectors(struct reach_selectors *out, const struct reach *reach)
{
	*out = (struct reach_selectors){ 0 };
	for (size_t i = 0; i < reach->local_count; i++)
		out->local[i] = (struct traffic_selector){ reach->local[i], 0, 0, 65535 };
	for (size_t i = 0; i < reach->remote_count; i++)
		out->remote[i] = (struct traffic_selector){ reach->remote[i], 0, 0, 65535 };
	if (reach->local_count > 1)
		out->more.local = (struct selectors){ &out->local[1], reach->local_count - 1 };
	if (reach->remote_count > 1)
		out->more.remote = (struct selectors){ &out->remote[1], reach->remote_count - 1 };
}
