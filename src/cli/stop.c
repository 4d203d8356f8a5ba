/*
 * ipsec stop: the daemon takes everything out itself. Where it died, or was stopped before, what it
 * left behind is put in order from the configuration: blocks of private conns stay, unless --open.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/elsewhere.h"
#include "cli/gateway.h"
#include "cli/nft.h"
#include "cli/turn.h"
#include "control/client.h"

static void print_kept_rows(const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->row_count; i++) {
		const struct policy_row *row = &policy->rows[i];

		if (row->is_private)
			printf("conn %s: %s -> %s stays blocked\n", row->name,
			       range_text(&row->local).s, range_text(&row->remote).s);
	}
}

static int clean_up(const struct cli *cli)
{
	struct text leftover = { 0 };
	struct gateway g;
	char error[512];
	bool ok;

	if (!gateway_read_conf(cli, &g))
		return cli_fail(
		    "so it is not known what must stay blocked, and all stays as it is; "
		    "correct that, or open everything with ipsec stop --open");
	steering_leftover(&leftover, &g.plan.steering, &g.plan.policy);
	ok = leftover.s != NULL ? nft_load(leftover.s, false, error, sizeof(error)) &&
	                              nft_end_change(error, sizeof(error))
	                        : nft_delete_table(error, sizeof(error));
	steering_routes_down(&g.plan.steering);
	if (ok)
		print_kept_rows(&g.plan.policy);
	text_free(&leftover);
	gateway_wipe(&g);
	return ok ? CLI_DONE : cli_fail("%s", error);
}

static int open_up(void)
{
	const struct steering_settings settings = { .device = PLAN_DEVICE,
		                                    .marks = engine_marks_of(ENGINE_MARK_MASK),
		                                    .route_table = PLAN_ROUTE_TABLE,
		                                    .rule_priority = PLAN_RULE_PRIORITY };
	char error[512];

	steering_routes_down(&settings);
	return nft_delete_table(error, sizeof(error)) ? CLI_DONE : cli_fail("%s", error);
}

/* No daemon answers: is anything of it left? */
static int stop_dead(const struct cli *cli, bool open)
{
	if (geteuid() != 0 || !nft_has_table())
		return CLI_DONE;
	if (elsewhere_runs())
		return elsewhere_refuse(cli);
	return open ? open_up() : clean_up(cli);
}

static int stop_running(const json_t *reply)
{
	json_t *kept = json_object_get(json_object_get(reply, "result"), "kept");
	const char *error = json_string_value(json_object_get(reply, "error"));
	json_t *what;
	size_t i;

	if (!json_is_true(json_object_get(reply, "ok")))
		return cli_fail("%s", error != NULL ? error : "the daemon refuses to stop");
	json_array_foreach(kept, i, what)
	{
		if (json_is_string(what))
			puts(json_string_value(what));
	}
	return CLI_DONE;
}

/* False: no daemon answers. */
static bool stop_daemon(const struct cli *cli, bool open, int *status)
{
	json_t *request = json_pack("{s:s, s:b}", "command", "stop", "open", (int)open);
	char error[512];
	json_t *reply = control_request(cli->rundir, request, error, sizeof(error));
	int reason = errno;

	json_decref(request);
	if (reply == NULL && reason == ESRCH)
		return false;
	*status = reply != NULL ? stop_running(reply) : cli_fail("%s", error);
	json_decref(reply);
	return true;
}

int stop_command(struct cli *cli)
{
	bool open = cli_option(cli, "--open");
	int status;
	int fd;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (stop_daemon(cli, open, &status))
		return status;
	/* A start may be under way: what it has put in place is not left over. */
	fd = geteuid() == 0 ? turn_take(cli) : -1;
	if (!stop_daemon(cli, open, &status))
		status = stop_dead(cli, open);
	if (fd >= 0)
		close(fd);
	return status;
}
