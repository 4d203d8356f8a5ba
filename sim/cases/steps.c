/*
 * The steps of opportunism in their order: what is asked when, of whom, and who is believed.
 */
#include <stdio.h>
#include <string.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"
#include "sim/world.h"

/* Two gateways of which nothing is published but west's key and delegation. */
static struct pair start(const char *conf)
{
	struct pair p = pair_in(sim_new(1), conf, NULL);

	pair_publish_west(&p);
	return p;
}

static bool has_traced(const struct pair *p, const char *words)
{
	return strstr(p->sim->trace.s, words) != NULL;
}

/* Each event after the one before it. */
static void expect_order(const struct pair *p, const char *const events[], size_t count)
{
	const char *at = p->sim->trace.s;

	for (size_t i = 0; i < count; i++) {
		at = strstr(at, events[i]);
		if (at == NULL)
			sim_fail(p->sim, "not there, or too early: %s", events[i]);
	}
}

/* STP-1: the Destination's delegation; IKE_SA_INIT beside the question for the gateway's key; the
 * Responder's questions about both at once, before it answers. */
void steps_in_their_order(void)
{
	static const char *const events[] = {
		"west: dns 5.100.51.198.in-addr.arpa type 45",
		"west: IKE_SA_INIT request",
		"east: IKE_SA_INIT response",
		"west: IKE_AUTH request",
		"east: dns 1.2.0.192.in-addr.arpa type 45",
		"east: dns 7.113.0.203.in-addr.arpa type 45",
		"east: IKE_AUTH response",
		"west: dns 2.2.0.192.in-addr.arpa type 45", /* needed now and not before */
		"west: eroute 203.0.113.7 > 198.51.100.5: tunnel",
	};
	struct pair p = start(CLIENT(""));

	sim_delegate_with(p.sim, destination, 10, p.east, NULL);
	sim_publish_key(p.sim, p.east);
	sim_dns_delay(p.sim, "192.0.2.2", MILLISECONDS(800));
	sim_dns_delay(p.sim, "192.0.2.1", MILLISECONDS(500));
	sim_dns_delay(p.sim, source, MILLISECONDS(501));
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(1600)); /* one after the other they took longer */
	expect_tunnel(p.sim, source, destination);
	expect_order(&p, events, ARRAY_LEN(events));
	sim_end(p.sim);
}

/* DNS-10 */
void nobody_asks_for_what_is_no_peer(void)
{
	static const struct {
		const char *address, *question;
		bool is_asked;
	} cases[] = {
		{ "127.0.0.9", "dns 9.0.0.127", false },
		{ "169.254.7.9", "dns 9.7.254.169", false },
		{ "224.0.0.9", "dns 9.0.0.224", false },
		{ "240.0.0.9", "dns 9.0.0.240", false },
		{ "10.1.2.9", "dns 9.2.1.10.in-addr.arpa type 45",
		  true }, /* private, but somebody's */
		{ "198.51.100.99", "dns 99.100.51.198.in-addr.arpa type 45", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(CLIENT(""));

		sim_packet(p.sim, source, cases[i].address);
		sim_run_for(p.sim, SECONDS(20));
		expect_pass(p.sim, source, cases[i].address);
		expect_true(p.sim, has_traced(&p, cases[i].question) == cases[i].is_asked);
		sim_restart(p.sim, p.west); /* a true engine raises no acquire for the first ones */
		sim_end(p.sim);
	}
}

/* CHS-1: half a second for the slower answer, but where nothing may go in the clear both count. */
void slower_answer_is_waited_for_within_reason(void)
{
	for (int is_private = 0; is_private <= 1; is_private++) {
		struct pair p = start(is_private ? CLIENT("\tfailureshunt=drop\n") : CLIENT(""));

		sim_delegate(p.sim, destination, p.east);
		sim_dns_delay_txt(p.sim, destination, SECONDS(2));
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, MILLISECONDS(450));
		expect_eroute(p.sim, source, destination, "hold");
		expect_true(p.sim, sim_knocks(p.sim, p.east) == 0);
		sim_run_for(p.sim, MILLISECONDS(550));
		expect_eroute(p.sim, source, destination, is_private ? "hold" : "tunnel");
		sim_run_for(p.sim, SECONDS(2));
		expect_tunnel(p.sim, source, destination);
		sim_end(p.sim);
	}
}

/* CHS-6: the next one two seconds later; who is first has it, the other is left alone. */
void next_gateway_begins_after_two_seconds(void)
{
	struct pair p = start(CLIENT(""));
	struct gateway *slow = sim_gateway(p.sim, "slow", "192.0.2.3", "198.51.100.0/24", NULL);

	sim_delegate_with(p.sim, destination, 5, slow, slow);
	sim_delegate_with(p.sim, destination, 10, p.east, p.east);
	sim_dns_delay(p.sim, "192.0.2.1", MILLISECONDS(2500)); /* for the answer of either */
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(1950));
	expect_true(p.sim, sim_knocks(p.sim, slow) > 0);
	expect_true(p.sim, sim_knocks(p.sim, p.east) == 0);
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_true(p.sim, sim_knocks(p.sim, p.east) > 0);
	sim_run_for(p.sim, SECONDS(20));
	expect_eroute(p.sim, source, destination, "tunnel");
	expect_children(p.sim, slow, 1);
	expect_children(p.sim, p.east, 0);
	expect_children(p.sim, p.west, 1);
	sim_end(p.sim);
}

static void publish_gateway_name(struct pair *p, const char *address, const char *name)
{
	snprintf(p->east->fqdn, sizeof(p->east->fqdn), "%s", name);
	sim_delegate_to_name(p->sim, address, name, p->east);
}

/* IPK-5: a gateway by name is where the name points to, and no better known than that. */
void gateway_by_name(void)
{
	static const struct {
		enum dns_trust record, address;
		const char *verdict, *strength;
	} cases[] = {
		{ DNS_SECURE, DNS_SECURE, "tunnel", "strength dnssec" },
		{ DNS_SECURE, DNS_INSECURE, "tunnel", "strength dns" },
		{ DNS_INSECURE, DNS_SECURE, "tunnel", "strength dns" },
		{ DNS_SECURE, DNS_BOGUS, "drop", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(CLIENT(""));

		publish_gateway_name(&p, destination, "east.example.net");
		sim_publish_address(p.sim, "east.example.net", "192.0.2.2");
		sim_dns_trust(p.sim, destination, cases[i].record);
		sim_dns_trust(p.sim, "east.example.net", cases[i].address);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(20));
		expect_eroute(p.sim, source, destination, cases[i].verdict);
		if (cases[i].strength != NULL)
			expect_logged(p.sim, p.west, cases[i].strength);
		expect_true(p.sim, (strstr(p.west->log.s, "strength dnssec") != NULL) == (i == 0));
		sim_end(p.sim);
	}
}

/* IPK-3: a key at a gateway's name that belongs to the gateway named there is not its own. */
void key_of_another_gateway_is_not_ours(void)
{
	for (int names_itself = 0; names_itself <= 1; names_itself++) {
		struct pair p = start(CLIENT(""));

		sim_delegate_with(p.sim, destination, 10, p.east, NULL);
		sim_delegate_to(p.sim, "192.0.2.2", names_itself ? "192.0.2.2" : "192.0.2.9",
		                p.east);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(20));
		expect_eroute(p.sim, source, destination, names_itself ? "tunnel" : "pass");
		if (!names_itself)
			expect_reason(p.sim, source, destination, "no key is published");
		sim_end(p.sim);
	}
}

/* IPK-6: without a gateway the owner is it; at a name it does not matter who is named. */
void key_without_gateway_is_its_owners(void)
{
	struct pair p = start(CLIENT("\tleftid=@west.example.net\n"));

	sim_withdraw(p.sim, source);
	sim_withdraw(p.sim, "192.0.2.1");
	snprintf(p.west->fqdn, sizeof(p.west->fqdn), "west.example.net");
	sim_authorise_name(p.sim, source, "west.example.net");
	sim_delegate_to(p.sim, "west.example.net", "192.0.2.77", p.west);
	sim_publish_key(p.sim, p.east); /* names no gateway */
	sim_packet(p.sim, source, "192.0.2.2");
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, source, "192.0.2.2");
	sim_end(p.sim);
}

/* AUZ-3, OIN-5: an address as identity is the one that its packets come from, and the one that was
 * asked for; what is neither address nor name nobody can look up. */
void identity_is_the_outer_address(void)
{
	static const struct {
		const char *conf, *said;
	} cases[] = {
		{ CLIENT("\tleftid=192.0.2.99\n"),
		  "its identity is not the address it comes from" },
		{ CLIENT("\tleftid=west@example.net\n"),
		  "its identity is neither an address nor a name" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int by_west = 0; by_west <= 1; by_west++) {
			struct pair p = start(cases[i].conf);

			sim_publish_key_at(p.sim, "192.0.2.99", p.west);
			sim_delegate(p.sim, destination, p.east);
			sim_packet(p.sim, by_west ? source : destination,
			           by_west ? destination : source);
			sim_run_for(p.sim, SECONDS(20));
			expect_sas(p.sim, p.east, 0, 0);
			expect_sas(p.sim, p.west, 0, 0);
			if (by_west)
				expect_logged(p.sim, p.east, cases[i].said);
			sim_end(p.sim);
		}
	}
}

/* AUZ-7: the weakest of what proves the key and what gives the right to speak. */
void strength_is_that_of_the_weakest_proof(void)
{
	static const struct {
		bool has_name, is_itself;
		enum dns_trust key, delegation;
		const char *strength;
	} cases[] = {
		{ false, true, DNS_SECURE, DNS_INSECURE, "dnssec" },
		{ false, true, DNS_INSECURE, DNS_INSECURE, "dns" },
		{ true, true, DNS_SECURE, DNS_SECURE, "dns" }, /* nobody said whose address it is */
		{ true, false, DNS_SECURE, DNS_SECURE, "dnssec" },
		{ true, false, DNS_INSECURE, DNS_SECURE, "dns" },
		{ true, false, DNS_SECURE, DNS_INSECURE, "dns" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p =
		    start(cases[i].has_name ? CLIENT("\tleftid=@west.example.net\n") : CLIENT(""));
		const char *from = cases[i].is_itself ? "192.0.2.1" : source;
		const char *owner = cases[i].has_name ? "west.example.net" : "192.0.2.1";

		sim_withdraw(p.sim, source);
		sim_withdraw(p.sim, "192.0.2.1");
		if (cases[i].has_name)
			snprintf(p.west->fqdn, sizeof(p.west->fqdn), "west.example.net");
		sim_publish_key_at(p.sim, owner, p.west);
		sim_authorise_name(p.sim, source, "west.example.net");
		sim_dns_trust(p.sim, owner, cases[i].key);
		sim_dns_trust(p.sim, source, cases[i].delegation);
		sim_delegate(p.sim, destination, p.east);
		if (cases[i].is_itself)
			sim_reload_with(p.sim, p.west,
			                cases[i].has_name
			                    ? "conn me\n\tleft=%defaultroute\n"
			                      "\tleftid=@west.example.net\n"
			                      "\tright=%opportunistic\n\tauto=route\n"
			                    : "conn me\n\tleft=%defaultroute\n"
			                      "\tright=%opportunistic\n\tauto=route\n");
		sim_packet(p.sim, from, destination);
		sim_run_for(p.sim, SECONDS(20));
		expect_strength(p.sim, p.east, destination, from, cases[i].strength);
		sim_end(p.sim);
	}
}

/* AUZ-10 */
void silent_dns_at_the_responder_ends_in_refusal(void)
{
	for (int at_key = 0; at_key <= 1; at_key++) {
		struct pair p = start(CLIENT(""));

		if (at_key) {
			sim_withdraw(p.sim, source);
			sim_authorise_name(p.sim, source,
			                   "west.example.net"); /* vouches for no key */
		}
		sim_delegate(p.sim, destination, p.east);
		sim_dns_delay(p.sim, at_key ? "192.0.2.1" : source, SECONDS(60));
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, MILLISECONDS(7900));
		expect_true(p.sim, !has_traced(&p, "east: IKE_AUTH response"));
		sim_run_for(p.sim, MILLISECONDS(500));
		expect_true(p.sim, has_traced(&p, "east: IKE_AUTH response"));
		expect_children(p.sim, p.east, 0);
		expect_sas(p.sim, p.east, at_key ? 0 : 1, 0);
		expect_pass(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(70));
		expect_sas(p.sim, p.east, 0, 0);
		sim_end(p.sim);
	}
}

/* AUZ-11: a gateway that begins again and again while the answers about it are missing. */
void claims_of_one_address_are_few(void)
{
	struct pair p = start(CLIENT(""));

	sim_delegate(p.sim, destination, p.east);
	sim_dns_delay(p.sim, "192.0.2.1", SECONDS(60));
	for (int i = 0; i < 11; i++) {
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, MILLISECONDS(500));
		expect_true(p.sim, has_traced(&p, "too many claims") == (i == 10));
		sim_restart(p.sim, p.west);
	}
	sim_end(p.sim);
}

/* AUZ-12: what needs no question comes before the questions. */
void what_is_refused_anyway_is_not_looked_up(void)
{
	static const char narrow[] = "conn sg-to-anyone\n\tleft=%defaultroute\n"
				     "\tright=%opportunistic\n\tauto=route\n";

	for (int is_refused = 0; is_refused <= 1; is_refused++) {
		struct pair p = start(CLIENT(""));

		if (is_refused)
			sim_reload_with(p.sim, p.east, narrow); /* speaks for nobody behind it */
		sim_delegate(p.sim, destination, p.east);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(20));
		expect_eroute(p.sim, source, destination, is_refused ? "pass" : "tunnel");
		expect_true(p.sim, has_traced(&p, "east: dns 7.113.0.203") != is_refused);
		if (is_refused)
			expect_logged(p.sim, p.east, "no conn answers for these addresses");
		sim_end(p.sim);
	}
}
