/* ipsec reload: reads everything as the caller and hands it to the daemon, which checks it anew. */
#include <unistd.h>

#include "cli/files.h"

int reload_command(struct cli *cli)
{
	struct files files;
	char error[512];
	json_t *request;
	json_t *result;
	int secrets;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (!files_read(cli, false, &files))
		return CLI_FAILED;
	request = files_to_json(&files);
	secrets = files_secrets_token(&files, error, sizeof(error));
	files_wipe(&files);
	if (secrets < 0) {
		json_decref(request);
		return cli_fail("%s", error);
	}
	json_object_set_new(request, "command", json_string("reload"));
	if (!cli_ask_with(cli, request, secrets, &result, &status))
		result = NULL;
	close(secrets);
	if (result == NULL)
		return status;
	files_print_lines(cli, "warning: ", json_string_value(json_object_get(result, "notes")));
	json_decref(result);
	return CLI_DONE;
}
