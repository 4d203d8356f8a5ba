/* What the kernel counted, brought home. */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
	struct steering *steering;
	void (*suspect)(void *ctx, const struct ip_pair *pair);
	void *ctx;
	struct instant now;
	enum ip_family family;
	enum layout_set set; /* of rows */
};

/* A counter that went down was born again: all it has is new. `idle` is how long ago it was hit. */
static void take(struct counted *c, const struct element_report *report, struct instant last)
{
	bool is_reborn = report->packets < c->packets_seen;

	if (report->packets != c->packets_seen)
		c->use.last = last;
	c->use.packets += report->packets - (is_reborn ? 0 : c->packets_seen);
	c->use.octets += report->octets - (is_reborn ? 0 : c->octets_seen);
	c->packets_seen = report->packets;
	c->octets_seen = report->octets;
}

static bool read_pair(const struct reading *r, struct bytes key, struct ip_pair *pair)
{
	size_t len = r->family == IP_V4 ? 4 : 16;

	if (key.len != 2 * len)
		return false;
	pair->source = ip_from_octets(BYTES(key.data, len));
	pair->destination = ip_from_octets(BYTES(key.data + len, len));
	return true;
}

/* Protocol and port behind the addresses, each in four octets. */
static bool read_box(const struct reading *r, const struct element_report *report,
                     struct ip_pair *pair, struct box *box)
{
	size_t len = r->family == IP_V4 ? 8 : 32;
	const uint8_t *first = report->key.data + len;
	const uint8_t *last = report->key_end.data + len;

	if (report->key.len != len + 8 || report->key_end.len != len + 8 ||
	    !read_pair(r, BYTES(report->key.data, len), pair))
		return false;
	*box = (struct box){ first[0], last[0], (uint16_t)(first[4] << 8 | first[5]),
		             (uint16_t)(last[4] << 8 | last[5]) };
	return true;
}

static void on_pair(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	struct instant last = r->now;
	struct pair_node *node;
	struct ip_pair pair = { 0 };

	if (!read_pair(r, report->key, &pair))
		return;
	node = pair_find(r->steering, &pair);
	if (node == NULL)
		return;
	/* Each packet sets the timeout anew, so what is gone of it is the time since the last. */
	if (report->timeout_ms > report->expires_ms && report->expires_ms > 0)
		last.ns -= (int64_t)(report->timeout_ms - report->expires_ms) * 1000000;
	take(&node->counted, report, last);
}

static void on_piece(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	struct ip_pair pair = { 0 };
	struct ported *ported;
	struct box box;

	if (!read_box(r, report, &pair, &box))
		return;
	ported = ported_find(r->steering, &pair);
	for (size_t i = 0; ported != NULL && i < ported->count; i++)
		if (box_compare(&ported->pieces[i].box, &box) == 0)
			take(&ported->pieces[i].counted, report, r->now);
}

static int compare_to_key(const void *key, const void *entry)
{
	const struct layout_entry *a = key;
	const struct layout_entry *b = entry;
	struct layout_entry same = *b;

	/* What the kernel tells of a range may say where it begins only. */
	same.local.last = a->local.last;
	same.remote.last = a->remote.last;
	return layout_compare(a, &same);
}

static void count_row(const struct reading *r, enum layout_set set, const struct ip_pair *first,
                      const struct box *box, const struct element_report *report)
{
	struct steering *s = r->steering;
	const struct layout_list *list = &s->layout.sets[set];
	const struct layout_entry key = { .local.first = first->source,
		                          .remote.first = first->destination,
		                          .box = *box };
	const struct layout_entry *entry =
	    list->count == 0
		? NULL
		: bsearch(&key, list->entries, list->count, sizeof(key), compare_to_key);

	if (entry != NULL)
		take(&s->counted[set][entry - list->entries], report, r->now);
}

static void on_row(void *ctx, const struct element_report *report)
{
	static const struct box none;
	const struct reading *r = ctx;
	struct ip_pair first = { 0 };

	if (read_pair(r, report->key, &first))
		count_row(r, LAYOUT_ROWS, &first, &none, report);
}

static void on_column_row(void *ctx, const struct element_report *report)
{
	static const struct box none;
	const struct reading *r = ctx;
	const struct ip_pair first = { .destination = ip_from_octets(report->key) };

	if (!report->is_range_end)
		count_row(r, r->set, &first, &none, report);
}

static void on_row_box(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	struct ip_pair first = { 0 };
	struct box box;

	if (read_box(r, report, &first, &box))
		count_row(r, LAYOUT_ROWS_PORTS, &first, &box, report);
}

static void read_set(struct reading *r, const char *stem,
                     void (*each)(void *ctx, const struct element_report *report))
{
	char name[SET_NAME_SIZE];
	int error = nft_dump_set(&r->steering->nft, set_name(name, stem, r->family), each, r);

	if (error != 0 && error != EINTR) /* interrupted: what came is right, the rest comes next */
		steering_note(r->steering, "counters", error);
}

static void read_columns(struct reading *r)
{
	for (int i = 0; i < LAYOUT_COLUMNS; i++) {
		r->set = (enum layout_set)(LAYOUT_COLUMN_ROWS + i);
		if (r->steering->layout.sets[r->set].count > 0)
			read_set(r, layout_kinds[r->set].stem, on_column_row);
	}
}

static void add_use(struct eroute_use *sum, const struct eroute_use *use)
{
	sum->packets += use->packets;
	sum->octets += use->octets;
	if (use->last.ns > sum->last.ns)
		sum->last = use->last;
}

/* A row may have many elements; each is looked at once, for all rows. */
static void sum_rows(struct steering *s)
{
	memset(s->row_now, 0, s->policy.row_count * sizeof(*s->row_now));
	for (size_t set = 0; set < LAYOUT_SETS; set++) {
		const struct layout_list *list = &s->layout.sets[set];

		for (size_t i = 0; i < list->count && layout_kinds[set].is_counted; i++)
			add_use(&s->row_now[s->policy.flat_row[list->entries[i].flat]],
			        &s->counted[set][i].use);
	}
}

void steering_refresh_use(struct steering *s, struct instant now)
{
	for (size_t f = 0; f < 2; f++) {
		struct reading r = { .steering = s, .now = now, .family = f == 0 ? IP_V4 : IP_V6 };

		if (s->counts[f][EROUTE_PASS] > 0)
			read_set(&r, "used", on_pair);
		if (s->counts[f][EROUTE_DROP] > 0)
			read_set(&r, "drop", on_pair);
		if (s->counts[f][EROUTE_REJECT] > 0)
			read_set(&r, "reject", on_pair);
		if (s->boxes[f] > 0)
			read_set(&r, "used_ports", on_piece);
		if (s->layout.sets[LAYOUT_ROWS].count > 0)
			read_set(&r, "rows", on_row);
		if (s->layout.sets[LAYOUT_ROWS_PORTS].count > 0)
			read_set(&r, "rows_ports", on_row_box);
		read_columns(&r);
	}
	if (s->has_policy)
		sum_rows(s);
}

struct eroute_use steering_pair_use(struct steering *s, const struct ip_pair *pair)
{
	const struct pair_node *node = pair_find(s, pair);
	const struct ported *ported = ported_find(s, pair);
	struct eroute_use sum = { 0 };

	if (node != NULL)
		add_use(&sum, &node->counted.use);
	for (size_t i = 0; ported != NULL && i < ported->count; i++)
		if (traffic_equal(&ported->pieces[i].traffic, &pair->traffic))
			add_use(&sum, &ported->pieces[i].counted.use);
	return sum;
}

struct eroute_use steering_row_use(struct steering *s, size_t row)
{
	struct eroute_use sum = { 0 };

	if (row >= s->policy.row_count)
		return sum;
	sum = s->row_before[row];
	add_use(&sum, &s->row_now[row]);
	return sum;
}

uint64_t steering_dropped(struct steering *s, enum engine_drop drop)
{
	const char *name = drop == ENGINE_DROP_CLEARTEXT ? "cleartext"
	                   : drop == ENGINE_DROP_FORGED  ? "forged"
	                   : drop == ENGINE_DROP_LEAK    ? "leak"
	                   : drop == ENGINE_DROP_UNKNOWN ? "unknown"
	                                                 : NULL;
	struct element_report report = { 0 };

	if (name == NULL)
		return 0;
	report.packets = nft_counter(&s->nft, name);
	take(&s->drops[drop], &report, (struct instant){ 0 });
	return s->drops[drop].use.packets;
}

/* Where rules speak of ports, a tunnel is known by the rule that made it. */
static void name_tunnel(const struct steering *s, struct ip_pair *pair)
{
	struct area area = area_of(s, pair);

	for (size_t i = 0; area.has_ports && i < area.len; i++) {
		struct ip_pair of_rule = { pair->source, pair->destination, area.rows[i].traffic };
		const struct pair_node *node = pair_find(s, &of_rule);

		if (node != NULL && node->action == EROUTE_TUNNEL)
			*pair = of_rule;
	}
}

static void on_suspect(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	struct ip_pair pair = { 0 };

	if (!read_pair(r, report->key, &pair))
		return;
	name_tunnel(r->steering, &pair);
	r->suspect(r->ctx, &pair);
}

void steering_suspects(struct steering *s, void (*each)(void *ctx, const struct ip_pair *pair),
                       void *ctx)
{
	uint64_t count = steering_dropped(s, ENGINE_DROP_CLEARTEXT);

	if (count == s->cleartext_seen)
		return;
	s->cleartext_seen = count;
	for (size_t f = 0; f < 2; f++) {
		struct reading r = {
			.steering = s, .suspect = each, .ctx = ctx, .family = f == 0 ? IP_V4 : IP_V6
		};

		read_set(&r, "suspect", on_suspect);
	}
}
