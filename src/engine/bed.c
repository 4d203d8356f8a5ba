/*
 * An engine on its own, with its steering, for tests in network namespaces: obeys lines on stdin,
 * answers each with one line on stdout. Its "core" is a list of verdicts known beforehand.
 *
 *      text                                  the ruleset, ended by a line "."
 *      open                                  takes over the table that `nft -f` loaded, starts
 *      child IN OUT LOCAL REMOTE OUTER PEER [plain]   both halves of an SA; keys are of the SPIs
 *      forget IN                             removes it
 *      answer SOURCE DESTINATION ACTION [OUT [TRAFFIC]]   what an acquire will get at once
 *      pair SOURCE DESTINATION ACTION [OUT [TRAFFIC]]     a verdict now
 *      rows N                                a policy of the first N rows only
 *      use SOURCE DESTINATION [TRAFFIC]      packets of the pair
 *      row N                                 packets of a row
 *      child-use IN                          packets in and out
 *      dropped WORD                          a counter
 *      acquires                              how many have come
 *      stop [keep]
 *
 * Arguments: OUTER4 OUTER6 MTU, then rows and inside ranges: bed_rows.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/bed_rows.h"
#include "engine/engine.h"
#include "engine/steering/steering.h"

enum { ANSWERS_MAX = 32 };

struct answer {
	struct ip_pair pair;
	enum eroute_action action;
	uint32_t spi_out;
};

struct bed {
	struct event_base *base;
	struct engine *engine;
	struct engine_port port;
	struct engine_settings settings;
	struct bed_rows rows;
	struct answer answers[ANSWERS_MAX];
	size_t answer_count;
	unsigned acquires;
};

static void on_line(void *ctx, enum log_level level, const char *text)
{
	fprintf(stderr, "log: %s\n", text);
}

static void on_acquire(void *ctx, const struct acquire *acquire)
{
	struct bed *bed = ctx;

	bed->acquires++;
	for (size_t i = 0; i < bed->answer_count; i++) {
		const struct answer *a = &bed->answers[i];

		if (pair_equal(&a->pair, &acquire->pair))
			bed->port.set_pair(bed->port.ctx, &a->pair, a->action, a->spi_out, false);
	}
}

static void on_ike(void *ctx, const struct path *path, struct bytes datagram)
{
	fprintf(stderr, "ike: %zu octets from %s\n", datagram.len, endpoint_text(&path->remote).s);
}

static void on_unknown_spi(void *ctx, const struct path *path, uint32_t spi)
{
	fprintf(stderr, "unknown SPI %x\n", spi);
}

static void on_heard(void *ctx, uint32_t spi_in)
{
}

static void on_worn(void *ctx, uint32_t spi_in)
{
	fprintf(stderr, "worn: %x\n", spi_in);
}

static void on_device_gone(void *ctx)
{
	fprintf(stderr, "device gone\n");
}

static void on_spent(void *ctx, uint32_t spi_in)
{
	fprintf(stderr, "spent: %x\n", spi_in);
}

static void on_unreachable(void *ctx, const struct ip *peer)
{
	fprintf(stderr, "unreachable: %s\n", ip_text(peer).s);
}

static void on_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
	fprintf(stderr, "moved: %x to %s\n", spi_in, endpoint_text(&path->remote).s);
}

static void on_cleartext(void *ctx, const struct ip_pair *pair)
{
	fprintf(stderr, "cleartext: %s > %s\n", ip_text(&pair->destination).s,
	        ip_text(&pair->source).s);
}

static void on_restored(void *ctx, const char *what)
{
	fprintf(stderr, "restored: %s\n", what);
}

static const char *const actions[] = { "trap", "hold", "pass", "drop", "reject", "tunnel" };

static enum eroute_action action_named(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(word, actions[i]) == 0)
			return (enum eroute_action)i;
	}
	exit(2);
}

static struct ip ip_named(const char *word)
{
	struct ip ip;

	if (!ip_parse(word, &ip))
		exit(2);
	return ip;
}

static struct ip_range range_named(const char *word)
{
	struct ip_range range;

	if (!range_parse(word, &range))
		exit(2);
	return range;
}

static uint32_t number_named(const char *word)
{
	return word == NULL ? 0 : (uint32_t)strtoul(word, NULL, 0);
}

static void say_ruleset(const struct bed *bed)
{
	struct text t = { 0 };
	struct steering_settings settings = {
		.device = bed->settings.device,
		.marks = bed->settings.marks,
		.route_table = bed->settings.route_table,
		.rule_priority = bed->settings.rule_priority,
		.daemon_down_s = bed->settings.daemon_down_s,
		.port = bed->settings.port,
		.nat_port = bed->settings.nat_port,
		.daemon_uid = bed->settings.daemon_uid,
		.inside = bed->rows.inside,
		.inside_count = bed->settings.inside_count,
	};

	steering_ruleset(&t, &settings, &bed->rows.policy);
	printf("%s.\n", t.s);
	text_free(&t);
}

static void open_engine(struct bed *bed)
{
	struct engine_events events = { .ctx = bed,
		                        .acquire = on_acquire,
		                        .ike_datagram = on_ike,
		                        .unknown_spi = on_unknown_spi,
		                        .unreachable = on_unreachable,
		                        .cleartext = on_cleartext,
		                        .peer_moved = on_moved,
		                        .heard = on_heard,
		                        .worn = on_worn,
		                        .spent = on_spent,
		                        .device_gone = on_device_gone,
		                        .steering_restored = on_restored };
	char error[256] = "";

	bed->engine = engine_open(&bed->settings, error, sizeof(error));
	if (bed->engine == NULL) {
		printf("%s\n", error);
		return;
	}
	bed->port = engine_port(bed->engine);
	bed->port.set_policy(bed->port.ctx, &bed->rows.policy);
	printf(engine_start(bed->engine, bed->base, &events) ? "ok\n" : "does not start\n");
}

static struct secret key_of(uint32_t spi)
{
	struct secret key = secret_new(36);

	memset(key.data, (int)(spi & 0xff), key.len);
	return key;
}

static void add_child(struct bed *bed, char **w)
{
	struct child_sa child = { .spi_in = number_named(w[1]),
		                  .spi_out = number_named(w[2]),
		                  .cipher = AEAD_AES_GCM_16_256,
		                  .is_esn = true,
		                  .local = { range_named(w[3]), 0, 0, 65535 },
		                  .remote = { range_named(w[4]), 0, 0, 65535 },
		                  .path = { { ip_named(w[5]), 4500 }, { ip_named(w[6]), 4500 } },
		                  .udp_encapsulation = w[7] == NULL };

	child.key_in = key_of(child.spi_in);
	child.key_out = key_of(child.spi_out);
	bed->port.add_child(bed->port.ctx, &child);
	secret_free(&child.key_in);
	secret_free(&child.key_out);
	printf("ok\n");
}

static void verdict(struct bed *bed, char **w)
{
	struct answer a = { { ip_named(w[1]), ip_named(w[2]), bed_traffic(w[4] ? w[5] : NULL) },
		            action_named(w[3]),
		            number_named(w[4]) };

	if (strcmp(w[0], "pair") == 0)
		bed->port.set_pair(bed->port.ctx, &a.pair, a.action, a.spi_out, false);
	else if (bed->answer_count < ANSWERS_MAX)
		bed->answers[bed->answer_count++] = a;
	printf("ok\n");
}

static void say_use(struct bed *bed, char **w)
{
	struct ip_pair pair;
	struct eroute_use use;

	engine_refresh_use(bed->engine);
	if (strcmp(w[0], "row") == 0) {
		use = bed->port.row_use(bed->port.ctx, bed_row(&bed->rows, number_named(w[1])));
	} else {
		pair = (struct ip_pair){ ip_named(w[1]), ip_named(w[2]), bed_traffic(w[3]) };
		use = bed->port.pair_use(bed->port.ctx, &pair);
	}
	printf("%llu\n", (unsigned long long)use.packets);
}

static void say_child_use(struct bed *bed, char **w)
{
	struct child_use use = bed->port.child_use(bed->port.ctx, number_named(w[1]));

	printf("%llu %llu\n", (unsigned long long)use.packets_in,
	       (unsigned long long)use.packets_out);
}

static void say_dropped(struct bed *bed, const char *word)
{
	for (int i = 0; i < ENGINE_DROP_COUNT; i++) {
		if (strcmp(word, engine_drop_name((enum engine_drop)i)) == 0)
			printf("%llu\n", (unsigned long long)engine_dropped(bed->engine,
			                                                    (enum engine_drop)i));
	}
}

static void stop_engine(struct bed *bed, bool keep)
{
	struct text kept = { 0 };

	if (bed->engine != NULL)
		engine_stop(bed->engine, keep, &kept);
	engine_free(bed->engine);
	bed->engine = NULL;
	text_free(&kept);
	printf("ok\n");
}

static void obey(struct bed *bed, char **w)
{
	if (strcmp(w[0], "text") == 0) {
		say_ruleset(bed);
	} else if (strcmp(w[0], "open") == 0) {
		open_engine(bed);
	} else if (strcmp(w[0], "child") == 0) {
		add_child(bed, w);
	} else if (strcmp(w[0], "forget") == 0) {
		bed->port.remove_child(bed->port.ctx, number_named(w[1]));
		printf("ok\n");
	} else if (strcmp(w[0], "answer") == 0 || strcmp(w[0], "pair") == 0) {
		verdict(bed, w);
	} else if (strcmp(w[0], "rows") == 0) {
		bed_rows_use(&bed->rows, number_named(w[1]));
		bed->port.set_policy(bed->port.ctx, &bed->rows.policy);
		printf("ok\n");
	} else if (strcmp(w[0], "use") == 0 || strcmp(w[0], "row") == 0) {
		say_use(bed, w);
	} else if (strcmp(w[0], "child-use") == 0) {
		say_child_use(bed, w);
	} else if (strcmp(w[0], "dropped") == 0) {
		say_dropped(bed, w[1]);
	} else if (strcmp(w[0], "acquires") == 0) {
		printf("%u\n", bed->acquires);
	} else if (strcmp(w[0], "stop") == 0) {
		stop_engine(bed, w[1] != NULL);
	} else {
		printf("what?\n");
	}
}

static void on_input(evutil_socket_t fd, short what, void *ctx)
{
	static char line[512];
	struct bed *bed = ctx;
	char *w[9] = { 0 }, *rest = line;

	if (fgets(line, sizeof(line), stdin) == NULL) {
		event_base_loopbreak(bed->base);
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i + 1 < ARRAY_LEN(w); i++)
		w[i] = strsep(&rest, " ");
	obey(bed, w);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bed bed = { .base = event_base_new() };
	struct event *input;

	if (argc < 5)
		return 2;
	setvbuf(stdin, NULL, _IONBF, 0);
	bed.settings = (struct engine_settings){ .log = { NULL, LOG_DEBUG, on_line },
		                                 .device = "ipsec0",
		                                 .outer4 = ip_named(argv[1]),
		                                 .outer6 = ip_named(argv[2]),
		                                 .mtu = number_named(argv[3]),
		                                 .port = 500,
		                                 .nat_port = 4500,
		                                 .marks = engine_marks_of(ENGINE_MARK_MASK),
		                                 .route_table = 220,
		                                 .rule_priority = 220,
		                                 .daemon_down_s = 30,
		                                 .daemon_uid = 923 };
	bed_rows_parse(&bed.rows, argv + 4);
	bed.settings.inside = bed.rows.inside;
	bed.settings.inside_count = bed.rows.inside_count;
	input = event_new(bed.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &bed);
	event_add(input, NULL);
	event_base_dispatch(bed.base);
	engine_free(bed.engine);
	event_free(input);
	event_base_free(bed.base);
	return 0;
}
