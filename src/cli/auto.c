/* ipsec auto: one conn at a time, as FreeS/WAN has it, and the list of them. */
#include <stdio.h>

#include "cli/files.h"

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
		printf("; %s%s%s; type %s, failureshunt %s, auto %s\n",
		       is(conn, "added") ? "added" : "not added",
		       is(conn, "routed") ? ", routed" : "", is(conn, "up") ? ", up" : "",
		       cli_text(conn, "type"), cli_text(conn, "failureshunt"),
		       cli_text(conn, "auto"));
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

	if (!files_read_conf(cli, &files))
		return false;
	json_object_set_new(request, "conf", bundle_to_json(files.conf_bundle));
	files_wipe(&files);
	return true;
}

static int act(struct cli *cli, const char *action)
{
	bool reads_files = strcmp(action, "add") == 0 || strcmp(action, "replace") == 0;
	const char *name = cli_word(cli);
	json_t *request, *result;
	int status;

	if (name == NULL)
		return cli_wrong_words(cli, "which conn? its name is missing");
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "one action and one conn at a time");
	request = json_pack("{s:s, s:s, s:s}", "command", "auto", "action", action, "name", name);
	if (reads_files && !add_files(cli, request)) {
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
	if (cli_option(cli, "--status"))
		return print_status(cli);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		char option[16];

		snprintf(option, sizeof(option), "--%s", actions[i]);
		if (cli_option(cli, option))
			return act(cli, actions[i]);
	}
	return cli_wrong_words(cli, "what shall be done with which conn?");
}
