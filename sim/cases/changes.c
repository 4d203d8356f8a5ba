/*
 * What changes under way: the configuration, the peer's memory, the number of those who want to
 * talk.
 */
#include <stdio.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

static struct pair start(const char *failure)
{
	struct pair p = pair_in(sim_new(1), failure, failure);

	pair_publish_west(&p);
	pair_publish_east(&p);
	return p;
}

/* POL-5, promises 1 and 2: at any moment of a decision the conns become private, or cease to be. */
void reload_while_deciding(void)
{
	for (int ms = 0; ms <= 80; ms += 2) {
		for (int way = 0; way < 3; way++) {
			static const char *const before[] = { NULL, NULL, "drop" };
			static const char *const after[] = { NULL, "drop", NULL };
			struct pair p = start(before[way]);

			sim_ping(p.sim, source, destination);
			sim_run_for(p.sim, MILLISECONDS(ms));
			sim_reload(p.sim, p.west, after[way]);
			sim_run_until_idle(p.sim);
			expect_arrived(p.sim, source, destination, 1, 0);
			sim_ping(p.sim, source, destination);
			sim_run_until_idle(p.sim);
			expect_tunnel(p.sim, source, destination);
			expect_arrived(p.sim, source, destination, 2, 0);
			expect_arrived(p.sim, destination, source, 2, 0);
			sim_end(p.sim);
		}
	}
}

/* POL-5, TRU-5: at any moment of a decision the conn's word on proofs becomes another. What was
 * found out by the old one is no reason for the new one's verdict. */
void reload_of_other_proofs_while_deciding(void)
{
	static const struct {
		const char *before, *after;
		const char *action, *reason;
	} cases[] = {
		{ CLIENT(""), CLIENT("\tdnssec=require\n"), "pass", "not signed" },
		{ CLIENT(""), "config setup\n\tdnssec=require\n" CLIENT(""), "pass", "not signed" },
		{ CLIENT(""), CLIENT("\tunsigned-delegation=self\n"), "pass", "not signed" },
		{ CLIENT("\tdnssec=require\n"), CLIENT(""), "tunnel", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int ms = 0; ms <= 80; ms += 4) {
			struct pair p = start(NULL);

			sim_let_refuse(p.sim); /* east may have the tunnel for a moment longer */
			sim_reload_with(p.sim, p.west, cases[i].before);
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, MILLISECONDS(ms));
			sim_reload_with(p.sim, p.west, cases[i].after);
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, SECONDS(20));
			expect_eroute(p.sim, source, destination, cases[i].action);
			expect_reason(p.sim, source, destination, cases[i].reason);
			sim_end(p.sim);
		}
	}
}

/* POL-5: a tunnel whose delegation is signed, but not its gateway's key, outlives a reload. */
void reload_keeps_a_tunnel_that_it_would_make(void)
{
	static const char conf[] = CLIENT("\tunsigned-delegation=self\n");
	struct pair p = pair_in(sim_new(1), conf, NULL);

	pair_publish_west(&p);
	sim_delegate_with(p.sim, destination, 10, p.east, NULL);
	sim_publish_key(p.sim, p.east);
	sim_dns_trust(p.sim, destination, DNS_SECURE);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(5));
	expect_tunnel(p.sim, source, destination);
	expect_strength(p.sim, p.west, source, destination, "dns");
	sim_reload_with(p.sim, p.west, conf);
	expect_tunnel(p.sim, source, destination);
	sim_end(p.sim);
}

/* POL-5, promise 1: a shunt that let a pair pass does not outlive the policy that did. */
void reload_makes_a_passing_pair_private(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);

	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_pass(sim, source, destination);
	sim_reload(sim, west, "drop");
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_drop(sim, source, destination);
	expect_arrived(sim, source, destination, 0, 1);
	sim_end(sim);
}

/* POL-5, promise 1: the conns let pass what was trapped a moment ago, and then do so no more. */
void reload_forgets_what_a_row_let_pass(void)
{
	static const char open_conf[] = "conn open\n"
					"\tleft=%defaultroute\n"
					"\tleftsubnet=203.0.113.0/24\n"
					"\tright=%any\n"
					"\ttype=passthrough\n"
					"\tauto=route\n";
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);

	sim_packet(sim, source, destination);
	sim_run_for(sim, (struct duration){ 10000 }); /* the acquire is under way */
	sim_reload_with(sim, west, open_conf);
	sim_run_for(sim, SECONDS(1));
	expect_arrived(sim, source, destination, 0, 1);
	sim_reload(sim, west, "drop");
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_drop(sim, source, destination);
	expect_arrived(sim, source, destination, 0, 1);
	sim_end(sim);
}

/* AUZ-13, IC-2: a peer that lost its memory comes again; the newest SA sends. */
void restarted_peer_comes_again(void)
{
	struct pair p = start("drop");

	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	sim_restart(p.sim, p.west);
	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_tunnel(p.sim, destination, source);
	expect_arrived(p.sim, destination, source, 2, 0);
	sim_ping(p.sim, destination, source);
	sim_run_until_idle(p.sim);
	expect_arrived(p.sim, destination, source, 3, 0);
	expect_children(p.sim, p.east, 1);
	sim_end(p.sim);
}

/* REU-5, MID-4: many destinations behind one gateway at once: one IKE_SA_INIT. */
void fifty_destinations_behind_one_gateway(void)
{
	struct pair p = start(NULL);
	char address[32];

	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "198.51.100.%d", 100 + i);
		sim_delegate(p.sim, address, p.east);
		sim_ping(p.sim, source, address);
	}
	sim_run_until_idle(p.sim);
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "198.51.100.%d", 100 + i);
		expect_tunnel(p.sim, source, address);
		expect_arrived(p.sim, address, source, 1, 0);
	}
	expect_sas(p.sim, p.west, 1, 50);
	expect_sas(p.sim, p.east, 1, 50);
	sim_end(p.sim);
}

/* TTL-8: more strangers at once than there are lookups; each gets its verdict. */
void flood_of_strangers(void)
{
	struct sim *sim = sim_new(1);
	char address[32];

	sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "198.18.%d.%d", i / 250, i % 250 + 1);
		sim_packet(sim, source, address);
	}
	sim_run_for(sim, SECONDS(1));
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "198.18.%d.%d", i / 250, i % 250 + 1);
		expect_arrived(sim, source, address, 0, 1);
	}
	sim_end(sim);
}

/* TRU-5: with dnssec=require unsigned data is no data, signed data is good. */
void dnssec_required(void)
{
	static const char conf[] = "config setup\n"
				   "\tdnssec=require\n"
				   "conn client-to-anyone\n"
				   "\tleft=%defaultroute\n"
				   "\tleftsubnet=203.0.113.0/24\n"
				   "\tright=%opportunistic\n"
				   "\tauto=route\n";

	for (int is_signed = 0; is_signed <= 1; is_signed++) {
		struct sim *sim = sim_new(1);
		struct gateway *west =
		    sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24", conf);
		struct gateway *east =
		    sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

		sim_delegate(sim, source, west);
		sim_delegate(sim, destination, east);
		sim_dns_trust(sim, destination, is_signed ? DNS_SECURE : DNS_INSECURE);
		sim_packet(sim, source, destination);
		sim_run_until_idle(sim);
		if (is_signed)
			expect_tunnel(sim, source, destination);
		else
			expect_pass(sim, source, destination);
		sim_end(sim);
	}
}

/* A tunnel between two sites that know each other, with a shared secret. */
void arranged_tunnel_with_a_shared_secret(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
	                                        "conn sites\n"
	                                        "\tleft=192.0.2.1\n"
	                                        "\tleftsubnet=203.0.113.0/24\n"
	                                        "\tright=192.0.2.2\n"
	                                        "\trightsubnet=198.51.100.0/24\n"
	                                        "\tauthby=secret\n"
	                                        "\tauto=route\n");
	struct gateway *east = sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24",
	                                        "conn sites\n"
	                                        "\tleft=192.0.2.1\n"
	                                        "\tleftsubnet=203.0.113.0/24\n"
	                                        "\tright=192.0.2.2\n"
	                                        "\trightsubnet=198.51.100.0/24\n"
	                                        "\tauthby=secret\n"
	                                        "\tauto=route\n");

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	expect_sas(sim, west, 1, 1);
	sim_end(sim);
}
