/*
 * Policy groups: what becomes of two hosts, for every group that each may put the other in.
 */
#include <stdio.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

static const char *const west_host = "192.0.2.1", *const east_host = "192.0.2.2";

/* Two hosts with their keys in the DNS and no conn written, or those of `conf`. */
static struct pair start(uint64_t seed, const char *conf)
{
	struct pair p = { .sim = sim_new(seed) };

	p.west = sim_gateway_with(p.sim, "west", west_host, NULL, conf);
	p.east = sim_gateway_with(p.sim, "east", east_host, NULL, "config setup\n");
	sim_publish_key(p.sim, p.west);
	sim_publish_key(p.sim, p.east);
	return p;
}

static void put_in(struct sim *sim, struct gateway *gateway, const char *group, const char *entry)
{
	static const char *const all[] = { "private", "private-or-clear", "clear-or-private",
		                           "clear", "block" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		sim_policy(gateway, all[i], strcmp(all[i], group) == 0 ? entry : "");
	sim_reload_with(sim, gateway, "conn %default\n");
}

/* ---- The matrix ---- */

enum group { PRIVATE, PRIVATE_OR_CLEAR, CLEAR_OR_PRIVATE, CLEAR, BLOCK, GROUPS };

static const char *const names[] = { "private", "private-or-clear", "clear-or-private", "clear",
	                             "block" };

/* What becomes of west's ping, and of east's answer, once all is decided: Tunnel, Clear, or
 * nothing (-). */
static const char *const outcome[GROUPS][GROUPS] = {
	/* east:               private poc   cop   clear block */
	[PRIVATE] = { "TT", "TT", "TT", "--", "--" },
	[PRIVATE_OR_CLEAR] = { "TT", "TT", "TT", "CC", "--" },
	[CLEAR_OR_PRIVATE] = { "--", "CT", "CC", "CC", "--" },
	[CLEAR] = { "--", "CC", "CC", "CC", "--" },
	[BLOCK] = { "--", "--", "--", "--", "--" },
};

static void expect_way(struct pair *p, const char *from, const char *to, char way)
{
	expect_arrived(p->sim, from, to, way == 'T', way == 'C');
}

static void meet(enum group ours, enum group theirs)
{
	struct pair p = start(1 + (uint64_t)ours * GROUPS + theirs, "config setup\n");
	const char *want = outcome[ours][theirs];

	sim_let_refuse(p.sim);
	put_in(p.sim, p.west, names[ours], "192.0.2.0/24\n");
	put_in(p.sim, p.east, names[theirs], "192.0.2.0/24\n");
	sim_ping(p.sim, west_host, east_host);
	sim_run_for(p.sim, SECONDS(20));
	expect_way(&p, west_host, east_host, want[0]);
	expect_way(&p, east_host, west_host, want[1]);
	if (want[1] == 'T') {
		expect_tunnel(p.sim, west_host, east_host);
		expect_tunnel(p.sim, east_host, west_host);
	} else {
		expect_sas(p.sim, p.west, want[1] == 'T', 0);
	}
	sim_end(p.sim);
}

/* Section 10, both ends: 5 x 5 */
void groups_meet_groups(void)
{
	for (unsigned ours = 0; ours < GROUPS; ours++)
		for (unsigned theirs = 0; theirs < GROUPS; theirs++)
			meet((enum group)ours, (enum group)theirs);
}

/* ---- Others ---- */

/* POL-4 */
void groups_out_of_the_box(void)
{
	struct pair p = start(1, "config setup\n");

	sim_ping(p.sim, west_host, east_host);
	sim_ping(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	expect_arrived(p.sim, west_host, east_host, 1, 0);
	expect_pass(p.sim, west_host, "198.51.100.7");
	sim_end(p.sim);
}

/* POL-5 */
void groups_apply_when_read_again(void)
{
	struct pair p = start(1, "config setup\n");

	sim_ping(p.sim, west_host, east_host);
	sim_ping(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	/* Still allowed: the tunnel stays. What passed may not any more. */
	put_in(p.sim, p.west, "private", "0.0.0.0/0\n");
	expect_tunnel(p.sim, west_host, east_host);
	expect_trap(p.sim, west_host, "198.51.100.7");
	sim_ping(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, west_host, "198.51.100.7");
	/* Not allowed: it goes at once, at both ends. */
	put_in(p.sim, p.west, "block", "192.0.2.2\n");
	expect_drop(p.sim, west_host, east_host);
	sim_run_for(p.sim, SECONDS(1));
	expect_children(p.sim, p.west, 0);
	expect_children(p.sim, p.east, 0);
	put_in(p.sim, p.west, "clear", "192.0.2.2\n");
	expect_pass(p.sim, west_host, east_host);
	sim_end(p.sim);
}

/* POL-7, POL-3 */
void groups_of_ones_own(void)
{
	static const char conf[] = "conn mine\n"
				   "\tleft=%defaultroute\n"
				   "\tright=%opportunisticgroup\n"
				   "\tfailureshunt=none\n"
				   "\tauto=route\n"
				   "conn open\n"
				   "\tleft=%defaultroute\n"
				   "\tright=%opportunisticgroup\n"
				   "\tnegotiationshunt=passthrough\n"
				   "\tauto=route\n";
	struct pair p = start(1, conf);

	sim_policy(p.west, "mine", "198.51.100.0/24\n192.0.2.2\n");
	sim_policy(p.west, "open", "203.0.113.0/24\n");
	sim_reload_with(p.sim, p.west, conf);
	sim_ping(p.sim, west_host, east_host);
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	/* none: the hold ends, and the next try waits for its minute. */
	sim_packet(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(38));
	sim_packet(p.sim, west_host, "198.51.100.7");
	expect_drop(p.sim, west_host, "198.51.100.7");
	sim_run_for(p.sim, SECONDS(3));
	expect_trap(p.sim, west_host, "198.51.100.7");
	expect_arrived(p.sim, west_host, "198.51.100.7", 0, 0);
	/* negotiationshunt=passthrough: nobody waits for the DNS. */
	sim_dns_delay(p.sim, "203.0.113.7", SECONDS(2));
	sim_packet(p.sim, west_host, "203.0.113.7");
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_pass(p.sim, west_host, "203.0.113.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_pass(p.sim, west_host, "203.0.113.7");
	expect_arrived(p.sim, west_host, "203.0.113.7", 0, 1);
	sim_end(p.sim);
}

/* POL-2: the most specific decides, whatever it is; of two for the same addresses the conn. */
void groups_beside_conns(void)
{
	static const char conf[] = "conn wall\n"
				   "\ttype=drop\n"
				   "\tleft=%defaultroute\n"
				   "\tright=%any\n"
				   "\trightsubnet=198.51.100.0/24\n"
				   "\tauto=route\n"
				   "conn never\n"
				   "\ttype=reject\n"
				   "\tleft=%defaultroute\n"
				   "\tright=203.0.113.7\n"
				   "\tauto=route\n";
	struct pair p = start(1, conf);

	sim_policy(p.west, "clear", "198.51.100.0/28\n198.51.100.0/24\n203.0.113.7\n0.0.0.0/0\n");
	sim_policy(p.west, "private", "192.0.2.0/24\n");
	sim_policy(p.west, "block", "198.51.100.1\n");
	sim_reload_with(p.sim, p.west, conf);
	expect_pass(p.sim, west_host, "198.51.100.9");
	expect_drop(p.sim, west_host, "198.51.100.1");
	expect_drop(p.sim, west_host, "198.51.100.77");
	expect_eroute(p.sim, west_host, "203.0.113.7", "reject");
	expect_pass(p.sim, west_host, "203.0.113.8");
	sim_ping(p.sim, west_host, east_host);
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	sim_end(p.sim);
}

/* OIN-2: one eroute a rule, one tunnel for all of them. */
void groups_with_ports(void)
{
	enum { TCP = 6 };
	struct pair p = start(1, "config setup\n");

	sim_policy(p.west, "private", "192.0.2.2 tcp 23\n198.51.100.7 tcp 23\n");
	sim_policy(p.west, "private-or-clear", "0.0.0.0/0\n");
	sim_policy(p.west, "clear", "192.0.2.2 tcp 80\n");
	sim_policy(p.west, "block", "192.0.2.2 tcp 25\n");
	sim_reload_with(p.sim, p.west, "conn %default\n");
	sim_let_refuse(p.sim); /* east has a tunnel, and west's port 80 stays clear */
	sim_dns_delay(p.sim, east_host, MILLISECONDS(500));
	sim_packet_to(p.sim, west_host, east_host, TCP, 23);
	sim_ping(p.sim, west_host, east_host);
	sim_packet_to(p.sim, west_host, east_host, TCP, 80);
	sim_packet_to(p.sim, west_host, east_host, TCP, 25);
	sim_run_for(p.sim, SECONDS(20));
	expect_rule(p.sim, west_host, east_host, TCP, 23, "tunnel");
	expect_tunnel(p.sim, west_host, east_host);
	expect_sas(p.sim, p.west, 1, 1);
	expect_arrived(p.sim, west_host, east_host, 2, 1);
	/* Each rule has its own word on failure. */
	sim_packet_to(p.sim, west_host, "198.51.100.7", TCP, 23);
	sim_packet_to(p.sim, west_host, "198.51.100.7", TCP, 22);
	sim_run_for(p.sim, SECONDS(20));
	expect_rule(p.sim, west_host, "198.51.100.7", TCP, 23, "drop");
	expect_pass(p.sim, west_host, "198.51.100.7");
	/* The rule goes: so does what came of it. */
	sim_policy(p.west, "private", "192.0.2.2\n");
	sim_reload_with(p.sim, p.west, "conn %default\n");
	expect_rule(p.sim, west_host, "198.51.100.7", TCP, 23, "trap");
	expect_rule(p.sim, west_host, east_host, TCP, 23, "trap");
	sim_packet_to(p.sim, west_host, "198.51.100.7", TCP, 23);
	sim_ping(p.sim, west_host, east_host);
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	expect_arrived(p.sim, west_host, "198.51.100.7", 0, 2);
	sim_end(p.sim);
}

/* SEC-17: rules for the same addresses share a tunnel only where they want the same proofs. */
void groups_with_ports_and_other_proofs(void)
{
	static const char west_conf[] = "conn private-or-clear\n"
					"\tleft=%defaultroute\n"
					"\tright=%opportunisticgroup\n"
					"\tauthby=null\n"
					"\tauto=route\n";
	static const char east_conf[] = "conn anonymous\n"
					"\tleft=%defaultroute\n"
					"\tright=%opportunistic\n"
					"\tauthby=null\n"
					"\tauto=route\n";
	enum { TCP = 6 };
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", west_host, NULL, west_conf);
	struct gateway *east = sim_gateway_with(sim, "east", east_host, NULL, east_conf);

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_policy(west, "private", "192.0.2.2 tcp 23\n");
	sim_policy(west, "private-or-clear", "0.0.0.0/0\n");
	sim_reload_with(sim, west, west_conf);
	sim_let_refuse(sim);
	sim_ping(sim, west_host, east_host);
	sim_packet_to(sim, west_host, east_host, TCP, 23);
	sim_run_for(sim, SECONDS(20));
	expect_rule(sim, west_host, east_host, TCP, 23, "drop");
	expect_pass(sim, west_host, east_host);
	expect_reason(sim, west_host, east_host, "another rule for these addresses");
	expect_sas(sim, west, 0, 0);
	/* The rule goes, and its neighbour may have its tunnel; it comes back, and that ends. */
	sim_policy(west, "private", "");
	sim_reload_with(sim, west, west_conf);
	sim_order(sim, west, SIM_CLEAR, NULL, NULL);
	sim_packet(sim, west_host, east_host);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, west_host, east_host);
	sim_policy(west, "private", "192.0.2.2 tcp 23\n");
	sim_reload_with(sim, west, west_conf);
	sim_packet_to(sim, west_host, east_host, TCP, 23);
	sim_run_for(sim, SECONDS(20));
	expect_rule(sim, west_host, east_host, TCP, 23, "drop");
	expect_arrived(sim, west_host, east_host, 1, 1);
	sim_end(sim);
}

/* POL-6 */
void groups_of_names(void)
{
	static const char *const seven = "198.51.100.7", *const eight = "198.51.100.8";
	struct pair p = start(1, "config setup\n");

	sim_policy(p.west, "private", "partner.example\n192.0.2.2\n");
	sim_policy(p.west, "private-or-clear", "0.0.0.0/0\n");
	sim_reload_with(p.sim, p.west, "conn %default\n");
	/* Nobody knows the name yet: it is reported, and the rest of the file works. */
	sim_ping(p.sim, west_host, east_host);
	sim_packet(p.sim, west_host, seven);
	sim_run_for(p.sim, SECONDS(20));
	expect_logged(p.sim, p.west, "group private: partner.example has no address (NXDOMAIN)");
	expect_tunnel(p.sim, west_host, east_host);
	expect_pass(p.sim, west_host, seven);
	/* It is asked again, and what passed is private from then on. */
	sim_publish_address(p.sim, "partner.example", seven);
	sim_publish_address(p.sim, "partner.example", "2001:db8::7");
	sim_run_for(p.sim, SECONDS(301));
	expect_logged(p.sim, p.west, "group private: partner.example is 198.51.100.7 and others");
	sim_packet(p.sim, west_host, seven);
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, west_host, seven);
	/* Another address, unsigned: after the TTL that one, after the next no longer this. */
	sim_withdraw(p.sim, "partner.example");
	sim_publish_address(p.sim, "partner.example", eight);
	sim_run_for(p.sim, SECONDS(301));
	sim_packet(p.sim, west_host, seven);
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, west_host, seven);
	sim_run_for(p.sim, SECONDS(301));
	sim_packet(p.sim, west_host, seven);
	sim_packet(p.sim, west_host, eight);
	sim_run_for(p.sim, SECONDS(20));
	expect_pass(p.sim, west_host, seven);
	expect_drop(p.sim, west_host, eight);
	/* Gone: whoever forges that opens nothing. */
	sim_withdraw(p.sim, "partner.example");
	sim_run_for(p.sim, SECONDS(301));
	sim_packet(p.sim, west_host, eight);
	sim_run_for(p.sim, SECONDS(20));
	expect_logged(p.sim, p.west, "those it had go on to count");
	expect_drop(p.sim, west_host, eight);
	sim_end(p.sim);
}

/* POL-6: a forged address opens nothing that is closed. */
void groups_of_unsigned_names(void)
{
	static const char *const seven = "198.51.100.7", *const eight = "198.51.100.8";
	static const char *const nine = "198.51.100.9", *const there = "203.0.113.7";
	struct pair p = start(1, "config setup\n");

	sim_publish_address(p.sim, "forged.example", seven);
	sim_publish_address(p.sim, "blocked.example", "203.0.113.200");
	sim_publish_address(p.sim, "web.example", seven);
	sim_publish_address(p.sim, "signed.example", eight);
	sim_publish_address(p.sim, "elsewhere.example", there);
	sim_publish_address(p.sim, "inside.example", nine);
	sim_dns_trust(p.sim, "signed.example", DNS_SECURE);
	sim_policy(p.west, "private", "198.51.100.0/24\n");
	sim_policy(p.west, "block", "203.0.113.128/25\n");
	sim_policy(p.west, "private-or-clear", "203.0.113.0/25\n");
	sim_policy(p.west, "clear",
	           "forged.example\nweb.example tcp 80\nsigned.example\nelsewhere.example\n"
	           "198.51.100.9\n");
	sim_policy(p.west, "clear-or-private", "blocked.example\ninside.example\n");
	sim_reload_with(p.sim, p.west, "conn %default\n");
	sim_run_for(p.sim, SECONDS(3));
	expect_trap(p.sim, west_host, seven);
	expect_eroute(p.sim, west_host, "203.0.113.200", "drop");
	expect_pass(p.sim, west_host, eight);
	expect_pass(p.sim, west_host, nine);
	expect_pass(p.sim, west_host, there);
	sim_packet(p.sim, west_host, seven);
	sim_packet_to(p.sim, west_host, seven, 6, 80);
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, west_host, seven);
	expect_arrived(p.sim, west_host, seven, 0, 0);
	expect_logged(p.sim, p.west,
	              "group clear: that forged.example is 198.51.100.7 is not signed");
	/* Its signatures go: what it had opened is private again. */
	sim_dns_trust(p.sim, "signed.example", DNS_INSECURE);
	sim_run_for(p.sim, SECONDS(301));
	expect_trap(p.sim, west_host, eight);
	sim_end(p.sim);
}

/* A start with a bad file: what is readable of private and block applies, the rest is held for a
 * moment and dropped; the next reading makes it good. */
void groups_held_by_a_makeshift(void)
{
	struct pair p = start(1, "config setup\n");

	sim_policy(p.west, "private", "192.0.2.2\n");
	sim_policy(p.west, "clear", "198.51.100.0/24\n");
	sim_policy(p.west, "private-or-clear", "0.0.0.0/0\n198.51.100.300\n");
	sim_restart(p.sim, p.west);
	sim_ping(p.sim, west_host, east_host);
	sim_packet(p.sim, west_host, "198.51.100.7");
	sim_packet(p.sim, west_host, "203.0.113.7");
	sim_run_for(p.sim, SECONDS(9));
	expect_tunnel(p.sim, west_host, east_host);
	expect_pass(p.sim, west_host, "198.51.100.7");
	expect_eroute(p.sim, west_host, "203.0.113.7", "hold");
	sim_run_for(p.sim, SECONDS(2));
	expect_drop(p.sim, west_host, "203.0.113.7");
	sim_packet(p.sim, west_host, "203.0.113.8");
	sim_run_for(p.sim, SECONDS(1));
	sim_policy(p.west, "private-or-clear", "0.0.0.0/0\n");
	sim_reload_with(p.sim, p.west, "conn %default\n");
	sim_packet(p.sim, west_host, "203.0.113.7");
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, west_host, east_host);
	expect_pass(p.sim, west_host, "203.0.113.7");
	expect_arrived(p.sim, west_host, "203.0.113.7", 0, 1);
	expect_arrived(p.sim, west_host, "203.0.113.8", 0, 1); /* that was still held */
	sim_end(p.sim);
}
