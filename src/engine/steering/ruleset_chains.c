#include "engine/steering/names.h"
#include "engine/steering/ruleset_text.h"

/*
 * Forged first requests (responder SPI zero, behind the non-ESP marker on the second port) would
 * fill the table of connections, and so would our answers that keep no state. What is beyond a
 * busy gateway's rate is not tracked; all other IKE, and ESP in UDP, is as ever.
 */
const char ruleset_knock_chains[] =
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
const char ruleset_exempt_chains[] =
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
    "		meta nfproto @replacing return\n"
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
const char ruleset_keep_chain[] =
    "	# Priority: before srcnat, while the source is still the inside one.\n"
    "	chain keep_private {\n"
    "		type filter hook postrouting priority srcnat - 1; policy accept;\n"
    "		oifname $dev accept\n"
    "		oifname \"lo\" accept\n"
    "		iifname $dev accept\n"
    "		jump own_sockets\n"
    "		jump name_users\n"
    "		jump exempt\n"
    "		meta nfproto @replacing counter name leak drop\n"
    "		ip daddr @inside4 accept\n"
    "		ip6 daddr @inside6 accept\n"
    "		ct direction reply ct status dnat jump keep_answers\n"
    "		ip saddr @columned4 jump keep_columns\n"
    "		ip6 saddr @columned6 jump keep_columns\n"
    "		ip saddr . ip daddr vmap @private4\n"
    "		ip6 saddr . ip6 daddr vmap @private6\n"
    "	}\n";

/* What shows no ports is in no set of these, and stays. */
const char ruleset_keep_ports_chain[] =
    "	chain keep_all {\n"
    "		counter name leak drop\n"
    "	}\n"
    "	chain keep_columns {\n"
    "		ip saddr @column_*4 ip daddr vmap @private_*4\n"
    "		ip6 saddr @column_*6 ip6 daddr vmap @private_*6\n"
    "	}\n"
    "	# Of a forwarded port: outside its answers have the address that was asked.\n"
    "	chain keep_answers {\n"
    "		ct original ip daddr @column_*4 ct original ip saddr vmap @private_*4\n"
    "		ct original ip6 daddr @column_*6 ct original ip6 saddr vmap @private_*6\n"
    "		ct original ip daddr . ct original ip saddr vmap @private4\n"
    "		ct original ip6 daddr . ct original ip6 saddr vmap @private6\n"
    "	}\n"
    "	chain keep_ports {\n"
    "		ct direction reply ct original ip daddr . ct original ip saddr . "
    "meta l4proto . th dport @open_ports4 accept\n"
    "		ct direction reply ct original ip6 daddr . ct original ip6 saddr . "
    "meta l4proto . th dport @open_ports6 accept\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @open_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @open_ports6 accept\n"
    "		counter name leak drop\n"
    "	}\n";

/* What becomes of a packet: bits of the mark on return, or the end. */
const char ruleset_class_chains[] =
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
    "		ip saddr @column_*4 ip daddr @rows_*4 drop\n"
    "		ip6 saddr @column_*6 ip6 daddr @rows_*6 drop\n"
    "		ip saddr . ip daddr @rows4 drop\n"
    "		ip6 saddr . ip6 daddr @rows6 drop\n"
    "		drop\n"
    "	}\n"
    "	chain row_reject {\n"
    "		ip saddr @column_*4 ip daddr @rows_*4 $set_reject\n"
    "		ip6 saddr @column_*6 ip6 daddr @rows_*6 $set_reject\n"
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
const char ruleset_port_chains[] =
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

/* Lines of one family; those for columns are written for each. */
static void write_lines(struct text *out, const struct family *f, const char *lines)
{
	struct words w = { 0 };

	word_add(&w, "$ip", "%s", f->proto);
	word_add(&w, "$4", "%c", f->digit);
	words_write(out, &w, lines);
}

void ruleset_decide(struct text *out, const struct family *f)
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
	write_lines(out, f,
	            "		$ip saddr @columned$4 goto decide_columns$4\n"
	            "		goto decide_row$4\n"
	            "	}\n"
	            "	chain decide_columns$4 {\n"
	            "		$ip saddr @column_*$4 $ip daddr vmap @policy_*$4\n"
	            "		goto decide_row$4\n"
	            "	}\n"
	            "	chain decide_row$4 {\n"
	            "		$ip saddr . $ip daddr vmap @policy$4\n"
	            "		meta nfproto @changing counter name leak drop\n"
	            "	}\n");
}

/*
 * A router's error about a connection that policy lets pass comes from an address of which policy
 * may say private. It is known by connection tracking; the pair's verdict is asked for anew, so
 * that what passed once does not count.
 */
void ruleset_related(struct text *out, const struct family *f)
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
	write_lines(out, f,
	            "		ct original $ip saddr @column_*$4 "
	            "ct original $ip daddr @rows_*$4 accept\n");
	for (size_t i = 0; i < ARRAY_LEN(ported); i++)
		text_add(
		    out,
		    "		%s type @errors%c ct original %s saddr . ct original %s daddr . "
		    "ct original protocol . ct original proto-dst @%s%c accept\n",
		    icmp, d, p, p, ported[i], d);
	text_add(out, "		goto cleartext_refused%c\n	}\n", d);
}

void ruleset_cleartext(struct text *out, const struct family *f)
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
	text_add(out, "@tunnel_ports%c goto cleartext_tunnel%c\n		accept\n	}\n",
	         d, d);
	text_add(out, "	chain cleartext_ports%c {\n", d);
	text_add(out, "		%s daddr . %s saddr . meta l4proto . th sport ", p, p);
	text_add(out, "@clear_ports%c goto cleartext_open%c\n", d, d);
	text_add(out, "		%s daddr . %s saddr . meta l4proto . th sport ", p, p);
	text_add(out, "@tunnel_ports%c goto cleartext_refused%c\n", d, d);
	text_add(out, "		goto cleartext_private%c\n	}\n", d);
	write_lines(out, f,
	            "	chain cleartext_asked$4 {\n"
	            "		$ip saddr @bypass$4 return\n"
	            "		$ip saddr @exempt$4 return\n"
	            "		$ip saddr @inside$4 return\n"
	            "		ct original $ip daddr . ct original $ip saddr @grace$4 return\n"
	            "		ct original $ip daddr . ct original $ip saddr @tunnel$4 "
	            "add @suspect$4 { ct original $ip daddr . ct original $ip saddr } "
	            "goto cleartext_blocked\n"
	            "		ct original $ip daddr . ct original $ip saddr . meta l4proto . "
	            "th sport @tunnel_ports$4 goto cleartext_blocked\n"
	            "		ct original $ip daddr . ct original $ip saddr . meta l4proto . "
	            "th sport @clear_ports$4 return\n"
	            "		ct original $ip daddr @column_*$4 ct original $ip saddr vmap "
	            "@inbound_*$4\n"
	            "		ct original $ip daddr . ct original $ip saddr vmap @inbound$4\n"
	            "	}\n");
	text_add(out, "	chain cleartext%c {\n", d);
	text_add(out, "		%s saddr @bypass%c accept\n", p, d);
	/* First, since the address of a translated tunnel need not be in any row. */
	text_add(out, "		%s daddr . %s saddr @tunnel%c goto cleartext_tunnel%c\n", p, p, d,
	         d);
	text_add(out, "		%s daddr != @local%c accept\n", p, d);
	text_add(out, "		%s saddr @exempt%c accept\n", p, d);
	text_add(out, "		%s saddr @inside%c accept\n", p, d);
	write_lines(out, f,
	            "		$ip daddr @columned$4 jump cleartext_columns$4\n"
	            "		$ip daddr . $ip saddr vmap @inbound$4\n"
	            "	}\n"
	            "	chain cleartext_columns$4 {\n"
	            "		$ip daddr @column_*$4 $ip saddr vmap @inbound_*$4\n"
	            "	}\n");
}

/* Sets, not a map to chains: the kernel walks all of such a map for every element that it gets. */
static void add_strength_sets(struct text *out, const struct family *f)
{
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++) {
		const char *name = steering_strength_name((enum strength)i);

		text_add(out, "		%s daddr . %s saddr @%s%c goto %s\n", f->proto, f->proto,
		         name, f->digit, name);
	}
}

static void add_carried_map(struct text *out, const struct family *f)
{
	text_add(out, "		%s daddr . %s saddr vmap @carried%c\n", f->proto, f->proto,
	         f->digit);
}

/* Marks for others: how well the sender of what came out of a tunnel is known. */
void ruleset_strengths(struct text *out, const struct steering_settings *s)
{
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++) {
		text_add(out, "	chain %s {\n", steering_strength_name((enum strength)i));
		text_add(out, "		meta mark set meta mark & 0x%08x | 0x%08x\n	}\n",
		         ~s->marks.mask, s->marks.strength[i]);
	}
	/* While pairs are missing, a range must not speak for a weaker pair of its own. */
	text_add(out, "	set whole_strengths {\n		type nf_proto\n	}\n"
	              "	chain from_peer {\n");
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		add_strength_sets(out, &ruleset_families[i]);
	text_add(out, "		meta nfproto != @whole_strengths return\n");
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		add_carried_map(out, &ruleset_families[i]);
	text_add(out, "	}\n");
}

/*
 * An address that this machine has got a moment ago: nobody has said yet what may be sent from it
 * in the clear. Without the daemon nobody will; then it waits where a private row could be meant.
 */
void ruleset_unknown(struct text *out, const struct policy_table *policy)
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

const char ruleset_shared_chains[] =
    "	chain wait {\n"
    "		jump exempt\n"
    "		counter name leak drop\n"
    "	}\n"
    "	# An error quotes the packet it is about. What came out of a tunnel must not leave in\n"
    "	# one, whoever made it: the engine sends it by the tunnel of what it quotes. Of the\n"
    "	# first packet of a connection nothing is known yet, and the engine looks.\n"
    "	chain about_tunnel {\n"
    "		jump exempt\n"
    "		ip daddr @inside4 return\n"
    "		ip6 daddr @inside6 return\n"
    "		meta nfproto != @alive return\n"
    "		$ct_is_tunnelled goto to_tunnel\n"
    "		ct state invalid goto to_tunnel\n"
    "	}\n"
    "	# Somebody forwards a port to another host: its answers go where the questions came from,\n"
    "	# by the tunnel of the address that was asked, whatever becomes of that host's own.\n"
    "	chain answer {\n"
    "		ct original ip daddr . ct original ip saddr @tunnel4 goto to_tunnel\n"
    "		ct original ip6 daddr . ct original ip6 saddr @tunnel6 goto to_tunnel\n"
    "		ct original ip daddr . ct original ip saddr . meta l4proto . "
    "th dport @tunnel_ports4 goto to_tunnel\n"
    "		ct original ip6 daddr . ct original ip6 saddr . meta l4proto . "
    "th dport @tunnel_ports6 goto to_tunnel\n"
    "	}\n"
    "	chain release_pass {\n"
    "		ct direction reply ct status dnat jump answer\n"
    "		$is_trap accept\n"
    "		$set_released accept\n"
    "	}\n"
    "	chain decide {\n"
    "		meta nfproto @replacing goto wait\n"
    "		icmp type @errors4 jump about_tunnel\n"
    "		icmpv6 type @errors6 jump about_tunnel\n"
    "		ct direction reply ct status dnat jump answer\n"
    "		$is_trap return\n"
    "		meta nfproto ipv4 goto decide4\n"
    "		meta nfproto ipv6 goto decide6\n"
    "	}\n"
    "	chain cleartext_blocked {\n"
    "		counter name cleartext drop\n"
    "	}\n"
    "	# A port that somebody forwards: what counts is the address that was asked, too.\n"
    "	chain cleartext_forwarded {\n"
    "		meta nfproto ipv4 jump cleartext_asked4\n"
    "		meta nfproto ipv6 jump cleartext_asked6\n"
    "	}\n"
    "	# Cleartext that claims to come from where only a tunnel comes from. Answers to our own\n"
    "	# exempt sockets are known by connection tracking, never by a port.\n"
    "	chain cleartext {\n"
    "		$ct_is_exempt ct state established,related accept\n"
    "		meta nfproto @replacing counter name cleartext drop\n"
    "		ct direction original ct status dnat jump cleartext_forwarded\n"
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
    "	chain count_columns {\n"
    "		ip saddr @column_*4 ip daddr @rows_*4 accept\n"
    "		ip6 saddr @column_*6 ip6 daddr @rows_*6 accept\n"
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
const char ruleset_hook_chains[] =
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
    "		iifname $dev $ct_not_ours $ct_set_tunnelled\n"
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
    "		$is_release_pass meta skuid @daemon_uids goto release_pass\n"
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
    "		icmp type @errors4 jump about_tunnel\n"
    "		icmpv6 type @errors6 jump about_tunnel\n"
    "		ct direction reply ct status dnat jump answer\n"
    "		meta mark & $mask != 0 counter name leak drop\n"
    "		jump name_users\n"
    "		ip saddr . ip daddr @pass4 update @used4 { ip saddr . ip daddr } accept\n"
    "		ip6 saddr . ip6 daddr @pass6 update @used6 { ip6 saddr . ip6 daddr } accept\n"
    "		jump decide\n"
    "		meta mark & $mask != 0 counter name leak drop\n"
    "		ip saddr @columned4 jump count_columns\n"
    "		ip6 saddr @columned6 jump count_columns\n"
    "		ip saddr . ip daddr @rows4 accept\n"
    "		ip6 saddr . ip6 daddr @rows6 accept\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @used_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @used_ports6 accept\n"
    "		ip saddr . ip daddr . meta l4proto . th dport @rows_ports4 accept\n"
    "		ip6 saddr . ip6 daddr . meta l4proto . th dport @rows_ports6 accept\n"
    "	}\n";
