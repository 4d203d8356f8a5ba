#include "engine/steering/ruleset_text.h"

#include <inttypes.h>

#include "engine/steering/cover.h"
#include "engine/steering/names.h"

const struct family ruleset_families[] = {
	{ IP_V4, '4', "ip", "ipv4_addr", "ipv4" },
	{ IP_V6, '6', "ip6", "ipv6_addr", "ipv6" },
};

/* Elements of a set, written with what goes between them. */
struct elements {
	struct text *out;
	size_t count;
};

static void element_begin(struct elements *e)
{
	text_add(e->out, e->count++ == 0 ? "\t\telements = {\n\t\t\t" : ",\n\t\t\t");
}

static void elements_end(struct elements *e)
{
	text_add(e->out, e->count == 0 ? "\t}\n" : "\n\t\t}\n\t}\n");
}

static void add_ranges(struct text *out, const struct family *f, const char *name,
                       const struct cover *cover)
{
	struct elements e = { .out = out };

	text_add(out, "\tset %s%c {\n\t\ttype %s\n\t\tflags interval\n", name, f->digit, f->type);
	for (size_t i = 0; i < cover->count; i++) {
		if (cover->ranges[i].first.family != f->family)
			continue;
		element_begin(&e);
		text_add(out, "%s", range_text(&cover->ranges[i]).s);
	}
	elements_end(&e);
}

static void add_box(struct text *out, const struct box *b)
{
	text_add(out, b->first_protocol == b->last_protocol ? " . %u" : " . %u-%u",
	         b->first_protocol, b->last_protocol);
	text_add(out, b->first_port == b->last_port ? " . %u" : " . %u-%u", b->first_port,
	         b->last_port);
}

/* Of the key's type: two addresses, and with ports a protocol and a port. */
static void add_type(struct text *out, const struct family *f, bool has_ports)
{
	text_add(out, "\t\ttype %s . %s%s", f->type, f->type,
	         has_ports ? " . inet_proto . inet_service" : "");
}

static void add_key(struct text *out, const struct layout_kind *kind,
                    const struct layout_entry *entry)
{
	if (!kind->is_single)
		text_add(out, "%s . ", range_text(&entry->local).s);
	text_add(out, "%s", range_text(&entry->remote).s);
	if (kind->has_ports)
		add_box(out, &entry->box);
}

static void add_layout_set(struct text *out, const struct family *f, const struct layout *layout,
                           enum layout_set set)
{
	const struct layout_kind *kind = &layout_kinds[set];
	const struct layout_list *list = &layout->sets[set];
	struct elements e = { .out = out };

	text_add(out, "\t%s %s%c {\n", kind->is_map ? "map" : "set", kind->stem, f->digit);
	if (kind->is_single)
		text_add(out, "\t\ttype %s", f->type);
	else
		add_type(out, f, kind->has_ports);
	if (kind->is_map)
		text_add(out, " : %s", kind->has_nat ? f->type : "verdict");
	text_add(out, "\n\t\tflags interval\n%s", kind->is_counted ? "\t\tcounter\n" : "");
	for (size_t i = 0; i < list->count; i++) {
		const struct layout_entry *entry = &list->entries[i];

		if (entry->remote.first.family != f->family)
			continue;
		element_begin(&e);
		add_key(out, kind, entry);
		if (kind->has_nat)
			text_add(out, " : %s", ip_text(&entry->nat).s);
		else if (kind->is_map)
			text_add(out, " : goto %s", entry->chain);
	}
	elements_end(&e);
}

static void add_layout(struct text *out, const struct family *f, const struct layout *layout,
                       bool is_kept)
{
	for (size_t i = 0; i < LAYOUT_SETS; i++)
		if (layout_kinds[i].is_kept == is_kept)
			add_layout_set(out, f, layout, (enum layout_set)i);
}

/* Sets that only the daemon fills. `timeout` makes the kernel take a hash that grows: with a size
 * alone it sets 16 MiB aside for each. */
static void add_pair_set(struct text *out, const struct family *f, const char *name,
                         const char *flags, const char *extra)
{
	text_add(out, "\tset %s%c {\n\t\ttype %s . %s\n\t\tsize %d\n\t\tflags %s\n%s\t}\n", name,
	         f->digit, f->type, f->type, STEERING_PAIRS_MAX, flags, extra);
}

/* The same of pairs that rules with ports touch. */
static void add_pair_boxes(struct text *out, const struct family *f, const char *kind,
                           const char *name, const char *extra)
{
	text_add(out, "\t%s %s%c {\n", kind, name, f->digit);
	add_type(out, f, true);
	text_add(out, "%s\n\t\tsize %d\n\t\tflags interval\n%s\t}\n",
	         strcmp(kind, "map") == 0 ? " : verdict" : "", STEERING_BOXES_MAX, extra);
}

static void add_uids(struct text *out, const char *name, uint32_t first, const uint32_t *more,
                     size_t count)
{
	struct elements e = { .out = out };

	text_add(out, "\tset %s {\n\t\ttype uid\n", name);
	element_begin(&e);
	text_add(out, "%" PRIu32, first);
	for (size_t i = 0; i < count; i++) {
		bool known = more[i] == first;

		for (size_t j = 0; j < i; j++)
			known |= more[j] == more[i];
		if (known)
			continue;
		element_begin(&e);
		text_add(out, "%" PRIu32, more[i]);
	}
	elements_end(&e);
}

static void add_fixed_set(struct text *out, const char *name, const char *type,
                          const char *elements)
{
	text_add(out, "\tset %s {\n\t\ttype %s\n\t\telements = { %s }\n\t}\n", name, type,
	         elements);
}

/* What the rules compare with; esp.md section 13 has the list of what is never tunnelled. */
void ruleset_fixed_sets(struct text *out, const struct steering_settings *s)
{
	const uint32_t root = 0;

	add_uids(out, "daemon_uids", s->daemon_uid, &root, 1);
	add_uids(out, "dns_uids", s->daemon_uid, s->dns_uids, s->dns_uid_count);
	text_add(out, "\tset ike_ports {\n\t\ttype inet_service\n\t\telements = { %u", s->port);
	if (s->nat_port != s->port)
		text_add(out, ", %u", s->nat_port);
	text_add(out, " }\n\t}\n");
	add_fixed_set(out, "dns_ports", "inet_service", "53, 853");
	add_fixed_set(out, "dhcp_ports", "inet_service . inet_service",
	              "68 . 67, 67 . 68, 67 . 67, 546 . 547, 547 . 546");
	add_fixed_set(out, "own_types", "fib_addrtype", "local, broadcast, anycast, multicast");
	add_fixed_set(out, "errors4", "icmp_type",
	              "destination-unreachable, source-quench, redirect, time-exceeded, "
	              "parameter-problem");
	add_fixed_set(out, "errors6", "icmpv6_type",
	              "destination-unreachable, packet-too-big, time-exceeded, parameter-problem");
	add_fixed_set(out, "discovery", "icmpv6_type",
	              "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
	              "nd-neighbor-advert, nd-redirect");
	add_fixed_set(out, "exempt4", "ipv4_addr; flags interval",
	              "0.0.0.0/32, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255/32");
	add_fixed_set(out, "exempt6", "ipv6_addr; flags interval",
	              "::/128, ::1/128, fe80::/10, ff00::/8");
}

void ruleset_kept_pair_set(struct text *out, const struct family *f)
{
	add_pair_set(out, f, "through", "timeout", "");
}

void ruleset_pair_sets(struct text *out, const struct family *f)
{
	add_pair_set(out, f, "pass", "timeout", "");
	add_pair_set(out, f, "drop", "timeout", "\t\tcounter\n");
	add_pair_set(out, f, "reject", "timeout", "\t\tcounter\n");
	add_pair_set(out, f, "tunnel", "timeout", "");
	/* What comes out of tunnels: how well its sender is known, by pair and by range. */
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++)
		add_pair_set(out, f, steering_strength_name((enum strength)i), "timeout", "");
	/* The packet path writes here and nowhere else: it counts, it never makes a verdict. */
	add_pair_set(out, f, "used", "dynamic, timeout", "\t\ttimeout 1d\n\t\tcounter\n");
	/* Pairs of a tunnel that cleartext came for: their peers may have lost it. */
	text_add(out, "\tset suspect%c {\n\t\ttype %s . %s\n\t\tsize %d\n", f->digit, f->type,
	         f->type, STEERING_SUSPECTS_MAX);
	text_add(out, "\t\tflags dynamic, timeout\n\t\ttimeout 1m\n\t}\n");
	/* Pairs that had no tunnel a moment ago: what was under way may still come in. */
	text_add(out, "\tset grace%c {\n\t\ttype %s . %s\n\t\tsize %d\n", f->digit, f->type,
	         f->type, STEERING_PAIRS_MAX);
	text_add(out, "\t\tflags timeout\n\t\ttimeout 2s\n\t}\n");
}

void ruleset_policy_sets(struct text *out, const struct family *f,
                         const struct steering_settings *s, const struct policy_table *policy,
                         const struct layout *layout)
{
	struct cover local, known;

	cover_of_policy(&local, policy);
	add_ranges(out, f, "local", &local);
	cover_wipe(&local);
	steering_known(&known, s);
	add_ranges(out, f, "known", &known);
	cover_wipe(&known);
	add_layout(out, f, layout, false);
	add_pair_boxes(out, f, "map", "pair_ports", "");
	add_pair_boxes(out, f, "set", "tunnel_ports", "");
	add_pair_boxes(out, f, "set", "used_ports", "\t\tcounter\n");
}

/* Sets that outlive the daemon: what is private, and where the inside is. */
void ruleset_kept_sets(struct text *out, const struct family *f, const struct steering_settings *s,
                       const struct layout *layout)
{
	struct cover inside, bypass;

	cover_of_ranges(&inside, s->inside, s->inside_count);
	add_ranges(out, f, "inside", &inside);
	cover_wipe(&inside);
	cover_of_ranges(&bypass, s->bypass, s->bypass_count);
	add_ranges(out, f, "bypass", &bypass);
	cover_wipe(&bypass);
	add_layout(out, f, layout, true);
}
