#pragma once
/*
 * What all commands of `ipsec` share: where the gateway's files are, the words of the command line,
 * how errors are told, and questions to the daemon.
 */
#include <jansson.h>

#include "util/bytes.h"

/* Exit statuses. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_WORDS = 2, CLI_NOT_RUNNING = 3 };

struct cli {
	const char *confs;   /* IPSEC_CONFS: directory of ipsec.conf, ipsec.secrets, ipsec.d */
	const char *rundir;  /* IPSEC_RUNDIR */
	const char *command; /* its name and usage, for messages about wrong words */
	const char *usage;
	char **words; /* behind the command; taken ones are NULL */
	int count;
};

/* One line on stderr, "ipsec: ..."; the status to leave with. */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same for a command line that is wrong; adds how to write it. */
int cli_wrong_words(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);

/* Takes the option `name` out of the words; true if it was there. */
bool cli_option(struct cli *cli, const char *name);
/*
 * Takes `name` and the word behind it. NULL if the option is not there, "" if nothing follows it,
 * or another option does.
 */
const char *cli_option_value(struct cli *cli, const char *name);
/* Takes the first word that is left and no option, or NULL. */
const char *cli_word(struct cli *cli);
/* The first word nobody took, or NULL: to be refused. */
const char *cli_rest(const struct cli *cli);

/*
 * Asks the daemon. True: `*result` is its answer, the caller's to release. False: `*status` is what
 * to leave with and the error is told. `request` is released in any case.
 */
MUST_USE bool cli_ask(const struct cli *cli, json_t *request, json_t **result, int *status);
/* Sends a descriptor along, which stays the caller's. */
MUST_USE bool cli_ask_with(const struct cli *cli, json_t *request, int fd, json_t **result,
                           int *status);
/* Whether somebody is there to be asked; says nothing. */
bool cli_is_running(const struct cli *cli);
/* Prints JSON for programs. */
int cli_print_json(const json_t *json);
/* A member as text, "-" if it is not there or null. */
const char *cli_text(const json_t *object, const char *key);

/* ipsec eroute --del, --clear, --try. False: none of them was said. */
bool eroute_order(struct cli *cli, int *status);

/* The commands, one file for each or for a small family. */
int start_command(struct cli *cli);
int stop_command(struct cli *cli);
int status_command(struct cli *cli);
int reload_command(struct cli *cli);
int auto_command(struct cli *cli);
int eroute_command(struct cli *cli);
int look_command(struct cli *cli);
int why_command(struct cli *cli);
int forget_command(struct cli *cli);
int verify_command(struct cli *cli);
int rollover_command(struct cli *cli);
int showhostkey_command(struct cli *cli);
int newhostkey_command(struct cli *cli);
int checkconfig_command(struct cli *cli);
int version_command(struct cli *cli);
