/*
 * A steering on its own, for tests in network namespaces: obeys lines on stdin, answers each with
 * one line on stdout.
 *
 *      text                    the ruleset, ended by a line "."
 *      leftover                the same of what stays after a stop
 *      routes up|down
 *      open                    takes over the table that `nft -f` loaded, and watches it
 *      rows N                  a policy of the first N rows only
 *      policy                  gives the rows to the kernel again
 *      pair SOURCE DESTINATION trap|hold|pass|drop|reject|tunnel [TRAFFIC]
 *      late ...                the same, and cleartext may come in for a moment
 *      fill N ACTION           so many pairs from 10.1.0.2, to 100.0.0.0 and on
 *      use SOURCE DESTINATION [TRAFFIC]   packets of the pair
 *      row N                   packets of a row
 *      dropped NAME            a counter
 *      left                    how many pairs wait to be put back
 *      alive                   one heartbeat (and then one every second: `beat on|off`)
 *      close                   frees it, as a dying daemon would leave things
 *      down [keep]
 *      network                 what the machine looks like
 *
 * Rows and inside ranges are arguments: bed_rows.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/bed_rows.h"
#include "engine/steering/network.h"
#include "engine/steering/steering.h"

struct bed {
	struct event_base *base;
	struct event *beat;
	struct steering *steering;
	struct steering_settings settings;
	struct log log;
	struct bed_rows rows;
};

static void on_line(void *ctx, enum log_level level, const char *text)
{
	fprintf(stderr, "log: %s\n", text);
}

static void on_restored(void *ctx, const char *what)
{
	fprintf(stderr, "restored: %s\n", what);
}

static void on_beat(evutil_socket_t fd, short what, void *ctx)
{
	struct bed *bed = ctx;

	if (bed->steering != NULL)
		steering_alive(bed->steering);
}

static struct instant now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}

static enum eroute_action action_named(const char *word)
{
	static const char *const words[] = { "trap", "hold", "pass", "drop", "reject", "tunnel" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum eroute_action)i;
	exit(2);
}

static void say_text(const struct text *t)
{
	printf("%s.\n", t->len > 0 ? t->s : "");
}

static bool open_steering(struct bed *bed, char *error, size_t size)
{
	bed->steering = steering_open(&bed->settings, &bed->log, error, size);
	if (bed->steering == NULL)
		return false;
	steering_set_policy(bed->steering, &bed->rows.policy);
	if (steering_watch(bed->steering, bed->base, on_restored, bed))
		return true;
	snprintf(error, size, "cannot watch");
	return false;
}

static void show_network(void)
{
	static struct network n;
	char error[200];

	if (!network_read(&n, error, sizeof(error))) {
		printf("error %s\n", error);
		return;
	}
	printf("%zu addresses, default4 %s %s via %s mtu %u, default6 %s %s mtu %u, %zu routes\n",
	       n.address_count, n.device4, ip_text(&n.source4).s, ip_text(&n.next_hop4).s, n.mtu4,
	       n.device6, ip_text(&n.source6).s, n.mtu6,
	       n.route_count);
}

static void one_pair(struct bed *bed, const char *verb, const char *source, const char *destination,
                     const char *action, const char *traffic)
{
	struct ip_pair pair = { 0 };

	if (!ip_parse(source, &pair.source) || !ip_parse(destination, &pair.destination))
		exit(2);
	if (strcmp(verb, "use") == 0) {
		pair.traffic = bed_traffic(action);
		steering_refresh_use(bed->steering, now());
		printf("%llu\n",
		       (unsigned long long)steering_pair_use(bed->steering, &pair).packets);
		return;
	}
	pair.traffic = bed_traffic(traffic);
	bool done = steering_set_pair(bed->steering, &pair, action_named(action),
	                              strcmp(verb, "late") == 0);

	steering_flush(bed->steering);
	printf(done ? "ok\n" : "refused\n");
}

/* strength SOURCE DESTINATION NULL|DNS|.. as a number, 1|-1 */
static void one_strength(struct bed *bed, char **w)
{
	struct ip_pair pair = { 0 };

	if (!ip_parse(w[1], &pair.source) || !ip_parse(w[2], &pair.destination))
		exit(2);
	steering_add_strength(bed->steering, &pair, (enum strength)atoi(w[3]), atoi(w[4]));
	steering_flush(bed->steering);
	printf("ok\n");
}

static void fill(struct bed *bed, unsigned count, const char *action)
{
	bool done = true;

	for (unsigned i = 0; i < count; i++) {
		struct ip_pair pair = {
			ip_v4(10, 1, 0, 2),
			ip_v4((uint8_t)(100 + (i >> 24)), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
			      (uint8_t)i),
		};

		done &= steering_set_pair(bed->steering, &pair, action_named(action), false);
	}
	steering_flush(bed->steering);
	printf(done ? "ok\n" : "refused\n");
}

static void routes(struct bed *bed, bool is_up)
{
	char error[200] = "ok";

	if (!is_up)
		steering_routes_down(&bed->settings);
	else if (steering_routes_up(&bed->settings, error, sizeof(error)))
		snprintf(error, sizeof(error), "ok");
	printf("%s\n", error);
}

static void take_down(struct bed *bed, bool keep)
{
	struct text kept = { 0 };

	steering_down(bed->steering, keep, &kept);
	say_text(&kept);
	text_free(&kept);
}

static void dropped(struct bed *bed, const char *name)
{
	enum engine_drop drop = strcmp(name, "leak") == 0     ? ENGINE_DROP_LEAK
	                        : strcmp(name, "forged") == 0 ? ENGINE_DROP_FORGED
	                                                      : ENGINE_DROP_CLEARTEXT;

	printf("%llu\n", (unsigned long long)steering_dropped(bed->steering, drop));
}

static void obey(struct bed *bed, char *line)
{
	char *w[5] = { 0 };
	char error[200] = "ok";
	struct text t = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		w[i] = strsep(&line, " ");
	if (strcmp(w[0], "text") == 0) {
		steering_ruleset(&t, &bed->settings, &bed->rows.policy);
		say_text(&t);
	} else if (strcmp(w[0], "leftover") == 0) {
		steering_leftover(&t, &bed->settings, &bed->rows.policy);
		say_text(&t);
	} else if (strcmp(w[0], "routes") == 0) {
		routes(bed, strcmp(w[1], "up") == 0);
	} else if (strcmp(w[0], "open") == 0) {
		(void)open_steering(bed, error, sizeof(error));
		printf("%s\n", error[0] != '\0' ? error : "ok");
	} else if (strcmp(w[0], "pair") == 0 || strcmp(w[0], "late") == 0 ||
	           strcmp(w[0], "use") == 0) {
		one_pair(bed, w[0], w[1], w[2], w[3], w[4]);
	} else if (strcmp(w[0], "strength") == 0) {
		one_strength(bed, w);
	} else if (strcmp(w[0], "fill") == 0) {
		fill(bed, (unsigned)atoi(w[1]), w[2]);
	} else if (strcmp(w[0], "row") == 0) {
		steering_refresh_use(bed->steering, now());
		printf("%llu\n", (unsigned long long)steering_row_use(
				     bed->steering, bed_row(&bed->rows, (unsigned)atoi(w[1])))
		                     .packets);
	} else if (strcmp(w[0], "left") == 0) {
		printf("%zu\n", steering_left(bed->steering));
	} else if (strcmp(w[0], "dropped") == 0) {
		dropped(bed, w[1]);
	} else if (strcmp(w[0], "rows") == 0) {
		bed_rows_use(&bed->rows, (size_t)atoi(w[1]));
		steering_set_policy(bed->steering, &bed->rows.policy);
		printf("ok\n");
	} else if (strcmp(w[0], "policy") == 0) {
		steering_set_policy(bed->steering, &bed->rows.policy);
		printf("ok\n");
	} else if (strcmp(w[0], "alive") == 0) {
		steering_alive(bed->steering);
		printf("ok\n");
	} else if (strcmp(w[0], "beat") == 0) {
		struct timeval second = { .tv_sec = 1 };

		(void)(strcmp(w[1], "on") == 0 ? event_add(bed->beat, &second)
		                               : event_del(bed->beat));
		printf("ok\n");
	} else if (strcmp(w[0], "close") == 0) {
		steering_free(bed->steering);
		bed->steering = NULL;
		printf("ok\n");
	} else if (strcmp(w[0], "down") == 0) {
		take_down(bed, w[1] != NULL);
	} else if (strcmp(w[0], "network") == 0) {
		show_network();
	} else {
		printf("what?\n");
	}
	text_free(&t);
}

static void on_input(evutil_socket_t fd, short what, void *ctx)
{
	static char line[512];
	struct bed *bed = ctx;

	if (fgets(line, sizeof(line), stdin) == NULL) {
		event_base_loopbreak(bed->base);
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	obey(bed, line);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t dns_uids[] = { 53 };
	struct bed bed = { .base = event_base_new(),
		           .log = { .level = LOG_DEBUG, .line = on_line } };
	struct event *input;

	if (argc < 4)
		return 2;
	setvbuf(stdin, NULL, _IONBF, 0);
	bed.settings = (struct steering_settings){
		.device = "ipsec0",
		.marks = engine_marks_of(ENGINE_MARK_MASK),
		.route_table = 220,
		.rule_priority = 220,
		.daemon_down_s = (unsigned)atoi(argv[1]),
		.port = 500,
		.nat_port = 4500,
		.daemon_uid = 923,
		.dns_uids = dns_uids,
		.dns_uid_count = ARRAY_LEN(dns_uids),
	};
	bed_rows_parse(&bed.rows, argv + 2);
	bed.settings.inside = bed.rows.inside;
	bed.settings.inside_count = bed.rows.inside_count;
	input = event_new(bed.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &bed);
	bed.beat = event_new(bed.base, -1, EV_PERSIST, on_beat, &bed);
	event_add(input, NULL);
	event_base_dispatch(bed.base);
	steering_free(bed.steering);
	event_free(input);
	event_free(bed.beat);
	event_base_free(bed.base);
	return 0;
}
