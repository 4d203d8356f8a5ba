/*
 * The memory of who was protected: unsigned answers take no protection away unnoticed (TRU-9).
 */
#include <stdio.h>
#include <string.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"
#include "sim/world.h"

#define NO_KEY_RECORDS "config setup\n\tkey-records=no\n"

/* West's conn is this one; nothing is published of east. */
static struct pair start(const char *conf)
{
	struct pair p = pair_in(sim_new(1), conf, NULL);

	pair_publish_west(&p);
	return p;
}

/* TRU-9: what was protected and has no record any more. */
void vanished_records_of_a_protected_destination(void)
{
	static const struct {
		const char *conf;
		enum dns_trust trust;
		const char *verdict;
	} cases[] = {
		{ CLIENT(""), DNS_INSECURE, "pass" },
		{ CLIENT("\tsticky=yes\n"), DNS_INSECURE, "drop" },
		{ CLIENT("\tsticky=yes\n"), DNS_SECURE, "pass" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(cases[i].conf);
		struct sim *sim = p.sim;

		sim_delegate(sim, destination, p.east);
		sim_dns_trust(sim, destination, cases[i].trust);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		sim_shutdown(sim, p.east);
		sim_run_for(sim, SECONDS(5));
		sim_withdraw(sim, destination);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].verdict);
		if (cases[i].trust == DNS_INSECURE)
			expect_logged(sim, p.west,
			              "198.51.100.5: protected 0 minutes ago, now no "
			              "delegation");
		sim_end(sim);
	}
}

/* TRU-9: forged records can name one who is silent, with the key that is remembered, or ourselves. */
void forged_records_of_a_protected_destination(void)
{
	static const struct {
		const char *conf;
		enum dns_trust trust;
		const char *named;
		const char *verdict;
	} cases[] = {
		{ CLIENT(""), DNS_INSECURE, "192.0.2.77", "pass" },
		{ CLIENT(""), DNS_INSECURE, "192.0.2.1", "pass" },
		{ CLIENT("\tsticky=yes\n"), DNS_INSECURE, "192.0.2.77", "drop" },
		{ CLIENT("\tsticky=yes\n"), DNS_INSECURE, "192.0.2.1", "drop" },
		{ CLIENT("\tsticky=yes\n"), DNS_SECURE, "192.0.2.77", "pass" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(cases[i].conf);
		struct sim *sim = p.sim;

		sim_delegate(sim, destination, p.east);
		sim_dns_trust(sim, destination, cases[i].trust);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		sim_shutdown(sim, p.east);
		sim_run_for(sim, SECONDS(5));
		sim_withdraw(sim, destination);
		sim_delegate_to(sim, destination, cases[i].named, p.east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(120));
		expect_eroute(sim, source, destination, cases[i].verdict);
		if (strcmp(cases[i].verdict, "drop") == 0)
			expect_logged(sim, p.west, "Denied (sticky=yes)");
		sim_end(sim);
	}
}

/* TRU-9: a signed answer is proof, also while the other one is on its way: it is inside now. */
void a_signed_answer_that_comes_first_is_proof(void)
{
	struct pair p = start(CLIENT("\tsticky=yes\n"));
	struct sim *sim = p.sim;

	sim_delegate(sim, destination, p.east);
	sim_dns_trust(sim, destination, DNS_SECURE);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, source, destination);
	sim_shutdown(sim, p.east);
	sim_run_for(sim, SECONDS(5));
	sim_withdraw(sim, destination);
	sim_delegate_to(sim, destination, "192.0.2.1", p.west);
	sim_dns_delay_txt(sim, destination, SECONDS(2));
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(10));
	expect_pass(sim, source, destination);
	sim_end(sim);
}

/* TRU-9, IPK-5, TXT-8: what is signed leads on to what is not: the address of its gateway's name, or
 * the gateway's key. Who forges that can take the tunnel away, but buys no cleartext. */
void forged_answers_behind_a_signed_delegation(void)
{
	static const struct {
		const char *conf;
		bool is_by_name; /* else the record has no key */
		enum dns_trust trust;
		const char *forged_address; /* NULL: there is nothing any more */
		const char *verdict;
	} cases[] = {
		{ CLIENT(""), true, DNS_INSECURE, NULL, "pass" },
		{ CLIENT(""), false, DNS_INSECURE, NULL, "pass" },
		{ CLIENT("\tsticky=yes\n"), true, DNS_INSECURE, NULL, "drop" },
		{ CLIENT("\tsticky=yes\n"), true, DNS_INSECURE, "192.0.2.77", "drop" },
		{ CLIENT("\tsticky=yes\n"), false, DNS_INSECURE, NULL, "drop" },
		{ CLIENT("\tsticky=yes\n"), true, DNS_SECURE, NULL, "pass" },
		{ CLIENT("\tsticky=yes\n"), true, DNS_SECURE, "192.0.2.77", "pass" },
		{ CLIENT("\tsticky=yes\n"), false, DNS_SECURE, NULL, "pass" },
		{ NO_KEY_RECORDS CLIENT("\tsticky=yes\n"), false, DNS_SECURE, NULL, "pass" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static const char name[] = "east.example.net";
		const char *owner = cases[i].is_by_name ? name : "192.0.2.2";
		struct pair p = start(cases[i].conf);
		struct sim *sim = p.sim;

		snprintf(p.east->fqdn, sizeof(p.east->fqdn), "%s", name);
		if (cases[i].is_by_name)
			sim_delegate_to_name(sim, destination, name, p.east);
		else
			sim_delegate_with(sim, destination, 10, p.east, NULL);
		sim_publish_address(sim, name, "192.0.2.2");
		sim_publish_key(sim, p.east);
		sim_dns_trust(sim, destination, DNS_SECURE);
		sim_dns_trust(sim, owner, cases[i].trust);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		sim_shutdown(sim, p.east);
		sim_run_for(sim, SECONDS(5));
		sim_withdraw(sim, owner);
		if (cases[i].forged_address != NULL)
			sim_publish_address(sim, name, cases[i].forged_address);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].verdict);
		sim_end(sim);
	}
}

/* TRU-9: of two signed answers the one that counts is kept back; the other delegates to nobody. */
void a_signed_answer_kept_back_opens_nothing(void)
{
	struct pair p = start(CLIENT("\tsticky=yes\n"));
	struct sim *sim = p.sim;

	sim_delegate(sim, destination, p.east);
	sim_authorise_name(sim, destination, "east.example.net");
	sim_dns_trust(sim, destination, DNS_SECURE);
	sim_ping(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_tunnel(sim, source, destination);
	sim_shutdown(sim, p.east);
	sim_run_for(sim, SECONDS(5));
	sim_dns_delay(sim, destination, SECONDS(100));
	sim_dns_delay_txt(sim, destination, MILLISECONDS(10));
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_drop(sim, source, destination);
	sim_end(sim);
}

/* TRU-9: the thirty days begin with the end of the tunnel, not with its beginning. */
void memory_of_a_tunnel_in_use(void)
{
	static const char conf[] = "config setup\n\ttunnel-idle=1d\n" CLIENT(
	    "\tikelifetime=24h\n\tkeylife=24h\n\tsticky=yes\n");
	static const char peer[] = "config setup\n\ttunnel-idle=1d\n"
				   "conn anyone\n\tleft=%defaultroute\n"
				   "\tleftsubnet=198.51.100.0/24\n\tright=%opportunistic\n"
				   "\tikelifetime=24h\n\tkeylife=24h\n\tauto=route\n";
	struct pair p = pair_in(sim_new(1), conf, peer);
	struct sim *sim = p.sim;

	pair_publish_west(&p);
	pair_publish_east(&p);
	for (unsigned quarters = 0; quarters < 4 * 35; quarters++) {
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(6 * 3600));
	}
	expect_tunnel(sim, source, destination);
	sim_shutdown(sim, p.east);
	sim_run_for(sim, SECONDS(5));
	sim_withdraw(sim, destination);
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_drop(sim, source, destination);
	expect_logged(sim, p.west, "now no delegation");
	sim_end(sim);
}

/* TRU-9: so too where the peer renews it on a new IKE SA each time. */
void memory_of_a_tunnel_that_the_peer_renews(void)
{
	static const char conf[] = "config setup\n\ttunnel-idle=1d\n" CLIENT(
	    "\tikelifetime=24h\n\tkeylife=24h\n\trekey=no\n\tsticky=yes\n");
	static const char peer[] = "config setup\n\ttunnel-idle=1d\n"
				   "conn anyone\n\tleft=%defaultroute\n"
				   "\tleftsubnet=198.51.100.0/24\n\tright=%opportunistic\n"
				   "\tikelifetime=24h\n\tkeylife=23h\n\tauto=route\n";
	struct pair p = pair_in(sim_new(1), conf, peer);
	struct sim *sim = p.sim;

	pair_publish_west(&p);
	pair_publish_east(&p);
	for (unsigned quarters = 0; quarters < 4 * 35; quarters++) {
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(3));
		sim_renew_nothing(p.west);
		sim_run_for(sim, SECONDS(6 * 3600));
	}
	expect_logged(sim, p.east, "its gateway renews on a new IKE SA only");
	sim_shutdown(sim, p.east);
	sim_run_for(sim, SECONDS(5));
	sim_withdraw(sim, destination);
	sim_packet(sim, source, destination);
	sim_run_for(sim, SECONDS(20));
	expect_drop(sim, source, destination);
	expect_logged(sim, p.west, "now no delegation");
	sim_end(sim);
}

/* TRU-9: and what has another key, which nobody signed: from both sides. */
void changed_key_of_a_protected_destination(void)
{
	static const struct {
		const char *conf;
		enum dns_trust trust;
		bool at_gateway; /* the key is not in the Destination's record */
		const char *verdict;
	} cases[] = {
		{ CLIENT(""), DNS_INSECURE, false, "tunnel" },
		{ CLIENT("\tsticky=yes\n"), DNS_INSECURE, false, "drop" },
		{ CLIENT("\tsticky=yes\n"), DNS_INSECURE, true, "drop" },
		{ CLIENT("\tsticky=yes\n"), DNS_SECURE, false, "tunnel" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(cases[i].conf);
		struct sim *sim = p.sim;

		sim_delegate_with(sim, destination, 10, p.east,
		                  cases[i].at_gateway ? NULL : p.east);
		sim_publish_key(sim, p.east);
		sim_dns_trust(sim, destination, cases[i].trust);
		sim_dns_trust(sim, "192.0.2.2", cases[i].trust);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		sim_shutdown(sim, p.east);
		sim_run_for(sim, SECONDS(5));
		sim_withdraw(sim, destination);
		sim_withdraw(sim, "192.0.2.2");
		sim_restart(sim, p.east);
		sim_new_key(sim, p.east);
		sim_delegate_with(sim, destination, 10, p.east,
		                  cases[i].at_gateway ? NULL : p.east);
		sim_publish_key(sim, p.east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].verdict);
		if (cases[i].trust == DNS_INSECURE)
			expect_logged(sim, p.west,
			              "now with another key, and the DNS is not signed");
		sim_packet(sim, destination, source); /* from its side */
		sim_run_for(sim, SECONDS(10));
		expect_eroute(sim, source, destination, cases[i].verdict);
		sim_end(sim);
	}
}

/* TRU-9: who forges records can publish the remembered key beside another; that one proves nothing
 * for the other, from neither side. */
void remembered_key_beside_another(void)
{
	static const struct {
		enum dns_trust trust;
		const char *verdict;
	} cases[] = { { DNS_INSECURE, "drop" }, { DNS_SECURE, "tunnel" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = start(CLIENT("\tsticky=yes\n"));
		struct sim *sim = p.sim;

		sim_delegate(sim, destination, p.east);
		sim_publish_key(sim, p.east);
		sim_dns_trust(sim, destination, cases[i].trust);
		sim_dns_trust(sim, "192.0.2.2", cases[i].trust);
		sim_ping(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_tunnel(sim, source, destination);
		sim_shutdown(sim, p.east);
		sim_run_for(sim, SECONDS(5));
		sim_restart(sim, p.east);
		sim_new_key(sim, p.east);
		sim_delegate(sim, destination, p.east);
		sim_publish_key(sim, p.east);
		sim_packet(sim, source, destination);
		sim_run_for(sim, SECONDS(20));
		expect_eroute(sim, source, destination, cases[i].verdict);
		if (cases[i].trust == DNS_INSECURE)
			expect_logged(sim, p.west,
			              "now with another key, and the DNS is not signed");
		sim_packet(sim, destination, source);
		sim_run_for(sim, SECONDS(10));
		expect_eroute(sim, source, destination, cases[i].verdict);
		sim_end(sim);
	}
}
