/*
 * Long messages where only short ones arrive, and a flood of requests from nowhere.
 */
#include <stdio.h>

#include "ike/gate.h"
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

/* IKE messages in IP datagrams of 576 octets. */
enum { NARROW = 576 - 20 - 8 - 4 };

/* Names of 240 octets make IKE_AUTH longer than that. */
#define NAME_60  "a-name-that-goes-on-and-on-so-that-nobody-can-remember-it-all"
#define NAME_240 NAME_60 "." NAME_60 "." NAME_60 "." NAME_60

static struct pair start(uint64_t seed)
{
	static const char conf[] = "conn arranged\n"
				   "\tleft=192.0.2.1\n"
				   "\tleftid=@west." NAME_240 "\n"
				   "\tleftsubnet=203.0.113.0/24\n"
				   "\tright=192.0.2.2\n"
				   "\trightid=@east." NAME_240 "\n"
				   "\trightsubnet=198.51.100.0/24\n"
				   "\tauthby=secret\n"
				   "\tauto=route\n";
	struct pair p = pair_in(sim_new(seed), conf, conf);

	pair_arrange(&p);
	return p;
}

/* FRG-8 */
void narrow_path(void)
{
	struct pair p = start(1);

	sim_narrow(p.sim, NARROW);
	pair_meet(&p);
	expect_true(p.sim, sim_now(p.sim).ns > SECONDS(3).ns);
	sim_end(p.sim);
}

/* FRG-5, FRG-7, FRG-8: and one of the pieces is lost, or comes late */
void narrow_path_with_losses(void)
{
	for (unsigned nth = 2; nth <= 8; nth++) {
		struct pair p = start(nth);

		sim_narrow(p.sim, NARROW);
		sim_lose_next(p.sim, p.west, p.east, nth);
		sim_delay_next(p.sim, p.east, p.west, nth / 2, MILLISECONDS(700));
		sim_double_next(p.sim, p.west, p.east, nth + 1);
		pair_meet(&p);
		sim_end(p.sim);
	}
}

/* DOS-1, DOS-4 */
void forged_requests_keep_nobody_out(void)
{
	struct pair p = start(1);
	struct bytes heard;
	uint8_t request[2048];

	/* One that is answered nowhere, for its octets. */
	sim_cut(p.sim, p.west, p.east);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(10));
	heard = sim_overheard(p.sim, p.west, p.east);
	expect_true(p.sim, heard.len > 0 && heard.len <= sizeof(request));
	memcpy(request, heard.data, heard.len);
	for (unsigned i = 0; i < 50 * GATE_HALF_OPEN; i++) {
		char from[32];

		snprintf(from, sizeof(from), "100.64.%u.%u", i / 250, 1 + i % 250);
		request[6] = (uint8_t)(i >> 8);
		request[7] = (uint8_t)i;
		sim_forge(p.sim, from, p.east, BYTES(request, heard.len));
	}
	sim_run_for(p.sim, MILLISECONDS(100));
	sim_mend(p.sim);
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, source, destination, 1, 0);
	/* Those forged below the threshold are forgotten half a minute later. */
	sim_run_for(p.sim, SECONDS(31));
	expect_sas(p.sim, p.east, 1, 1);
	sim_end(p.sim);
}
