/*
 * Failure is not for ever, and not a wall: what stands in for a tunnel lives by its cause, is asked
 * about again behind the back of its traffic, and gives way as soon as somebody answers.
 */
#include <stdio.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

#define REQUIRE "config setup\n\tdnssec=require\n"

static const char require[] = REQUIRE CLIENT("");
static const char require_private[] = REQUIRE CLIENT("\tfailureshunt=drop\n");

/* Two gateways; nothing is published for the Destination. */
static struct pair start(const char *failure)
{
	struct pair p = pair_in(sim_new(1), failure, NULL);

	pair_publish_west(&p);
	sim_dns_ttl(p.sim, destination, 600);
	return p;
}

/* ---- Causes ---- */

static void nothing(struct pair *p)
{
}

static void only_a_name(struct pair *p)
{
	sim_authorise_name(p->sim, destination, "road.example.net");
}

static void unsigned_record(struct pair *p)
{
	sim_delegate(p->sim, destination, p->east);
}

static void silent_dns(struct pair *p)
{
	sim_dns_fails(p->sim, destination, DNS_TIMED_OUT);
}

static void failing_dns(struct pair *p)
{
	sim_dns_fails(p->sim, destination, DNS_FAILED);
}

static void bogus(struct pair *p)
{
	sim_delegate(p->sim, destination, p->east);
	sim_dns_trust(p->sim, destination, DNS_BOGUS);
}

static void malformed(struct pair *p)
{
	sim_publish_text(p->sim, destination, "X-IPsec-Server(10)=192.0.2.777");
}

static void silent_gateway_of(struct pair *p)
{
	sim_delegate(p->sim, destination, p->east);
	sim_cut(p->sim, p->west, p->east);
}

static void wrong_key_of_ours(struct pair *p)
{
	sim_withdraw(p->sim, source);
	sim_withdraw(p->sim, "192.0.2.1");
	sim_delegate_with(p->sim, source, 10, p->west, p->east);
	sim_delegate(p->sim, destination, p->east);
}

static void not_authorised(struct pair *p)
{
	sim_withdraw(p->sim, source);
	sim_delegate(p->sim, destination, p->east);
}

static void impostor(struct pair *p)
{
	sim_delegate(p->sim, destination, p->east);
	sim_impostor(p->sim, p->east);
}

/* TXT-8: the record has none, so it is looked up by the gateway's address. */
static void no_key_of_gateway(struct pair *p)
{
	sim_delegate_with(p->sim, destination, 10, p->east, NULL);
}

static void failing_key_of_gateway(struct pair *p)
{
	no_key_of_gateway(p);
	sim_dns_fails(p->sim, "192.0.2.2", DNS_FAILED);
}

static void forged_key_of_gateway(struct pair *p)
{
	no_key_of_gateway(p);
	sim_dns_trust(p->sim, "192.0.2.2", DNS_BOGUS);
}

static void ourselves(struct pair *p)
{
	sim_delegate(p->sim, destination, p->west);
}

struct outcome {
	void (*cause)(struct pair *p);
	const char *reason;
	int lives_s;
	bool is_denied;      /* never pass */
	bool needs_require;  /* dnssec=require */
	bool is_unreachable; /* says ICMP meanwhile */
};

/* FAIL-1: the outcome table, but for its last two rows. */
static const struct outcome outcomes[] = {
	{ nothing, "no delegation (NXDOMAIN)", 600 },
	{ only_a_name, "no usable gateway", 600 },
	{ unsigned_record, "not signed", 600, .needs_require = true },
	{ silent_dns, "no answer from the DNS", 120 },
	{ failing_dns, "SERVFAIL", 120 },
	{ bogus, "bogus", 600, .is_denied = true },
	{ malformed, "malformed", 600, .is_denied = true },
	{ silent_gateway_of, "does not answer", 600 },
	{ silent_gateway_of, "does not answer", 600, .is_unreachable = true },
	{ wrong_key_of_ours, "refused our authentication", 600 },
	{ not_authorised, "its gateway refused", 3600 },
	{ impostor, "does not hold the published key", 600 },
	{ no_key_of_gateway, "no key is published", 300 },
	{ failing_key_of_gateway, "SERVFAIL", 120 },
	{ forged_key_of_gateway, "bogus", 600, .is_denied = true },
	{ ourselves, "its gateway is this machine", 600 },
};

/* Until the first decision, or the end of the attempt that goes on beyond it. */
static void run_to_the_end(struct pair *p, const struct outcome *o)
{
	if (o->is_unreachable) {
		sim_run_for(p->sim, SECONDS(1));
		sim_unreachable(p->sim, p->west, p->east);
		sim_run_for(p->sim, SECONDS(1));
		expect_eroute(p->sim, source, destination, "hold"); /* STP-3: a hint, no fact */
	}
	for (int s = 0; s < 70; s++) {
		sim_run_for(p->sim, SECONDS(1));
		if (sim_reason_is(p->sim, source, destination, o->reason))
			return;
	}
	expect_reason(p->sim, source, destination, o->reason);
}

static void fail(const struct outcome *o, bool is_private)
{
	struct pair p = start(is_private ? "drop" : NULL);
	bool passes = !is_private && !o->is_denied;

	if (o->needs_require)
		sim_reload_with(p.sim, p.west, is_private ? require_private : require);
	o->cause(&p);
	sim_packet(p.sim, source, destination);
	run_to_the_end(&p, o);
	expect_eroute(p.sim, source, destination, passes ? "pass" : "drop");
	expect_arrived(p.sim, source, destination, 0, passes);
	expect_expiry(p.sim, source, destination, o->lives_s);
	sim_end(p.sim);
}

void every_failure_has_its_lifetime(void)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		fail(&outcomes[i], false);
}

void every_failure_has_its_lifetime_private(void)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		fail(&outcomes[i], true);
}

/* TTL-2 */
void short_and_long_ttls_are_clamped(void)
{
	static const struct {
		unsigned ttl_s;
		int lives_s;
	} cases[] = { { 1, 60 }, { 60, 60 }, { 0, 300 }, { 10800, 10800 }, { 86400, 10800 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p = start(NULL);

		sim_dns_ttl(p.sim, destination, cases[i].ttl_s);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(1));
		expect_pass(p.sim, source, destination);
		expect_expiry(p.sim, source, destination, cases[i].lives_s);
		sim_end(p.sim);
	}
}

/* ---- The end of a lifetime ---- */

/* FAIL-2: the packets it was made for are no use of it. */
void unused_shunt_ends_with_its_time(void)
{
	struct pair p = start(NULL);

	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(595));
	expect_pass(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(10));
	expect_trap(p.sim, source, destination);
	sim_packet(p.sim, source, destination); /* and the next packet is held and asked for */
	expect_eroute(p.sim, source, destination, "hold");
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, source, destination, 0, 2);
	sim_end(p.sim);
}

/* A packet a second, each of which has to arrive by the next. */
static void talk(struct pair *p, unsigned seconds, unsigned *by_tunnel, unsigned *in_clear)
{
	bool passes = in_clear != NULL;

	for (unsigned i = 0; i < seconds; i++) {
		sim_packet(p->sim, source, destination);
		sim_run_for(p->sim, SECONDS(1));
		if (passes)
			++*in_clear;
		else if (by_tunnel != NULL)
			++*by_tunnel;
		expect_eroute(p->sim, source, destination,
		              passes              ? "pass"
		              : by_tunnel != NULL ? "tunnel"
		                                  : "drop");
	}
	expect_arrived(p->sim, source, destination, by_tunnel == NULL ? 0 : *by_tunnel,
	               in_clear == NULL ? 0 : *in_clear);
}

/* TTL-4: asked at the end of its lifetime, and again; it stays as long as the answer does, and no
 * packet is held, not even while the answer takes three seconds. */
void busy_pass_is_asked_again_while_it_stays(void)
{
	struct pair p = start(NULL);
	unsigned in_clear = 0;

	sim_dns_ttl(p.sim, destination, 60);
	talk(&p, 65, NULL, &in_clear);
	expect_expiry(p.sim, source, destination, 59);
	expect_logged(p.sim, p.west, "stays as it is for 62 s");
	sim_dns_delay(p.sim, destination, SECONDS(3));
	talk(&p, 70, NULL, &in_clear);
	sim_delegate(p.sim, destination, p.east);
	talk(&p, 48, NULL, &in_clear);
	sim_run_for(p.sim, SECONDS(20));
	expect_tunnel(p.sim, source, destination);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, source, destination, 1, in_clear);
	sim_end(p.sim);
}

/* The same for what is denied: forged answers first, then the true ones. */
void busy_drop_becomes_a_tunnel_while_it_stays(void)
{
	struct pair p = start(NULL);

	bogus(&p);
	talk(&p, 590, NULL, NULL);
	sim_dns_trust(p.sim, destination, DNS_SECURE);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(30));
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, source, destination, 0, 0);
	sim_end(p.sim);
}

/* Nor does it open what a forged answer closed. */
void silence_of_the_dns_changes_no_verdict(void)
{
	for (int is_denied = 0; is_denied <= 1; is_denied++) {
		struct pair p = start(NULL);
		unsigned in_clear = 0, *seen = is_denied ? NULL : &in_clear;

		if (is_denied)
			bogus(&p);
		talk(&p, 300, NULL, seen);
		sim_dns_fails(p.sim, destination, DNS_TIMED_OUT);
		talk(&p, 400, NULL, seen);
		expect_reason(p.sim, source, destination, is_denied ? "bogus" : "NXDOMAIN");
		sim_dns_fails(p.sim, destination, DNS_FAILED);
		talk(&p, 400, NULL, seen);
		sim_end(p.sim);
	}
}

/* ---- A shunt gives way ---- */

/* TTL-6: the time of the held packet is over, the attempt goes on. */
void late_success_replaces_the_shunt(void)
{
	struct pair p = start(NULL);

	silent_gateway_of(&p);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(11));
	expect_pass(p.sim, source, destination);
	expect_reason(p.sim, source, destination, "the attempt goes on");
	expect_expiry(p.sim, source, destination, 599);
	sim_mend(p.sim);
	sim_run_for(p.sim, SECONDS(10));
	expect_tunnel(p.sim, source, destination);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, source, destination, 1, 1);
	sim_end(p.sim);
}

/* Section 11.1: whatever stands, the peer that comes and proves itself replaces it at once. */
void peer_that_comes_replaces_the_shunt(void)
{
	for (int is_private = 0; is_private <= 1; is_private++) {
		struct pair p = start(is_private ? "drop" : NULL);

		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(1));
		expect_eroute(p.sim, source, destination, is_private ? "drop" : "pass");
		sim_delegate(p.sim, destination, p.east);
		sim_ping(p.sim, destination, source);
		sim_run_for(p.sim, SECONDS(2));
		expect_tunnel(p.sim, source, destination);
		expect_arrived(p.sim, source, destination, 1, !is_private);
		sim_end(p.sim);
	}
}

/* ---- Gateways ---- */

static const char *const others[] = { "198.51.100.6", "198.51.100.7",  "198.51.100.8",
	                              "198.51.100.9", "198.51.100.10", "198.51.100.11" };

/* OIN-11: 60 s, then twice as long each time, at most 10 minutes; nobody else waits for it. */
void silent_gateway_is_left_alone_for_longer(void)
{
	static const int silences_s[] = { 60, 120, 240, 480, 600, 600 };
	struct pair p = start(NULL);
	int wait_s;

	sim_delegate(p.sim, destination, p.east);
	sim_cut(p.sim, p.west, p.east);
	for (int i = 0; i < 6; i++)
		sim_delegate(p.sim, others[i], p.east);
	sim_packet(p.sim, source, destination);
	for (int i = 0; i < 6; i++) {
		const char *last = i == 0 ? destination : others[i - 1];

		for (wait_s = 0; !sim_reason_is(p.sim, source, last, "does not answer"); wait_s++)
			sim_run_for(p.sim, SECONDS(1));
		expect_true(p.sim, wait_s > 10); /* it was tried */
		sim_packet(p.sim, source, others[i]);
		sim_run_for(p.sim, SECONDS(1));
		expect_pass(p.sim, source, others[i]); /* it was not */
		expect_expiry(p.sim, source, others[i], silences_s[i]);
		sim_run_for(p.sim, SECONDS(silences_s[i] - 3));
		sim_order(p.sim, p.west, SIM_DELETE, source, others[i]);
		sim_run_for(p.sim, SECONDS(3));
		sim_packet(p.sim, source, others[i]);
		sim_run_for(p.sim, SECONDS(1));
		expect_eroute(p.sim, source, others[i], "hold");
	}
	sim_mend(p.sim);
	sim_run_for(p.sim, SECONDS(60));
	expect_tunnel(p.sim, source, others[5]);
	sim_end(p.sim);
}

/* LIFE-5 */
void restarting_peer_is_asked_after_a_minute(void)
{
	struct pair p = start("drop");

	sim_delegate(p.sim, destination, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(2));
	expect_tunnel(p.sim, source, destination);
	sim_shutdown(p.sim, p.east);
	sim_run_for(p.sim, SECONDS(2));
	expect_trap(p.sim, source, destination);
	sim_cut(p.sim, p.west, p.east);
	sim_packet(p.sim, source, destination);
	for (int s = 0; s < 70 && !sim_reason_is(p.sim, source, destination, "does not"); s++)
		sim_run_for(p.sim, SECONDS(1));
	expect_drop(p.sim, source, destination);
	expect_expiry(p.sim, source, destination, 60);
	sim_run_for(p.sim, SECONDS(50));
	sim_packet(p.sim, source, destination);
	sim_mend(p.sim);
	sim_restart(p.sim, p.east);
	sim_run_for(p.sim, SECONDS(15));
	expect_tunnel(p.sim, source, destination);
	sim_end(p.sim);
}

/* FAIL-3 */
void eroutes_by_command(void)
{
	struct pair p = start(NULL);

	sim_dns_ttl(p.sim, destination, 7200);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_pass(p.sim, source, destination);
	sim_order(p.sim, p.west, SIM_DELETE, source, destination);
	expect_trap(p.sim, source, destination);
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	sim_delegate(p.sim, destination, p.east);
	sim_order(p.sim, p.west, SIM_TRY, source, destination);
	expect_pass(p.sim, source, destination); /* until there is an answer */
	sim_run_for(p.sim, SECONDS(1));
	expect_tunnel(p.sim, source, destination);
	sim_order(p.sim, p.west, SIM_TRY, source, others[0]); /* without a packet */
	sim_run_for(p.sim, SECONDS(1));
	expect_pass(p.sim, source, others[0]);
	sim_order(p.sim, p.west, SIM_CLEAR, NULL, NULL);
	expect_trap(p.sim, source, destination);
	expect_trap(p.sim, source, others[0]);
	sim_run_for(p.sim, SECONDS(1));
	expect_trap(p.sim, destination, source);
	expect_arrived(p.sim, source, destination, 0, 2);
	sim_end(p.sim);
}

/* A fault of this machine is no endless loop between core and engine. */
void engine_that_refuses_is_not_asked_without_end(void)
{
	for (int is_private = 0; is_private <= 1; is_private++) {
		struct pair p = start(is_private ? "drop" : NULL);

		sim_delegate(p.sim, destination, p.east);
		sim_engine_refuses(p.sim, p.west);
		for (int s = 0; s < 20; s++) {
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, SECONDS(1));
		}
		expect_true(p.sim, sim_engine_refused(p.west) <= 8);
		expect_eroute(p.sim, source, destination, is_private ? "drop" : "pass");
		expect_reason(p.sim, source, destination, "the engine did not take");
		expect_sas(p.sim, p.west, 1, 0);
		sim_end(p.sim);
	}
}

#define OVERLOADED(overload, failure) \
	"config setup\n\toverload=" overload "\n" CLIENT("\tfailureshunt=" failure "\n")

/* FAIL-1: the last row of the table; overload= never opens what is private. */
void overload_lasts_ten_seconds(void)
{
	static const struct {
		const char *conf;
		const char *action;
	} cases[] = { { OVERLOADED("drop", "passthrough"), "drop" },
		      { OVERLOADED("passthrough", "passthrough"), "pass" },
		      { OVERLOADED("drop", "drop"), "drop" },
		      { OVERLOADED("passthrough", "drop"), "drop" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p = start(NULL);
		char stranger[32];

		sim_reload_with(p.sim, p.west, cases[i].conf);
		sim_dns_slow(p.sim, SECONDS(60));
		for (unsigned j = 0; j < 1000; j++) {
			snprintf(stranger, sizeof(stranger), "100.64.%u.%u", j / 256, j % 256);
			sim_packet(p.sim, source, stranger);
		}
		sim_run_for(p.sim, MILLISECONDS(30100));
		expect_eroute(p.sim, source, stranger, cases[i].action);
		expect_reason(p.sim, source, stranger, "too many others");
		expect_expiry(p.sim, source, stranger, 9);
		sim_packet(p.sim, source, stranger); /* it is used, but nothing is asked for it */
		sim_run_for(p.sim, MILLISECONDS(10100));
		expect_trap(p.sim, source, stranger);
		sim_run_until_idle(p.sim);
		sim_end(p.sim);
	}
}

/* FAIL-1, TRU-9: nor what was protected, where the conn is sticky. Silence of the DNS does not. */
void overload_opens_nothing_that_was_protected(void)
{
	static const struct {
		const char *conf;
		const char *action;
	} cases[] = { { OVERLOADED("passthrough", "passthrough"), "pass" },
		      { OVERLOADED("passthrough", "passthrough\n\tsticky=yes"), "drop" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int is_stormy = 0; is_stormy <= 1; is_stormy++) {
			struct pair p = start(NULL);
			char stranger[32];

			sim_delegate(p.sim, destination, p.east);
			sim_reload_with(p.sim, p.west, cases[i].conf);
			sim_ping(p.sim, source, destination);
			sim_run_for(p.sim, SECONDS(5));
			expect_tunnel(p.sim, source, destination);
			sim_shutdown(p.sim, p.east);
			sim_run_for(p.sim, SECONDS(5));
			sim_dns_slow(p.sim, SECONDS(60));
			sim_dns_delay(p.sim, destination, SECONDS(60));
			for (unsigned j = 0; is_stormy && j < 1000; j++) {
				snprintf(stranger, sizeof(stranger), "100.64.%u.%u", j / 256,
				         j % 256);
				sim_packet(p.sim, source, stranger);
			}
			sim_packet(p.sim, source, destination);
			sim_run_for(p.sim, MILLISECONDS(30100));
			if (is_stormy)
				expect_reason(p.sim, source, destination, "too many others");
			expect_eroute(p.sim, source, destination, cases[i].action);
			sim_run_until_idle(p.sim);
			sim_end(p.sim);
		}
	}
}
