/*
 * Configured tunnels: ranges of addresses under one SA, kept up, beside opportunism.
 */
#include <stdio.h>
#include <string.h>

#include "sim/cases/cases.h"
#include "sim/cases/conns.h"
#include "sim/world.h"

/* Whoever talks between the two networks, and whoever began: one CHILD SA. */
void networks_share_one_tunnel(void)
{
	for (int by_east = 0; by_east <= 1; by_east++) {
		struct pair p = pair_configured(SITES("\tauto=route\n"), SITES("\tauto=route\n"));

		if (by_east)
			sim_ping(p.sim, destination, source);
		else
			sim_ping(p.sim, source, destination);
		sim_run_until_idle(p.sim);
		for (int i = 1; i <= 20; i++) {
			char host[32];

			snprintf(host, sizeof(host), "203.0.113.%d", 20 + i);
			sim_ping(p.sim, host, destination);
			sim_run_for(p.sim, MILLISECONDS(100));
			expect_tunnel(p.sim, host, destination);
			expect_arrived(p.sim, destination, host, 1, 0);
		}
		sim_run_until_idle(p.sim);
		expect_sas(p.sim, p.west, 1, 1);
		expect_sas(p.sim, p.east, 1, 1);
		expect_why(p.sim, p.west, "203.0.113.99", destination, "is\nrule sites\n");
		expect_why(p.sim, p.west, "203.0.113.99", destination, "peer 192.0.2.2 by ");
		expect_why(p.sim, p.west, "203.0.113.99", destination,
		           by_east ? "tunnel, negotiated by the peer\n"
		                   : "tunnel, negotiated by us\n");
		sim_end(p.sim);
	}
}

/* TS-4: several subnets a side, in one CHILD SA. */
void several_networks_share_one_tunnel(void)
{
	static const char conf[] = "conn sites\n\tleft=192.0.2.1\n"
				   "\tleftsubnet=203.0.113.0/26,203.0.113.128/26\n"
				   "\tright=192.0.2.2\n"
				   "\trightsubnet=198.51.100.0/26,198.51.100.64/27\n"
				   "\tauthby=secret\n\tauto=route\n";
	struct pair p = pair_configured(conf, conf);

	sim_ping(p.sim, "203.0.113.130", "198.51.100.70");
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, "203.0.113.130", "198.51.100.70");
	expect_tunnel(p.sim, source, destination);
	expect_tunnel(p.sim, "198.51.100.70", source);
	expect_eroute(p.sim, "203.0.113.70", destination, "trap"); /* in none of them */
	expect_sas(p.sim, p.west, 1, 1);
	sim_end(p.sim);
}

/* TS-4, TS-6: the peer takes a part. That part has its tunnel; of the rest each pair is asked for
 * by itself, and has what comes of it. */
void the_peer_takes_less_than_all(void)
{
	struct pair p = pair_configured(SITES("\tauto=route\n"),
	                      "conn sites\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n"
	                      "\tright=192.0.2.2\n\trightsubnet=198.51.100.0/26\n"
	                      "\tauthby=secret\n\tauto=add\n"
	                      "conn more\n\trightsubnet=198.51.100.128/26\n\talso=sites\n");

	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, destination, source, 1, 0);
	sim_packet(p.sim, source, "198.51.100.100");
	sim_run_until_idle(p.sim);
	expect_drop(p.sim, source, "198.51.100.100");
	expect_sas(p.sim, p.west, 1, 1);
	sim_ping(p.sim, source, "198.51.100.130");
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, "198.51.100.130");
	expect_arrived(p.sim, "198.51.100.130", source, 1, 0);
	expect_sas(p.sim, p.west, 1, 2);
	sim_end(p.sim);
}

/* TS-4, TS-5: of the parts that the peer has, it takes the one that the packet is for. */
void the_peer_takes_what_the_packet_is_for(void)
{
	struct pair p = pair_configured(SITES("\tauto=route\n"),
	                      "conn sites\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n"
	                      "\tright=192.0.2.2\n\trightsubnet=198.51.100.0/26\n"
	                      "\tauthby=secret\n\tauto=add\n"
	                      "conn more\n\trightsubnet=198.51.100.128/26\n\talso=sites\n");

	sim_ping(p.sim, source, "198.51.100.130");
	sim_run_until_idle(p.sim);
	expect_arrived(p.sim, "198.51.100.130", source, 1, 0);
	expect_logged(p.sim, p.west, "flow 203.0.113.0/24 > 198.51.100.128/26: tunnel");
	expect_tunnel(p.sim, source, "198.51.100.131");
	expect_sas(p.sim, p.west, 1, 1);
	sim_end(p.sim);
}

/* auto=start: up without a packet; the peer may come an hour later. */
void started_tunnel_waits_for_its_peer(void)
{
	struct pair p = pair_configured(SITES("\tauto=start\n"), SITES("\tauto=add\n"));

	pair_cut(&p);
	for (int i = 0; i < 60; i++) {
		sim_packet(p.sim, source, destination); /* promise 3: each has its verdict */
		sim_run_for(p.sim, SECONDS(61));
	}
	expect_sas(p.sim, p.east, 0, 0);
	sim_mend(p.sim);
	sim_run_for(p.sim, SECONDS(100));
	expect_tunnel(p.sim, source, destination);
	expect_sas(p.sim, p.west, 1, 1);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, destination, source, 1, 0);
	sim_end(p.sim);
}

/* Both have auto=start, and both lose what they send at first, or nothing. */
void both_ends_start_at_once(void)
{
	for (unsigned lost = 0; lost <= 3; lost++) {
		struct pair p = pair_configured(SITES("\tauto=start\n"), SITES("\tauto=start\n"));

		if (lost > 0) {
			sim_lose_next(p.sim, p.west, p.east, lost);
			sim_lose_next(p.sim, p.east, p.west, lost);
		}
		sim_ping(p.sim, source, destination);
		sim_run_until_idle(p.sim);
		expect_tunnel(p.sim, source, destination);
		expect_tunnel(p.sim, destination, source);
		sim_ping(p.sim, destination, source);
		sim_run_for(p.sim, SECONDS(1));
		expect_arrived(p.sim, source, destination, 2, 0);
		expect_arrived(p.sim, destination, source, 2, 0);
		sim_end(p.sim);
	}
}

/* A tunnel that was started is so again when the peer deletes it or loses its memory. */
void started_tunnel_comes_again(void)
{
	struct pair p = pair_configured(SITES("\tauto=start\n"), SITES("\tauto=add\n"));

	sim_run_for(p.sim, SECONDS(2));
	expect_tunnel(p.sim, source, destination);
	sim_restart(p.sim, p.east);
	for (int i = 0; i < 25; i++) {
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, MILLISECONDS(200));
	}
	expect_sas(p.sim, p.west, 1, 1);
	expect_sas(p.sim, p.east, 1, 1);
	sim_ping(p.sim, destination, source);
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, destination, source, 1, 0);
	sim_end(p.sim);
}

/* LIV-4, dpdaction: what becomes of a tunnel whose peer is dead. */
void a_dead_peer_and_what_the_conn_says(void)
{
	static const struct {
		const char *conf;
		const char *after;
		bool comes_again;
	} cases[] = {
		{ SITES("\tauto=route\n\tdpddelay=5\n\tdpdtimeout=10\n\tdpdaction=hold\n"), "trap",
		  false },
		{ SITES("\tauto=route\n\tdpddelay=5\n\tdpdtimeout=10\n\tdpdaction=clear\n"), "trap",
		  false },
		{ SITES("\tauto=route\n\tdpddelay=5\n\tdpdtimeout=10\n\tdpdaction=restart\n"),
		  "trap", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p = pair_configured(cases[i].conf, SITES("\tauto=add\n"));

		sim_ping(p.sim, source, destination);
		sim_run_until_idle(p.sim);
		expect_tunnel(p.sim, source, destination);
		pair_cut(&p);
		for (int s = 0; s < 20; s++) {
			if (s < 8)
				sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, SECONDS(1));
		}
		expect_eroute(p.sim, source, destination, cases[i].after);
		expect_children(p.sim, p.west, 0);
		sim_mend(p.sim);
		sim_run_for(p.sim, SECONDS(120));
		expect_children(p.sim, p.west, cases[i].comes_again);
		sim_ping(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(30));
		expect_tunnel(p.sim, source, destination);
		sim_end(p.sim);
	}
}

/* AUZ-1: where a conn names the peer, opportunism has no say; elsewhere it goes on. */
void configured_tunnels_beat_opportunism(void)
{
	struct pair p = pair_configured(ANYONE SITES("\tauto=route\n"), ANYONE_EAST SITES("\tauto=route\n"));

	sim_delegate(p.sim, source, p.west);
	sim_delegate(p.sim, destination, p.east);
	sim_ping(p.sim, source, destination);
	sim_packet(p.sim, source, "198.18.0.9");
	sim_run_for(p.sim, SECONDS(5));
	expect_tunnel(p.sim, source, destination);
	expect_logged(p.sim, p.west, "flow 203.0.113.0/24 > 198.51.100.0/24: tunnel");
	expect_logged(p.sim, p.west, "strength psk");
	expect_pass(p.sim, source, "198.18.0.9");
	expect_sas(p.sim, p.west, 1, 1);
	sim_end(p.sim);
}

/* What opportunism made before gives way when the configured tunnel comes up. */
void opportunism_gives_way_to_a_configured_tunnel(void)
{
	struct pair p = pair_configured(ANYONE, ANYONE_EAST);

	sim_delegate(p.sim, source, p.west);
	sim_delegate(p.sim, destination, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	expect_logged(p.sim, p.west, "flow 203.0.113.7 > 198.51.100.5: tunnel");
	sim_reload_with(p.sim, p.east, ANYONE_EAST SITES("\tauto=add\n"));
	sim_reload_with(p.sim, p.west, ANYONE SITES("\tauto=start\n"));
	sim_run_until_idle(p.sim);
	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_tunnel(p.sim, "203.0.113.99", "198.51.100.99");
	expect_arrived(p.sim, destination, source, 2, 0);
	expect_children(p.sim, p.west, 1);
	expect_children(p.sim, p.east, 1);
	sim_end(p.sim);
}

/* right=%any: several at once, each with its own address. */
void road_warriors(void)
{
	static const char gateway[] = "conn warriors\n\tleft=192.0.2.2\n"
				      "\tleftsubnet=198.51.100.0/24\n\tright=%any\n"
				      "\tauthby=secret\n\tauto=add\n";
	static const char warrior[] = "conn home\n\tleft=%defaultroute\n\tright=192.0.2.2\n"
				      "\trightsubnet=198.51.100.0/24\n\tauthby=secret\n"
				      "\tauto=start\n";
	struct pair p = pair_configured(warrior, gateway);
	struct gateway *second = sim_gateway_with(p.sim, "second", "192.0.2.3", NULL, warrior);

	sim_arrange(p.sim, second);
	sim_run_for(p.sim, SECONDS(2));
	expect_sas(p.sim, p.east, 2, 2);
	sim_ping(p.sim, "192.0.2.1", destination);
	sim_ping(p.sim, "192.0.2.3", destination);
	sim_ping(p.sim, "198.51.100.9", "192.0.2.3");
	sim_run_until_idle(p.sim);
	expect_arrived(p.sim, destination, "192.0.2.1", 1, 0);
	expect_arrived(p.sim, destination, "192.0.2.3", 1, 0);
	expect_arrived(p.sim, "192.0.2.3", "198.51.100.9", 1, 0);
	sim_end(p.sim);
}

/* A road warrior that knows the secret does not speak for the addresses of others. */
void road_warrior_with_an_address_of_others(void)
{
	struct pair p = pair_configured("conn home\n\tleft=%defaultroute\n\tleftsubnet=198.18.0.1/32\n"
	                      "\tright=192.0.2.2\n\trightsubnet=198.51.100.0/24\n"
	                      "\tauthby=secret\n\tauto=start\n",
	                      "conn warriors\n\tleft=192.0.2.2\n\tleftsubnet=198.51.100.0/24\n"
	                      "\tright=%any\n\tauthby=secret\n\tauto=add\n");

	sim_run_for(p.sim, SECONDS(30));
	expect_children(p.sim, p.east, 0);
	sim_end(p.sim);
}

/* Nor when it asks for them later, as one more pair (REU-4). */
void road_warrior_that_asks_for_more_later(void)
{
	static const char home[] =
	    "conn %default\n\tleft=%defaultroute\n\tright=192.0.2.2\n"
	    "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n\tauto=route\n"
	    "conn home\n"
	    "conn more\n\tleftsubnet=203.0.113.7/32\n";
	struct pair p = pair_configured(home, "conn warriors\n\tleft=192.0.2.2\n"
	                            "\tleftsubnet=198.51.100.5/32\n\tright=%any\n"
	                            "\tauthby=secret\n\tauto=add\n");

	sim_ping(p.sim, "192.0.2.1", destination);
	sim_run_for(p.sim, SECONDS(2));
	expect_tunnel(p.sim, "192.0.2.1", destination);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(30));
	expect_logged(p.sim, p.east, "may not speak for 203.0.113.7");
	expect_sas(p.sim, p.east, 1, 1);
	sim_end(p.sim);
}

/* IC-2: whom a forged answer of the DNS calls by the same name began nothing anew for the other. */
void initial_contact_of_a_namesake(void)
{
	static const char people[] = "\tleftsubnet=198.51.100.0/24\n\tright=%opportunistic\n"
				     "\tauto=route\n";
	static const char thief[] = "conn me\n\tleft=%defaultroute\n"
				    "\tleftid=@west.example.net\n\tright=%opportunistic\n"
				    "\tauto=route\n";
	struct pair p;
	struct gateway *namesake;
	char east[512];

	snprintf(east, sizeof(east),
	         "conn sites\n\tleft=192.0.2.2\n\tleftsubnet=198.51.100.0/24\n"
	         "\tright=192.0.2.1\n\trightsubnet=203.0.113.0/24\n"
	         "\trightid=@west.example.net\n\tauthby=secret\n\tauto=add\n"
	         "conn people\n\tleft=%%defaultroute\n%s",
	         people);
	p = pair_configured(SITES("\tleftid=@west.example.net\n\tauto=start\n"), east);
	pair_publish_east(&p);
	namesake = sim_gateway_with(p.sim, "namesake", "192.0.2.3", NULL, thief);
	sim_publish_key_at(p.sim, "west.example.net", namesake);
	sim_dns_trust(p.sim, "west.example.net", DNS_INSECURE);
	sim_run_for(p.sim, SECONDS(5));
	expect_tunnel(p.sim, source, destination);
	sim_ping(p.sim, "192.0.2.3", destination);
	sim_run_for(p.sim, SECONDS(5));
	expect_tunnel(p.sim, "192.0.2.3", destination);
	expect_sas(p.sim, p.east, 2, 2);
	sim_end(p.sim);
}

/* AUT-8: east has no such name, and answers with no other one. */
void asked_for_somebody_else(void)
{
	struct pair p = pair_configured(SITES("\trightid=@other.example\n\tauto=start\n"),
	                      SITES("\tauto=add\n"));

	sim_run_for(p.sim, SECONDS(10));
	expect_logged(p.sim, p.east, "it wants to talk to somebody else");
	expect_children(p.sim, p.west, 0);
	expect_children(p.sim, p.east, 0);
	sim_end(p.sim);
}

/* NAT-14: two homes with the same address inside. */
void two_road_warriors_with_one_address(void)
{
	static const char gateway[] = "conn warriors\n\tleft=192.0.2.2\n"
				      "\tleftsubnet=198.51.100.5/32\n\tright=%any\n"
				      "\trightsubnet=203.0.113.7/32\n\tauthby=secret\n\tauto=add\n";
	static const char warrior[] = "conn home\n\tleft=%defaultroute\n"
				      "\tleftsubnet=203.0.113.7/32\n\tright=192.0.2.2\n"
				      "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n"
				      "\tauto=start\n";
	struct pair p = pair_configured(warrior, gateway);
	struct gateway *second;

	sim_run_for(p.sim, SECONDS(2));
	expect_children(p.sim, p.east, 1);
	second = sim_gateway_with(p.sim, "second", "192.0.2.3", NULL, warrior);
	sim_arrange(p.sim, second);
	sim_run_for(p.sim, SECONDS(10));
	expect_children(p.sim, second, 0);
	expect_children(p.sim, p.east, 1);
	sim_ping(p.sim, destination, source);
	sim_run_until_idle(p.sim);
	expect_arrived(p.sim, source, destination, 1, 0);
	sim_end(p.sim);
}

/* NAT-14, MKE-8: between the two exchanges of the one, the other has come. */
void a_slow_key_exchange_takes_nothing_from_others(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *east, *second, *west;

	sim_give_kem(sim);
	east = sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24",
	                        WARRIOR("w1", "203.0.113.8/32") WARRIOR("w2", "203.0.113.7/32"));
	second = sim_gateway_with(sim, "second", "192.0.2.3", "203.0.113.0/28",
	                          HOME("one", "203.0.113.8/32"));
	sim_arrange(sim, east);
	sim_arrange(sim, second);
	sim_run_for(sim, SECONDS(2));
	expect_children(sim, second, 1);
	sim_lose_next(sim, second, east, 2);
	sim_reload_with(sim, second, HOME("one", "203.0.113.8/32") HOME("two", "203.0.113.7/32"));
	sim_run_for(sim, MILLISECONDS(200));
	west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.7/32",
	                        HOME("home", "203.0.113.7/32"));
	sim_arrange(sim, west);
	sim_run_for(sim, MILLISECONDS(200));
	expect_children(sim, west, 1);
	sim_run_for(sim, SECONDS(10));
	expect_logged(sim, east, "another peer carries some of these addresses");
	expect_children(sim, second, 1);
	expect_children(sim, west, 1);
	expect_children(sim, east, 2);
	sim_end(sim);
}

/* NAT-14: what one has alone, another gets by no list that it is in, nor the other way round. */
void a_list_takes_nothing_from_others(void)
{
	static const char *const homes[] = {
		HOME("home", "203.0.113.7/32"),
		HOME("home", "203.0.113.9/32,203.0.113.7/32"),
	};
	static const char warriors[] = WARRIOR("w", "203.0.113.0/28");

	for (int first = 0; first < 2; first++) {
		struct sim *sim = sim_new(1);
		struct gateway *east =
		    sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24", warriors);
		struct gateway *west, *second;

		west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/28", homes[first]);
		sim_arrange(sim, east);
		sim_arrange(sim, west);
		sim_run_for(sim, SECONDS(2));
		expect_children(sim, west, 1);
		second =
		    sim_gateway_with(sim, "second", "192.0.2.3", "203.0.113.0/28", homes[1 - first]);
		sim_arrange(sim, second);
		sim_run_for(sim, SECONDS(10));
		expect_logged(sim, east, "another peer carries some of these addresses");
		expect_children(sim, second, 0);
		expect_children(sim, west, 1);
		expect_children(sim, east, 1);
		sim_end(sim);
	}
}

/* SPD-8: who has proven to be one gets no addresses that a conn keeps for another; who is both, does. */
void nobody_gets_what_a_conn_keeps_for_another(void)
{
	static const char *const names[] = { "\tleftid=@one.example\n", "\tleftid=@two.example\n" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *east, *second;
		char conf[2048];

		east = sim_gateway_with(
		    sim, "east", "192.0.2.2", "198.51.100.0/24",
		    WARRIOR("w1", "203.0.113.8/32") "\trightid=@one.example\n" WARRIOR(
		        "w2", "203.0.113.7/32") "\trightid=@two.example\n");
		snprintf(conf, sizeof(conf), "%s\tleftid=@one.example\n%s%s",
		         HOME("one", "203.0.113.8/32"), HOME("two", "203.0.113.7/32"), names[i]);
		second = sim_gateway_with(sim, "second", "192.0.2.3", "203.0.113.0/28", conf);
		sim_arrange(sim, east);
		sim_arrange(sim, second);
		sim_run_for(sim, SECONDS(20));
		expect_children(sim, east, i == 0 ? 1 : 2);
		expect_children(sim, second, i == 0 ? 1 : 2);
		sim_end(sim);
	}
}

/* TS-7: a peer that takes single pairs is told of a translated Source what it is translated to. */
void a_packet_that_is_translated_is_named_so(void)
{
	struct pair p = pair_configured(SITES("\tauto=route\n\tleftnat=192.0.2.1\n"), SITES("\tauto=add\n"));

	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(1));
	expect_true(p.sim, sim_would_ask_alone(p.west, "192.0.2.1", destination));
	sim_run_for(p.sim, SECONDS(60));
	sim_end(p.sim);
}
