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

static void on_row(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	const struct policy_table *policy = &r->steering->policy;
	struct ip_pair first = { 0 };

	if (!read_pair(r, report->key, &first))
		return;
	for (size_t i = 0; i < policy->flat_count; i++)
		if (ip_equal(&policy->flat[i].local.first, &first.source) &&
		    ip_equal(&policy->flat[i].remote.first, &first.destination))
			take(&r->steering->row_counted[i], report, r->now);
}

static void read_set(struct reading *r, const char *stem,
                     void (*each)(void *ctx, const struct element_report *report))
{
	char name[SET_NAME_SIZE];
	int error = nft_dump_set(&r->steering->nft, set_name(name, stem, r->family), each, r);

	if (error != 0 && error != EINTR) /* interrupted: what came is right, the rest comes next */
		steering_note(r->steering, "counters", error);
}

static bool has_rows(const struct steering *s, enum ip_family family)
{
	for (size_t i = 0; i < s->policy.flat_count; i++)
		if (s->policy.flat[i].local.first.family == family &&
		    s->policy.flat[i].action != POLICY_TRAP)
			return true;
	return false;
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
		if (has_rows(s, r.family))
			read_set(&r, "rows", on_row);
	}
}

struct eroute_use steering_pair_use(struct steering *s, const struct ip_pair *pair)
{
	const struct pair_node *node = pair_find(s, pair);

	return node != NULL ? node->counted.use : (struct eroute_use){ 0 };
}

struct eroute_use steering_row_use(struct steering *s, size_t row)
{
	struct eroute_use sum = { 0 };

	for (size_t i = 0; i < s->policy.flat_count; i++) {
		const struct eroute_use *use = &s->row_counted[i].use;

		if (s->policy.flat_row[i] != row)
			continue;
		sum.packets += use->packets;
		sum.octets += use->octets;
		if (use->last.ns > sum.last.ns)
			sum.last = use->last;
	}
	return sum;
}

uint64_t steering_dropped(struct steering *s, enum engine_drop drop)
{
	const char *name = drop == ENGINE_DROP_CLEARTEXT ? "cleartext"
	                   : drop == ENGINE_DROP_FORGED  ? "forged"
	                   : drop == ENGINE_DROP_LEAK    ? "leak"
	                                                 : NULL;
	struct element_report report = { 0 };

	if (name == NULL)
		return 0;
	report.packets = nft_counter(&s->nft, name);
	take(&s->drops[drop], &report, (struct instant){ 0 });
	return s->drops[drop].use.packets;
}

static void on_suspect(void *ctx, const struct element_report *report)
{
	const struct reading *r = ctx;
	struct ip_pair pair = { 0 };

	if (read_pair(r, report->key, &pair))
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
