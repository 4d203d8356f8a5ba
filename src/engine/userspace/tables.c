#include "engine/userspace/tables.h"

#include "engine/area.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/userspace/happens.h"

/* Chains stay short up to some 10^5 entries without the helper threads that resizing would need. */
enum { BUCKETS = 1 << 16, RECENT = 4096 };
#define MTU_KEPT SECONDS(600)

bool tables_init(struct tables *t, const uint64_t seed[2])
{
	*t = (struct tables){ 0 };
	t->eroutes = cds_lfht_new(BUCKETS, BUCKETS, BUCKETS, 0, NULL);
	t->children = cds_lfht_new(BUCKETS, BUCKETS, BUCKETS, 0, NULL);
	hash_init(&t->children_out, seed);
	t->rows = row_table_new(&(struct policy_table){ 0 }, NULL);
	return t->eroutes != NULL && t->children != NULL;
}

void tables_read_begin(struct tables *t)
{
	rcu_read_lock();
}

void tables_read_end(struct tables *t)
{
	HAPPENS_BEFORE(t);
	rcu_read_unlock();
}

static unsigned long hash_pair(struct tables *t, const struct ip_pair *pair)
{
	return (unsigned long)hash_octets(&t->children_out, pair, sizeof(*pair));
}

static unsigned long hash_spi(struct tables *t, uint32_t spi)
{
	return (unsigned long)hash_octets(&t->children_out, &spi, sizeof(spi));
}

static int eroute_matches(struct cds_lfht_node *node, const void *key)
{
	HAPPENS_AFTER(node);
	return pair_equal(&caa_container_of(node, struct eroute, node)->pair, key);
}

static int child_matches(struct cds_lfht_node *node, const void *key)
{
	HAPPENS_AFTER(node);
	return caa_container_of(node, struct child, node)->spi_in == *(const uint32_t *)key;
}

struct eroute *tables_eroute(struct tables *t, const struct ip_pair *pair)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(t->eroutes, hash_pair(t, pair), eroute_matches, pair, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node == NULL ? NULL : caa_container_of(node, struct eroute, node);
}

struct child *tables_child(struct tables *t, uint32_t spi_in)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(t->children, hash_spi(t, spi_in), child_matches, &spi_in, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node == NULL ? NULL : caa_container_of(node, struct child, node);
}

const struct row *tables_row(struct tables *t, const struct ip_pair *pair)
{
	return rows_of_pair(PUBLISHED(t->rows), pair);
}

struct child *eroute_child(const struct eroute *eroute)
{
	struct child *child = PUBLISHED(eroute->child);

	return child == NULL || child_carries_no_more(child) ? NULL : child;
}

struct child *row_child(const struct row *row)
{
	return row->child == NULL || child_carries_no_more(row->child) ? NULL : row->child;
}

/* Eroutes and rules. */

static bool is_sending(const struct eroute *eroute)
{
	return eroute != NULL && eroute->action == EROUTE_TUNNEL && eroute_child(eroute) != NULL;
}

/* A tunnel of these addresses that another rule made and that carries this one's packets too. */
static struct eroute *find_carrier(struct tables *t, const struct rules *rules,
                                   const struct ip_pair *pair, enum policy_action action)
{
	struct ip_pair other = *pair;

	/* The rule for everything is the last one, and the one most likely to have made it. */
	for (size_t i = rules->count; i-- > 0;) {
		struct eroute *eroute;

		other.traffic = rules->cells[i].traffic;
		if (traffic_equal(&other.traffic, &pair->traffic) ||
		    !area_is_carried(action, &pair->traffic, &other.traffic))
			continue;
		eroute = tables_eroute(t, &other);
		if (is_sending(eroute))
			return eroute;
	}
	return NULL;
}

static struct eroute *decide_by_ports(struct tables *t, const struct row_table *table,
                                      const struct rules *rules, struct ip_pair *pair,
                                      const struct shown *shown)
{
	const struct row *row = rules_pick(table, rules, shown);
	struct eroute *eroute, *carrier;

	if (row == NULL) { /* what no rule has, by a name that no rule has either */
		pair->traffic.protocol = shown->protocol;
		return NULL;
	}
	pair->traffic = row->traffic;
	eroute = tables_eroute(t, pair);
	if (is_sending(eroute))
		return eroute;
	carrier = find_carrier(t, rules, pair, row->action);
	return carrier != NULL ? carrier : eroute;
}

struct eroute *tables_decide(struct tables *t, struct ip_pair *pair, const struct shown *shown)
{
	const struct row_table *table = PUBLISHED(t->rows);

	pair->traffic = (struct traffic){ 0 };
	if (table->has_ports) {
		struct rules rules = rows_for(table, pair);

		if (rules_have_ports(&rules))
			return decide_by_ports(t, table, &rules, pair, shown);
	}
	return tables_eroute(t, pair);
}

size_t tables_rule_count(struct tables *t, const struct ip_pair *pair)
{
	return rows_for(t->rows, pair).count;
}

bool tables_carries(struct tables *t, const struct ip_pair *made, size_t i, struct ip_pair *carried)
{
	struct rules rules = rows_for(t->rows, made);
	const struct row *row = &t->rows->rows[rules.cells[i].flat];

	*carried = (struct ip_pair){ made->source, made->destination, row->traffic };
	return area_is_carried(row->action, &row->traffic, &made->traffic);
}

bool tables_has_ports(struct tables *t, const struct ip_pair *pair)
{
	struct rules rules = rows_for(t->rows, pair);

	return !traffic_is_any(&pair->traffic) || rules_have_ports(&rules);
}

/* Policy. */

struct eroute_use tables_row_use(struct tables *t, size_t row)
{
	if (row >= t->rows->written_count)
		return (struct eroute_use){ 0 };
	return use_read(t->rows->uses[row]);
}

/* CHILD SAs. */

/* One address each side, of one family: of those the header is made that is not sent. */
static bool is_between_two(const struct child_sa *sa)
{
	return range_is_single(&sa->local.range) && range_is_single(&sa->remote.range) &&
	       sa->more_local.count == 0 && sa->more_remote.count == 0 &&
	       sa->local.range.first.family == sa->remote.range.first.family &&
	       sa->local.range.first.family == sa->path.remote.address.family;
}

bool tables_add_child(struct tables *t, const struct child_sa *sa, unsigned mtu)
{
	struct child *child;
	struct cds_lfht_node *added;

	if (t->children_out.count >= TABLES_CHILDREN_MAX ||
	    (sa->is_transport && !is_between_two(sa)))
		return false;
	child = esp_child_new(sa, mtu);
	if (child == NULL)
		return false;
	HAPPENS_BEFORE(&child->node);
	tables_read_begin(t);
	added = cds_lfht_add_unique(t->children, hash_spi(t, sa->spi_in), child_matches,
	                            &child->spi_in, &child->node);
	tables_read_end(t);
	if (added != &child->node) {
		esp_child_free(child);
		return false;
	}
	child->serial = ++t->serial;
	hash_add(&t->children_out, &child->node_out, hash_spi(t, sa->spi_out));
	return true;
}

static void child_discard(struct tables *t, struct child *child)
{
	child->next_garbage = t->garbage_children;
	t->garbage_children = child;
}

/* An eroute points to it no longer. */
static void child_put(struct tables *t, struct child *child)
{
	assert(child->eroutes > 0);
	if (--child->eroutes == 0 && child->is_gone)
		child_discard(t, child);
}

void tables_remove_child(struct tables *t, uint32_t spi_in)
{
	struct child *child;

	tables_read_begin(t);
	child = tables_child(t, spi_in);
	if (child != NULL)
		(void)cds_lfht_del(t->children, &child->node);
	tables_read_end(t);
	if (child == NULL)
		return;
	hash_remove(&t->children_out, &child->node_out);
	t->mtus_learned -= child->mtu != child->device_mtu;
	__atomic_store_n(&child->is_gone, true, __ATOMIC_RELAXED);
	if (child->eroutes == 0)
		child_discard(t, child);
}

void tables_move_child(struct tables *t, uint32_t spi_in, const struct path *path)
{
	struct moved *moved, *old;
	struct child *child;

	tables_read_begin(t);
	child = tables_child(t, spi_in);
	tables_read_end(t);
	/* What of an outer packet fits depends on the family. */
	if (child == NULL || path->remote.address.family != child->path.remote.address.family)
		return;
	moved = new_zeroed(sizeof(*moved));
	moved->path = *path;
	old = child->moved;
	PUBLISH(child->moved, moved);
	if (old == NULL)
		return;
	old->next_garbage = t->garbage_moved;
	t->garbage_moved = old;
}

static bool are_within(const struct traffic_selector *first, const struct selectors *more,
                       const struct ip_range *range)
{
	if (range_within(range, &first->range))
		return true;
	for (size_t i = 0; i < more->count; i++)
		if (range_within(range, &more->list[i].range))
			return true;
	return false;
}

static struct child *child_for(struct tables *t, const struct ip_range *local,
                               const struct ip_range *remote, uint32_t spi_out)
{
	uint64_t hash = hash_spi(t, spi_out);
	struct child *newest = NULL;
	struct hash_node *n;

	for (n = hash_first(&t->children_out, hash); n != NULL; n = hash_following(n)) {
		struct child *child = CONTAINER_OF(n, struct child, node_out);

		if (child->spi_out == spi_out &&
		    are_within(&child->local, &child->more_local, local) &&
		    are_within(&child->remote, &child->more_remote, remote) &&
		    (newest == NULL || child->serial > newest->serial))
			newest = child;
	}
	return newest;
}

/* What an SA to that peer sent as one of its last packets. */
static struct child *child_that_sent(struct tables *t, const struct letter *letter)
{
	uint64_t hash = hash_spi(t, letter->spi);
	struct hash_node *n;

	for (n = hash_first(&t->children_out, hash); n != NULL; n = hash_following(n)) {
		struct child *child = CONTAINER_OF(n, struct child, node_out);
		uint32_t last = (uint32_t)__atomic_load_n(&child->sequence, __ATOMIC_RELAXED);

		if (child->spi_out == letter->spi && last - letter->sequence_low < RECENT &&
		    ip_equal(&child_path(child)->remote.address, &letter->path.remote.address))
			return child;
	}
	return NULL;
}

bool tables_learn_mtu(struct tables *t, const struct letter *letter, struct instant now)
{
	struct child *child = child_that_sent(t, letter);
	unsigned least, mtu = letter->mtu;

	if (child == NULL)
		return false;
	least = child->path.remote.address.family == IP_V4 ? IPV4_LEAST_PATH : IPV6_LEAST_MTU;
	if (mtu < least)
		mtu = least;
	if (mtu >= child->mtu)
		return false;
	if (child->mtu_learned.ns != 0 && instant_since(now, child->mtu_learned).ns < SECONDS(1).ns)
		return false;
	t->mtus_learned += child->mtu == child->device_mtu;
	child->mtu_learned = now;
	__atomic_store_n(&child->mtu, mtu, __ATOMIC_RELAXED);
	return true;
}

void tables_forget_mtus(struct tables *t, struct instant now)
{
	if (t->mtus_learned == 0)
		return;
	for (struct hash_node *n = hash_walk(&t->children_out, NULL); n != NULL;
	     n = hash_walk(&t->children_out, n)) {
		struct child *child = CONTAINER_OF(n, struct child, node_out);

		if (child->mtu == child->device_mtu ||
		    instant_since(now, child->mtu_learned).ns < MTU_KEPT.ns)
			continue;
		__atomic_store_n(&child->mtu, child->device_mtu, __ATOMIC_RELAXED);
		t->mtus_learned--;
	}
}

/* Rows. */

static struct child *row_take_child(struct tables *t, const struct policy_row *row)
{
	struct child *child = NULL;

	if (row->action == POLICY_TUNNEL)
		child = child_for(t, &row->local, &row->remote, row->spi_out);
	if (child != NULL)
		child->eroutes++;
	return child;
}

static void rows_put_children(struct tables *t, struct row_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].child != NULL)
			child_put(t, table->rows[i].child);
}

static struct row_table *rows_with_children(struct tables *t, const struct policy_table *policy)
{
	struct row_table *table = row_table_new(policy, t->rows);

	for (size_t i = 0; i < table->count; i++)
		table->rows[i].child = row_take_child(t, &policy->flat[i]);
	return table;
}

void tables_set_policy(struct tables *t, const struct policy_table *policy)
{
	struct row_table *old = t->rows;

	PUBLISH(t->rows, rows_with_children(t, policy));
	rows_put_children(t, old);
	old->next_garbage = t->garbage_rows;
	t->garbage_rows = old;
}

/* Eroutes. */

static void eroute_discard(struct tables *t, struct eroute *eroute)
{
	if (eroute->child != NULL)
		child_put(t, eroute->child);
	eroute->next_garbage = t->garbage_eroutes;
	t->garbage_eroutes = eroute;
}

void tables_remove_eroute(struct tables *t, const struct ip_pair *pair)
{
	struct eroute *eroute;

	tables_read_begin(t);
	eroute = tables_eroute(t, pair);
	if (eroute != NULL)
		(void)cds_lfht_del(t->eroutes, &eroute->node);
	tables_read_end(t);
	if (eroute == NULL)
		return;
	t->eroute_count--;
	eroute_discard(t, eroute);
}

static void eroute_move_child(struct tables *t, struct eroute *eroute, struct child *child)
{
	struct child *old = eroute->child;

	if (old == child)
		return;
	if (child != NULL)
		child->eroutes++;
	PUBLISH(eroute->child, child);
	if (old != NULL)
		child_put(t, old);
}

/* What a worker counts in the old one from now until it sees the new one is lost. */
static void eroute_carry_use(struct eroute *eroute, const struct eroute *old)
{
	struct eroute_use use = use_read(&old->use);

	eroute->use.packets += use.packets;
	eroute->use.octets += use.octets;
	if (eroute->use.last_ns < use.last.ns)
		eroute->use.last_ns = use.last.ns;
}

/* `same` has that action and hands its counters on; NULL: there is none. */
static void eroute_add(struct tables *t, const struct ip_pair *pair, enum eroute_action action,
                       struct child *child, const struct released *released,
                       const struct eroute *same)
{
	struct eroute *eroute = new_zeroed(sizeof(*eroute));
	struct cds_lfht_node *old;

	eroute->pair = *pair;
	eroute->action = action;
	if (released != NULL) {
		eroute->use = released->use;
		eroute->settling = released->settling;
	}
	if (same != NULL)
		eroute_carry_use(eroute, same);
	eroute_move_child(t, eroute, child);
	HAPPENS_BEFORE(&eroute->node);
	tables_read_begin(t);
	old = cds_lfht_add_replace(t->eroutes, hash_pair(t, pair), eroute_matches, pair,
	                           &eroute->node);
	tables_read_end(t);
	if (old != NULL)
		eroute_discard(t, caa_container_of(old, struct eroute, node));
	else
		t->eroute_count++;
}

/* Packets held because the SA had gone go round as others do; that takes an eroute of their own. */
static bool is_settling(const struct released *released)
{
	return released != NULL && released->settling.count > 0;
}

bool tables_set_eroute(struct tables *t, const struct ip_pair *pair, enum eroute_action action,
                       uint32_t spi_out, const struct released *released)
{
	struct ip_range local = range_of_ip(&pair->source);
	struct ip_range remote = range_of_ip(&pair->destination);
	struct child *child =
	    action == EROUTE_TUNNEL ? child_for(t, &local, &remote, spi_out) : NULL;
	struct eroute *old, *same;

	tables_read_begin(t);
	old = tables_eroute(t, pair);
	tables_read_end(t);
	if (action == EROUTE_TUNNEL && child == NULL) {
		tables_remove_eroute(t, pair);
		return false;
	}
	if (old == NULL && t->eroute_count >= TABLES_EROUTES_MAX)
		return false;
	same = old != NULL && old->action == action ? old : NULL;
	if (same != NULL && !is_settling(released))
		eroute_move_child(t, same, child);
	else
		eroute_add(t, pair, action, child, released, same);
	return true;
}

/* Garbage. */

static void free_garbage(struct tables *t)
{
	while (t->garbage_eroutes != NULL) {
		struct eroute *eroute = t->garbage_eroutes;

		t->garbage_eroutes = eroute->next_garbage;
		free(eroute);
	}
	while (t->garbage_children != NULL) {
		struct child *child = t->garbage_children;

		t->garbage_children = child->next_garbage;
		esp_child_free(child);
	}
	while (t->garbage_moved != NULL) {
		struct moved *moved = t->garbage_moved;

		t->garbage_moved = moved->next_garbage;
		free(moved);
	}
	while (t->garbage_rows != NULL) {
		struct row_table *table = t->garbage_rows;

		t->garbage_rows = table->next_garbage;
		row_table_free(table);
	}
}

void tables_collect(struct tables *t)
{
	if (t->garbage_eroutes == NULL && t->garbage_children == NULL && t->garbage_moved == NULL &&
	    t->garbage_rows == NULL)
		return;
	synchronize_rcu();
	HAPPENS_AFTER(t);
	free_garbage(t);
}

static void remove_all(struct tables *t)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	tables_read_begin(t);
	cds_lfht_first(t->eroutes, &iter);
	while ((node = cds_lfht_iter_get_node(&iter)) != NULL) {
		cds_lfht_next(t->eroutes, &iter);
		(void)cds_lfht_del(t->eroutes, node);
		eroute_discard(t, caa_container_of(node, struct eroute, node));
	}
	cds_lfht_first(t->children, &iter);
	while ((node = cds_lfht_iter_get_node(&iter)) != NULL) {
		cds_lfht_next(t->children, &iter);
		(void)cds_lfht_del(t->children, node);
		child_discard(t, caa_container_of(node, struct child, node));
	}
	tables_read_end(t);
}

void tables_wipe(struct tables *t)
{
	if (t->eroutes == NULL || t->children == NULL)
		return;
	rows_put_children(t, t->rows);
	remove_all(t);
	synchronize_rcu();
	HAPPENS_AFTER(t);
	free_garbage(t);
	row_table_free(t->rows);
	hash_wipe(&t->children_out);
	(void)cds_lfht_destroy(t->eroutes, NULL);
	(void)cds_lfht_destroy(t->children, NULL);
	*t = (struct tables){ 0 };
}
