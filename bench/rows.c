/*
 * What a packet's look at the policy costs a worker: so many rows, every tenth for one port, packets to
 * addresses all over them. One line of JSON a figure, in nanoseconds a packet; beside it a walk over
 * all rows, as it was before there was an index, for the first 4096 packets.
 *
 *   rows
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/userspace/rows.h"

enum { PACKETS = 1 << 20, WALKED = 1 << 12 };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* 100.64.0.0/10 in /28, most of them tunnels and shunts; and the rest of the world. */
static struct policy_row row_of(unsigned i)
{
	struct ip remote = ip_v4(100, (uint8_t)(64 + (i >> 12)), (uint8_t)(i >> 4), (uint8_t)(i << 4));
	struct ip local = ip_v4(10, 1, 0, 0);
	struct policy_row row = { .action = i % 2 == 0 ? POLICY_TRAP : POLICY_PASS };

	row.local = range_of_prefix(&local, 16);
	row.remote = range_of_prefix(&remote, 28);
	if (i % 10 == 0)
		row.traffic = (struct traffic){ 6, true, 80, 80 };
	return row;
}

static struct ip_pair pair_of(unsigned n, unsigned count)
{
	unsigned i = n * 2654435761u % count;

	return (struct ip_pair){ ip_v4(10, 1, 0, 2), row_of(i).remote.first };
}

static unsigned long look(const struct row_table *table, unsigned count, unsigned packets)
{
	const struct shown shown = { 6, 443, false };
	unsigned long found = 0;

	for (unsigned n = 0; n < packets; n++) {
		struct ip_pair pair = pair_of(n, count);
		struct rules rules = rows_for(table, &pair);

		found += rules_pick(table, &rules, &shown) != NULL;
	}
	return found;
}

static unsigned long walk(const struct policy_table *policy, unsigned count, unsigned packets)
{
	unsigned long found = 0;

	for (unsigned n = 0; n < packets; n++) {
		struct ip_pair pair = pair_of(n, count);

		for (size_t i = 0; i < policy->flat_count; i++) {
			const struct policy_row *row = &policy->flat[i];

			if (!range_contains(&row->local, &pair.source) ||
			    !range_contains(&row->remote, &pair.destination) ||
			    !traffic_contains(&row->traffic, 6, 443))
				continue;
			found++;
			break;
		}
	}
	return found;
}

static void measure(unsigned count)
{
	struct policy_row *rows = new_array(count + 1, sizeof(*rows));
	struct policy_table policy;
	struct row_table *table;
	double begin, looked, walked, made;

	for (unsigned i = 0; i < count; i++)
		rows[i] = row_of(i);
	rows[count] = (struct policy_row){ .local = rows[0].local, .remote = range_any(IP_V4) };
	begin = now_ns();
	if (!policy_build(&policy, rows, count + 1, NULL))
		exit(1);
	table = row_table_new(&policy, NULL);
	made = now_ns() - begin;
	begin = now_ns();
	if (look(table, count, PACKETS) != PACKETS)
		exit(1);
	looked = (now_ns() - begin) / PACKETS;
	begin = now_ns();
	if (walk(&policy, count, WALKED) != WALKED)
		exit(1);
	walked = (now_ns() - begin) / WALKED;
	printf("{\"bench\": \"rows\", \"rows\": %u, \"flat\": %zu, \"look_ns\": %.0f, "
	       "\"walk_ns\": %.0f, \"made_ms\": %.1f}\n",
	       count, policy.flat_count, looked, walked, made / 1e6);
	row_table_free(table);
	policy_wipe(&policy);
	free(rows);
}

int main(void)
{
	measure(10);
	measure(100);
	measure(1000);
	measure(10000);
	return 0;
}
