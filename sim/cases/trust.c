/*
 * How far the DNS is believed: keys that change, records that are not signed, and what a conn says
 * of both.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

/* OIN-8: the records in the cache are older than the gateway's key. */
void changed_key_is_fetched_past_the_cache(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, CLIENT("")), *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_cache(sim, true);
	sim_new_key(sim, east);
	sim_withdraw(sim, destination);
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	expect_logged(sim, west, "its published keys have changed, tried again");
	expect_why(sim, west, source, destination, "\nKEY ");
	sim_end(sim);
}

/* The same where the record has no key: it is at the gateway's own name (TXT-8). */
void changed_key_of_the_gateway_is_fetched_past_the_cache(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *east;

	make_west(sim, CLIENT(""));
	east = make_east(sim);
	sim_delegate_with(sim, destination, 10, east, NULL);
	sim_publish_key(sim, east);
	sim_cache(sim, true);
	sim_new_key(sim, east);
	sim_withdraw(sim, "192.0.2.2");
	sim_publish_key(sim, east);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, source, destination);
	sim_end(sim);
}

/* OIN-8: by the records that are fetched it is nobody's gateway now. A key of its own is no help. */
void who_is_named_no_more_gets_no_tunnel(void)
{
	for (int has_heir = 0; has_heir <= 1; has_heir++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, CLIENT("")), *east = make_east(sim);
		struct gateway *heir =
		    sim_gateway(sim, "heir", "192.0.2.3", "198.51.100.0/24", NULL);

		sim_delegate(sim, destination, east);
		sim_cache(sim, true);
		sim_new_key(sim, east);
		sim_publish_key(sim, east);
		sim_withdraw(sim, destination);
		if (has_heir)
			sim_delegate(sim, destination, heir);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_pass(sim, source, destination);
		expect_logged(sim, west, "its gateway does not hold the published key");
		expect_sas(sim, west, 0, 0);
		sim_end(sim);
	}
}

/* OIN-8: fetched again and the same: somebody else answers there. Once, not in circles. */
void unchanged_key_makes_an_impostor(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, CLIENT("")), *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_impostor(sim, east);
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_pass(sim, source, destination);
	expect_logged(sim, west, "its gateway does not hold the published key");
	expect_sas(sim, west, 0, 0);
	sim_end(sim);
}

/* TRU-6: unsigned records and what they may name. */
void unsigned_delegation_to_another(void)
{
	static const struct {
		const char *conf;
		enum dns_trust trust;
		bool has_tunnel;
	} cases[] = {
		{ CLIENT(""), DNS_INSECURE, true },
		{ CLIENT("\tunsigned-delegation=any\n"), DNS_INSECURE, true },
		{ CLIENT("\tunsigned-delegation=self\n"), DNS_INSECURE, false },
		{ CLIENT("\tunsigned-delegation=self\n"), DNS_SECURE, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, cases[i].conf), *east = make_east(sim);

		sim_delegate(sim, destination, east);
		sim_delegate(sim, "192.0.2.2", east); /* names itself */
		sim_dns_trust(sim, destination, cases[i].trust);
		sim_packet(sim, source, destination);
		sim_packet(sim, source, "192.0.2.2");
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].has_tunnel ? "tunnel" : "pass");
		expect_tunnel(sim, source, "192.0.2.2");
		if (!cases[i].has_tunnel)
			expect_logged(sim, west, "unsigned-delegation=self");
		sim_end(sim);
	}
}

/* IPK-5: what was fetched past the cache says nothing new of the address that the name has. */
void changed_key_of_a_gateway_by_name(void)
{
	for (int is_signed = 0; is_signed <= 1; is_signed++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, CLIENT("")), *east = make_east(sim);

		snprintf(east->fqdn, sizeof(east->fqdn), "east.example.net");
		sim_publish_address(sim, "east.example.net", "192.0.2.2");
		sim_dns_trust(sim, "east.example.net", is_signed ? DNS_SECURE : DNS_INSECURE);
		sim_dns_trust(sim, destination, DNS_SECURE);
		sim_delegate_to_name(sim, destination, "east.example.net", east);
		sim_cache(sim, true);
		sim_new_key(sim, east);
		sim_withdraw(sim, destination);
		sim_delegate_to_name(sim, destination, "east.example.net", east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		expect_logged(sim, west, "its published keys have changed, tried again");
		expect_logged(sim, west, is_signed ? "strength dnssec" : "strength dns\n");
		sim_end(sim);
	}
}

/* TRU-6: who may name another gateway by signed records alone does not have its address by an
 * unsigned one. */
void unsigned_address_of_a_gateway_by_name(void)
{
	static const struct {
		const char *conf;
		enum dns_trust address;
		bool has_tunnel;
	} cases[] = {
		{ CLIENT(""), DNS_INSECURE, true },
		{ CLIENT("\tunsigned-delegation=self\n"), DNS_INSECURE, false },
		{ CLIENT("\tunsigned-delegation=self\n"), DNS_SECURE, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, cases[i].conf), *east = make_east(sim);

		snprintf(east->fqdn, sizeof(east->fqdn), "east.example.net");
		sim_publish_address(sim, "east.example.net", "192.0.2.2");
		sim_dns_trust(sim, "east.example.net", cases[i].address);
		sim_dns_trust(sim, destination, DNS_SECURE);
		sim_delegate_to_name(sim, destination, "east.example.net", east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].has_tunnel ? "tunnel" : "pass");
		if (!cases[i].has_tunnel)
			expect_logged(sim, west, "unsigned-delegation=self");
		sim_end(sim);
	}
}

/* AUZ-8: the same rule for who comes and says that it may speak for another. */
void unsigned_delegation_at_the_responder(void)
{
	for (int is_signed = 0; is_signed <= 1; is_signed++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = sim_gateway(sim, "west", "198.51.100.1", "198.51.100.0/24",
		                                   NULL);
		struct gateway *east = make_west(sim, CLIENT("\tunsigned-delegation=self\n"));

		sim_delegate(sim, destination, west);
		sim_publish_key(sim, west);
		sim_dns_trust(sim, destination, is_signed ? DNS_SECURE : DNS_INSECURE);
		sim_packet(sim, destination, source);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, destination, source, is_signed ? "tunnel" : "pass");
		if (!is_signed)
			expect_logged(sim, east, "its delegation is not signed, and the conn wants that");
		sim_end(sim);
	}
}

/* TRU-5: by conn, whatever config setup says. */
void a_conn_has_its_own_word_on_dnssec(void)
{
	static const struct {
		const char *conf;
		bool has_tunnel;
	} cases[] = {
		{ CLIENT("\tdnssec=require\n"), false },
		{ CLIENT("\tdnssec=prefer\n"), true },
		{ "config setup\n\tdnssec=require\n" CLIENT("\tdnssec=prefer\n"), true },
		{ "config setup\n\tdnssec=off\n" CLIENT("\tdnssec=require\n"), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *east;

		make_west(sim, cases[i].conf);
		east = make_east(sim);
		sim_delegate(sim, destination, east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].has_tunnel ? "tunnel" : "pass");
		sim_end(sim);
	}
}

/* AUZ-6, AUZ-7: a key that the DNS is less sure of than of the one that the Source's own signed
 * record holds is none. */
void weaker_key_does_not_stand_in_for_the_vouched_one(void)
{
	for (int is_signed = 0; is_signed <= 1; is_signed++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
		                                        CLIENT("\tfailureshunt=drop\n"));
		struct gateway *east = make_east(sim);

		sim_delegate_with(sim, source, 10, west, east); /* vouches for another key */
		sim_publish_key(sim, west);
		sim_dns_trust(sim, source, DNS_SECURE);
		sim_dns_trust(sim, "192.0.2.1", is_signed ? DNS_SECURE : DNS_INSECURE);
		sim_delegate(sim, destination, east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, is_signed ? "tunnel" : "drop");
		if (is_signed)
			expect_logged(sim, east, "by its own published key");
		sim_end(sim);
	}
}

/* CHS-5: what may not go in the clear tries all of them. */
void private_traffic_tries_every_gateway(void)
{
	static const char *const names[] = { "dead1", "dead2", "dead3", "dead4" };
	static const char *const addresses[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13",
		                                 "192.0.2.14" };
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, CLIENT("\tfailureshunt=drop\n"));
	struct gateway *east = make_east(sim);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct gateway *dead = sim_gateway(sim, names[i], addresses[i], NULL, NULL);

		sim_delegate_with(sim, destination, (unsigned)i, dead, dead);
		sim_cut(sim, west, dead);
	}
	sim_delegate_with(sim, destination, 10, east, east);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	sim_end(sim);
}

/* West and north both may speak for the Source; what the DNS says of north's key nobody signed. */
static void two_gateways(struct sim *sim, struct gateway **north, unsigned west_first,
                         enum dns_trust north_trust, struct gateway **east)
{
	struct gateway *west;

	*north = sim_gateway(sim, "north", "192.0.2.4", "203.0.113.0/24", "drop");
	west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	*east = make_east(sim);
	sim_delegate_with(sim, source, west_first ? 1 : 20, west, west);
	sim_delegate_with(sim, source, 10, *north, NULL);
	sim_publish_key(sim, west);
	sim_publish_key(sim, *north);
	sim_delegate(sim, destination, *east);
	sim_dns_trust(sim, source, DNS_SECURE);
	sim_dns_trust(sim, "192.0.2.1", DNS_SECURE);
	sim_dns_trust(sim, "192.0.2.4", north_trust);
}

/* AUZ-14: east has its tunnel with west; north, which is known less well, gets none. */
void weaker_gateway_takes_nothing(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *north, *east;

	two_gateways(sim, &north, true, DNS_INSECURE, &east);
	sim_packet(sim, destination, source);
	sim_run_for(sim, SECONDS(2));
	expect_eroute(sim, destination, source, "tunnel");
	sim_packet(sim, source, destination); /* by north: the first that has the Source behind it */
	sim_run_for(sim, SECONDS(5));
	expect_logged(sim, east, "another gateway carries it with more strength");
	expect_children(sim, east, 1);
	expect_children(sim, north, 0);
	sim_end(sim);
}

/* AUZ-14: at one address somebody with another key, of whom the DNS knows less, is not the gateway
 * that was there before; with the same key it is. */
void another_key_at_the_same_address_takes_nothing(void)
{
	static const char by_name[] = "conn private\n"
				      "\tleft=%defaultroute\n"
				      "\tleftid=@road.example.net\n"
				      "\tright=%opportunistic\n"
				      "\tfailureshunt=drop\n"
				      "\tauto=route\n";
	static const char *const address = "192.0.2.1";

	for (int has_new_key = 0; has_new_key <= 1; has_new_key++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = sim_gateway(sim, "west", address, NULL, "drop");
		struct gateway *east = make_east(sim);

		sim_let_refuse(sim);
		sim_publish_key(sim, west);
		sim_dns_trust(sim, address, DNS_SECURE);
		sim_delegate(sim, destination, east);
		sim_ping(sim, address, destination);
		sim_run_for(sim, SECONDS(2));
		expect_strength(sim, east, destination, address, "dnssec");
		sim_restart(sim, west);
		if (has_new_key)
			sim_new_key(sim, west);
		snprintf(west->fqdn, sizeof(west->fqdn), "road.example.net");
		sim_withdraw(sim, address);
		sim_publish_key_at(sim, "road.example.net", west);
		sim_reload_with(sim, west, by_name);
		sim_packet(sim, address, destination);
		sim_run_for(sim, MILLISECONDS(500));
		expect_children(sim, east, has_new_key ? 1 : 2);
		expect_strength(sim, east, destination, address, has_new_key ? "dnssec" : "dns");
		sim_end(sim);
	}
}

/* AUZ-14: of equal strength both stay, and the one that keyed last sends (OEN-4). */
void equal_gateway_stays_beside(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *north, *east;

	two_gateways(sim, &north, true, DNS_SECURE, &east);
	sim_packet(sim, destination, source);
	sim_run_for(sim, SECONDS(2));
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(2));
	expect_children(sim, east, 2);
	expect_children(sim, north, 1);
	expect_tunnel(sim, source, destination);
	sim_packet(sim, destination, source);
	sim_run_for(sim, SECONDS(2));
	expect_arrived(sim, destination, source, 2, 0);
	sim_end(sim);
}

/* OIN-3, OIN-4: our own records are looked at from time to time, and say who we are. */
void identity_follows_our_own_records(void)
{
	static const char conf[] = "conn sg-to-anyone\n"
				   "\tleft=%defaultroute\n"
				   "\tleftid=@road.example.net\n"
				   "\tright=%opportunistic\n"
				   "\tauto=route\n";
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", NULL, conf);
	struct gateway *east = make_east(sim);
	struct gateway *south = sim_gateway(sim, "south", "192.0.2.5", NULL, NULL);

	sim_publish_key(sim, south);
	snprintf(west->fqdn, sizeof(west->fqdn), "road.example.net");
	sim_delegate(sim, destination, east);
	sim_publish_key_at(sim, "road.example.net", west);
	sim_packet(sim, "192.0.2.1", destination);
	sim_run_for(sim, SECONDS(2));
	expect_tunnel(sim, "192.0.2.1", destination);
	expect_logged(sim, east, "peer @road.example.net");
	sim_publish_key(sim, west);
	sim_run_for(sim, SECONDS(3700)); /* the tunnel has ended, unused; an hour is over */
	expect_logged(sim, west, "the DNS publishes our key now");
	sim_packet(sim, "192.0.2.1", "192.0.2.5");
	sim_run_for(sim, SECONDS(2));
	expect_logged(sim, south, "peer 192.0.2.1, Ed25519");
	sim_withdraw(sim, "192.0.2.1");
	sim_run_for(sim, SECONDS(3700));
	expect_logged(sim, west, "the DNS publishes our key no more");
	sim_end(sim);
}

/* Traffic of west's client for so long, so that nothing idles. */
static void talk_for(struct sim *sim, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 10) {
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(10));
	}
}

/* TTL-3: a key that is published no more ends with the IKE SA it proved; the next packet begins
 * anew. */
void withdrawn_key_ends_with_its_ike_sa(void)
{
	static const char conf[] = CLIENT("\tikelifetime=600s\n\trekeymargin=60s\n"
	                                  "\tfailureshunt=drop\n");
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, conf), *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_publish_key(sim, east);
	talk_for(sim, 60);
	expect_tunnel(sim, source, destination);
	sim_withdraw(sim, destination);
	sim_withdraw(sim, "192.0.2.2");
	sim_new_key(sim, east);
	sim_delegate(sim, destination, east);
	talk_for(sim, 700);
	expect_logged(sim, west, "the key that proved its peer is published no more");
	expect_tunnel(sim, source, destination);
	sim_end(sim);
}

/* TTL-3, TRU-5: an unsigned key is still published where the conn takes such. */
void unsigned_key_stays_by_its_conn(void)
{
	static const char conf[] = "config setup\n\tdnssec=require\n" CLIENT(
	    "\tikelifetime=600s\n\trekeymargin=60s\n\tdnssec=prefer\n");
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, conf), *east = make_east(sim);

	sim_publish_key(sim, east);
	sim_delegate_with(sim, destination, 10, east, NULL);
	talk_for(sim, 700);
	expect_tunnel(sim, source, destination);
	expect_logged(sim, west, "rekeyed");
	sim_withdraw(sim, destination);
	talk_for(sim, 700);
	expect_true(sim, strstr(west->log.s, "published no more") == NULL);
	sim_end(sim);
}

/* TTL-3, AUZ-4: a key that only the records of those it speaks for have is published as well. */
void vouched_key_stays_with_its_ike_sa(void)
{
	static const char conf[] = CLIENT("\tikelifetime=600s\n\trekeymargin=60s\n");
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, conf), *east = make_east(sim);

	sim_withdraw(sim, "192.0.2.1"); /* west's key is in the Source's record alone */
	sim_delegate(sim, destination, east);
	talk_for(sim, 700);
	expect_tunnel(sim, source, destination);
	expect_logged(sim, west, "rekeyed");
	expect_true(sim, strstr(west->log.s, "published no more") == NULL);
	expect_true(sim, strstr(east->log.s, "published no more") == NULL);
	sim_end(sim);
}

/* Steps 2B and 9B, OIN-7: nobody delegates, but the Destination answers, and has a name with a key. */
void destination_without_records_is_tried(void)
{
	static const struct {
		const char *words;
		bool has_key_at_name;
		const char *verdict;
	} cases[] = {
		{ CLIENT("\ttry-destination=yes\n"), true, "tunnel" },
		{ CLIENT("\ttry-destination=yes\n"), false, "pass" },
		{ CLIENT(""), true, "pass" },
	};
	static const char named[] = "conn sg-to-anyone\n"
				    "\tleft=%defaultroute\n"
				    "\tleftid=@east.example.net\n"
				    "\tright=%opportunistic\n"
				    "\tauto=route\n";

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, cases[i].words);
		struct gateway *east = sim_gateway_with(sim, "east", "192.0.2.2", NULL, named);

		snprintf(east->fqdn, sizeof(east->fqdn), "east.example.net");
		if (cases[i].has_key_at_name)
			sim_publish_key_at(sim, "east.example.net", east);
		sim_dns_trust(sim, "east.example.net", DNS_SECURE);
		sim_packet(sim, source, "192.0.2.2");
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, "192.0.2.2", cases[i].verdict);
		if (strcmp(cases[i].verdict, "tunnel") == 0)
			expect_logged(sim, west, "negotiated by us, strength dns");
		expect_true(sim, strstr(west->log.s, "strength dnssec") == NULL);
		sim_end(sim);
	}
}

/* One-sided (RFC 7619): west proves nothing, east does. */
void one_side_proves_itself(void)
{
	static const char client[] = "conn anyone\n"
				     "\tleft=%defaultroute\n"
				     "\tleftauth=null\n"
				     "\trightauth=rsasig\n"
				     "\tright=%opportunistic\n"
				     "\tauto=route\n";
	static const char server[] = "conn anyone\n"
				     "\tleft=%defaultroute\n"
				     "\tleftauth=rsasig\n"
				     "\trightauth=null\n"
				     "\tright=%opportunistic\n"
				     "\tauto=add\n";
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", NULL, client);
	struct gateway *east = sim_gateway_with(sim, "east", "192.0.2.2", NULL, server);

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_publish_key(sim, east);
	sim_ping(sim, "192.0.2.1", "192.0.2.2");
	sim_run_for(sim, SECONDS(5));
	expect_tunnel(sim, "192.0.2.1", "192.0.2.2");
	expect_logged(sim, west, "strength dns");
	expect_logged(sim, east, "strength null");
	sim_end(sim);
}

/* CHS-2: of two equal gateways now the one, now the other. */
void equal_precedence_is_left_to_chance(void)
{
	enum { RUNS = 40 };
	unsigned first = 0;

	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		struct sim *sim = sim_new(seed);
		struct gateway *one, *two;

		make_west(sim, CLIENT(""));
		one = sim_gateway(sim, "one", "192.0.2.2", "198.51.100.0/24", NULL);
		two = sim_gateway(sim, "two", "192.0.2.3", "198.51.100.0/24", NULL);
		sim_delegate(sim, destination, one);
		sim_delegate(sim, destination, two);
		sim_delegate_with(sim, destination, 200, one, two); /* no gateway of its own */
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(2));
		first += one->engine.child_count;
		expect_true(sim, one->engine.child_count + two->engine.child_count == 1);
		sim_end(sim);
	}
	if (first < RUNS / 5 || first > RUNS - RUNS / 5)
		abort(); /* one in a million, were it chance */
}

/* KEY-3 */
void key_records_are_not_asked_for_where_nobody_wants_them(void)
{
	for (int asks = 0; asks <= 1; asks++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(
				   sim, asks ? CLIENT("")
					     : "config setup\n\tkey-records=no\n" CLIENT("")),
			       *east = make_east(sim);

		sim_delegate_with(sim, destination, 10, east, NULL);
		sim_publish_key(sim, east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(5));
		expect_tunnel(sim, source, destination);
		expect_true(sim, (strstr(sim->trace.s, "west: dns 2.2.0.192.in-addr.arpa type 25") !=
		                  NULL) == (asks == 1));
		(void)west;
		sim_end(sim);
	}
}
