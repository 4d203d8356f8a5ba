/*
 * Nobody to negotiate with, or somebody who is not who he should be: policy decides, in bounded
 * time, and what is private stays private.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

/* The outcome at west: in the clear, or for a private conn not at all. */
static void expect_failure(struct sim *sim, const char *failure)
{
	if (failure == NULL) {
		expect_pass(sim, source, destination);
		expect_arrived(sim, source, destination, 0, 1);
	} else {
		expect_drop(sim, source, destination);
		expect_arrived(sim, source, destination, 0, 0);
	}
}

static void meet_stranger(const char *failure)
{
	struct sim *sim = sim_new(1);

	make_west(sim, failure);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_failure(sim, failure);
	expect_arrived(sim, destination, source, 0, failure == NULL);
	sim_end(sim);
}

void stranger(void)
{
	meet_stranger(NULL);
}

void stranger_private(void)
{
	meet_stranger("drop");
}

/* TTL-5 */
static void ask_in_vain(const char *failure)
{
	struct sim *sim = sim_new(1);

	make_west(sim, failure);
	sim_dns_fails(sim, destination, DNS_TIMED_OUT);
	sim_packet(sim, source, destination);
	sim_run_for(sim, MILLISECONDS(4200));
	expect_failure(sim, failure);
	sim_run_until_idle(sim);
	sim_end(sim);
}

void no_dns_answer(void)
{
	ask_in_vain(NULL);
}

void no_dns_answer_private(void)
{
	ask_in_vain("drop");
}

/* AUZ-10, MID-15: the Initiator's retransmissions are swallowed meanwhile. */
void slow_dns_at_the_responder(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, NULL);
	struct gateway *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_dns_delay(sim, source, SECONDS(3));
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	expect_sas(sim, west, 1, 1);
	expect_sas(sim, east, 1, 1);
	sim_end(sim);
}

/* TRU-3: a forged answer must not buy cleartext. */
void bogus_dns_answer(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *east;

	make_west(sim, NULL);
	east = make_east(sim);
	sim_delegate(sim, destination, east);
	sim_dns_trust(sim, destination, DNS_BOGUS);
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_drop(sim, source, destination);
	expect_arrived(sim, source, destination, 0, 0);
	sim_end(sim);
}

/* TTL-6, TTL-7 */
static void call_in_vain(const char *failure)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, failure), *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_cut(sim, west, east);
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(9));
	expect_arrived(sim, source, destination, 0, 0); /* nothing passes meanwhile */
	sim_run_until_idle(sim);
	expect_failure(sim, failure);
	expect_sas(sim, west, 0, 0);
	sim_end(sim);
}

void silent_gateway(void)
{
	call_in_vain(NULL);
}

void silent_gateway_private(void)
{
	call_in_vain("drop");
}

/* CHS-5, CHS-6 */
void second_gateway_answers(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, NULL), *east = make_east(sim);
	struct gateway *dead = sim_gateway(sim, "dead", "192.0.2.3", NULL, NULL);

	sim_delegate_with(sim, destination, 5, dead, dead);
	sim_delegate_with(sim, destination, 10, east, east);
	sim_cut(sim, west, dead);
	sim_ping(sim, source, destination);
	sim_run_until_idle(sim);
	expect_tunnel(sim, source, destination);
	expect_arrived(sim, destination, source, 1, 0);
	sim_end(sim);
}

/* AUZ-9, AUT-6: the key in the DNS is not the one that west has. */
static void have_wrong_key(const char *failure)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", failure);
	struct gateway *east = make_east(sim);

	sim_delegate_with(sim, source, 10, west, east); /* east's key, by mistake */
	sim_delegate(sim, destination, east);
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_failure(sim, failure);
	expect_sas(sim, west, 0, 0);
	expect_sas(sim, east, 0, 0);
	sim_end(sim);
}

void wrong_key(void)
{
	have_wrong_key(NULL);
}

void wrong_key_private(void)
{
	have_wrong_key("drop");
}

/* Promise 4: somebody on the path answers for east. */
void impostor_at_the_gateway(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, "drop"), *east = make_east(sim);

	sim_delegate(sim, destination, east);
	sim_impostor(sim, east);
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_drop(sim, source, destination);
	expect_arrived(sim, source, destination, 0, 0);
	expect_sas(sim, west, 0, 0);
	sim_end(sim);
}

/* AUZ-5, AUZ-9: west's key is published, but nothing says that it may speak for the Source. */
static void have_no_delegation(const char *failure)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", failure);
	struct gateway *east = make_east(sim);

	sim_publish_key(sim, west);
	sim_delegate(sim, destination, east);
	sim_packet(sim, source, destination);
	sim_run_until_idle(sim);
	expect_failure(sim, failure);
	expect_sas(sim, east, 0, 0);
	expect_logged(sim, east, "may not speak for 203.0.113.7");
	sim_end(sim);
}

/* CHS-4 is no way around a private conn: a record that names our own gateway opens nothing. */
void record_that_names_ourselves(void)
{
	for (int is_private = 0; is_private <= 1; is_private++) {
		struct sim *sim = sim_new(1);
		struct gateway *west = make_west(sim, is_private ? "drop" : NULL);

		sim_delegate(sim, destination, west);
		sim_packet(sim, source, destination);
		sim_run_until_idle(sim);
		expect_failure(sim, is_private ? "drop" : NULL);
		sim_end(sim);
	}
}

/* AUZ-2 (a), AUZ-4: the Source's record vouches for a key, but not for the gateway's own address,
 * which publishes another one. */
void vouched_key_is_not_the_gateways_own(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway(sim, "west", "192.0.2.1", "203.0.113.0/24", NULL);
	struct gateway *east = make_east(sim);

	sim_delegate(sim, source, west);
	sim_publish_key_at(sim, "192.0.2.1", east); /* not west's */
	sim_delegate(sim, destination, east);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(2));
	expect_tunnel(sim, source, destination);
	sim_packet(sim, "192.0.2.1", destination);
	sim_run_until_idle(sim);
	expect_pass(sim, "192.0.2.1", destination);
	expect_logged(sim, east,
	              "the key it proved is published neither for it nor at this address");
	sim_end(sim);
}

void missing_delegation(void)
{
	have_no_delegation(NULL);
}

void missing_delegation_private(void)
{
	have_no_delegation("drop");
}

/* AUZ-5: a gateway with a good key claims a Source that delegates to another. */
void gateway_speaks_for_others(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = make_west(sim, NULL), *east = make_east(sim);
	struct gateway *north = sim_gateway(sim, "north", "192.0.2.4", "203.0.113.0/25", NULL);

	sim_publish_key(sim, north);
	sim_delegate(sim, destination, east);
	sim_withdraw(sim, source);
	sim_delegate(sim, source, north); /* the host has moved; west does not know */
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(2));
	expect_pass(sim, source, destination);
	expect_sas(sim, west, 1, 0); /* INI-13: kept for a minute */
	sim_run_until_idle(sim);
	expect_sas(sim, west, 0, 0);
	expect_logged(sim, east, "may not speak for 203.0.113.7");
	sim_end(sim);
}
