/* The policy's rows, the inside ranges and the heartbeat, as elements of the kernel's sets. */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/cover.h"

static const enum ip_family families[] = { IP_V4, IP_V6 };

/* A set of single ranges holds where each begins and where it is over. */
static void put_cover(struct batch *b, const char *stem, enum ip_family family,
                      const struct cover *cover)
{
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, stem, family));

	batch_flush_set(b, name);
	for (size_t i = 0; i < cover->count; i++) {
		struct element element = { .key_len = ip_len(&cover->ranges[i].first) };
		struct ip after;

		if (cover->ranges[i].first.family != family)
			continue;
		memcpy(element.key, cover->ranges[i].first.octets, element.key_len);
		element_put(&e, &element);
		if (!ip_next(&cover->ranges[i].last, &after))
			continue; /* open to the end of the address space */
		memcpy(element.key, after.octets, element.key_len);
		element.is_range_end = true;
		element_put(&e, &element);
	}
	elements_end(&e);
}

/* What must not leave or come in the clear now: private rows, whatever their verdict, and every
 * tunnel. */
static bool is_private_row(const struct policy_row *row)
{
	return row->is_private || row->action == POLICY_TUNNEL;
}

/* What must not leave without us either. */
static bool is_kept_row(const struct policy_row *row)
{
	return row->is_private;
}

static bool is_counted_row(const struct policy_row *row)
{
	return row->action != POLICY_TRAP && row->action != POLICY_TUNNEL;
}

static bool is_any_row(const struct policy_row *row)
{
	return true;
}

static void put_rows(struct steering *s, struct batch *b, const char *stem, enum ip_family family,
                     bool (*belongs)(const struct policy_row *row), bool is_map)
{
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, stem, family));

	batch_flush_set(b, name);
	for (size_t i = 0; i < s->policy.flat_count; i++) {
		const struct policy_row *row = &s->policy.flat[i];
		struct element element = element_of_ranges(&row->local, &row->remote);

		if (row->local.first.family != family || !belongs(row))
			continue;
		element.chain = is_map ? steering_row_chain(row) : NULL;
		element_put(&e, &element);
	}
	elements_end(&e);
}

static void private_put(struct steering *s, struct batch *b)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		put_rows(s, b, "private", families[i], is_private_row, false);
}

/* Two ranges that are translated to one address are one to the peer. */
static bool is_reached_already(const struct policy_table *policy, size_t row)
{
	struct ip_range local = steering_row_reached(&policy->flat[row]);

	for (size_t i = 0; i < row; i++) {
		const struct policy_row *other = &policy->flat[i];
		struct ip_range theirs = steering_row_reached(other);

		if (other->action == POLICY_TUNNEL && range_equal(&local, &theirs) &&
		    range_equal(&other->remote, &policy->flat[row].remote))
			return true;
	}
	return false;
}

/* What configured tunnels bring, by their strength. */
static void carried_put(struct steering *s, struct batch *b, enum ip_family family)
{
	char name[SET_NAME_SIZE];
	struct elements e =
	    elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, "carried", family));

	batch_flush_set(b, name);
	for (size_t i = 0; i < s->policy.flat_count; i++) {
		const struct policy_row *row = &s->policy.flat[i];
		struct ip_range local = steering_row_reached(row);
		struct element element = element_of_ranges(&local, &row->remote);

		element.chain = steering_strength_chain(row->strength);
		if (row->action != POLICY_TUNNEL || row->local.first.family != family ||
		    element.chain == NULL ||
		    (row->nat.family != IP_NONE && is_reached_already(&s->policy, i)))
			continue;
		element_put(&e, &element);
	}
	elements_end(&e);
}

void kept_put(struct steering *s, struct batch *b)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		put_rows(s, b, "private", families[i], is_kept_row, false);
}

void policy_put(struct steering *s, struct batch *b)
{
	struct cover local;

	cover_of_policy(&local, &s->policy);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		put_cover(b, "local", families[i], &local);
		put_rows(s, b, "policy", families[i], is_any_row, true);
		put_rows(s, b, "rows", families[i], is_counted_row, false);
		carried_put(s, b, families[i]);
	}
	private_put(s, b);
	cover_wipe(&local);
}

void inside_put(struct steering *s, struct batch *b)
{
	struct cover inside;

	cover_of_ranges(&inside, s->inside, s->settings.inside_count);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		put_cover(b, "inside", families[i], &inside);
	cover_wipe(&inside);
}

/* Kernels before 6.12 do not renew an element that is there, so it goes and comes back. */
void alive_put(struct steering *s, struct batch *b)
{
	static const uint8_t messages[] = { NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM,
		                            NFT_MSG_NEWSETELEM };
	static const uint8_t protocols[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct elements e = elements_begin(b, messages[i], "alive");

		for (size_t j = 0; j < ARRAY_LEN(protocols); j++) {
			struct element element = { .key = { protocols[j] }, .key_len = 1 };

			element_put(&e, &element);
		}
		elements_end(&e);
	}
}

static void commit(struct steering *s, struct batch *b, const char *what)
{
	int error = nft_commit(&s->nft, b, NULL);

	if (error != 0)
		steering_note(s, what, error);
	batch_wipe(b);
}

static void copy_policy(struct steering *s, const struct policy_table *table)
{
	struct policy_table copy = { .row_count = table->row_count,
		                     .flat_count = table->flat_count };

	copy.flat = new_array(table->flat_count + 1, sizeof(*copy.flat));
	copy.flat_row = new_array(table->flat_count + 1, sizeof(*copy.flat_row));
	if (table->flat_count > 0) {
		memcpy(copy.flat, table->flat, table->flat_count * sizeof(*copy.flat));
		memcpy(copy.flat_row, table->flat_row, table->flat_count * sizeof(*copy.flat_row));
	}
	free(s->policy.flat);
	free(s->policy.flat_row);
	free(s->row_counted);
	s->policy = copy;
	s->row_counted = new_array(table->flat_count + 1, sizeof(*s->row_counted));
	s->has_policy = true;
}

static bool is_same_to_kernel(const struct policy_row *a, const struct policy_row *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote) &&
	       a->action == b->action && a->is_private == b->is_private &&
	       a->is_own_address == b->is_own_address && ip_equal(&a->nat, &b->nat) &&
	       a->strength == b->strength;
}

/* The kernel knows ranges, not SAs: a tunnel that was rekeyed is the same row to it. */
static bool is_known(const struct steering *s, const struct policy_table *table)
{
	const struct policy_table *known = &s->policy;

	if (!s->has_policy || known->flat_count != table->flat_count ||
	    known->row_count != table->row_count)
		return false;
	for (size_t i = 0; i < table->flat_count; i++) {
		if (known->flat_row[i] != table->flat_row[i] ||
		    !is_same_to_kernel(&known->flat[i], &table->flat[i]))
			return false;
	}
	return true;
}

void steering_set_policy(struct steering *s, const struct policy_table *table)
{
	struct batch b = { 0 };

	if (is_known(s, table)) {
		if (table->flat_count > 0)
			memcpy(s->policy.flat, table->flat,
			       table->flat_count * sizeof(*table->flat));
		return;
	}
	copy_policy(s, table);
	policy_put(s, &b);
	commit(s, &b, "policy");
}

void steering_set_inside(struct steering *s, const struct ip_range *inside, size_t count)
{
	struct batch b = { 0 };
	struct ip_range *copy = new_array(count + 1, sizeof(*copy));

	if (count > 0)
		memcpy(copy, inside, count * sizeof(*copy));
	free(s->inside);
	s->inside = copy;
	s->settings.inside = copy;
	s->settings.inside_count = count;
	inside_put(s, &b);
	commit(s, &b, "inside ranges");
}

void steering_alive(struct steering *s)
{
	struct batch b = { 0 };

	alive_put(s, &b);
	commit(s, &b, "heartbeat");
}
