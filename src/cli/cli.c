#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "control/client.h"

int cli_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("ipsec: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CLI_FAILED;
}

int cli_wrong_words(const struct cli *cli, const char *format, ...)
{
	va_list args;

	fputs("ipsec: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; write ipsec %s%s%s\n", cli->command, cli->usage[0] == '\0' ? "" : " ",
	        cli->usage);
	return CLI_WRONG_WORDS;
}

bool cli_option(struct cli *cli, const char *name)
{
	for (int i = 0; i < cli->count; i++) {
		if (cli->words[i] != NULL && strcmp(cli->words[i], name) == 0) {
			cli->words[i] = NULL;
			return true;
		}
	}
	return false;
}

const char *cli_option_value(struct cli *cli, const char *name)
{
	for (int i = 0; i < cli->count; i++) {
		const char *value;

		if (cli->words[i] == NULL || strcmp(cli->words[i], name) != 0)
			continue;
		cli->words[i] = NULL;
		if (i + 1 == cli->count || cli->words[i + 1] == NULL ||
		    strncmp(cli->words[i + 1], "--", 2) == 0)
			return "";
		value = cli->words[i + 1];
		cli->words[i + 1] = NULL;
		return value;
	}
	return NULL;
}

const char *cli_word(struct cli *cli)
{
	for (int i = 0; i < cli->count; i++) {
		const char *word = cli->words[i];

		if (word != NULL && word[0] != '-') {
			cli->words[i] = NULL;
			return word;
		}
	}
	return NULL;
}

const char *cli_rest(const struct cli *cli)
{
	for (int i = 0; i < cli->count; i++) {
		if (cli->words[i] != NULL)
			return cli->words[i];
	}
	return NULL;
}

bool cli_ask(const struct cli *cli, json_t *request, json_t **result, int *status)
{
	return cli_ask_with(cli, request, -1, result, status);
}

bool cli_ask_with(const struct cli *cli, json_t *request, int fd, json_t **result, int *status)
{
	char error[512];
	json_t *reply = control_request_with(cli->rundir, request, fd, error, sizeof(error));
	int reason = errno;

	json_decref(request);
	if (reply == NULL) {
		cli_fail("%s", error);
		*status = reason == ESRCH ? CLI_NOT_RUNNING : CLI_FAILED;
		return false;
	}
	if (!json_is_true(json_object_get(reply, "ok"))) {
		const char *text = json_string_value(json_object_get(reply, "error"));

		*status =
		    cli_fail("%s", text != NULL ? text : "the daemon refused, without a reason");
		json_decref(reply);
		return false;
	}
	*result = json_incref(json_object_get(reply, "result"));
	if (*result == NULL)
		*result = json_null();
	json_decref(reply);
	return true;
}

int cli_print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	return CLI_DONE;
}

const char *cli_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

bool cli_is_running(const struct cli *cli)
{
	char error[512];
	json_t *request = json_pack("{s:s}", "command", "status");
	json_t *reply = control_request_with(cli->rundir, request, -1, error, sizeof(error));
	bool is_running = reply != NULL || errno != ESRCH;

	json_decref(request);
	json_decref(reply);
	return is_running;
}
