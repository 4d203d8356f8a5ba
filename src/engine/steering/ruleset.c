#include "engine/steering/steering.h"

#include <inttypes.h>

#include "engine/steering/cover.h"
#include "engine/steering/layout.h"
#include "engine/steering/names.h"

/* What differs between the two families, in nft's words. */
struct family {
	enum ip_family family;
	char digit;
	const char *proto;   /* of a match: ip saddr */
	const char *type;    /* of an address in a set */
	const char *nfproto; /* of the packet */
};

static const struct family families[] = {
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

const char *steering_row_chain(const struct policy_row *row)
{
	switch (row->action) {
	case POLICY_TRAP:
		return row->is_private ? "trap_private" : "trap_open";
	case POLICY_PASS:
		return "row_pass";
	case POLICY_DROP:
		return "row_drop";
	case POLICY_REJECT:
		return "row_reject";
	case POLICY_TUNNEL:
		return "to_tunnel";
	}
	return "trap_private";
}

bool steering_has_private(const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->flat_count; i++)
		if (policy->flat[i].is_private)
			return true;
	return false;
}

/* Who was not told holds nobody up. */
void steering_known(struct cover *cover, const struct steering_settings *s)
{
	const struct ip_range all[] = { range_any(IP_V4), range_any(IP_V6) };

	if (s->known_count > 0)
		cover_of_ranges(cover, s->known, s->known_count);
	else
		cover_of_ranges(cover, all, ARRAY_LEN(all));
}

struct ip_range steering_row_reached(const struct policy_row *row)
{
	return row->nat.family == IP_NONE ? row->local : range_of_ip(&row->nat);
}

const char *steering_box_chain(const struct policy_row *row)
{
	if (row->action == POLICY_DROP)
		return "row_drop_ports";
	return row->action == POLICY_REJECT ? "row_reject_ports" : steering_row_chain(row);
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

static void add_layout_set(struct text *out, const struct family *f, const struct layout *layout,
                           enum layout_set set)
{
	const struct layout_kind *kind = &layout_kinds[set];
	const struct layout_list *list = &layout->sets[set];
	struct elements e = { .out = out };

	text_add(out, "\t%s %s%c {\n", kind->is_map ? "map" : "set", kind->stem, f->digit);
	add_type(out, f, kind->has_ports);
	if (kind->is_map)
		text_add(out, " : %s", kind->has_nat ? f->type : "verdict");
	text_add(out, "\n\t\tflags interval\n%s", kind->is_counted ? "\t\tcounter\n" : "");
	for (size_t i = 0; i < list->count; i++) {
		const struct layout_entry *entry = &list->entries[i];

		if (entry->local.first.family != f->family)
			continue;
		element_begin(&e);
		text_add(out, "%s . %s", range_text(&entry->local).s, range_text(&entry->remote).s);
		if (kind->has_ports)
			add_box(out, &entry->box);
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
static void add_fixed_sets(struct text *out, const struct steering_settings *s)
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

static void add_policy_sets(struct text *out, const struct family *f,
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
	add_pair_set(out, f, "pass", "timeout", "");
	add_pair_set(out, f, "drop", "timeout", "\t\tcounter\n");
	add_pair_set(out, f, "reject", "timeout", "\t\tcounter\n");
	add_pair_set(out, f, "tunnel", "timeout", "");
	/* What comes out of tunnels: how well its sender is known, by pair and by range. */
	text_add(
	    out,
	    "	map strength%c {\n		type %s . %s : verdict\n		size %d\n"
	    "		flags timeout\n	}\n",
	    f->digit, f->type, f->type, STEERING_PAIRS_MAX);
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
	add_pair_boxes(out, f, "map", "pair_ports", "");
	add_pair_boxes(out, f, "set", "tunnel_ports", "");
	add_pair_boxes(out, f, "set", "used_ports", "\t\tcounter\n");
}

/* Sets that outlive the daemon: what is private, and where the inside is. */
static void add_kept_sets(struct text *out, const struct family *f,
                          const struct steering_settings *s, const struct layout *layout)
{
	struct cover inside, bypass;

	cover_of_ranges(&inside, s->inside, s->inside_count);
	add_ranges(out, f, "inside", &inside);
	cover_wipe(&inside);
	cover_of_ranges(&bypass, s->bypass, s->bypass_count);
	add_ranges(out, f, "bypass", &bypass);
	cover_wipe(&bypass);
	add_pair_set(out, f, "through", "timeout", "");
	add_layout(out, f, layout, true);
}

/*
 * Rules are written with $names for what the settings say, one name a line below:
 *
 *   $dev                     the TUN device
 *   $clear                   takes our bits out of the mark
 *   $is_own, $is_pass ...    matches one value of our bits
 *   $set_trap ...            clears our bits and sets this value
 */
struct word {
	const char *name;
	char value[96];
};

enum { WORDS_MAX = 24 };

struct words {
	struct word word[WORDS_MAX];
	size_t count;
};

static void word_add(struct words *w, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

static void word_add(struct words *w, const char *name, const char *format, ...)
{
	struct word *word = &w->word[w->count++];
	va_list args;

	word->name = name;
	va_start(args, format);
	vsnprintf(word->value, sizeof(word->value), format, args);
	va_end(args);
}

static void word_mark(struct words *w, const char *is, const char *set, uint32_t mask,
                      uint32_t value)
{
	word_add(w, is, "meta mark & 0x%08x == 0x%08x", mask, value);
	word_add(w, set, "meta mark set meta mark & 0x%08x | 0x%08x", ~mask, value);
}

static void words_of_settings(struct words *w, const struct steering_settings *s)
{
	const struct engine_marks *m = &s->marks;

	w->count = 0;
	word_add(w, "$dev", "\"%s\"", s->device);
	word_add(w, "$ike_port", "%u", s->port);
	word_add(w, "$nat_port", "%u", s->nat_port);
	word_add(w, "$clear", "meta mark set meta mark & 0x%08x", ~m->mask);
	/* No packet has this value as its mark, so that nobody who saves marks makes it. */
	word_add(w, "$ct_is_exempt", "ct mark & 0x%08x == 0x%08x", m->mask, m->ct_exempt);
	word_add(w, "$ct_set_exempt", "ct mark set ct mark & 0x%08x | 0x%08x", ~m->mask,
	         m->ct_exempt);
	word_mark(w, "$is_trap", "$set_trap", m->mask, m->trap);
	word_mark(w, "$is_own", "$set_own", m->mask, m->own);
	word_mark(w, "$is_release_pass", "$set_release_pass", m->mask, m->release_pass);
	word_mark(w, "$is_release_tunnel", "$set_release_tunnel", m->mask, m->release_tunnel);
	word_mark(w, "$is_released", "$set_released", m->mask, m->released);
	/* Lives inside one chain only: nobody else ever sees this value. */
	word_mark(w, "$is_reject", "$set_reject", m->mask, m->mask);
}

/* The longest name that `rule` begins with, so that $is_release does not hide $is_released. */
static const struct word *word_at(const struct words *w, const char *rule)
{
	const struct word *best = NULL;

	for (size_t i = 0; i < w->count; i++) {
		size_t len = strlen(w->word[i].name);

		if (strncmp(rule, w->word[i].name, len) == 0 &&
		    (best == NULL || len > strlen(best->name)))
			best = &w->word[i];
	}
	return best;
}

static void add_rules(struct text *out, const struct words *w, const char *rules)
{
	while (*rules != '\0') {
		const struct word *word = *rules == '$' ? word_at(w, rules) : NULL;
		size_t plain = word == NULL ? 1 + strcspn(rules + 1, "$") : 0;

		if (word != NULL) {
			text_add(out, "%s", word->value);
			rules += strlen(word->name);
		} else {
			text_add_bytes(out, BYTES(rules, plain));
			rules += plain;
		}
	}
}

/*
 * Forged first requests (responder SPI zero, behind the non-ESP marker on the second port) would
 * fill the table of connections, and so would our answers that keep no state. What is beyond a
 * busy gateway's rate is not tracked; all other IKE, and ESP in UDP, is as ever.
 */
static const char knock_chains[] =
    "	chain knocks_in {\n"
    "		udp dport $ike_port @th,128,64 0 limit rate over 100/second burst 400 packets "
    "notrack\n"
    "		udp dport $nat_port @th,64,32 0 @th,160,64 0 limit rate over 100/second burst 400 "
    "packets notrack\n"
    "	}\n"
    "	chain knocks_out {\n"
    "		udp sport $ike_port @th,128,64 0 @th,216,8 & 0x20 == 0x20 limit rate over "
    "100/second "
    "burst 400 packets notrack\n"
    "		udp sport $nat_port @th,64,32 0 @th,160,64 0 @th,248,8 & 0x20 == 0x20 limit rate "
    "over "
    "100/second burst 400 packets notrack\n"
    "	}\n";

/* Exemptions, in the chains that everything else asks. `accept` ends the chain of the hook only. */
static const char exempt_chains[] =
    "	# The first rule breaks off where nothing is tracked yet.\n"
    "	chain exempt_connection {\n"
    "		$ct_set_exempt\n"
    "		accept\n"
    "	}\n"
    "	# IKE and ESP of the daemon: its mark, its user and its ports, all three. To a host\n"
    "	# behind another gateway, it goes by that gateway's tunnel.\n"
    "	chain own_sockets {\n"
    "		ip saddr . ip daddr @through4 return\n"
    "		ip6 saddr . ip6 daddr @through6 return\n"
    "		$is_own meta skuid @daemon_uids udp sport @ike_ports goto exempt_connection\n"
    "		$is_own meta skuid @daemon_uids meta l4proto esp goto exempt_connection\n"
    "	}\n"
    "	# Names must resolve before anything else can be decided. The way to a name server\n"
    "	# may be a tunnel that needs none.\n"
    "	chain name_users {\n"
    "		ip saddr . ip daddr @arranged4 return\n"
    "		ip6 saddr . ip6 daddr @arranged6 return\n"
    "		meta skuid @dns_uids udp dport @dns_ports goto exempt_connection\n"
    "		meta skuid @dns_uids tcp dport @dns_ports goto exempt_connection\n"
    "	}\n"
    "	# What never goes into a tunnel, whoever sends it. A hop limit of 255 is ours or a\n"
    "	# neighbour's: what was forwarded has less.\n"
    "	chain exempt {\n"
    "		ip daddr @exempt4 accept\n"
    "		ip6 daddr @exempt6 accept\n"
    "		ip saddr @exempt4 accept\n"
    "		ip6 saddr @exempt6 accept\n"
    "		ip daddr @bypass4 accept\n"
    "		ip6 daddr @bypass6 accept\n"
    "		fib daddr type @own_types accept\n"
    "		icmpv6 type @discovery ip6 hoplimit 255 accept\n"
    "		udp sport . udp dport @dhcp_ports fib saddr type local accept\n"
    "	}\n";

/* Private pairs do not leave in the clear, whatever any set or mark says; this outlives the daemon.
 * Replies and errors of pairs inside are no business of ours. */
static const char keep_chain[] =
    "	# Priority: before srcnat, while the source is still the inside one.\n"
    "	chain keep_private {\n"
    "		type filter hook postrouting priority srcnat - 1; policy accept;\n"
    "		oifname $dev accept\n"
    "		oifname \"lo\" accept\n"
    "		iifname $dev accept\n"
    "		jump own_sockets\n"
    "		jump name_users\n"
    "		jump exempt\n"
    "		ip daddr @inside4 accept\n"
    "		ip6 daddr @inside6 accept\n"
    "		ip saddr . ip daddr vmap @private4\n"
    "		ip6 saddr . ip6 daddr vmap @private6\n"
    "	}\n";

/* What shows no ports is in no set of these, and stays. */
static const char keep_ports_chain[] =
    "	chain keep_all {\n"
    "		counter name leak drop\n"
    "	}\n"
    "	chain keep_ports {\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @open_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @open_ports6 accept\n"
    "		counter name leak drop\n"
    "	}\n";

/* What becomes of a packet: bits of the mark on return, or the end. */
static const char class_chains[] =
    "	# A router's error about a pair takes the tunnel of its own pair (decide) or leaves; it\n"
    "	# never makes a hold. Without the daemon's heartbeat open pairs leave in the clear.\n"
    "	chain trap_open {\n"
    "		icmp type @errors4 return\n"
    "		icmpv6 type @errors6 return\n"
    "		meta nfproto != @alive return\n"
    "		notrack\n"
    "		$set_trap\n"
    "	}\n"
    "	chain trap_private {\n"
    "		icmp type @errors4 counter name leak drop\n"
    "		icmpv6 type @errors6 counter name leak drop\n"
    "		notrack\n"
    "		$set_trap\n"
    "	}\n"
    "	# A tunnel's packets stay tracked, so that translation and filters know them.\n"
    "	chain to_tunnel {\n"
    "		$set_trap\n"
    "	}\n"
    "	chain refuse {\n"
    "		$set_reject\n"
    "	}\n"
    "	chain row_pass {\n"
    "		return\n"
    "	}\n"
    "	chain row_drop {\n"
    "		ip saddr . ip daddr @rows4 drop\n"
    "		ip6 saddr . ip6 daddr @rows6 drop\n"
    "		drop\n"
    "	}\n"
    "	chain row_reject {\n"
    "		ip saddr . ip daddr @rows4 $set_reject\n"
    "		ip6 saddr . ip6 daddr @rows6 $set_reject\n"
    "		$set_reject\n"
    "	}\n"
    "	chain row_drop_ports {\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @rows_ports4 drop\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @rows_ports6 drop\n"
    "		drop\n"
    "	}\n"
    "	chain row_reject_ports {\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @rows_ports4 $set_reject\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @rows_ports6 $set_reject\n"
    "		$set_reject\n"
    "	}\n";

/* A pair whose rules speak of ports: its own verdict, then that of its row. What shows no ports is
 * in neither; the engine knows what it belongs to, or else drops it. */
static const char port_chains[] =
    "	chain ports_of_row {\n"
    "		ip saddr . ip daddr . meta l4proto . th dport vmap @policy_ports4\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport vmap @policy_ports6\n"
    "		goto trap_private\n"
    "	}\n"
    "	chain pair_pass {\n"
    "		return\n"
    "	}\n"
    "	chain pair_drop {\n"
    "		meta nfproto != @alive goto ports_of_row\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @used_ports4 drop\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @used_ports6 drop\n"
    "		drop\n"
    "	}\n"
    "	chain pair_reject {\n"
    "		meta nfproto != @alive goto ports_of_row\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @used_ports4 goto refuse\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @used_ports6 goto refuse\n"
    "		goto refuse\n"
    "	}\n"
    "	chain ports4 {\n"
    "		ip saddr . ip daddr . meta l4proto . th dport vmap @pair_ports4\n"
    "		goto ports_of_row\n"
    "	}\n"
    "	chain ports6 {\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport vmap @pair_ports6\n"
    "		goto ports_of_row\n"
    "	}\n";

static void add_decide(struct text *out, const struct family *f)
{
	const char *p = f->proto;
	char d = f->digit;

	text_add(out, "	chain decide%c {\n", d);
	text_add(out, "		%s saddr != @local%c accept\n", p, d);
	text_add(out, "		%s saddr . %s daddr @pass%c accept\n", p, p, d);
	text_add(out, "		jump exempt\n");
	text_add(out, "		%s saddr . %s daddr @tunnel%c goto to_tunnel\n", p, p, d);
	text_add(out, "		%s daddr @inside%c accept\n", p, d);
	text_add(out, "		%s saddr . %s daddr @drop%c meta nfproto @alive drop\n", p, p, d);
	text_add(out, "		%s saddr . %s daddr @reject%c meta nfproto @alive goto refuse\n", p,
	         p, d);
	text_add(out, "		%s saddr . %s daddr vmap @policy%c\n	}\n", p, p, d);
}

/*
 * A router's error about a connection that policy lets pass comes from an address of which policy
 * may say private. It is known by connection tracking; the pair's verdict is asked for anew, so
 * that what passed once does not count.
 */
static void add_related(struct text *out, const struct family *f)
{
	static const char *const plain[] = { "pass", "rows" };
	static const char *const ported[] = { "used_ports", "rows_ports" };
	const char *icmp = f->family == IP_V4 ? "icmp" : "icmpv6";
	const char *p = f->proto;
	char d = f->digit;

	text_add(out, "	chain cleartext_private%c {\n", d);
	text_add(out, "		ct state != related goto cleartext_refused%c\n", d);
	text_add(out, "		%s type != @errors%c goto cleartext_refused%c\n", icmp, d, d);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		text_add(out, "		ct original %s saddr . ct original %s daddr @%s%c accept\n",
		         p, p, plain[i], d);
	for (size_t i = 0; i < ARRAY_LEN(ported); i++)
		text_add(
		    out,
		    "		%s type @errors%c ct original %s saddr . ct original %s daddr . "
		    "ct original protocol . ct original proto-dst @%s%c accept\n",
		    icmp, d, p, p, ported[i], d);
	text_add(out, "		goto cleartext_refused%c\n	}\n", d);
}

static void add_cleartext(struct text *out, const struct family *f)
{
	const char *p = f->proto;
	char d = f->digit;

	/* Noted before it is dropped: a full set ends the rule, never the drop. */
	text_add(out, "	chain cleartext_refused%c {\n", d);
	text_add(out, "		add @suspect%c { %s daddr . %s saddr }\n", d, p, p);
	text_add(out, "		counter name cleartext drop\n	}\n");
	text_add(out, "	chain cleartext_tunnel%c {\n", d);
	text_add(out, "		%s daddr . %s saddr @grace%c accept\n", p, p, d);
	text_add(out, "		goto cleartext_refused%c\n	}\n", d);
	/* The moment of grace is of two addresses; what a rule keeps private has no part in it. */
	text_add(out, "	chain cleartext_open%c {\n", d);
	text_add(out, "		%s daddr . %s saddr . meta l4proto . th sport ", p, p);
	text_add(out, "@tunnel_ports%c goto cleartext_tunnel%c\n		accept\n	}\n", d, d);
	text_add(out, "	chain cleartext_ports%c {\n", d);
	text_add(out, "		%s daddr . %s saddr . meta l4proto . th sport ", p, p);
	text_add(out, "@clear_ports%c goto cleartext_open%c\n", d, d);
	text_add(out, "		%s daddr . %s saddr . meta l4proto . th sport ", p, p);
	text_add(out, "@tunnel_ports%c goto cleartext_refused%c\n", d, d);
	text_add(out, "		goto cleartext_private%c\n	}\n", d);
	text_add(out, "	chain cleartext%c {\n", d);
	text_add(out, "		%s saddr @bypass%c accept\n", p, d);
	/* First, since the address of a translated tunnel need not be in any row. */
	text_add(out, "		%s daddr . %s saddr @tunnel%c goto cleartext_tunnel%c\n", p, p, d,
	         d);
	text_add(out, "		%s daddr != @local%c accept\n", p, d);
	text_add(out, "		%s saddr @exempt%c accept\n", p, d);
	text_add(out, "		%s saddr @inside%c accept\n", p, d);
	text_add(out, "		%s daddr . %s saddr vmap @inbound%c\n	}\n", p, p, d);
}

/* Marks for others: how well the sender of what came out of a tunnel is known. */
static void add_strengths(struct text *out, const struct steering_settings *s)
{
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++) {
		text_add(out, "	chain %s {\n", steering_strength_chain((enum strength)i));
		text_add(out, "		meta mark set meta mark & 0x%08x | 0x%08x\n	}\n",
		         ~s->marks.mask, s->marks.strength[i]);
	}
	text_add(out, "	chain from_peer {\n");
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const struct family *f = &families[i];

		text_add(out, "		%s daddr . %s saddr vmap @strength%c\n", f->proto, f->proto,
		         f->digit);
		text_add(out, "		%s daddr . %s saddr vmap @carried%c\n", f->proto, f->proto,
		         f->digit);
	}
	text_add(out, "	}\n");
}

/*
 * An address that this machine has got a moment ago: nobody has said yet what may be sent from it
 * in the clear. Without the daemon nobody will; then it waits where a private row could be meant.
 */
static void add_unknown(struct text *out, const struct policy_table *policy)
{
	text_add(out, "	set guarded {\n		type nf_proto\n%s	}\n",
	         steering_has_private(policy) ? "		elements = { ipv4, ipv6 }\n" : "");
	text_add(out, "	chain unknown_source {\n"
	              "		ip saddr @known4 return\n"
	              "		ip6 saddr @known6 return\n"
	              "		fib saddr type != local return\n"
	              "		jump exempt\n"
	              "		meta nfproto @alive counter name unknown drop\n"
	              "		meta nfproto @guarded counter name unknown drop\n"
	              "	}\n");
}

static const char shared_chains[] =
    "	chain decide {\n"
    "		meta nfproto ipv4 goto decide4\n"
    "		meta nfproto ipv6 goto decide6\n"
    "	}\n"
    "	chain cleartext_blocked {\n"
    "		counter name cleartext drop\n"
    "	}\n"
    "	# Cleartext that claims to come from where only a tunnel comes from. Answers to our own\n"
    "	# exempt sockets are known by connection tracking, never by a port.\n"
    "	chain cleartext {\n"
    "		$ct_is_exempt ct state established,related accept\n"
    "		meta nfproto ipv4 goto cleartext4\n"
    "		meta nfproto ipv6 goto cleartext6\n"
    "	}\n"
    "	chain from_tunnel {\n"
    "		ip saddr @exempt4 drop\n"
    "		ip daddr @exempt4 drop\n"
    "		ip6 saddr @exempt6 drop\n"
    "		ip6 daddr @exempt6 drop\n"
    "		accept\n"
    "	}\n"
    "	chain into_tunnel {\n"
    "		ip daddr @exempt4 drop\n"
    "		ip6 daddr @exempt6 drop\n"
    "		accept\n"
    "	}\n";

/*
 * The same decision is made three times: at `raw` for what connection tracking must not see, at
 * mangle + 10 for the mark that routes (others rewrite marks in between), and before the packet
 * leaves, where no mark is believed but that of a released packet.
 */
static const char hook_chains[] =
    "	# No mark from outside is ours, and an inside source lives where it is routed.\n"
    "	chain prerouting_raw {\n"
    "		type filter hook prerouting priority raw; policy accept;\n"
    "		$clear\n"
    "		iifname \"lo\" accept\n"
    "		iifname $dev goto from_tunnel\n"
    "		udp dport @ike_ports fib daddr type local jump knocks_in\n"
    "		ip saddr @local4 fib saddr . iif oif missing counter name forged drop\n"
    "		ip6 saddr @local6 fib saddr . iif oif missing counter name forged drop\n"
    "		jump decide\n"
    "		$is_reject reject with icmpx admin-prohibited\n"
    "		$clear\n"
    "	}\n"
    "	chain prerouting_mark {\n"
    "		type filter hook prerouting priority mangle + 10; policy accept;\n"
    "		$clear\n"
    "		iifname \"lo\" accept\n"
    "		iifname $dev goto from_peer\n"
    "		jump decide\n"
    "		$is_reject reject with icmpx admin-prohibited\n"
    "	}\n"
    "	chain input_check {\n"
    "		type filter hook input priority mangle + 10; policy accept;\n"
    "		iifname \"lo\" accept\n"
    "		iifname $dev accept\n"
    "		udp dport @ike_ports accept\n"
    "		meta l4proto esp accept\n"
    "		udp sport . udp dport @dhcp_ports accept\n"
    "		icmpv6 type @discovery ip6 hoplimit 255 accept\n"
    "		jump cleartext\n"
    "	}\n"
    "	chain forward_check {\n"
    "		type filter hook forward priority mangle + 10; policy accept;\n"
    "		iifname $dev accept\n"
    "		jump cleartext\n"
    "	}\n"
    "	# Our bits are taken out again at the end, or the next chain would see no change of the\n"
    "	# mark and the kernel would not route anew.\n"
    "	chain output_raw {\n"
    "		type filter hook output priority raw; policy accept;\n"
    "		oifname \"lo\" accept\n"
    "		$is_release_pass meta skuid @daemon_uids accept\n"
    "		$is_release_tunnel meta skuid @daemon_uids accept\n"
    "		$is_own meta skuid @daemon_uids udp sport @ike_ports jump knocks_out\n"
    "		jump own_sockets\n"
    "		$clear\n"
    "		jump name_users\n"
    "		jump unknown_source\n"
    "		jump decide\n"
    "		$is_reject reject with icmpx admin-prohibited\n"
    "		$clear\n"
    "	}\n"
    "	chain output_mark {\n"
    "		type route hook output priority mangle + 10; policy accept;\n"
    "		oifname \"lo\" accept\n"
    "		$is_release_pass meta skuid @daemon_uids $set_released accept\n"
    "		$is_release_tunnel meta skuid @daemon_uids $set_trap accept\n"
    "		jump own_sockets\n"
    "		$clear\n"
    "		jump name_users\n"
    "		jump decide\n"
    "		$is_reject reject with icmpx admin-prohibited\n"
    "	}\n"
    "	# leftnat=: what goes into a tunnel gets the address that the peer knows. What is\n"
    "	# trapped only is untracked and keeps its own until it is released, tracked.\n"
    "	chain translate {\n"
    "		type nat hook postrouting priority srcnat; policy accept;\n"
    "		oifname $dev snat ip to ip saddr . ip daddr map @translate4\n"
    "		oifname $dev snat ip6 to ip6 saddr . ip6 daddr map @translate6\n"
    "	}\n"
    "	chain leak_guard {\n"
    "		type filter hook postrouting priority srcnat - 1; policy accept;\n"
    "		oifname $dev goto into_tunnel\n"
    "		oifname \"lo\" accept\n"
    "		iifname $dev accept\n"
    "		$is_released meta skuid @daemon_uids accept\n"
    "		jump own_sockets\n"
    "		$clear\n"
    "		jump name_users\n"
    "		ip saddr . ip daddr @pass4 update @used4 { ip saddr . ip daddr } accept\n"
    "		ip6 saddr . ip6 daddr @pass6 update @used6 { ip6 saddr . ip6 daddr } accept\n"
    "		jump decide\n"
    "		meta mark & $mask != 0 counter name leak drop\n"
    "		ip saddr . ip daddr @rows4 accept\n"
    "		ip6 saddr . ip6 daddr @rows6 accept\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @used_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @used_ports6 accept\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @rows_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @rows_ports6 accept\n"
    "	}\n";

static void add_table_head(struct text *out)
{
	text_add(out, "table inet " STEERING_TABLE "\ndelete table inet " STEERING_TABLE "\n"
	              "table inet " STEERING_TABLE " {\n");
}

void steering_ruleset(struct text *out, const struct steering_settings *s,
                      const struct policy_table *policy)
{
	struct layout layout;
	struct words w;

	layout_of_policy(&layout, policy, false);
	words_of_settings(&w, s);
	word_add(&w, "$mask", "0x%08x", s->marks.mask);
	text_add(out, "# wildswan: who is trapped, who is not. Made by `ipsec start`.\n");
	add_table_head(out);
	text_add(out, "	counter cleartext { }\n	counter forged { }\n	counter leak { }\n"
	              "	counter unknown { }\n");
	text_add(out,
	         "	# The daemon renews these every second; the kernel takes them out.\n"
	         "	set alive {\n		type nf_proto\n		flags timeout\n"
	         "		timeout %us\n		elements = { ipv4, ipv6 }\n	}\n",
	         s->daemon_down_s);
	add_fixed_sets(out, s);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		add_kept_sets(out, &families[i], s, &layout);
		add_policy_sets(out, &families[i], s, policy, &layout);
	}
	layout_wipe(&layout);
	add_rules(out, &w, exempt_chains);
	add_rules(out, &w, knock_chains);
	add_rules(out, &w, class_chains);
	add_rules(out, &w, port_chains);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add_decide(out, &families[i]);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add_cleartext(out, &families[i]);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add_related(out, &families[i]);
	add_strengths(out, s);
	add_unknown(out, policy);
	add_rules(out, &w, shared_chains);
	add_rules(out, &w, keep_ports_chain);
	add_rules(out, &w, keep_chain);
	add_rules(out, &w, hook_chains);
	text_add(out, "}\n");
}

static bool has_private(const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->flat_count; i++)
		if (policy->flat[i].is_private)
			return true;
	return false;
}

void steering_leftover(struct text *out, const struct steering_settings *s,
                       const struct policy_table *policy)
{
	struct layout layout;
	struct words w;

	if (!has_private(policy))
		return;
	layout_of_policy(&layout, policy, true);
	words_of_settings(&w, s);
	text_add(out, "# wildswan, stopped: what must not leave in the clear still does not.\n");
	add_table_head(out);
	text_add(out, "	counter leak { }\n");
	add_fixed_sets(out, s);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		add_kept_sets(out, &families[i], s, &layout);
	layout_wipe(&layout);
	add_rules(out, &w, exempt_chains);
	add_rules(out, &w, keep_ports_chain);
	add_rules(out, &w, keep_chain);
	text_add(out, "}\n");
}
