/* The policy's rows, as elements of the kernel's sets. */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/before.h"
#include "engine/steering/taken.h"

static const enum ip_family families[] = { IP_V4, IP_V6 };

/* A key is enough to take an element out. */
static void put_entry(struct elements *e, const struct layout_kind *kind,
                      const struct layout_entry *entry)
{
	bool is_new = e->message == NFT_MSG_NEWSETELEM;
	struct element element;

	if (kind->is_single) {
		range_put(e, &entry->remote, is_new ? entry->chain : NULL);
		return;
	}
	element = kind->has_ports ? element_of_box(&entry->local, &entry->remote, &entry->box)
	                          : element_of_ranges(&entry->local, &entry->remote);
	if (is_new) {
		element.chain = entry->chain; /* NULL where it is no map */
		element.nat = entry->nat;
	}
	element_put(e, &element);
}

static void put_list(struct batch *b, const struct layout *layout, enum layout_set set,
                     enum ip_family family)
{
	const struct layout_list *list = &layout->sets[set];
	char name[SET_NAME_SIZE];
	struct elements e =
	    elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, layout_kinds[set].stem, family));

	batch_flush_set(b, name);
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].remote.first.family == family)
			put_entry(&e, &layout_kinds[set], &list->entries[i]);
	elements_end(&e);
}

/* The same, unless it is there. Those that are missing are counted. */
static void put_missing(struct steering *s, struct batch *b, enum layout_set set, size_t *missing)
{
	struct batch wanted = { 0 };
	char name[SET_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		wanted.len = wanted.count = 0;
		put_list(&wanted, &s->layout, set, families[i]);
		if (taken_has(s, set_name(name, layout_kinds[set].stem, families[i]), &wanted))
			continue;
		put_list(b, &s->layout, set, families[i]);
		++*missing;
	}
	batch_wipe(&wanted);
}

static void put_local(struct batch *b, const struct policy_table *policy)
{
	struct cover local;

	cover_of_policy(&local, policy);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		cover_put(b, "local", families[i], &local);
	cover_wipe(&local);
}

/* Without the daemon nobody says what may be sent from a new address: then it waits if any row is
 * private. */
static void guarded_put(struct steering *s, struct batch *b)
{
	protocols_put(b, "guarded", steering_has_private(&s->policy));
}

void policy_put(struct steering *s, struct batch *b)
{
	put_local(b, &s->policy);
	for (size_t set = 0; set < LAYOUT_SETS; set++)
		for (size_t i = 0; i < ARRAY_LEN(families); i++)
			put_list(b, &s->layout, (enum layout_set)set, families[i]);
	guarded_put(s, b);
}

static bool has_local(struct steering *s)
{
	struct batch wanted = { 0 };
	struct cover local;
	char name[SET_NAME_SIZE];
	bool is_there = true;

	cover_of_policy(&local, &s->policy);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		wanted.len = wanted.count = 0;
		cover_put(&wanted, "local", families[i], &local);
		is_there &= taken_has(s, set_name(name, "local", families[i]), &wanted);
	}
	cover_wipe(&local);
	batch_wipe(&wanted);
	return is_there;
}

/* What `ipsec start` loaded is a daemon's first policy, as a rule. True if all of it is there. */
static bool policy_take_over(struct steering *s, struct batch *b)
{
	size_t missing = 0;

	if (!has_local(s)) {
		put_local(b, &s->policy);
		missing++;
	}
	for (size_t set = 0; set < LAYOUT_SETS; set++)
		put_missing(s, b, (enum layout_set)set, &missing);
	guarded_put(s, b);
	return missing == 0;
}

/* What must not leave without us either. */
void kept_put(struct steering *s, struct batch *b)
{
	struct layout layout;

	layout_of_policy(&layout, &s->policy, true);
	for (size_t set = 0; set < LAYOUT_SETS; set++)
		for (size_t i = 0; i < ARRAY_LEN(families) && layout_kinds[set].is_kept; i++)
			put_list(b, &layout, (enum layout_set)set, families[i]);
	layout_wipe(&layout);
}

/* One set of one family, from what it was to what it is to be. */
struct change {
	const struct layout_kind *kind;
	const struct layout_list *old;
	const struct layout_list *now;
	enum ip_family family;
};

static bool has_same(const struct layout_entry *a, const struct layout_entry *b)
{
	return ip_equal(&a->nat, &b->nat) &&
	       (a->chain == b->chain ||
	        (a->chain != NULL && b->chain != NULL && strcmp(a->chain, b->chain) == 0));
}

/* The elements of `from` that are not in `to`, both sorted. */
static void put_difference(struct batch *b, const struct change *c, uint8_t message,
                           const struct layout_list *from, const struct layout_list *to)
{
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(b, message, set_name(name, c->kind->stem, c->family));
	size_t j = 0;

	for (size_t i = 0; i < from->count; i++) {
		const struct layout_entry *entry = &from->entries[i];

		while (j < to->count && layout_compare(&to->entries[j], entry) < 0)
			j++;
		if (entry->remote.first.family != c->family ||
		    (j < to->count && layout_compare(&to->entries[j], entry) == 0 &&
		     has_same(&to->entries[j], entry)))
			continue;
		put_entry(&e, c->kind, entry);
	}
	elements_end(&e);
}

/* Only the elements that differ, so that the others' counters go on. */
static void policy_put_changes(struct steering *s, struct batch *b, const struct layout *old)
{
	for (size_t set = 0; set < LAYOUT_SETS; set++) {
		for (size_t i = 0; i < ARRAY_LEN(families); i++) {
			struct change c = { &layout_kinds[set], &old->sets[set],
				            &s->layout.sets[set], families[i] };

			put_difference(b, &c, NFT_MSG_DELSETELEM, c.old, c.now);
			put_difference(b, &c, NFT_MSG_NEWSETELEM, c.now, c.old);
		}
	}
}

static bool is_same_to_kernel(const struct policy_row *a, const struct policy_row *b)
{
	return range_equal(&a->local, &b->local) && range_equal(&a->remote, &b->remote) &&
	       traffic_equal(&a->traffic, &b->traffic) && a->action == b->action &&
	       a->is_private == b->is_private && a->is_own_address == b->is_own_address &&
	       a->is_arranged == b->is_arranged && ip_equal(&a->nat, &b->nat) &&
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

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *copy = new_array(count + 1, size);

	if (count > 0)
		memcpy(copy, from, count * size);
	return copy;
}

static void copy_policy(struct policy_table *copy, const struct policy_table *table)
{
	*copy = *table;
	copy->rows = copy_array(table->rows, table->row_count, sizeof(*table->rows));
	copy->flat = copy_array(table->flat, table->flat_count, sizeof(*table->flat));
	copy->flat_row = copy_array(table->flat_row, table->flat_count, sizeof(*table->flat_row));
	policy_index_copy(&copy->index, &table->index);
}

static void take_policy(struct steering *s, const struct policy_table *table)
{
	copy_policy(&s->policy, table);
	layout_of_policy(&s->layout, &s->policy, false);
	for (size_t set = 0; set < LAYOUT_SETS; set++)
		if (layout_kinds[set].is_counted)
			s->counted[set] =
			    new_array(s->layout.sets[set].count + 1, sizeof(struct counted));
	s->row_before = new_array(table->row_count + 1, sizeof(*s->row_before));
	free(s->row_now);
	s->row_now = new_array(table->row_count + 1, sizeof(*s->row_now));
}

void policy_forget(struct steering *s)
{
	struct before before = before_of(s);

	before_wipe(&before);
	free(s->row_now);
}

static bool has_same_local(const struct policy_table *a, const struct policy_table *b)
{
	struct cover x, y;
	bool is_same;

	cover_of_policy(&x, a);
	cover_of_policy(&y, b);
	is_same = x.count == y.count;
	for (size_t i = 0; i < x.count && is_same; i++)
		is_same = range_equal(&x.ranges[i], &y.ranges[i]);
	cover_wipe(&x);
	cover_wipe(&y);
	return is_same;
}

static bool has_ports(const struct layout *layout)
{
	return layout->sets[LAYOUT_POLICY_PORTS].count > 0;
}

/* What the kernel would not change element by element, it is given anew, with all the rest. */
static void commit_policy(struct steering *s, struct batch *b)
{
	int error = nft_commit(&s->nft, b, NULL);

	batch_wipe(b);
	if (error == 0)
		return;
	if (error != ENOENT)
		log_line(&s->log, LOG_ERROR, "steering: policy: nf_tables refused: %s; all anew",
		         strerror(error));
	(void)steering_rebuild(s);
}

/*
 * The kernel may let a set of ranges change a moment after the rest of its transaction, and what is
 * in neither the old rows nor the new ones meanwhile would pass (ruleset.c). Where it is not even
 * clear whose packets are ours, all wait.
 */
static void commit_guarded(struct steering *s, struct batch *b, const struct policy_table *before,
                           bool is_sure)
{
	const char *moment = is_sure ? "changing" : "replacing";
	bool guards = steering_has_closed(before) || steering_has_closed(&s->policy) ||
	              (!is_sure && pairs_have_tunnels(s));
	struct batch first = { 0 };

	if (guards) {
		protocols_put(&first, moment, true);
		steering_commit(s, &first, "a change of policy");
	}
	commit_policy(s, b);
	if (guards)
		protocols_clear(s, moment);
}

/* All of it in one transaction: no packet meets a half of it. */
void steering_set_policy(struct steering *s, const struct policy_table *table)
{
	struct before before;
	struct batch b = { 0 };
	bool is_first = !s->has_policy;
	bool is_sure;

	if (is_known(s, table)) {
		if (table->flat_count > 0)
			memcpy(s->policy.flat, table->flat,
			       table->flat_count * sizeof(*table->flat));
		return;
	}
	steering_flush(s);
	before = before_of(s);
	take_policy(s, table);
	before_carry(s, &before);
	if (is_first) {
		is_sure = policy_take_over(s, &b);
	} else {
		is_sure = has_same_local(&before.policy, &s->policy);
		if (!is_sure)
			put_local(&b, &s->policy);
		policy_put_changes(s, &b, &before.layout);
		guarded_put(s, &b);
	}
	if (has_ports(&before.layout) || has_ports(&s->layout)) {
		s->is_gathering = true;
		pairs_follow_policy(s);
		s->is_gathering = false;
		pairs_put_changes(s, &b);
	}
	s->has_policy = true;
	commit_guarded(s, &b, &before.policy, is_sure);
	if (is_first) /* who loaded the table may have been killed before he did it */
		protocols_clear(s, "replacing");
	before_wipe(&before);
}
