/*
 * What a rekey costs: two endpoints in one process pass each other the messages of rekeys of both
 * kinds, beside the bare key exchange that they need (two X25519 key generations and two shared
 * secrets). One line of JSON a figure; CPU of both ends together.
 *
 *   rekeys [COUNT]     COUNT of each kind, 2000 if not told
 */
#include "ike/two_ends.h"

#include <stdlib.h>
#include <time.h>

#include "crypto/kex.h"

enum { PAIRS = 20000, CHILD_LIFE_S = 3600, IKE_LIFE_S = 8 * 3600 };

static struct two_ends t;

static double cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct ike_sa *live(enum side side)
{
	struct hash_node *node = NULL;

	while ((node = hash_walk(&t.end[side].ike->by_handle, node)) != NULL) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (sa->is_known_to_owner && sa->state == IKE_SA_UP)
			return sa;
	}
	abort();
}

/* Each kind of its own, by either side in turn. */
static double rekey(unsigned count, bool is_ike)
{
	double start = cpu_us();

	for (unsigned i = 0; i < count; i++) {
		enum side side = i % 2 == 0 ? WEST : EAST;
		struct ike_sa *sa = live(side);

		if (is_ike)
			ike_rekey(t.end[side].ike, sa->handle, t.now);
		else
			ike_rekey_child(t.end[side].ike, sa->handle, sa->children->spi_in, t.now);
		pass_all(&t);
		forget_news(&t);
		if (is_ike)
			live_ms(&t, 40000); /* no more than one in 10 s is granted */
	}
	return (cpu_us() - start) / count;
}

/* Two X25519 key pairs and the secret at both ends. */
static double bare(unsigned count)
{
	double start = cpu_us();

	for (unsigned i = 0; i < count; i++) {
		uint8_t private_value[2][32], public_value[2][32];

		for (int side = 0; side < 2; side++) {
			memset(private_value[side], (int)(i * 2 + (unsigned)side + 1), 32);
			if (!kex_public(KEX_X25519, BYTES_OF(private_value[side]),
			                public_value[side]))
				abort();
		}
		for (int side = 0; side < 2; side++) {
			CLEANUP(secret_free) struct secret shared = { 0 };

			if (!kex_shared(KEX_X25519, BYTES_OF(private_value[side]),
			                BYTES_OF(public_value[1 - side]), &shared))
				abort();
		}
	}
	return (cpu_us() - start) / count;
}

static void print(const char *name, double value, const char *unit)
{
	printf("{\"bench\": \"rekey\", \"figure\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"}\n",
	       name, value, unit);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
	double kex, child, ike, share;

	two_ends_init(&t, KEY_ED25519);
	bring_up(&t, WEST);
	forget_news(&t);
	kex = bare(count);
	child = rekey(count, false);
	ike = rekey(count, true);
	/* Each pair has one of each; our end is half of what was measured. */
	share = PAIRS * (child / CHILD_LIFE_S + ike / IKE_LIFE_S) / 2 / 1e6;
	print("bare key exchange, both ends", kex, "us");
	print("child rekey, both ends", child, "us");
	print("bare key exchange of a child rekey", kex / child, "ratio");
	print("IKE SA rekey, both ends", ike, "us");
	print("bare key exchange of an IKE SA rekey", kex / ike, "ratio");
	print("child rekeys a second and core", 2e6 / child, "1/s");
	print("20 000 pairs with the usual lives", share * 100, "% of a core");
	two_ends_wipe(&t);
	return 0;
}
