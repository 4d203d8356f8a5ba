/* ipsec eroute --del, --clear and --try: what an administrator does to eroutes. */
#include <stdio.h>

#include "cli/cli.h"
#include "util/address.h"

/* As the table prints it, with or without "/32". */
static bool host_parse(const char *word, struct ip *out)
{
	struct ip_range range;

	if (word == NULL || !range_parse(word, &range) || !range_is_single(&range))
		return false;
	*out = range.first;
	return true;
}

static int send(struct cli *cli, json_t *request)
{
	json_t *result;
	int status;

	if (!cli_ask(cli, request, &result, &status))
		return status;
	if (json_is_integer(result))
		printf("%lld taken out\n", (long long)json_integer_value(result));
	json_decref(result);
	return CLI_DONE;
}

static int pair_order(struct cli *cli, const char *action)
{
	struct ip source, destination;

	if (!host_parse(cli_word(cli), &source) || !host_parse(cli_word(cli), &destination))
		return cli_wrong_words(cli, "two addresses are needed, as ipsec eroute shows them");
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	return send(cli, json_pack("{s:s, s:s, s:s, s:s}", "command", "eroute-change", "action",
	                           action, "source", ip_text(&source).s, "destination",
	                           ip_text(&destination).s));
}

static int clear(struct cli *cli)
{
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	return send(cli, json_pack("{s:s, s:s}", "command", "eroute-change", "action", "clear"));
}

bool eroute_order(struct cli *cli, int *status)
{
	bool deletes = cli_option(cli, "--del"), clears = cli_option(cli, "--clear");
	bool tries = cli_option(cli, "--try");

	if (!deletes && !clears && !tries)
		return false;
	if (deletes + clears + tries > 1)
		*status = cli_wrong_words(cli, "one action at a time");
	else if (clears)
		*status = clear(cli);
	else
		*status = pair_order(cli, deletes ? "delete" : "try");
	return true;
}
