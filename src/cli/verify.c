#include "cli/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/gateway.h"
#include "control/client.h"

enum { HOSTS_MAX = 64 };

static void tell(struct verify *v, const char *result, const char *check, const char *advice,
                 const char *format, va_list args)
{
	char what[1024];

	vsnprintf(what, sizeof(what), format, args);
	if (!v->wants_json) {
		printf("%-8s %s: %s%s%s\n", result, check, what, advice != NULL ? "; " : "",
		       advice != NULL ? advice : "");
		fflush(stdout);
	}
	json_array_append_new(v->checks, json_pack("{s:s, s:s, s:s, s:s?}", "check", check,
	                                           "result", result, "what", what, "do", advice));
}

void verify_ok(struct verify *v, const char *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(v, "ok", check, NULL, format, args);
	va_end(args);
}

void verify_warn(struct verify *v, const char *check, const char *advice, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(v, "warning", check, advice, format, args);
	va_end(args);
}

void verify_fail(struct verify *v, const char *check, const char *advice, const char *format, ...)
{
	va_list args;

	v->has_failed = true;
	va_start(args, format);
	tell(v, "failed", check, advice, format, args);
	va_end(args);
}

/* What the daemon says of itself; true if it runs. */
static bool verify_daemon(struct verify *v, const struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "command", "status");
	char error[512];
	json_t *reply = control_request(cli->rundir, request, error, sizeof(error));
	const json_t *status = json_object_get(reply, "result");
	const char *version = cli_text(status, "version");

	json_decref(request);
	if (reply == NULL)
		verify_warn(v, "daemon", NULL, "%s", error);
	else if (strcmp(version, WILDSWAN_VERSION) != 0)
		verify_warn(v, "daemon", "ipsec stop and ipsec start, when it suits",
		            "wildswan %s is running, but %s is installed", version,
		            WILDSWAN_VERSION);
	else
		verify_ok(v, "daemon", "wildswan %s is running", version);
	if (strcmp(cli_text(status, "dnssec"), "unprimed") == 0)
		verify_warn(v, "daemon", "see the check of the trust anchor",
		            "it could not verify the trust anchor yet, so no answer is validated");
	json_decref(reply);
	return reply != NULL;
}

static void verify_configuration(struct verify *v, const struct cli *cli, const struct site *g)
{
	if (g == NULL) {
		verify_fail(v, "configuration", "ipsec checkconfig tells it alone",
		            "%s/ipsec.conf or ipsec.secrets is not good, as said above",
		            cli->confs);
		return;
	}
	verify_ok(v, "configuration", "%s/ipsec.conf is good: %zu conns", cli->confs,
	          files_written_conns(&g->files->conf));
	if (g->plan->own4.family == IP_NONE && g->plan->own6.family == IP_NONE)
		verify_fail(v, "addresses", "give it an address, or name a device in interfaces=",
		            "this gateway has no outer address");
	else
		verify_ok(v, "addresses", "%s%s%s",
		          g->plan->own4.family != IP_NONE ? ip_text(&g->plan->own4).s : "",
		          g->plan->own4.family != IP_NONE && g->plan->own6.family != IP_NONE ? ", "
		                                                                             : "",
		          g->plan->own6.family != IP_NONE ? ip_text(&g->plan->own6).s : "");
}

static int finish(struct verify *v)
{
	if (v->wants_json)
		cli_print_json(v->checks);
	json_decref(v->checks);
	return v->has_failed ? CLI_FAILED : CLI_DONE;
}

/* Addresses of inside hosts; false: wrong words, and they are told. */
static bool take_hosts(struct cli *cli, struct ip *hosts, size_t *count, int *status)
{
	const char *word;

	*count = 0;
	while ((word = cli_word(cli)) != NULL) {
		if (*count == HOSTS_MAX)
			*status = cli_wrong_words(cli, "at most %d addresses at once", HOSTS_MAX);
		else if (!ip_parse(word, &hosts[*count]))
			*status = cli_wrong_words(cli, "%s is no address", word);
		else if (++*count > 0)
			continue;
		return false;
	}
	if (cli_rest(cli) != NULL)
		*status = cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	return cli_rest(cli) == NULL;
}

int verify_command(struct cli *cli)
{
	struct verify v = { .wants_json = cli_option(cli, "--json") };
	struct ip hosts[HOSTS_MAX];
	struct gateway g = { 0 };
	const struct site site = { &g.files, &g.plan, &g.users };
	size_t count;
	bool has_gateway, is_running;
	int status = CLI_DONE;

	if (!take_hosts(cli, hosts, &count, &status))
		return status;
	if (geteuid() != 0)
		return cli_fail("only root can look at the kernel and the keys; try again as root");
	v.checks = json_array();
	has_gateway = gateway_read(cli, false, &g);
	verify_configuration(&v, cli, has_gateway ? &site : NULL);
	is_running = verify_daemon(&v, cli);
	verify_machine(&v, has_gateway ? &site : NULL, is_running);
	if (has_gateway) {
		verify_records(&v, &site, hosts, count);
		gateway_wipe(&g);
	}
	return finish(&v);
}
