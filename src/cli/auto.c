/* ipsec auto: one conn at a time, as FreeS/WAN has it, and the list of them. */
#include <stdio.h>
#include <time.h>

#include "cli/files.h"
#include "cli/strays.h"

static const char *const actions[] = {
	"add", "delete", "replace", "route", "unroute", "up", "down"
};

static bool is(const json_t *conn, const char *key)
{
	return json_is_true(json_object_get(conn, key));
}

/* "10.2.1.0/24===192.0.2.1", as ever. */
static void print_end(const json_t *conn, const char *end, const char *subnet)
{
	if (json_is_string(json_object_get(conn, subnet)))
		printf("%s===", cli_text(conn, subnet));
	printf("%s", cli_text(conn, end));
}

/* Of what is not as it should be: how far it is, and why. */
static void print_progress(const json_t *conn)
{
	const char *progress = cli_text(conn, "progress");

	if (strcmp(progress, "failed") != 0 && strcmp(progress, "negotiating") != 0)
		return;
	printf(", %s", progress);
	if (json_is_string(json_object_get(conn, "reason")))
		printf(" (%s)", cli_text(conn, "reason"));
}

static void print_conns(const json_t *conns)
{
	json_t *conn;
	size_t i;

	json_array_foreach(conns, i, conn)
	{
		printf("%-20s ", cli_text(conn, "name"));
		print_end(conn, "left", "leftsubnet");
		printf("...");
		print_end(conn, "right", "rightsubnet");
		printf("; %s%s%s", is(conn, "added") ? "added" : "not added",
		       is(conn, "routed") ? ", routed" : "", is(conn, "up") ? ", up" : "");
		print_progress(conn);
		printf("; type %s, failureshunt %s, auto %s\n", cli_text(conn, "type"),
		       cli_text(conn, "failureshunt"), cli_text(conn, "auto"));
	}
}

static int print_status(struct cli *cli)
{
	bool wants_json = cli_option(cli, "--json");
	json_t *result;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (!cli_ask(cli, json_pack("{s:s}", "command", "conns"), &result, &status))
		return status;
	if (wants_json)
		cli_print_json(result);
	else
		print_conns(result);
	json_decref(result);
	return CLI_DONE;
}

/* What --add and --replace bring: ipsec.conf as it is now, read as whoever calls. */
static bool add_files(const struct cli *cli, json_t *request)
{
	struct files files = { 0 };

	if (!files_read_conf(cli, false, &files))
		return false;
	strays_warn(cli, &files.conf);
	json_object_set_new(request, "conf", bundle_to_json(files.conf_bundle));
	files_wipe(&files);
	return true;
}

static const json_t *conn_named(const json_t *conns, const char *name)
{
	json_t *conn;
	size_t i;

	json_array_foreach(conns, i, conn)
	{
		if (strcmp(cli_text(conn, "name"), name) == 0)
			return conn;
	}
	return NULL;
}

/* What was said on the way, once. */
static void tell_said(const json_t *conn, const char *name, char *said, size_t size)
{
	const char *now = cli_text(conn, "reason");

	if (!json_is_string(json_object_get(conn, "reason")) || strcmp(now, said) == 0)
		return;
	string_copy(said, size, now);
	fprintf(stderr, "conn %s: %s; still trying\n", name, said);
}

/* What came of it: CLI_DONE or CLI_FAILED, or -1: nothing yet. */
static int outcome(const json_t *conn, const char *name, char *said, size_t size)
{
	const char *progress = cli_text(conn, "progress");

	if (strcmp(progress, "negotiating") == 0) {
		tell_said(conn, name, said, size);
		return -1;
	}
	if (strcmp(progress, "failed") == 0)
		return cli_fail("conn %s: failed, %s", name, cli_text(conn, "reason"));
	if (strcmp(progress, "up") != 0)
		return cli_fail("conn %s: taken down meanwhile", name);
	printf("conn %s: up\n", name);
	return CLI_DONE;
}

/* The attempt goes on, whether or not somebody waits for it. */
static int wait_until_up(const struct cli *cli, const char *name)
{
	enum { STEPS = 600 };
	static const struct timespec step = { .tv_nsec = 100000000 };

	char said[256] = "";

	for (int i = 0; i < STEPS; i++) {
		json_t *conns;
		int status;

		if (!cli_ask(cli, json_pack("{s:s}", "command", "conns"), &conns, &status))
			return status;
		status = outcome(conn_named(conns, name), name, said, sizeof(said));
		json_decref(conns);
		if (status >= 0)
			return status;
		nanosleep(&step, NULL);
	}
	return cli_fail("conn %s: %s; the attempt goes on", name,
	                said[0] != '\0' ? said : "no answer yet");
}

static int act(struct cli *cli, const char *action)
{
	bool reads_files = strcmp(action, "add") == 0 || strcmp(action, "replace") == 0;
	bool waits = strcmp(action, "up") == 0 && !cli_option(cli, "--asynchronous");
	const char *name = cli_word(cli);
	json_t *request, *result;
	int status;

	if (name == NULL)
		return cli_wrong_words(cli, "which conn? its name is missing");
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is too much: one action and one conn at a time",
		                       cli_rest(cli));
	request = json_pack("{s:s, s:s, s:s}", "command", "auto", "action", action, "name", name);
	if (reads_files && !add_files(cli, request)) {
		json_decref(request);
		return CLI_FAILED;
	}
	if (!cli_ask(cli, request, &result, &status))
		return status;
	json_decref(result);
	return waits ? wait_until_up(cli, name) : CLI_DONE;
}

static int reread_groups(struct cli *cli)
{
	json_t *request, *result;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	request = json_pack("{s:s, s:s}", "command", "auto", "action", "rereadgroups");
	if (!add_files(cli, request)) {
		json_decref(request);
		return CLI_FAILED;
	}
	if (!cli_ask(cli, request, &result, &status))
		return status;
	json_decref(result);
	return CLI_DONE;
}

int auto_command(struct cli *cli)
{
	if (cli_option(cli, "--rereadgroups"))
		return reread_groups(cli);
	if (cli_option(cli, "--status"))
		return print_status(cli);
	if (cli_option(cli, "--rollover"))
		return rollover_command(cli);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		char option[16];

		snprintf(option, sizeof(option), "--%s", actions[i]);
		if (cli_option(cli, option))
			return act(cli, actions[i]);
	}
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	return cli_wrong_words(cli, "what shall be done with which conn?");
}
