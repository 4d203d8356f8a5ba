/*
 * Strangers meet: the first packet waits, a tunnel comes, the packet goes through it.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

#include <stdio.h>

/* Promise 2; issue: first packet not lost, the reply takes the same tunnel. */
static void meet(const char *failure)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", failure);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", failure);

	sim_delegate(sim, source, west);
	sim_delegate(sim, destination, east);
	sim_publish_key(sim, west);
	sim_publish_key(sim, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_tunnel(sim, destination, source);
	expect_arrived(sim, source, destination, 1, 0);
	expect_arrived(sim, destination, source, 1, 0);
	expect_sas(sim, west, 1, 1);
	expect_sas(sim, east, 1, 1);
	sim_ping(sim, destination, source); /* the other direction needs nothing new */
	sim_run_until_idle(sim);
	expect_arrived(sim, destination, source, 2, 0);
	expect_sas(sim, east, 1, 1);
	sim_end(sim);
}

void first_contact(void)
{
	meet(NULL);
}

void first_contact_private(void)
{
	meet("drop");
}

void first_contact_ipv6(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "2001:db8::1", "2001:db8:1::/48", NULL);
	struct gateway *east = sim_gateway(sim, "east", "2001:db8::2", "2001:db8:2::/48", NULL);

	sim_delegate(sim, "2001:db8:1::7", west);
	sim_delegate(sim, "2001:db8:2::5", east);
	sim_publish_key(sim, west);
	sim_publish_key(sim, east);
	sim_ping(sim, "2001:db8:1::7", "2001:db8:2::5");
	sim_run_until_idle(sim);
	expect_tunnel(sim, "2001:db8:1::7", "2001:db8:2::5");
	expect_arrived(sim, "2001:db8:1::7", "2001:db8:2::5", 1, 0);
	expect_arrived(sim, "2001:db8:2::5", "2001:db8:1::7", 1, 0);
	sim_end(sim);
}

/* HOLD-2: what comes while nothing is decided goes out in order afterwards. */
void many_first_packets(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

	sim_delegate(sim, source, west);
	sim_delegate(sim, destination, east);
	for (int i = 0; i < 10; i++) {
		sim_ping(sim, source, destination);
		sim_run_for(sim, MILLISECONDS(1));
	}
	sim_run_until_idle(sim);
	expect_arrived(sim, source, destination, 10, 0);
	expect_arrived(sim, destination, source, 10, 0);
	expect_sas(sim, west, 1, 1);
	sim_end(sim);
}

/* The HowTo's sg-to-anyone: the gateways' own traffic, no delegation needed. AUZ-5 */
void gateways_themselves(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", NULL, NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", NULL, NULL);

	sim_publish_key(sim, west);
	sim_publish_key(sim, east);
	sim_ping(sim, "192.0.2.1", "192.0.2.2");
	sim_run_until_idle(sim);
	expect_tunnel(sim, "192.0.2.1", "192.0.2.2");
	expect_arrived(sim, "192.0.2.1", "192.0.2.2", 1, 0);
	sim_end(sim);
}

/* REU-1, REU-4, REU-5 */
void two_clients_share_the_ike_sa(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

	sim_delegate(sim, source, west);
	sim_delegate(sim, "203.0.113.8", west);
	sim_delegate(sim, destination, east);
	sim_delegate(sim, "198.51.100.6", east);
	sim_ping(sim, source, destination);
	sim_ping(sim, "203.0.113.8", destination); /* while the first is negotiated */
	sim_run_until_idle(sim);
	sim_ping(sim, source, "198.51.100.6");
	sim_run_until_idle(sim);
	sim_ping(sim, "198.51.100.6", "203.0.113.8"); /* from the other side, REU-3 */
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_tunnel(sim, "203.0.113.8", destination);
	expect_tunnel(sim, source, "198.51.100.6");
	expect_tunnel(sim, "198.51.100.6", "203.0.113.8");
	expect_arrived(sim, "203.0.113.8", destination, 1, 0);
	expect_arrived(sim, source, "198.51.100.6", 1, 0);
	expect_arrived(sim, "203.0.113.8", "198.51.100.6", 1, 0);
	expect_sas(sim, west, 1, 4);
	expect_sas(sim, east, 1, 4);
	sim_end(sim);
}

/* AUZ-3, AUZ-5: an Initiator that has no reverse map of its own is known by its name. */
void initiator_known_by_name(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
	                                        "conn client-to-anyone\n"
	                                        "\tleft=%defaultroute\n"
	                                        "\tleftsubnet=203.0.113.0/24\n"
	                                        "\tleftid=@west.example.net\n"
	                                        "\tright=%opportunistic\n"
	                                        "\tauto=route\n");
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

	sim_publish_key_at(sim, "west.example.net", west);
	sim_authorise_name(sim, source, "west.example.net");
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	expect_sas(sim, west, 1, 1);
	sim_end(sim);
}

/* AUZ-5: only the Initiator's key is published; it is the Source itself. */
void source_is_initiator_without_delegation(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", NULL, NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

	sim_publish_key(sim, west);
	sim_delegate(sim, destination, east);
	sim_ping(sim, "192.0.2.1", destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, "192.0.2.1", destination);
	expect_arrived(sim, destination, "192.0.2.1", 1, 0);
	sim_end(sim);
}

/* TS-16: what finds no room on one IKE SA gets a new one. */
void more_pairs_than_one_ike_sa_carries(void)
{
	enum { PAIRS = 300, ROOM = 256 };
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.112.0/23", NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);
	char client[PAIRS][16];

	sim_publish_key(sim, west);
	sim_publish_key(sim, east);
	sim_delegate(sim, destination, east);
	for (int i = 0; i < PAIRS; i++) {
		snprintf(client[i], sizeof(client[i]), "203.0.%d.%d", 112 + i / 200, 1 + i % 200);
		sim_delegate(sim, client[i], west);
		sim_ping(sim, client[i], destination);
		sim_run_for(sim, MILLISECONDS(100));
	}
	sim_run_until_idle(sim);
	for (int i = 0; i < PAIRS; i++) {
		expect_tunnel(sim, client[i], destination);
		expect_arrived(sim, client[i], destination, 1, 0);
	}
	expect_sas(sim, west, (PAIRS + ROOM - 1) / ROOM, PAIRS);
	expect_sas(sim, east, (PAIRS + ROOM - 1) / ROOM, PAIRS);
	sim_end(sim);
}
