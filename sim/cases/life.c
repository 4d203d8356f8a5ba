/*
 * Life of tunnels and IKE SAs: what nobody uses goes, and not before.
 */
#include <stdio.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

#define HOWTO(inside)                                               \
	"conn self\n\tleft=%defaultroute\n\tright=%opportunistic\n" \
	"\tfailureshunt=drop\n\tauto=route\n"                       \
	"conn clients\n\tleft=%defaultroute\n\tleftsubnet=" inside  \
	"\n\tright=%opportunistic\n\tfailureshunt=drop\n\tauto=route\n"
/* One that looks so seldom that the other is alone with it. */
#define PATIENT "config setup\n\ttunnel-idle=86400\n"

static struct pair start(uint64_t seed, const char *east_conf)
{
	struct sim *sim = sim_new(seed);
	struct pair p;

	sim_let_tunnels_end(sim);
	p = pair_in(sim, "drop", east_conf);
	pair_publish_west(&p);
	pair_publish_east(&p);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(3));
	expect_tunnel(sim, source, destination);
	return p;
}

static void end(const struct pair *p)
{
	sim_run_for(p->sim, SECONDS(4));
	sim_end(p->sim);
}

/* LIFE-1, LIFE-4, LIFE-7: both ends are quit of it, the IKE SA is kept and used again. */
void idle_tunnels_are_closed_at_the_looks(void)
{
	struct pair p = start(1, PATIENT HOWTO("198.51.100.0/24"));

	sim_run_for(p.sim, SECONDS(56));
	expect_children(p.sim, p.west, 1);
	sim_run_for(p.sim, SECONDS(8));
	expect_trap(p.sim, source, destination);
	expect_sas(p.sim, p.west, 1, 0);
	expect_sas(p.sim, p.east, 1, 0);
	expect_logged(p.sim, p.west, "nobody used it");
	expect_logged(p.sim, p.east, "deleted by the peer");
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(3));
	expect_sas(p.sim, p.west, 1, 1);
	expect_arrived(p.sim, destination, source, 2, 0);
	end(&p);
}

/* LIFE-2: as Initiator and as Responder, sending or receiving alone. Then 20 minutes and more. */
void used_one_way_is_used(void)
{
	static const char *const ways[][2] = { { "203.0.113.7", "198.51.100.5" },
		                               { "198.51.100.5", "203.0.113.7" } };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct pair p = start(i, HOWTO("198.51.100.0/24"));

		for (int packet = 0; packet < 3; packet++) {
			sim_packet(p.sim, ways[i][0], ways[i][1]);
			sim_run_for(p.sim, SECONDS(25));
		}
		expect_sas(p.sim, p.west, 1, 1);
		/* 78 s. Looked at again at 1260 s and a tenth at the latest: used at 700 s is
		 * enough for nobody, at 800 s for neither. */
		sim_run_for(p.sim, SECONDS(722));
		sim_packet(p.sim, ways[i][0], ways[i][1]);
		sim_run_for(p.sim, SECONDS(440));
		expect_sas(p.sim, p.west, 1, 1);
		expect_sas(p.sim, p.east, 1, 1);
		sim_run_for(p.sim, SECONDS(1300 + 240));
		expect_children(p.sim, p.west, 0);
		expect_children(p.sim, p.east, 0);
		expect_trap(p.sim, source, destination);
		end(&p);
	}
}

/* LIFE-3 */
void what_comes_back_soon_is_spared_once(void)
{
	struct pair p = start(3, PATIENT HOWTO("198.51.100.0/24"));

	sim_run_for(p.sim, SECONDS(70));
	expect_children(p.sim, p.west, 0);
	sim_run_for(p.sim, SECONDS(500));
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(600));
	expect_children(p.sim, p.west, 1);
	sim_run_for(p.sim, SECONDS(140));
	expect_children(p.sim, p.west, 0);
	sim_run_for(p.sim, SECONDS(660)); /* later than 10 minutes: as any other */
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(56));
	expect_children(p.sim, p.west, 1);
	sim_run_for(p.sim, SECONDS(14));
	expect_children(p.sim, p.west, 0);
	end(&p);
}

/* LIFE-9: forty tunnels made in one moment do not end in one. */
void looks_come_by_chance(void)
{
	struct pair p = start(4, PATIENT HOWTO("198.51.100.0/24"));
	char address[32];
	size_t before;

	for (int i = 0; i < 40; i++) {
		snprintf(address, sizeof(address), "198.51.100.%d", 100 + i);
		sim_delegate(p.sim, address, p.east);
		sim_packet(p.sim, source, address);
	}
	sim_run_for(p.sim, SECONDS(60));
	before = sim_children(p.west);
	sim_run_for(p.sim, SECONDS(5)); /* closed, and received by for 2 s more */
	expect_true(p.sim, sim_children(p.west) > 5 && sim_children(p.west) + 5 < before);
	sim_run_for(p.sim, SECONDS(8));
	expect_children(p.sim, p.west, 0);
	end(&p);
}

/* RST-1, RST-2: nobody sends to it, and it sends nothing itself: the file alone tells its peer,
 * whose next packet makes a new tunnel. */
void restarts_recover_by_the_file(void)
{
	for (int has_file = 0; has_file <= 1; has_file++) {
		struct pair p = start(5, HOWTO("198.51.100.0/24"));

		if (!has_file)
			sim_lose_file(p.west);
		sim_kill(p.sim, p.west);
		sim_run_for(p.sim, SECONDS(1));
		sim_start(p.sim, p.west);
		sim_run_for(p.sim, SECONDS(3));
		if (has_file) {
			expect_sas(p.sim, p.west, 1, 0);
			expect_sas(p.sim, p.east, 1, 0);
			expect_trap(p.sim, destination, source);
		} else {
			expect_sas(p.sim, p.east, 1, 1);
		}
		sim_ping(p.sim, destination, source);
		sim_run_for(p.sim, SECONDS(1));
		/* Without the file the first one hits an SA that is no more. */
		expect_arrived(p.sim, destination, source, has_file ? 2 : 1, 0);
		end(&p);
	}
}

/* RST-2: twenty peers, five a second; and not those whose conn does not begin. */
void restarts_recover_five_a_second(void)
{
	for (int begins = 0; begins <= 1; begins++) {
		struct sim *sim = sim_new(6);
		struct gateway *hub = sim_gateway_with(
		    sim, "hub", "192.0.2.1", NULL,
		    begins
			? "conn self\n\tleft=%defaultroute\n\tright=%opportunistic\n\tauto=route\n"
			: "conn self\n\tleft=%defaultroute\n\tright=%opportunistic\n\tauto=add\n");
		char address[32], name[16];

		sim_publish_key(sim, hub);
		sim_delegate(sim, "192.0.2.1", hub);
		for (int i = 0; i < 20; i++) {
			struct gateway *leaf;

			snprintf(name, sizeof(name), "leaf%d", i);
			snprintf(address, sizeof(address), "192.0.2.%d", 10 + i);
			leaf = sim_gateway(sim, name, address, NULL, NULL);
			sim_publish_key(sim, leaf);
			sim_delegate(sim, address, leaf);
			sim_ping(sim, address, "192.0.2.1");
		}
		sim_run_for(sim, SECONDS(3));
		expect_sas(sim, hub, 20, 20);
		sim_restart(sim, hub);
		sim_run_for(sim, MILLISECONDS(1900));
		expect_sas(sim, hub, begins ? 10 : 0, 0);
		sim_run_for(sim, SECONDS(3));
		expect_sas(sim, hub, begins ? 20 : 0, 0);
		sim_end(sim);
	}
}

static const char *const other = "198.51.100.6";

/* REU-2: the other Destination's record holds another key for the same gateway. */
void another_key_is_another_ike_sa(void)
{
	struct pair p = start(7, HOWTO("198.51.100.0/24"));
	struct gateway *stranger = sim_gateway(p.sim, "stranger", "192.0.2.9", NULL, NULL);

	sim_delegate_with(p.sim, other, 10, p.east, stranger);
	sim_packet(p.sim, source, other);
	sim_run_for(p.sim, SECONDS(5));
	expect_drop(p.sim, source, other); /* east has not got that key */
	expect_tunnel(p.sim, source, destination);
	expect_sas(p.sim, p.west, 1, 1);
	end(&p);
}

/* REU-3: east answers, and begins with the next pair. */
void it_does_not_matter_who_began(void)
{
	struct pair p = start(8, HOWTO("198.51.100.0/24"));

	sim_delegate(p.sim, other, p.east);
	sim_ping(p.sim, other, source);
	sim_run_for(p.sim, SECONDS(3));
	expect_tunnel(p.sim, other, source);
	expect_arrived(p.sim, source, other, 1, 0);
	expect_sas(p.sim, p.west, 1, 2);
	expect_sas(p.sim, p.east, 1, 2);
	end(&p);
}

/* REU-6, RST-7: east has lost its SAs when the next pair is asked for on the old one. */
void a_lost_ike_sa_is_replaced_for_its_child(void)
{
	struct pair p = start(9, HOWTO("198.51.100.0/24"));

	sim_delegate(p.sim, other, p.east);
	sim_lose_file(p.east);
	sim_restart(p.sim, p.east);
	sim_ping(p.sim, source, other);
	sim_run_for(p.sim, SECONDS(3));
	expect_tunnel(p.sim, source, other);
	expect_arrived(p.sim, other, source, 1, 0);
	expect_sas(p.sim, p.west, 1, 1);
	end(&p);
}

/* REU-6: the peer does not answer on an IKE SA that carries nothing: 16 s, not two minutes. */
void an_ike_sa_without_children_is_given_up_early(void)
{
	struct pair p = start(14, PATIENT HOWTO("198.51.100.0/24"));

	sim_run_for(p.sim, SECONDS(70));
	expect_sas(p.sim, p.west, 1, 0);
	sim_cut(p.sim, p.west, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(18));
	expect_sas(p.sim, p.west, 1, 0); /* a new one, being tried */
	expect_logged(p.sim, p.west, "ended while up: no answer");
	sim_mend(p.sim);
	sim_run_for(p.sim, SECONDS(9));
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, source, destination, 2, 0);
	expect_arrived(p.sim, destination, source, 2, 0);
	end(&p);
}

/* RST-2, REU-6: west came back by its file; what it made for that east has lost meanwhile. */
void both_restart_one_after_the_other(void)
{
	struct pair p = start(15, HOWTO("198.51.100.0/24"));

	sim_restart(p.sim, p.west);
	sim_run_for(p.sim, SECONDS(3));
	expect_sas(p.sim, p.west, 1, 0);
	sim_lose_file(p.east);
	sim_restart(p.sim, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(3));
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, destination, source, 2, 0);
	end(&p);
}

#define ANSWERS(inside)                                             \
	"conn self\n\tleft=%defaultroute\n\tright=%opportunistic\n" \
	"\tfailureshunt=drop\n\tauto=add\n"                         \
	"conn clients\n\tleft=%defaultroute\n\tleftsubnet=" inside  \
	"\n\tright=%opportunistic\n\tfailureshunt=drop\n\tauto=add\n"

/* RST-3, RST-5: however long it was away while west still asked, west is back within 3 s. */
void a_restarted_peer_that_only_answers(void)
{
	for (unsigned away = 0; away <= 150; away += 10) {
		struct pair p = start(away, ANSWERS("198.51.100.0/24"));
		unsigned before;

		sim_kill(p.sim, p.east);
		for (unsigned i = 0; i < away * 5; i++) {
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, MILLISECONDS(200));
		}
		sim_start(p.sim, p.east);
		for (unsigned i = 0; i < 15; i++) {
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, MILLISECONDS(200));
		}
		before = sim_children(p.west);
		expect_true(p.sim, before == 1);
		expect_tunnel(p.sim, source, destination);
		sim_end(p.sim);
	}
}

/* RST-2, LIFE-5: given up as silent, but then it comes by itself: what waits for time to pass does
 * so no longer. */
void a_silent_peer_that_comes_is_met_at_once(void)
{
	struct pair p = start(10, HOWTO("198.51.100.0/24"));

	sim_kill(p.sim, p.east);
	for (unsigned i = 0; i < 280; i++) {
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(1));
	}
	expect_drop(p.sim, source, destination);
	sim_start(p.sim, p.east);
	sim_run_for(p.sim, SECONDS(1));
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_tunnel(p.sim, source, destination);
	sim_end(p.sim);
}

/* LIFE-7: with a bound of three; the one that was idle longest goes, those in use stay. */
void idle_ike_sas_go_when_there_are_many(void)
{
	struct pair p = start(11, PATIENT HOWTO("198.51.100.0/24"));
	char address[32], name[16];

	sim_keep_few(p.sim, p.west, 3);
	sim_run_for(p.sim, SECONDS(2));
	for (int i = 0; i < 5; i++) {
		struct gateway *leaf;

		snprintf(name, sizeof(name), "leaf%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", 10 + i);
		leaf = sim_gateway_with(p.sim, name, address, NULL, PATIENT HOWTO("10.0.0.0/24"));
		sim_publish_key(p.sim, leaf);
		sim_delegate(p.sim, address, leaf);
		sim_ping(p.sim, source, address);
		if (i == 2)
			sim_run_for(p.sim, SECONDS(70)); /* 0 to 2 and east are idle */
	}
	sim_run_for(p.sim, SECONDS(3));
	expect_sas(p.sim, p.west, 3, 2); /* one for each that came above the bound */
	expect_sas(p.sim, p.east, 0, 0);
	sim_end(p.sim);
}

/* SEC-13: a peer that forgets again and again, and never says so. */
void four_ike_sas_with_one_peer(void)
{
	struct sim *sim = sim_new(12);
	struct gateway *west, *east;
	char address[32];

	west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
	                        "config setup\n\tuniqueids=no\n" HOWTO("203.0.113.0/24"));
	east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", "drop");
	sim_publish_key(sim, west);
	sim_publish_key(sim, east);
	sim_lose_file(west);
	for (int i = 0; i < 7; i++) {
		snprintf(address, sizeof(address), "203.0.113.%d", 10 + i);
		sim_delegate(sim, address, west);
		sim_delegate(sim, destination, east);
		sim_ping(sim, address, destination);
		sim_run_for(sim, SECONDS(3));
		expect_tunnel(sim, address, destination);
		expect_sas(sim, east, i < 4 ? (size_t)i + 1 : 4, i < 4 ? (size_t)i + 1 : 4);
		sim_restart(sim, west);
	}
	sim_end(sim);
}

/* RST-2, TRU-5: the keys are believed as far as the conn says, whatever config setup does. */
void restarts_recover_by_the_conns_dnssec(void)
{
	static const struct {
		const char *setup;
		const char *conn;
		bool is_told;
	} cases[] = {
		{ "require", "prefer", true },
		{ "prefer", "require", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char conf[256];
		struct sim *sim = sim_new(14);
		struct gateway *west, *east;

		snprintf(conf, sizeof(conf),
		         "config setup\n\tdnssec=%s\nconn self\n\tleft=%%defaultroute\n"
		         "\tright=%%opportunistic\n\tdnssec=%s\n\tauto=route\n",
		         cases[i].setup, cases[i].conn);
		west = sim_gateway_with(sim, "west", "192.0.2.1", NULL, conf);
		east = sim_gateway(sim, "east", "192.0.2.2", NULL, NULL);
		sim_delegate(sim, "192.0.2.1", west);
		sim_delegate(sim, "192.0.2.2", east);
		sim_dns_trust(sim, "192.0.2.1", DNS_SECURE);
		sim_dns_trust(sim, "192.0.2.2", DNS_SECURE);
		sim_ping(sim, "192.0.2.1", "192.0.2.2");
		sim_run_for(sim, SECONDS(3));
		expect_tunnel(sim, "192.0.2.1", "192.0.2.2");
		sim_dns_trust(sim, "192.0.2.2", DNS_INSECURE);
		sim_restart(sim, west);
		sim_run_for(sim, SECONDS(5));
		expect_sas(sim, west, cases[i].is_told ? 1 : 0, 0);
		sim_end(sim);
	}
}

/* RST-2: at a start after a power failure the DNS is not there at once. */
void restarts_recover_when_the_dns_is_late(void)
{
	struct pair p = start(13, HOWTO("198.51.100.0/24"));

	sim_dns_fails(p.sim, "192.0.2.2", DNS_FAILED);
	sim_restart(p.sim, p.west);
	sim_run_for(p.sim, SECONDS(15));
	expect_sas(p.sim, p.west, 0, 0);
	sim_dns_recovers(p.sim, "192.0.2.2");
	sim_run_for(p.sim, SECONDS(10));
	expect_sas(p.sim, p.west, 1, 0);
	expect_sas(p.sim, p.east, 1, 0);
	sim_end(p.sim);
}
