#include "cli/ask.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opportunism/limits.h"
#include "resolver/resolver.h"

enum { PRIME_WAIT_S = 4, QUESTION_WAIT_S = 5 };

/* ---- The child ---- */

struct asker {
	struct event_base *base;
	struct resolver *resolver;
	const struct asked *questions;
	size_t count;
	size_t answered;
	bool is_asking;
	FILE *out;
};

static json_t *rdata_json(const struct dns_answer *answer)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < answer->count; i++) {
		char *base64 = base64_write(answer->rdata[i]);

		json_array_append_new(rows, json_string(base64));
		free(base64);
	}
	return rows;
}

static void on_answer(void *ctx, uint64_t query, const struct dns_answer *answer)
{
	struct asker *asker = ctx;
	json_t *row = json_pack("{s:I, s:i, s:i, s:I, s:o}", "query", (json_int_t)query, "status",
	                        (int)answer->status, "trust", (int)answer->trust, "ttl",
	                        (json_int_t)answer->ttl_s, "rdata", rdata_json(answer));

	json_dumpf(row, asker->out, JSON_COMPACT);
	fputc('\n', asker->out);
	json_decref(row);
	if (++asker->answered == asker->count)
		event_base_loopbreak(asker->base);
}

static void ask_all(struct asker *asker)
{
	struct resolver_port port = resolver_port(asker->resolver);

	if (asker->is_asking)
		return;
	asker->is_asking = true;
	fprintf(asker->out, "{\"trust\":%d}\n", (int)resolver_trust_state(asker->resolver));
	for (size_t i = 0; i < asker->count; i++)
		port.lookup(port.ctx, i, asker->questions[i].name, asker->questions[i].type, true);
}

static void on_primed(void *ctx)
{
	ask_all(ctx);
}

static void on_prime_wait(evutil_socket_t fd, short what, void *ctx)
{
	ask_all(ctx);
}

static bool drop_root(const struct start_users *users)
{
	return geteuid() != 0 ||
	       (setgroups(0, NULL) == 0 &&
	        setresgid(users->daemon_group, users->daemon_group, users->daemon_group) == 0 &&
	        setresuid(users->daemon, users->daemon, users->daemon) == 0);
}

static bool ask(const struct site *site, struct asker *asker, const char *anchor, char *error,
                size_t size)
{
	static const struct timeval all = { .tv_sec = ASK_WAIT_S - 1 };
	static const struct timeval primed = { .tv_sec = PRIME_WAIT_S };
	struct ip servers[CONF_DNS_MAX];
	struct resolver_settings settings = {
		.servers = servers,
		.server_count =
		    start_name_servers(site->files->conf_bundle, &site->files->conf, servers),
		.dnssec = site->files->conf.setup.dnssec,
		.trust_anchor = anchor,
		.timeout = SECONDS(QUESTION_WAIT_S),
	};
	const struct resolver_events events = { asker, on_answer, on_primed };

	asker->base = event_base_new();
	if (asker->base == NULL || !drop_root(site->users)) {
		snprintf(error, size, "it is not possible to become the daemon's user");
		return false;
	}
	asker->resolver = resolver_new(&settings, asker->base, &events, error, size);
	if (asker->resolver == NULL)
		return false;
	event_base_loopexit(asker->base, &all);
	if (resolver_trust_state(asker->resolver) == RESOLVER_UNPRIMED)
		event_base_once(asker->base, -1, EV_TIMEOUT, on_prime_wait, asker, &primed);
	else
		ask_all(asker);
	event_base_dispatch(asker->base);
	return true;
}

/* Never returns. */
static void be_child(const struct site *site, const struct asked *questions, size_t count, int out)
{
	struct bytes text = start_trust_anchor(site->files->conf_bundle, &site->files->conf);
	struct asker asker = { .questions = questions, .count = count, .out = fdopen(out, "w") };
	char *anchor = new_zeroed(text.len + 1);
	char error[512] = "";

	if (text.len > 0)
		memcpy(anchor, text.data, text.len);
	if (asker.out != NULL && !ask(site, &asker, anchor, error, sizeof(error))) {
		json_t *row = json_pack("{s:s}", "error", error);

		json_dumpf(row, asker.out, JSON_COMPACT);
	}
	if (asker.out != NULL)
		fflush(asker.out);
	_exit(0); /* the resolver's thread and what the parent has in its buffers are left alone */
}

/* ---- The parent ---- */

static void take_answer(const json_t *row, struct asked *asked)
{
	const json_t *rdata = json_object_get(row, "rdata");
	struct buf octets[RECORDS_MAX] = { 0 };
	struct bytes views[RECORDS_MAX];
	struct dns_answer answer = {
		.status = (enum dns_status)json_integer_value(json_object_get(row, "status")),
		.trust = (enum dns_trust)json_integer_value(json_object_get(row, "trust")),
		.ttl_s = (uint32_t)json_integer_value(json_object_get(row, "ttl")),
		.rdata = views,
	};
	json_t *text;
	size_t i;

	json_array_foreach(rdata, i, text)
	{
		struct bytes base64 = BYTES_STR(json_string_value(text));
		ssize_t len;

		if (answer.count == RECORDS_MAX)
			break;
		octets[i] = (struct buf){ new_zeroed(base64.len + 1), base64.len };
		len = base64_read(base64, octets[i].data, base64.len);
		views[answer.count++] = BYTES(octets[i].data, len < 0 ? 0 : (size_t)len);
	}
	record_set_read(&asked->set, asked->type, &answer);
	for (i = 0; i < answer.count; i++)
		buf_free(&octets[i]);
}

static void take_line(const json_t *row, struct asked *questions, size_t count,
                      enum ask_trust *trust, char *error, size_t size)
{
	const char *text = json_string_value(json_object_get(row, "error"));
	const json_t *state = json_object_get(row, "trust");
	json_int_t query = json_integer_value(json_object_get(row, "query"));

	if (text != NULL)
		snprintf(error, size, "%s", text);
	else if (json_object_get(row, "query") != NULL && (size_t)query < count)
		take_answer(row, &questions[query]);
	else if (state != NULL)
		*trust = (enum ask_trust)json_integer_value(state);
}

static void read_lines(int fd, struct asked *questions, size_t count, enum ask_trust *trust,
                       char *error, size_t size)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	while (in != NULL && getline(&line, &room, in) > 0) {
		json_t *row = json_loads(line, 0, NULL);

		if (row != NULL)
			take_line(row, questions, count, trust, error, size);
		json_decref(row);
	}
	free(line);
	if (in != NULL)
		fclose(in);
}

bool ask_dns(const struct site *site, struct asked *questions, size_t count, enum ask_trust *trust,
             char *error, size_t size)
{
	int ends[2];
	pid_t pid;

	error[0] = '\0';
	*trust = ASK_UNCHECKED;
	if (pipe(ends) != 0)
		return false;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_child(site, questions, count, ends[1]);
	}
	close(ends[1]);
	read_lines(ends[0], questions, count, trust, error, size);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	for (size_t i = 0; i < count; i++)
		record_set_time_out(&questions[i].set);
	return error[0] == '\0' && pid > 0;
}
