/*
 * Somebody asks why: on what evidence it was decided, or what would happen.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

static struct pair start(const char *failure)
{
	struct pair p = pair_in(sim_new(1), failure, NULL);

	pair_publish_west(&p);
	sim_publish_key(p.sim, p.east);
	return p;
}

/* Promise 6: and asking makes no flow, no question, no call. */
void why_nothing_was_decided_yet(void)
{
	struct pair p = start("drop");

	sim_run_until_idle(p.sim);
	expect_why(p.sim, p.west, source, destination, "would\nrule ");
	expect_why(p.sim, p.west, source, destination,
	           "IPSECKEY 5.100.51.198.in-addr.arpa\nTXT 5.100.51.198.in-addr.arpa\n");
	expect_why(p.sim, p.west, source, destination, "next the first packet would be held");
	expect_why(p.sim, p.west, source, destination, "packets would be blocked");
	expect_why(p.sim, p.west, source, "127.0.0.1", "next packets would pass");
	expect_why(p.sim, p.west, source, "2001:db8::1", "no rule covers the pair");
	expect_why(p.sim, p.west, NULL, "2001:db8::1", "no address in that family");
	expect_why(p.sim, p.west, "10.9.9.9", destination, "no rule covers the pair");
	sim_run_until_idle(p.sim);
	expect_trap(p.sim, source, destination);
	expect_sas(p.sim, p.west, 0, 0);
	sim_end(p.sim);
}

void why_there_is_a_tunnel(void)
{
	struct pair p = start(NULL);

	sim_delegate(p.sim, destination, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(2));
	expect_tunnel(p.sim, source, destination);
	expect_why(p.sim, p.west, NULL, destination, "is\nrule ");
	expect_why(p.sim, p.west, NULL, destination,
	           "IPSECKEY 5.100.51.198.in-addr.arpa: found, 10 192.0.2.2 Ed25519 ");
	expect_why(p.sim, p.west, NULL, destination, "gateway 192.0.2.2: tunnel\n");
	expect_why(p.sim, p.west, NULL, destination, "peer 192.0.2.2 by Ed25519 ");
	expect_why(p.sim, p.west, NULL, destination, "tunnel, negotiated by us\n");
	expect_why(p.sim, p.east, destination, source,
	           "IPSECKEY 7.113.0.203.in-addr.arpa: found, 10 192.0.2.1 Ed25519 ");
	expect_why(p.sim, p.east, destination, source, "IPSECKEY 1.2.0.192.in-addr.arpa: found, ");
	expect_why(p.sim, p.east, destination, source, "tunnel, negotiated by the peer\n");
	sim_end(p.sim);
}

/* CHS-5 */
void why_gateways_in_their_order(void)
{
	struct pair p = start("drop");

	sim_delegate_to(p.sim, destination, "192.0.2.77", p.east);
	sim_delegate_with(p.sim, destination, 20, p.east, p.east);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(500));
	expect_why(p.sim, p.west, source, destination, "gateway 192.0.2.77: ?\n");
	expect_why(p.sim, p.west, source, destination, "next its packets are held for its gateway");
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, source, destination);
	expect_why(p.sim, p.west, source, destination,
	           "gateway 192.0.2.77: not waited for\ngateway 192.0.2.2: tunnel\n");
	sim_end(p.sim);
}

void why_nobody_answered(void)
{
	struct pair p = start("drop");

	sim_dns_fails(p.sim, destination, DNS_TIMED_OUT);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(20));
	expect_drop(p.sim, source, destination);
	expect_why(p.sim, p.west, source, destination,
	           "IPSECKEY 5.100.51.198.in-addr.arpa: no answer\n"
	           "TXT 5.100.51.198.in-addr.arpa: no answer\n");
	expect_why(p.sim, p.west, source, destination, "drop, no answer from the DNS\n");
	sim_end(p.sim);
}

/* AUZ-5: it is the Responder that knows. */
void why_a_peer_was_refused(void)
{
	struct pair p = start(NULL);

	sim_delegate(p.sim, destination, p.east);
	sim_delegate_to(p.sim, "203.0.113.8", "192.0.2.77", p.west);
	sim_packet(p.sim, "203.0.113.8", destination);
	sim_run_for(p.sim, SECONDS(20));
	expect_why(p.sim, p.east, destination, "203.0.113.8",
	           "gateway 192.0.2.1: refused, no TXT or IPSECKEY record at its reverse name");
	expect_why(p.sim, p.west, "203.0.113.8", destination,
	           "gateway 192.0.2.2: the peer may not or will not carry these addresses");
	sim_end(p.sim);
}

/* TTL-4: the evidence is that of the last answer. */
void why_it_is_asked_again(void)
{
	struct pair p = start(NULL);

	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_why(p.sim, p.west, source, destination, "NXDOMAIN");
	expect_why(p.sim, p.west, source, destination, "next asked again if used, else forgotten");
	sim_delegate(p.sim, destination, p.east);
	sim_order(p.sim, p.west, SIM_TRY, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_why(p.sim, p.west, source, destination, "gateway 192.0.2.2: tunnel\n");
	sim_end(p.sim);
}
