/* ipsec auto: one conn at a time, as FreeS/WAN has it, and the list of them. */
#include <stdio.h>

#include "cli/cli.h"

static const char *const actions[] = {
	"add", "delete", "replace", "route", "unroute", "up", "down"
};

static void print_conns(const json_t *conns)
{
	json_t *conn;
	size_t i;

	json_array_foreach(conns, i, conn)
	{
		printf("%-20s %s...%s%s%s, type %s, failureshunt %s, auto %s\n",
		       cli_text(conn, "name"), cli_text(conn, "left"), cli_text(conn, "right"),
		       json_is_true(json_object_get(conn, "routed")) ? ", routed" : "",
		       json_is_true(json_object_get(conn, "up")) ? ", up" : "",
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

static int act(struct cli *cli, const char *action)
{
	const char *name = cli_word(cli);
	json_t *result;
	int status;

	if (name == NULL)
		return cli_wrong_words(cli, "which conn? its name is missing");
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "one action and one conn at a time");
	if (!cli_ask(
		cli,
		json_pack("{s:s, s:s, s:s}", "command", "auto", "action", action, "name", name),
		&result, &status))
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
