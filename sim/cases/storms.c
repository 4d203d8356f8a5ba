/*
 * Storms: one host sprays packets to thousands of new destinations, and the others hardly notice.
 */
#include <stdio.h>

#include "opportunism/limits.h"
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

static const char *const sprayer = "203.0.113.66";
static struct pair start(uint64_t seed, const char *failure)
{
	struct pair s = pair_in(sim_new(seed), failure, failure);

	pair_publish_west(&s);
	pair_publish_east(&s);
	return s;
}

static const char *victim_of_spray(unsigned i)
{
	static char text[32];

	snprintf(text, sizeof(text), "100.%u.%u.%u", 64 + (i >> 16), i >> 8 & 255, i & 255);
	return text;
}

static void spray(const struct pair *s, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		sim_packet(s->sim, sprayer, victim_of_spray(i));
}

/* TTL-8, SEC-5: thousands wait, and another host's first packet is on its way at its next turn. */
void a_sprayer_waits_for_its_own(void)
{
	struct pair s = start(1, NULL);

	sim_dns_slow(s.sim, MILLISECONDS(500));
	spray(&s, 0, 3000);
	sim_run_for(s.sim, MILLISECONDS(100));
	sim_ping(s.sim, source, destination);
	/* Half a second for a place, half a second of DNS at the Responder, and the negotiation. */
	sim_run_for(s.sim, MILLISECONDS(1500));
	expect_tunnel(s.sim, source, destination);
	expect_arrived(s.sim, source, destination, 1, 0);
	expect_eroute(s.sim, sprayer, victim_of_spray(2999), "hold");
	sim_run_until_idle(s.sim);
	for (unsigned i = 0; i < 3000; i += 37)
		expect_arrived(s.sim, sprayer, victim_of_spray(i), 0, 1);
	sim_end(s.sim);
}

/* TTL-4, FAIL-3: what waits for its turn to be asked again is asked once by order, not twice. */
void an_order_ends_the_wait_of_a_shunt(void)
{
	struct pair s = start(3, NULL);

	sim_withdraw(s.sim, destination);
	sim_dns_ttl(s.sim, destination, 60);
	sim_packet(s.sim, sprayer, destination);
	sim_run_for(s.sim, SECONDS(30));
	expect_pass(s.sim, sprayer, destination);
	sim_packet(s.sim, sprayer, destination); /* in use */
	sim_run_for(s.sim, MILLISECONDS(31600));
	sim_dns_slow(s.sim, SECONDS(3));
	sim_dns_delay(s.sim, destination, SECONDS(3));
	sim_packet(s.sim, source, victim_of_spray(60000));
	spray(&s, 0, 2 * FLOWS_ASKED_SHARE);
	sim_run_for(s.sim, MILLISECONDS(700));
	sim_order(s.sim, s.west, SIM_TRY, sprayer, destination);
	sim_run_for(s.sim, MILLISECONDS(3500));
	expect_pass(s.sim, sprayer, destination);
	expect_expiry(s.sim, sprayer, destination, 61); /* it has its answer */
	sim_run_until_idle(s.sim);
	sim_end(s.sim);
}

/* TTL-8, SEC-5, FAIL-1: at the bound it is the sprayer's oldest that are dropped, not passed. */
void a_full_queue_costs_the_sprayer(void)
{
	enum { OVER = 300, ASKED = LOOKUPS_MAX / 2 };
	struct pair s = start(2, NULL);

	sim_dns_slow(s.sim, SECONDS(2));
	sim_packet(s.sim, "203.0.113.8", victim_of_spray(60000));
	sim_packet(s.sim, "203.0.113.8", victim_of_spray(60001));
	spray(&s, 0, FLOWS_WAITING_MAX + ASKED + OVER);
	sim_run_for(s.sim, MILLISECONDS(100));
	for (unsigned i = ASKED; i < ASKED + OVER - 2; i += 7)
		expect_drop(s.sim, sprayer, victim_of_spray(i));
	expect_eroute(s.sim, sprayer, victim_of_spray(ASKED + OVER), "hold");
	sim_ping(s.sim, source, destination);
	sim_run_for(s.sim, SECONDS(6));
	expect_tunnel(s.sim, source, destination);
	expect_arrived(s.sim, "203.0.113.8", victim_of_spray(60001), 0, 1);
	sim_run_until_idle(s.sim);
	expect_arrived(s.sim, sprayer, victim_of_spray(0), 0, 1);
	for (unsigned i = ASKED; i < ASKED + OVER - 2; i += 7)
		expect_arrived(s.sim, sprayer, victim_of_spray(i), 0, 0);
	/* Who waits for too long is dropped as well. */
	expect_arrived(s.sim, sprayer, victim_of_spray(FLOWS_WAITING_MAX), 0, 0);
	expect_logged(s.sim, s.west, "too many others of its Source wait");
	sim_end(s.sim);
}

enum knocked_at { SILENT, KEYLESS, WRONG_KEY, KNOCKED_COUNT };

/* A minute of packets to ever new destinations whose records name the third party. */
static uint64_t minute_of_knocks(const struct pair *s, const struct gateway *third, unsigned first)
{
	uint64_t before = sim_knocks(s->sim, third);

	for (unsigned i = first; i < first + 600; i++) {
		sim_packet(s->sim, sprayer, victim_of_spray(i));
		sim_run_for(s->sim, MILLISECONDS(100));
	}
	return sim_knocks(s->sim, third) - before;
}

static void knock(enum knocked_at how)
{
	struct pair s = start(10 + how, NULL);
	struct gateway *third = sim_gateway(s.sim, "third", "192.0.2.3", NULL, NULL);

	if (how == SILENT)
		sim_cut(s.sim, s.west, third);
	for (unsigned i = 0; i < 1800; i++)
		sim_delegate_with(s.sim, victim_of_spray(i), 10, third,
		                  how == KEYLESS ? NULL : s.east);
	for (unsigned minute = 0; minute < 3; minute++)
		expect_true(s.sim, minute_of_knocks(&s, third, 600 * minute) < 20);
	expect_true(s.sim, sim_knocks(s.sim, third) > 0);
	/* Whoever is no stranger is not kept waiting by it. */
	sim_ping(s.sim, source, destination);
	sim_run_for(s.sim, SECONDS(1));
	expect_tunnel(s.sim, source, destination);
	sim_run_until_idle(s.sim);
	sim_end(s.sim);
}

/* SEC-4: who is named as their gateway by the owner of a thousand addresses sees fewer than 20
 * packets a minute, whether it answers or not. */
void third_parties_are_hardly_knocked_at(void)
{
	for (enum knocked_at how = SILENT; how < KNOCKED_COUNT; how++)
		knock(how);
}

/* SEC-4, TTL-8: a thousand addresses that name a gateway each. */
void new_gateways_are_tried_slowly(void)
{
	struct pair s = start(20, NULL);

	sim_ping(s.sim, source, destination);
	sim_run_for(s.sim, SECONDS(2));
	for (unsigned i = 0; i < 300; i++)
		sim_delegate_to(s.sim, victim_of_spray(i), victim_of_spray(10000 + i), s.east);
	spray(&s, 0, 300);
	sim_run_for(s.sim, MILLISECONDS(900));
	expect_true(s.sim, sim_knocks(s.sim, NULL) >= NEW_GATEWAYS_PER_S);
	/* Some of them twice by now. */
	expect_true(s.sim, sim_knocks(s.sim, NULL) <= 4 * NEW_GATEWAYS_PER_S);
	/* A peer we know does not wait behind them. */
	sim_delegate(s.sim, "198.51.100.6", s.east);
	sim_ping(s.sim, source, "198.51.100.6");
	sim_run_for(s.sim, MILLISECONDS(500));
	expect_tunnel(s.sim, source, "198.51.100.6");
	/* Each is sent to five times at most, and 64 at once. */
	sim_run_for(s.sim, SECONDS(12));
	expect_true(s.sim, sim_knocks(s.sim, NULL) <= 5 * ATTEMPTS_MAX);
	sim_run_until_idle(s.sim);
	sim_end(s.sim);
}

/* SEC-7: who knocks again and again may not make us ask the DNS without end. */
void claims_make_us_look_up_little(void)
{
	struct pair s = start(30, "drop"); /* refused is dropped, not sent in the clear */

	for (unsigned i = 0; i < 50; i++) {
		sim_restart(s.sim, s.west);
		sim_ping(s.sim, source, destination);
		sim_run_for(s.sim, MILLISECONDS(500));
		if (i < 8)
			expect_tunnel(s.sim, source, destination);
	}
	expect_logged(s.sim, s.east, "its address made us look up too many names");
	/* Whoever else comes is heard, and so is it after a while. */
	sim_delegate(s.sim, "192.0.2.3", sim_gateway(s.sim, "north", "192.0.2.3", NULL, NULL));
	sim_ping(s.sim, "192.0.2.3", destination);
	sim_run_for(s.sim, SECONDS(2));
	expect_tunnel(s.sim, "192.0.2.3", destination);
	sim_run_for(s.sim, SECONDS(60));
	sim_restart(s.sim, s.west);
	sim_ping(s.sim, source, destination);
	sim_run_for(s.sim, SECONDS(2));
	expect_tunnel(s.sim, source, destination);
	sim_run_until_idle(s.sim);
	sim_end(s.sim);
}
