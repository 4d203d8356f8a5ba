/*
 * Datagrams that are lost, doubled, reordered, replayed: the tunnel comes all the same.
 */
#include "sim/cases/cases.h"
#include "sim/cases/pair.h"
#include "sim/world.h"

static struct pair start(uint64_t seed, const char *failure)
{
	struct pair p = pair_in(sim_new(seed), failure, failure);

	pair_publish_west(&p);
	pair_publish_east(&p);
	return p;
}

static void meet(struct pair *p)
{
	pair_meet(p);
	sim_end(p->sim);
}

static void lose_each(const char *failure)
{
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct pair p = start(nth, failure);

		sim_lose_next(p.sim, p.west, p.east, nth);
		meet(&p);
		p = start(nth, failure);
		sim_lose_next(p.sim, p.east, p.west, nth);
		meet(&p);
	}
}

/* MID-6, MID-9 */
void one_lost_datagram(void)
{
	lose_each(NULL);
}

void one_lost_datagram_private(void)
{
	lose_each("drop");
}

/* MID-10: any two of the first three each way. */
void two_lost_datagrams(void)
{
	for (unsigned set = 0; set < 64; set++) {
		struct pair p;

		if (__builtin_popcount(set) > 2)
			continue;
		p = start(set, NULL);

		for (unsigned bit = 0; bit < 3; bit++) {
			if (set & (1u << bit))
				sim_lose_next(p.sim, p.west, p.east, bit + 1);
			if (set & (8u << bit))
				sim_lose_next(p.sim, p.east, p.west, bit + 1);
		}
		meet(&p);
	}
}

/* MID-6, INI-8: one SA, however often a request comes. */
void doubled_datagrams(void)
{
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct pair p = start(nth, NULL);

		sim_double_next(p.sim, p.west, p.east, nth);
		sim_double_next(p.sim, p.east, p.west, nth);
		meet(&p);
	}
}

/* A datagram comes after its own retransmissions. */
void reordered_datagrams(void)
{
	for (unsigned nth = 1; nth <= 2; nth++) {
		for (int late = 300; late <= 2700; late += 800) {
			struct pair p = start(nth, NULL);

			sim_delay_next(p.sim, p.west, p.east, nth, MILLISECONDS(late));
			meet(&p);
			p = start(nth, NULL);
			sim_delay_next(p.sim, p.east, p.west, nth, MILLISECONDS(late));
			meet(&p);
		}
	}
}

/* MID-7, MID-12: what an eavesdropper sends again later changes nothing. */
void replayed_datagrams(void)
{
	struct pair p = start(7, NULL);

	sim_ping(p.sim, source, destination);
	sim_run_until_idle(p.sim);
	for (int i = 0; i < 5; i++) {
		sim_forge(p.sim, "192.0.2.1", p.east, sim_overheard(p.sim, p.west, p.east));
		sim_forge(p.sim, "192.0.2.2", p.west, sim_overheard(p.sim, p.east, p.west));
		sim_forge(p.sim, "192.0.2.9", p.west, sim_overheard(p.sim, p.east, p.west));
		sim_run_for(p.sim, SECONDS(1));
	}
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_sas(p.sim, p.west, 1, 1);
	expect_sas(p.sim, p.east, 1, 1);
	sim_end(p.sim);
}

/* The higher of the marks of what west has. */
static void note_highest(const struct pair *p, uint8_t highest[CHILD_MARK_LEN])
{
	for (size_t i = 0; i < p->west->engine.child_count; i++) {
		const uint8_t *mark = p->west->engine.children[i].sa.mark;

		if (memcmp(mark, highest, CHILD_MARK_LEN) > 0)
			memcpy(highest, mark, CHILD_MARK_LEN);
	}
}

/* COL-27: both intercept a packet at once; of the two that come up both keep the same. */
void both_sides_at_once_keep_the_higher_nonce(void)
{
	for (uint64_t seed = 1; seed <= 16; seed++) {
		struct pair p = start(seed, NULL);
		uint8_t highest[CHILD_MARK_LEN] = { 0 };

		sim_ping(p.sim, source, destination);
		sim_ping(p.sim, destination, source);
		sim_run_for(p.sim, SECONDS(3));
		expect_children(p.sim, p.west, 2);
		note_highest(&p, highest);
		for (int i = 0; i < 10; i++) {
			sim_run_for(p.sim, SECONDS(13));
			sim_ping(p.sim, source, destination);
			sim_ping(p.sim, destination, source);
		}
		sim_run_for(p.sim, SECONDS(3));
		expect_children(p.sim, p.west, 1);
		expect_children(p.sim, p.east, 1);
		expect_true(p.sim, memcmp(p.west->engine.children[0].sa.mark, highest,
		                          CHILD_MARK_LEN) == 0);
		sim_end(p.sim);
	}
}

static void cross(unsigned losses)
{
	struct pair p = start(losses, NULL);

	for (unsigned bit = 0; bit < 3; bit++) {
		if (losses & (1u << bit))
			sim_lose_next(p.sim, p.west, p.east, bit + 1);
		if (losses & (8u << bit))
			sim_lose_next(p.sim, p.east, p.west, bit + 1);
	}
	sim_ping(p.sim, source, destination);
	sim_ping(p.sim, destination, source);
	for (int i = 0; i < 10; i++) { /* traffic goes on, while the two sort out their SAs */
		sim_run_for(p.sim, SECONDS(13));
		sim_ping(p.sim, source, destination);
		sim_ping(p.sim, destination, source);
	}
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_tunnel(p.sim, destination, source);
	expect_arrived(p.sim, source, destination, 22, 0);
	expect_arrived(p.sim, destination, source, 22, 0);
	expect_children(p.sim, p.west, 1);
	expect_children(p.sim, p.east, 1);
	sim_end(p.sim);
}

/* COL-27: both intercept a packet at once; whatever is made, nothing is lost. */
void both_sides_at_once(void)
{
	cross(0);
}

void both_sides_at_once_with_losses(void)
{
	for (unsigned losses = 1; losses < 64; losses++)
		if (__builtin_popcount(losses) <= 2)
			cross(losses);
}

/* INI-7, ERR-17: notifies that anybody can write do not end an attempt. */
void forged_refusals_change_nothing(void)
{
	struct pair p = start(3, NULL);
	struct bytes request;
	uint8_t forged[36] = { 0 };

	sim_lose_next(p.sim, p.east, p.west, 1);
	sim_ping(p.sim, source, destination);
	sim_run_for(p.sim, MILLISECONDS(40));
	request = sim_overheard(p.sim, p.west, p.east);
	expect_true(p.sim, request.len > 28);
	memcpy(forged, request.data, 8); /* the Initiator's SPI; N(NO_PROPOSAL_CHOSEN) */
	memcpy(forged + 16, "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24\0\0\0\x08\0\0\0\x0e", 20);
	sim_forge(p.sim, "192.0.2.2", p.west, BYTES_OF(forged));
	sim_run_until_idle(p.sim);
	expect_tunnel(p.sim, source, destination);
	expect_arrived(p.sim, source, destination, 1, 0);
	expect_sas(p.sim, p.west, 1, 1);
	sim_end(p.sim);
}
