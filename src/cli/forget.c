/* ipsec forget: a Destination may lose its protection, or have another key, from now on. */
#include <stdio.h>

#include "cli/cli.h"
#include "util/address.h"

int forget_command(struct cli *cli)
{
	const char *word = cli_word(cli);
	struct ip address;
	json_t *result;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (word == NULL)
		return cli_wrong_words(cli, "which address?");
	if (!ip_parse(word, &address))
		return cli_wrong_words(cli, "%s is no address", word);
	if (!cli_ask(cli,
	             json_pack("{s:s, s:s}", "command", "forget", "address", ip_text(&address).s),
	             &result, &status))
		return status;
	json_decref(result);
	return CLI_DONE;
}
