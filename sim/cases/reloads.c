/*
 * A configuration given anew, under tunnels and negotiations: what it no longer allows ends, what it
 * still allows stays.
 */
#include <stdio.h>
#include <string.h>

#include "sim/cases/cases.h"
#include "sim/cases/conns.h"
#include "sim/world.h"

/* POL-5: a conn that is no more has no tunnel. */
void a_conn_taken_out_takes_its_tunnel_along(void)
{
	struct pair p = pair_configured(SITES("\tauto=start\n"), SITES("\tauto=add\n"));

	sim_run_for(p.sim, SECONDS(2));
	expect_sas(p.sim, p.east, 1, 1);
	sim_reload_with(p.sim, p.west, SITES("\tauto=start\n")); /* the same: nothing happens */
	sim_run_for(p.sim, SECONDS(2));
	expect_sas(p.sim, p.east, 1, 1);
	sim_reload_with(p.sim, p.west, ANYONE);
	sim_run_for(p.sim, SECONDS(2));
	expect_children(p.sim, p.west, 0);
	expect_children(p.sim, p.east, 0);
	sim_end(p.sim);
}

/* POL-5: what the peer asked for by itself, beside the ranges of the same conn, stays with its conn,
 * and goes when that is for another peer. */
void a_pair_beside_its_ranges_outlives_a_reload(void)
{
	static const char one[] = "conn one\n\tleftsubnet=203.0.113.7/32\n"
				  "\trightsubnet=198.51.100.5/32\n\tleft=192.0.2.1\n"
				  "\tright=192.0.2.2\n\tauthby=secret\n\tauto=start\n";
	static const char elsewhere[] = "conn sites\n\tleft=192.0.2.9\n"
					"\tleftsubnet=203.0.113.0/24\n\tright=192.0.2.2\n"
					"\trightsubnet=198.51.100.0/24\n\tauthby=secret\n"
					"\tauto=add\n";
	struct pair p;
	char both[1024];

	snprintf(both, sizeof(both), "%s%s", SITES("\tauto=start\n"), one);
	p = pair_configured(both, SITES("\tauto=add\n"));
	sim_run_for(p.sim, SECONDS(5));
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(5));
	expect_sas(p.sim, p.east, 1, 2);
	sim_reload_with(p.sim, p.east, SITES("\tauto=add\n"));
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_sas(p.sim, p.east, 1, 2);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	expect_arrived(p.sim, destination, source, 2, 0);
	sim_reload_with(p.sim, p.east, elsewhere);
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_children(p.sim, p.east, 0);
	sim_reload_with(p.sim, p.west, ANYONE); /* it would ask for ever */
	sim_run_for(p.sim, SECONDS(1));
	sim_end(p.sim);
}

/* POL-5: a peer that came by a conn for anybody goes when another one is named; one that is named
 * stays. */
void a_named_peer_takes_the_place_of_anybody(void)
{
	static const char conf[] = "conn w\n\tleft=192.0.2.2\n\tleftsubnet=198.51.100.5/32\n"
				   "\trightsubnet=203.0.113.7/32\n\tauthby=secret\n"
				   "\trightid=@a.example\n\tauto=add\n";
	struct pair p;
	char words[512];

	snprintf(words, sizeof(words), "%s\tright=%%any\n", conf);
	p = pair_configured(HOME("home", "203.0.113.7/32") "\tleftid=@a.example\n", words);
	sim_run_for(p.sim, SECONDS(2));
	expect_sas(p.sim, p.east, 1, 1);
	snprintf(words, sizeof(words), "%s\tright=192.0.2.1\n", conf);
	sim_reload_with(p.sim, p.east, words);
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_sas(p.sim, p.east, 1, 1);
	snprintf(words, sizeof(words), "%s\tright=%%any\n", conf);
	sim_reload_with(p.sim, p.east, words);
	sim_run_for(p.sim, MILLISECONDS(100));
	expect_sas(p.sim, p.east, 1, 1);
	snprintf(words, sizeof(words), "%s\tright=192.0.2.77\n", conf);
	sim_reload_with(p.sim, p.east, words);
	sim_run_for(p.sim, SECONDS(5));
	expect_children(p.sim, p.east, 0);
	sim_reload_with(p.sim, p.west, ANYONE); /* it would ask for ever */
	sim_run_for(p.sim, SECONDS(1));
	sim_end(p.sim);
}

/* POL-5, AUT-2, AUT-3: who was known by a name that the conn has no more has no tunnel by it, of a
 * pair or of ranges, and no IKE SA to make one on. */
void a_name_revoked_ends_its_tunnel(void)
{
	static const char *const insides[] = { "203.0.113.7/32", "203.0.113.0/28" };
	static const char *const rights[] = { "192.0.2.1", "%any" };
	static const char *const others[] = { "\trightid=@b.example\n", "\trightauth=rsasig\n" };

	for (int i = 0; i < 8; i++) {
		const char *inside = insides[i & 1], *right = rights[i >> 1 & 1];
		struct pair p;
		char words[512], home[512];

		snprintf(home, sizeof(home),
		         "conn home\n\tleft=192.0.2.1\n\tleftsubnet=%s\n\tright=192.0.2.2\n"
		         "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n"
		         "\tleftid=@a.example\n\tauto=start\n",
		         inside);
		snprintf(words, sizeof(words),
		         "conn w\n\tleft=192.0.2.2\n\tleftsubnet=198.51.100.5/32\n\tright=%s\n"
		         "\trightsubnet=%s\n\tauthby=secret\n\tauto=add\n",
		         right, inside);
		snprintf(words + strlen(words), sizeof(words) - strlen(words),
		         "\trightid=@a.example\n");
		p = pair_configured(home, words);
		sim_run_for(p.sim, SECONDS(2));
		expect_sas(p.sim, p.east, 1, 1);
		sim_reload_with(p.sim, p.east, words);
		sim_run_for(p.sim, MILLISECONDS(100));
		expect_sas(p.sim, p.east, 1, 1);
		if (i < 4)
			*strstr(words, "\trightid=") = '\0';
		strcat(words, others[i >> 2]);
		sim_reload_with(p.sim, p.east, words);
		sim_run_for(p.sim, SECONDS(5));
		expect_sas(p.sim, p.east, 0, 0);
		sim_reload_with(p.sim, p.west, ANYONE);
		sim_run_for(p.sim, SECONDS(1));
		sim_end(p.sim);
	}
}

/* POL-5: what was agreed to by words that the conn has no more is agreed to anew. */
void a_suite_revoked_ends_its_tunnel(void)
{
	static const char *const insides[] = { "203.0.113.7/32", "203.0.113.0/28" };
	static const char *const words[] = { "", "\tesp=aes128gcm16\n",
		                             "\tesp=aes128gcm16\n\tike=aes128-sha256-ecp256\n" };

	for (size_t i = 0; i < 2; i++) {
		char home[512], away[512], text[1024];
		struct pair p;

		snprintf(home, sizeof(home),
		         "conn home\n\tleft=192.0.2.1\n\tleftsubnet=%s\n\tright=192.0.2.2\n"
		         "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n\tauto=start\n",
		         insides[i]);
		snprintf(away, sizeof(away), "%.*s\tauto=add\n",
		         (int)(strstr(home, "\tauto=") - home), home);
		p = pair_configured(home, away);
		sim_run_for(p.sim, SECONDS(2));
		for (size_t j = 0; j < 3; j++) {
			snprintf(text, sizeof(text), "%s%s", away, words[j]);
			sim_reload_with(p.sim, p.west, text);
			expect_children(p.sim, p.west, j == 0 ? 1 : 0);
			snprintf(text, sizeof(text), "%s%s", home, words[j]);
			sim_reload_with(p.sim, p.west, text);
			sim_run_for(p.sim, SECONDS(5));
			expect_sas(p.sim, p.west, 1, 1);
			expect_sas(p.sim, p.east, 1, 1);
			sim_reload_with(p.sim, p.west, text);
			expect_children(p.sim, p.west, 1);
		}
		sim_reload_with(p.sim, p.west, ANYONE);
		sim_run_for(p.sim, SECONDS(1));
		sim_end(p.sim);
	}
}

/* POL-5, promise 1: ranges that a failure let pass are private from the reload on. */
void a_failure_that_opened_ranges_outlives_no_reload(void)
{
	static const char *const insides[] = { "203.0.113.7/32", "203.0.113.0/28" };
	static const char *const autos[] = { "route", "start" };

	for (size_t i = 0; i < 4; i++) {
		char open_conf[512], closed_conf[1024];
		struct pair p;

		snprintf(open_conf, sizeof(open_conf),
		         "conn home\n\tleft=192.0.2.1\n\tleftsubnet=%s\n\tright=192.0.2.2\n"
		         "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n\tauto=%s\n"
		         "\tfailureshunt=",
		         insides[i & 1], autos[i >> 1]);
		snprintf(closed_conf, sizeof(closed_conf), "%sdrop\n", open_conf);
		strcat(open_conf, "passthrough\n");
		p = pair_configured(open_conf, ANYONE);
		pair_cut(&p);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(50));
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(1));
		expect_arrived(p.sim, source, destination, 0, 2);
		sim_reload_with(p.sim, p.west, closed_conf);
		sim_packet(p.sim, source, destination);
		sim_run_for(p.sim, SECONDS(100));
		expect_arrived(p.sim, source, destination, 0, 2);
		sim_end(p.sim);
	}
}

/* POL-5: a reload while it is negotiated, by which another peer has the name. */
void an_attempt_ends_with_the_peer_it_was_for(void)
{
	static const char *const insides[] = { "203.0.113.7/32", "203.0.113.0/28" };

	for (size_t i = 0; i < 2; i++) {
		char conf[512], elsewhere[1024];
		struct pair p;

		snprintf(conf, sizeof(conf),
		         "conn home\n\tleft=192.0.2.1\n\tleftsubnet=%s\n"
		         "\trightsubnet=198.51.100.5/32\n\tauthby=secret\n"
		         "\trightid=@e.example\n\tauto=start\n",
		         insides[i]);
		snprintf(elsewhere, sizeof(elsewhere), "%s\tright=192.0.2.9\n", conf);
		strcat(conf, "\tright=192.0.2.2\n");
		p = pair_configured(conf, SITES("\trightid=@e.example\n\tauto=add\n"));
		pair_cut(&p);
		sim_run_for(p.sim, MILLISECONDS(300));
		sim_reload_with(p.sim, p.west, elsewhere);
		sim_mend(p.sim);
		sim_run_for(p.sim, SECONDS(5));
		expect_children(p.sim, p.west, 0);
		expect_sas(p.sim, p.east, 0, 0);
		sim_reload_with(p.sim, p.west, ANYONE); /* it would ask for ever */
		sim_run_for(p.sim, SECONDS(1));
		sim_end(p.sim);
	}
}

/* By hand no more than by their files; a part of the other's addresses is another matter. */
void two_conns_for_the_same_are_not_both_routed(void)
{
	static const char open_conf[] = "conn open\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n"
					"\trightsubnet=198.51.100.0/24\n\tright=%any\n"
					"\ttype=passthrough\n\tauto=add\n"
					"conn part\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n"
					"\trightsubnet=198.51.100.7/32\n\tright=%any\n"
					"\ttype=passthrough\n\tauto=add\n";
	struct pair p;
	char conf[1024];

	snprintf(conf, sizeof(conf), "%s%s", open_conf, SITES("\tauto=add\n"));
	p = pair_configured(conf, SITES("\tauto=add\n"));
	expect_true(p.sim, sim_route(p.sim, p.west, "sites"));
	expect_true(p.sim, sim_route(p.sim, p.west, "sites"));
	expect_true(p.sim, !sim_route(p.sim, p.west, "open"));
	expect_true(p.sim, sim_route(p.sim, p.west, "part"));
	sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(5));
	expect_arrived(p.sim, source, destination, 1, 0);
	sim_end(p.sim);
}

void what_is_not_trapped_is_not_said_to_be_dropped(void)
{
	static const char *const autos[] = { "\tauto=add\n",
		                             "\tauto=route\n" };

	for (size_t i = 0; i < 2; i++) {
		struct pair p;
		char conf[512];

		snprintf(conf, sizeof(conf), "%s%s", SITES(""), autos[i]);
		p = pair_configured(conf, SITES("\tauto=add\n"));
		pair_cut(&p);
		expect_true(p.sim, sim_up(p.sim, p.west, "sites"));
		sim_run_for(p.sim, SECONDS(300));
		expect_true(p.sim, (strstr(p.sim->trace.s, "24: drop,") != NULL) == (i == 1));
		expect_true(p.sim, (strstr(p.sim->trace.s, "24: no tunnel,") != NULL) == (i == 0));
		sim_end(p.sim);
	}
}

/* POL-5, promises 1 and 2: the same of a tunnel that nobody arranged. */
void a_suite_revoked_ends_a_strangers_tunnel(void)
{
	struct pair p = pair_in(sim_new(1), CLIENT("\tfailureshunt=drop\n"), NULL);

	pair_publish_west(&p);
	pair_publish_east(&p);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(2));
	expect_tunnel(p.sim, source, destination);
	sim_reload_with(p.sim, p.west,
	                CLIENT("\tfailureshunt=drop\n\tesp=aes256gcm16\n"
	                       "\tike=aes256gcm16-sha512-x25519\n"));
	expect_children(p.sim, p.west, 0);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(5));
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, source, destination, 2, 0);
	sim_end(p.sim);
}
