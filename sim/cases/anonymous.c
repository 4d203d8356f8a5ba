/*
 * Nobody proves anything (RFC 7619): only where a conn says so, only for one's own address.
 */
#include "sim/cases/cases.h"

static const char *const west_address = "192.0.2.1", *const east_address = "192.0.2.2";

static const char anonymous[] = "conn anonymous\n"
				"\tleft=%defaultroute\n"
				"\tright=%opportunistic\n"
				"\tauthby=null\n"
				"\tauto=route\n";
static const char anonymous_private[] = "conn anonymous\n"
					"\tleft=%defaultroute\n"
					"\tright=%opportunistic\n"
					"\tauthby=null\n"
					"\tfailureshunt=drop\n"
					"\tauto=route\n";
static const char named[] = "conn named\n"
			    "\tleft=%defaultroute\n"
			    "\tright=%opportunistic\n"
			    "\tauto=route\n";
/* The first one traps; the other only answers. */
static const char named_and_anonymous[] = "conn named\n"
					  "\tleft=%defaultroute\n"
					  "\tright=%opportunistic\n"
					  "\tauto=route\n"
					  "conn anonymous\n"
					  "\tleft=%defaultroute\n"
					  "\tright=%opportunistic\n"
					  "\tauthby=null\n"
					  "\tauto=add\n";

/* NUL-1, NUL-3: no DNS, no keys; and two without a name are not one. */
void hosts_without_a_name_meet(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", west_address, NULL, anonymous);
	struct gateway *east = sim_gateway_with(sim, "east", east_address, NULL, anonymous);
	struct gateway *north = sim_gateway_with(sim, "north", "192.0.2.3", NULL, anonymous);

	sim_arrange(sim, west);
	sim_arrange(sim, east);
	sim_arrange(sim, north);
	sim_ping(sim, west_address, east_address);
	sim_run_until_idle(sim);
	expect_tunnel(sim, west_address, east_address);
	expect_arrived(sim, east_address, west_address, 1, 0);
	expect_logged(sim, east, "without proof");
	sim_ping(sim, "192.0.2.3", east_address); /* with INITIAL_CONTACT */
	sim_run_until_idle(sim);
	expect_tunnel(sim, "192.0.2.3", east_address);
	expect_tunnel(sim, east_address, west_address);
	expect_sas(sim, east, 2, 2);
	sim_end(sim);
}

/* NUL-2, NUL-5: off unless a conn says otherwise. */
void no_proof_is_refused_where_one_is_wanted(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", west_address, NULL, anonymous);
	struct gateway *east = sim_gateway_with(sim, "east", east_address, NULL, named);

	sim_arrange(sim, west);
	sim_publish_key(sim, east);
	sim_ping(sim, west_address, east_address);
	sim_run_until_idle(sim);
	expect_logged(sim, east, "it gave no proof (NULL) where a signature is wanted");
	expect_pass(sim, west_address, east_address);
	expect_sas(sim, east, 0, 0);
	sim_end(sim);
}

/* AUZ-14: whoever comes without a proof takes nothing from one who gave it. */
void no_proof_does_not_replace_one(void)
{
	struct sim *sim = sim_new(1);
	struct gateway *west = sim_gateway_with(sim, "west", west_address, NULL, named);
	struct gateway *east =
	    sim_gateway_with(sim, "east", east_address, NULL, named_and_anonymous);

	sim_delegate(sim, west_address, west);
	sim_delegate(sim, east_address, east);
	sim_ping(sim, west_address, east_address);
	sim_run_until_idle(sim);
	expect_tunnel(sim, west_address, east_address);
	expect_strength(sim, east, east_address, west_address, "dns");
	sim_restart(sim, west);
	sim_reload_with(sim, west, anonymous_private);
	sim_arrange(sim, west);
	sim_ping(sim, west_address, east_address);
	sim_run_for(sim, SECONDS(10));
	expect_logged(sim, east, "another gateway carries it with more strength");
	expect_children(sim, east, 1);
	expect_eroute(sim, east_address, west_address, "tunnel");
	expect_strength(sim, east, east_address, west_address, "dns");
	sim_end(sim);
}

#define NAMED(words)               \
	"conn named\n"             \
	"\tleft=%defaultroute\n"   \
	"\tright=%opportunistic\n" \
	"\tauto=route\n" words
#define LESSER(words)              \
	"conn lesser\n"            \
	"\tleft=%defaultroute\n"   \
	"\tright=%opportunistic\n" \
	"\tauto=add\n" words

/* NUL-2, TRU-5, SEC-17: a conn that takes less does not open what another one traps, in whatever
 * order they stand. */
void a_lesser_conn_does_not_open_what_another_traps(void)
{
	static const struct {
		const char *conf;
		const char *peer;
		bool has_tunnel;
	} cases[] = {
		{ NAMED("") LESSER("\tauthby=null\n"), anonymous_private, false },
		{ LESSER("\tauthby=null\n") NAMED(""), anonymous_private, false },
		{ NAMED("\tfailureshunt=drop\n") LESSER("\tauthby=null\n"), anonymous_private,
		  false },
		{ NAMED("\tauthby=null\n") LESSER(""), anonymous_private, true },
		{ NAMED("\tdnssec=require\n") LESSER(""), NAMED("\tfailureshunt=drop\n"), false },
		{ LESSER("") NAMED("\tdnssec=require\n"), NAMED("\tfailureshunt=drop\n"), false },
		{ LESSER("") NAMED(""), NAMED("\tfailureshunt=drop\n"), true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim *sim = sim_new(1);
		struct gateway *west =
		    sim_gateway_with(sim, "west", west_address, NULL, cases[i].peer);
		struct gateway *east =
		    sim_gateway_with(sim, "east", east_address, NULL, cases[i].conf);

		sim_arrange(sim, west);
		sim_arrange(sim, east);
		sim_delegate(sim, west_address, west);
		sim_delegate(sim, east_address, east);
		sim_packet(sim, west_address, east_address);
		sim_run_for(sim, SECONDS(70));
		expect_eroute(sim, west_address, east_address,
		              cases[i].has_tunnel ? "tunnel" : "drop");
		expect_children(sim, east, cases[i].has_tunnel ? 1 : 0);
		sim_end(sim);
	}
}
