/*
 * How things end: a peer goes away, a shunt was idle.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

/* DEL-7, LIFE-5, CLR-7: the pair is trapped again, and the next packet finds the tunnel anew. */
void shutdown_goes_back_to_the_trap(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", "drop");
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", "drop");

	sim_delegate(sim, source, west);
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	sim_shutdown(sim, east);
	sim_run_until_idle(sim);
	expect_trap(sim, source, destination);
	expect_sas(sim, west, 0, 0);
	sim_restart(sim, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 2, 0);
	sim_end(sim);
}

/* FAIL-2: a shunt that nobody used for 15 minutes is forgotten; by then a record may be there. */
void idle_shunt_is_asked_again(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);

	sim_delegate(sim, source, west);
	sim_dns_ttl(sim, destination, 7200);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_pass(sim, source, destination);
	sim_run_for(sim, SECONDS(800));
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(800));
	expect_pass(sim, source, destination); /* it was in use */
	sim_run_for(sim, SECONDS(200));
	expect_trap(sim, source, destination);
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, source, destination, 1, 2);
	sim_end(sim);
}

/* LIV-2, LIV-4: the line is cut under traffic; the pair goes back to the trap, and when the line is
 * mended the next packets find a tunnel again. */
void unplugged_peer_is_dead_in_the_end(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", "drop");
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", "drop");

	sim_delegate(sim, source, west);
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	sim_cut(sim, west, east);
	sim_cut(sim, east, west);
	for (int i = 0; i < 100; i++) {
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(1));
	}
	expect_tunnel(sim, source, destination); /* not before all the tries */
	sim_run_for(sim, SECONDS(120));
	expect_sas(sim, west, 0, 0);
	expect_trap(sim, source, destination);
	sim_mend(sim);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_sas(sim, east, 1, 1); /* INITIAL_CONTACT: the one before is gone */
	sim_end(sim);
}

/* QCD-3, QCD-5, ERR-16: a peer that was killed and started again proves that it lost its SAs; what
 * goes on being sent is in a tunnel again within three seconds. */
void killed_peer_is_back_in_no_time(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", "drop");
	struct gateway *east = sim_gateway(sim, "east", "192.0.2.2", "198.51.100.0/24", "drop");

	sim_delegate(sim, source, west);
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	sim_restart(sim, east);
	for (int i = 0; i < 15; i++) {
		sim_packet(sim, source, destination);
		sim_run_for(sim, MILLISECONDS(200));
	}
	expect_sas(sim, west, 1, 1);
	expect_sas(sim, east, 1, 1);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(1));
	expect_arrived(sim, destination, source, 2, 0);
	sim_end(sim);
}
