/* ipsec forget: a Destination may lose its protection, or have another key, from now on. */
#include <stdio.h>

#include "cli/cli.h"

int forget_command(struct cli *cli)
{
	const char *address = cli_word(cli);
	json_t *result;
	int status;

	if (address == NULL || cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "which address?");
	if (!cli_ask(cli, json_pack("{s:s, s:s}", "command", "forget", "address", address), &result,
	             &status))
		return status;
	json_decref(result);
	return CLI_DONE;
}
