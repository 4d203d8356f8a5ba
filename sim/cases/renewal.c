/*
 * Peers that renew nothing on an IKE SA: another one begins with the child that takes over, before
 * the old one goes (TS-16).
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"
#include "sim/world.h"

#define LIVES "\tkeylife=40\n\trekeymargin=10\n\trekeyfuzz=0%\n"
#define HOWTO(inside, lives)                                            \
	"conn clients\n\tleft=%defaultroute\n\tleftsubnet=" inside      \
	"\n\tright=%opportunistic\n" lives "\tfailureshunt=drop\n\tauto=route\n"
#define SITES(life, does)                                                                  \
	"conn sites\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n\tright=192.0.2.2\n"    \
	"\trightsubnet=198.51.100.0/24\n\tauthby=secret\n" life "\tauto=" does "\n"

static void stream(struct sim *sim, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 200; i++) {
		if (i % 2 == 0)
			sim_packet(sim, destination, source);
		else
			sim_packet(sim, source, destination);
		sim_run_for(sim, MILLISECONDS(5));
	}
	sim_run_for(sim, MILLISECONDS(50));
}

/* Not one packet is lost of a stream over two renewals: sim_end() checks that. */
static void renew_twice(struct sim *sim, struct gateway *west, struct gateway *east)
{
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(3));
	stream(sim, 5);
	expect_sas(sim, west, 1, 1);
	for (int i = 0; i < 2; i++) {
		sim_renew_nothing(east);
		stream(sim, 34);
		expect_logged(sim, west, "its gateway renews on a new IKE SA only");
		stream(sim, 70);
		expect_logged(sim, west, "its peer renews nothing on it");
		expect_sas(sim, west, 1, 1);
		expect_sas(sim, east, 1, 1);
	}
	expect_tunnel(sim, source, destination);
	sim_end(sim);
}

/* Two gateways that find each other in the DNS; west's lives are short. */
static struct sim *strangers(struct gateway **west, struct gateway **east)
{
	struct sim *sim = sim_new(1);

	*west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
	                         HOWTO("203.0.113.0/24", LIVES));
	*east = sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24",
	                         HOWTO("198.51.100.0/24", ""));
	sim_delegate(sim, source, *west);
	sim_delegate(sim, destination, *east);
	sim_publish_key(sim, *west);
	sim_publish_key(sim, *east);
	return sim;
}

void a_peer_that_renews_nothing_gets_a_new_ike_sa(void)
{
	struct gateway *west, *east;
	struct sim *sim = strangers(&west, &east);

	renew_twice(sim, west, east);
}

void a_configured_peer_that_renews_nothing_gets_a_new_ike_sa(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west =
	    sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24", SITES(LIVES, "start"));
	struct gateway *east =
	    sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24", SITES("", "add"));

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_run_for(sim, SECONDS(2));
	renew_twice(sim, west, east);
}

/* The Destination has another gateway by now, or none: the tunnel is not renewed, and ends. */
void a_renewal_asks_the_dns_first(void)
{
	struct gateway *west, *east;
	struct sim *sim = strangers(&west, &east);

	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(3));
	sim_renew_nothing(east);
	sim_withdraw(sim, destination);
	for (int i = 0; i < 40 * 5; i++) {
		sim_packet(sim, source, destination);
		sim_run_for(sim, MILLISECONDS(200));
	}
	expect_logged(sim, west, "not renewed, ");
	expect_sas(sim, west, 0, 0);
	expect_sas(sim, east, 0, 0);
	expect_drop(sim, source, destination);
	sim_end(sim);
}

/* RST-1: killed while two IKE SAs stand, it says no word: not of the one that would go next either. */
void a_killed_gateway_deletes_nothing(void)
{
	struct gateway *west, *east;
	struct sim *sim = strangers(&west, &east);

	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(3));
	sim_renew_nothing(east);
	stream(sim, 35);
	expect_sas(sim, west, 2, 2);
	sim_kill(sim, west);
	sim_run_for(sim, SECONDS(1));
	expect_sas(sim, east, 2, 2);
	sim_start(sim, west);
	sim_run_for(sim, SECONDS(3));
	expect_sas(sim, east, 1, 0);
	sim_end(sim);
}

/* One wants a key exchange for new keys, and the other makes none: only IKE_AUTH suits both. */
void a_peer_with_other_suites_gets_a_new_ike_sa(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24",
	                                        SITES(LIVES "\tpfs=no\n\tesp=aes128gcm16\n", "start"));
	struct gateway *east = sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24",
	                                        SITES("\tesp=aes128gcm16\n", "add"));

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_run_for(sim, SECONDS(2));
	for (int i = 0; i < 3; i++) {
		stream(sim, 40);
		expect_logged(sim, west, "not rekeyed: NO_PROPOSAL_CHOSEN");
		expect_logged(sim, west, "its gateway renews on a new IKE SA only");
	}
	stream(sim, 70);
	expect_sas(sim, west, 1, 1);
	expect_sas(sim, east, 1, 1);
	sim_end(sim);
}

/* OUT-5: at its hard limit an SA ends for both, and the next packet negotiates on the same IKE SA. */
void the_next_packet_after_a_hard_limit_negotiates(void)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct sim *sim = sim_new(seed);
		struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", "drop");
		struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", "drop");
		struct gateway *spends = seed % 2 == 0 ? west : east;
		uint32_t spent;

		sim_delegate(sim, source, west);
		sim_delegate(sim, destination, east);
		sim_publish_key(sim, west);
		sim_publish_key(sim, east);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(3));
		spent = spends->engine.children[0].sa.spi_in;
		opportunism_on_spent(spends->core, spent, sim_now(sim));
		sim_run_for(sim, SECONDS(3));
		expect_sas(sim, west, 1, 0);
		expect_sas(sim, east, 1, 0);
		expect_logged(sim, spends, "trap, its lifetime is over");
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(3));
		expect_tunnel(sim, source, destination);
		expect_tunnel(sim, destination, source);
		expect_arrived(sim, destination, source, 2, 0);
		expect_sas(sim, west, 1, 1);
		expect_true(sim, spends->engine.children[0].sa.spi_in != spent);
		sim_end(sim);
	}
}
