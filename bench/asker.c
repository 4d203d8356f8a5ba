/*
 * asker: what libunbound alone does with the questions that we ask about strangers.
 *
 *      asker SERVER ANCHOR-FILE|- FIRST-ADDRESS COUNT
 *
 * Asks IPSECKEY and TXT at the reverse name of each address, both at once, as many addresses at a
 * time as we have questions under way, with our resolver's own settings. Prints one line of JSON:
 * addresses a second, and by how many octets each of them made the process grow (the cache).
 */
#include <err.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dns/record.h"
#include "opportunism/limits.h"
#include "resolver/upstream.h"
/* Needs the two above. */
#include <unbound-event.h>

struct run {
	struct event_base *base;
	struct ub_ctx *ctx;
	uint32_t first;
	unsigned count, asked, answered, failed, secure;
	bool is_warm;
};

struct stranger {
	struct run *run;
	unsigned pending;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size, pages;

	if (f == NULL || fscanf(f, "%lu %lu", &size, &pages) != 2)
		err(1, "statm");
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void ask_more(struct run *run);

static void on_answer(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                      int was_ratelimited)
{
	struct stranger *stranger = ctx;
	struct run *run = stranger->run;

	run->failed += rcode == 2;
	run->secure += security == 2;
	if (--stranger->pending > 0)
		return;
	free(stranger);
	if (++run->answered == run->count)
		event_base_loopbreak(run->base);
	else
		ask_more(run);
}

static void ask(struct run *run, unsigned number)
{
	uint32_t a = run->first + number;
	struct ip address =
	    ip_v4((uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a);
	struct dns_name name = reverse_name(&address);
	struct stranger *stranger = new_zeroed(sizeof(*stranger));
	static const int types[] = { DNS_TYPE_IPSECKEY, DNS_TYPE_TXT };

	*stranger = (struct stranger){ run, ARRAY_LEN(types) };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (ub_resolve_event(run->ctx, name.s, types[i], 1, stranger, on_answer, NULL) != 0)
			errx(1, "libunbound does not ask");
}

/* Not deeper for every answer that comes at once. */
static void ask_more(struct run *run)
{
	static bool is_asking;

	if (is_asking)
		return;
	is_asking = true;
	while (run->asked < run->count && run->asked - run->answered < LOOKUPS_MAX / 2)
		ask(run, run->asked++);
	is_asking = false;
}

static void on_warm(void *ctx, int rcode, void *packet, int len, int security, char *why_bogus,
                    int was_ratelimited)
{
	struct run *run = ctx;

	run->is_warm = rcode == 0;
	event_base_loopbreak(run->base);
}

/* The keys of the root, which every first answer would wait for. */
static void warm(struct run *run)
{
	if (ub_resolve_event(run->ctx, ".", 48, 1, run, on_warm, NULL) != 0)
		errx(1, "libunbound does not ask");
	event_base_dispatch(run->base);
}

static char *text_of(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		err(1, "%s", path);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	struct run run = { .base = event_base_new() };
	struct ip server, first;
	struct resolver_settings settings = { .servers = &server, .server_count = 1 };
	char error[256] = "";
	double begin, before, cpu;
	bool is_validating = argc == 5 && strcmp(argv[2], "-") != 0;

	if (argc != 5 || !ip_parse(argv[1], &server) || !ip_parse(argv[3], &first))
		errx(2, "usage: asker SERVER ANCHOR-FILE|- FIRST-ADDRESS COUNT");
	run.count = (unsigned)atoi(argv[4]);
	for (int i = 0; i < 4; i++)
		run.first = run.first << 8 | ip_octets(&first).data[i];
	settings.trust_anchor = is_validating ? text_of(argv[2]) : NULL;
	run.ctx = upstream_new(&settings, is_validating, run.base, error, sizeof(error));
	if (run.ctx == NULL)
		errx(1, "%s", error);
	if (is_validating)
		warm(&run);
	before = resident();
	begin = now_s();
	cpu = (double)clock() / CLOCKS_PER_SEC;
	ask_more(&run);
	event_base_dispatch(run.base);
	printf("{\"per_second\": %.1f, \"cpu_us\": %.1f, \"octets\": %.0f, \"failed\": %u, "
	       "\"secure\": %u}\n",
	       run.count / (now_s() - begin),
	       ((double)clock() / CLOCKS_PER_SEC - cpu) / run.count * 1e6,
	       (resident() - before) / run.count, run.failed, run.secure);
	return 0;
}
