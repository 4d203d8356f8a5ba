/* ipsec reload: reads everything as the caller and hands it to the daemon, which checks it anew. */
#include "cli/files.h"

int reload_command(struct cli *cli)
{
	struct files files;
	json_t *request;
	json_t *result;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (!files_read(cli, &files))
		return CLI_FAILED;
	request = files_to_json(&files);
	files_wipe(&files);
	json_object_set_new(request, "command", json_string("reload"));
	if (!cli_ask(cli, request, &result, &status))
		return status;
	json_decref(result);
	return CLI_DONE;
}
