/*
 * sim CASE: one story.  sim --seed N [COUNT]: COUNT random runs from seed N on; --kem-seed:
 * with an additional key exchange.  sim --list
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/cases/cases.h"
#include "sim/world.h"

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define X(name) { #name, name },
	SIM_CASES(X)
#undef X
};

static int run_case(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (strcmp(cases[i].name, name) != 0)
			continue;
		cases[i].run();
		printf("%s: ok\n", name);
		return 0;
	}
	fprintf(stderr, "no such case: %s\n", name);
	return 2;
}

static int run_seeds(const char *first, const char *count, bool has_kem)
{
	uint64_t seed = strtoull(first, NULL, 10);
	uint64_t left = count == NULL ? 1 : strtoull(count, NULL, 10);
	static const char *const words[FATE_COUNT] = { "under way", "by tunnel", "in the clear",
		                                       "dropped",   "overflow",  "crashed",
		                                       "refused",   "early",     "no SA",
		                                       "unroutable" };
	uint64_t fates[FATE_COUNT] = { 0 };

	for (; left > 0; left--)
		random_run(seed++, has_kem, fates);
	printf("seeds to %llu: ok;", (unsigned long long)seed - 1);
	for (size_t i = 0; i < FATE_COUNT; i++)
		printf(" %s %llu", words[i], (unsigned long long)fates[i]);
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "--seed") == 0)
		return run_seeds(argv[2], argc > 3 ? argv[3] : NULL, false);
	if (argc >= 3 && strcmp(argv[1], "--kem-seed") == 0)
		return run_seeds(argv[2], argc > 3 ? argv[3] : NULL, true);
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			puts(cases[i].name);
		return 0;
	}
	if (argc == 2)
		return run_case(argv[1]);
	fprintf(stderr,
	        "usage: sim CASE | sim --seed N [COUNT] | sim --kem-seed N [COUNT] | sim --list\n");
	return 2;
}
