/*
 * What policy groups cost, in a network namespace of its own: so many entries for this host, every
 * other one block, the others clear, and the rest of the world private-or-clear. One line of JSON a
 * figure, in milliseconds: `text` is `nft -f` of it all; then processor time, the kernel's
 * included, of `first`, the policy given by a daemon that takes this over, `line`, another one with
 * one entry more, `none`, one without entries, and `all`, the entries again. `packet_ns` is what a
 * datagram to a clear entry costs its sender; beside it `bare_ns`, without any rule.
 *
 *   groups [ENTRIES...]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/steering/steering.h"

enum { PACKETS = 20000 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Of this process, the kernel's for it too: others have their share of a machine. */
static double spent_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void shell(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

/* 100.64.0.0/10 in every other /25, that no two touch. */
static struct policy_row entry_of(unsigned i)
{
	struct ip remote = ip_v4(100, (uint8_t)(64 + (i >> 8)), (uint8_t)i, 0);
	struct ip local = ip_v4(192, 0, 2, 1);
	struct policy_row row = { .action = i % 2 == 0 ? POLICY_DROP : POLICY_PASS,
		                  .is_group = true };

	row.local = range_of_ip(&local);
	row.remote = range_of_prefix(&remote, 25);
	return row;
}

static struct policy_table policy_of(unsigned count)
{
	struct policy_row *rows = new_array(count + 1, sizeof(*rows));
	struct policy_table policy;

	for (unsigned i = 0; i < count; i++)
		rows[i] = entry_of(i);
	rows[count] = (struct policy_row){ .local = entry_of(0).local, .remote = range_any(IP_V4) };
	if (!policy_build(&policy, rows, count + 1, NULL))
		exit(1);
	free(rows);
	return policy;
}

static double load(const struct steering_settings *settings, const struct policy_table *policy)
{
	double begin = now_ms();
	struct text text = { 0 };
	FILE *nft = popen("nft -f -", "w");

	steering_ruleset(&text, settings, policy);
	if (nft == NULL || fwrite(text.s, text.len, 1, nft) != 1 || pclose(nft) != 0)
		exit(1);
	text_free(&text);
	return now_ms() - begin;
}

static double give(struct steering *s, unsigned count)
{
	struct policy_table policy = policy_of(count);
	double begin = spent_ns();
	double took;

	steering_set_policy(s, &policy);
	took = (spent_ns() - begin) / 1e6;
	policy_wipe(&policy);
	return took;
}

/* Nanoseconds that a datagram costs its sender, to odd entries all over the policy. */
static double send_ns(unsigned count)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	double begin = spent_ns();

	for (unsigned n = 0; n < PACKETS; n++) {
		struct ip remote = entry_of((n * 2654435761u % count) | 1).remote.first;
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

		memcpy(&to.sin_addr, remote.octets, 4);
		if (sendto(s, "", 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
			exit(1);
	}
	close(s);
	return (spent_ns() - begin) / PACKETS;
}

static void measure(unsigned count, double bare)
{
	const struct steering_settings settings = { .device = "ipsec0",
		                                    .marks = engine_marks_of(ENGINE_MARK_MASK),
		                                    .route_table = 220,
		                                    .rule_priority = 220,
		                                    .daemon_down_s = 30,
		                                    .port = 500,
		                                    .nat_port = 4500,
		                                    .daemon_uid = 923 };
	struct policy_table policy = policy_of(count);
	double text, first, line, none, all;
	struct steering *s;
	char error[200];

	text = load(&settings, &policy);
	s = steering_open(&settings, NULL, error, sizeof(error));
	if (s == NULL) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	steering_alive(s);
	first = give(s, count);
	line = give(s, count + 1);
	none = give(s, 0);
	all = give(s, count);
	printf("{\"bench\": \"groups\", \"entries\": %u, \"flat\": %zu, \"text_ms\": %.1f, "
	       "\"first_ms\": %.1f, \"line_ms\": %.1f, \"none_ms\": %.1f, \"all_ms\": %.1f, ",
	       count, policy.flat_count, text, first, line, none, all);
	printf("\"packet_ns\": %.0f, \"bare_ns\": %.0f}\n", send_ns(count), bare);
	fflush(stdout);
	steering_down(s, false, NULL);
	steering_free(s);
	policy_wipe(&policy);
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = { 10, 100, 1000, 10000 };
	double bare;

	/* What leaves is for nobody there. */
	shell("ip link add wire type veth peer name end && ip link set lo up && "
	      "ip link set wire up && ip link set end up && "
	      "ip address add 192.0.2.1/24 dev wire && ip route add default via 192.0.2.2 && "
	      "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:99 dev wire");
	bare = send_ns(1000);
	for (int i = 1; i < argc; i++)
		measure((unsigned)atoi(argv[i]), bare);
	for (size_t i = 0; argc == 1 && i < ARRAY_LEN(counts); i++)
		measure(counts[i], bare);
	return 0;
}
