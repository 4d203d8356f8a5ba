/*
 * Rekeying under traffic: not one packet is lost, whoever begins, whatever crosses or is lost of
 * IKE.
 */
#include <stdio.h>

#include "sim/cases/cases.h"
#include "sim/cases/pair.h"

#define HOWTO(inside, lives)                                              \
	"conn self\n\tleft=%defaultroute\n\tright=%opportunistic\n" lives \
	"\tfailureshunt=drop\n\tauto=route\n"                             \
	"conn clients\n\tleft=%defaultroute\n\tleftsubnet=" inside        \
	"\n\tright=%opportunistic\n" lives "\tfailureshunt=drop\n\tauto=route\n"

static struct pair start_in(struct sim *sim, const char *west, const char *east)
{
	struct pair p = pair_in(sim, west, east);

	pair_publish_west(&p);
	pair_publish_east(&p);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(3));
	expect_tunnel(p.sim, source, destination);
	return p;
}

static struct pair start(uint64_t seed, const char *west, const char *east)
{
	return start_in(sim_new(seed), west, east);
}

/* MKE-8: the same with an additional key exchange behind each. */
static struct pair start_with_kem(uint64_t seed, const char *west, const char *east)
{
	struct sim *sim = sim_new(seed);

	sim_give_kem(sim);
	return start_in(sim, west, east);
}

typedef struct pair (*beginning)(uint64_t seed, const char *west, const char *east);

/* Pings, one every 20 ms, and for a time in one direction alone. */
static void stream(const struct pair *p, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 50; i++) {
		unsigned part = i * 3 / (seconds * 50);

		if (part == 0)
			sim_ping(p->sim, source, destination);
		else if (part == 1)
			sim_packet(p->sim, source, destination);
		else
			sim_packet(p->sim, destination, source);
		sim_run_for(p->sim, MILLISECONDS(20));
	}
}

/* One of each is left, and no packet was lost: sim_end() checks that. */
static void end(const struct pair *p)
{
	sim_run_for(p->sim, SECONDS(4));
	/* One that was replaced just now receives for two seconds more. */
	if (sim_children(p->west) > 1)
		sim_run_for(p->sim, SECONDS(3));
	expect_tunnel(p->sim, source, destination);
	expect_tunnel(p->sim, destination, source);
	expect_sas(p->sim, p->west, 1, 1);
	expect_sas(p->sim, p->east, 1, 1);
	expect_logged(p->sim, p->west, "rekeyed");
	expect_logged(p->sim, p->east, "rekeyed");
	sim_end(p->sim);
}

/* RKY-1..RKY-5: the Initiator's lives are shorter, or the Responder's; both kinds of SA. */
static void under_traffic(beginning begin, uint64_t seed)
{
	static const char brief[] =
	    HOWTO("203.0.113.0/24", "\tkeylife=20\n\tikelifetime=45\n\trekeymargin=4\n");
	static const char usual[] = HOWTO("198.51.100.0/24", "");
	static const char brief_east[] =
	    HOWTO("198.51.100.0/24", "\tkeylife=20\n\tikelifetime=45\n\trekeymargin=4\n");
	static const char usual_west[] = HOWTO("203.0.113.0/24", "");
	struct pair p = begin(seed, brief, usual);

	stream(&p, 180);
	end(&p);
	p = begin(seed + 1, usual_west, brief_east);
	stream(&p, 180);
	end(&p);
}

/* COL-2, COL-8: at the same moment by both, of one kind and of two kinds. The Initiator's margin is
 * half of the Responder's, so the lives are chosen to meet. */
static void that_cross(beginning begin)
{
	static const char *const lives[][2] = {
		/* children of both at 18 s */
		{ HOWTO("203.0.113.0/24", "\tkeylife=20\n\trekeymargin=4\n\trekeyfuzz=0%\n"),
		  HOWTO("198.51.100.0/24", "\tkeylife=22\n\trekeymargin=4\n\trekeyfuzz=0%\n") },
		/* IKE SAs of both at 18 s */
		{ HOWTO("203.0.113.0/24", "\tikelifetime=20\n\trekeymargin=4\n\trekeyfuzz=0%\n"),
		  HOWTO("198.51.100.0/24", "\tikelifetime=22\n\trekeymargin=4\n\trekeyfuzz=0%\n") },
		/* a child by west and the IKE SA by east at 18 s */
		{ HOWTO("203.0.113.0/24", "\tkeylife=20\n\trekeymargin=4\n\trekeyfuzz=0%\n"),
		  HOWTO("198.51.100.0/24", "\tikelifetime=22\n\trekeymargin=4\n\trekeyfuzz=0%\n") },
	};

	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		for (uint64_t seed = 1; seed <= 4; seed++) {
			struct pair p = begin(seed, lives[i][0], lives[i][1]);

			stream(&p, 60);
			end(&p);
		}
	}
}

/* MID-9, COL-25: every fifth datagram of IKE is lost; ESP is not, and so nothing is lost of it. */
static void with_losses(beginning begin)
{
	static const char west[] =
	    HOWTO("203.0.113.0/24", "\tkeylife=200\n\tikelifetime=420\n\trekeymargin=80\n");
	static const char east[] =
	    HOWTO("198.51.100.0/24", "\tkeylife=220\n\tikelifetime=390\n\trekeymargin=80\n");

	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct pair p = begin(seed, west, east);

		sim_lose_some(p.sim, 20);
		stream(&p, 1000);
		sim_mend(p.sim);
		stream(&p, 60);
		sim_run_for(p.sim, SECONDS(2));
		expect_tunnel(p.sim, source, destination);
		expect_tunnel(p.sim, destination, source);
		expect_logged(p.sim, p.west, "rekeyed");
		sim_end(p.sim);
	}
}

static void expect_kem(const struct pair *p)
{
	static const char ike[] = "rekeyed, AES-GCM-16-256, HMAC_SHA2_256, X25519, ML-KEM-768";

	expect_logged(p->sim, p->west, ike);
	expect_logged(p->sim, p->east, ike);
	expect_logged(p->sim, p->west, "AES-GCM-16-256, ML-KEM-768");
	expect_logged(p->sim, p->east, "AES-GCM-16-256, ML-KEM-768");
}

void rekeys_under_traffic_lose_nothing(void)
{
	under_traffic(start, 1);
}

void rekeys_that_cross_lose_nothing(void)
{
	that_cross(start);
}

void rekeys_with_losses_lose_nothing(void)
{
	with_losses(start);
}

void rekeys_with_ml_kem_lose_nothing(void)
{
	static const char west[] =
	    HOWTO("203.0.113.0/24", "\tkeylife=20\n\tikelifetime=45\n\trekeymargin=4\n");
	struct pair p = start_with_kem(1, west, HOWTO("198.51.100.0/24", ""));

	stream(&p, 60);
	expect_kem(&p);
	end(&p);
	under_traffic(start_with_kem, 3);
}

void rekeys_with_ml_kem_that_cross_lose_nothing(void)
{
	that_cross(start_with_kem);
}

void rekeys_with_ml_kem_and_losses_lose_nothing(void)
{
	with_losses(start_with_kem);
}

/* RKY-7, LIFE-6: what nobody uses is not rekeyed; the next packet makes a new one. */
void idle_children_are_let_go(void)
{
	static const char west[] = HOWTO("203.0.113.0/24", "\tkeylife=100\n\trekeymargin=10\n");
	static const char east[] = HOWTO("198.51.100.0/24", "");
	struct pair p = start(1, west, east);

	sim_run_for(p.sim, SECONDS(105));
	expect_sas(p.sim, p.west, 1, 0);
	expect_sas(p.sim, p.east, 1, 0);
	expect_trap(p.sim, source, destination);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(3));
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, destination, source, 2, 0);
	sim_end(p.sim);
}

/* A configured tunnel of networks is rekeyed like a pair, and though nobody uses it. */
void rekeys_of_a_configured_tunnel_lose_nothing(void)
{
	static const char conf[] =
	    "conn sites\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n\tright=192.0.2.2\n"
	    "\trightsubnet=198.51.100.0/24\n\tauthby=secret\n\tkeylife=20\n\tikelifetime=45\n"
	    "\trekeymargin=4\n\tauto=start\n";
	struct sim *sim = sim_new(1);
	struct pair p = { .sim = sim };

	p.west = sim_gateway_with(sim, "west", "192.0.2.1", "203.0.113.0/24", conf);
	p.east = sim_gateway_with(sim, "east", "192.0.2.2", "198.51.100.0/24", conf);
	sim_arrange(sim, p.west);
	sim_arrange(sim, p.east);
	sim_run_for(sim, SECONDS(100));
	stream(&p, 120);
	sim_run_for(sim, SECONDS(100));
	expect_logged(sim, p.west, "rekeyed");
	expect_tunnel(sim, source, destination);
	sim_end(sim);
}
