/*
 * ipsec start: steering first, so that nothing leaves that must not, then the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/elsewhere.h"
#include "cli/gateway.h"
#include "cli/nft.h"
#include "cli/sysctl.h"
#include "cli/turn.h"
#include "control/client.h"

/* 1 if a daemon answers, 0 if none does, -1 if that cannot be said (and why is told). */
static int is_running(const struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "command", "status");
	char error[512];
	json_t *reply = control_request(cli->rundir, request, error, sizeof(error));
	int reason = errno;

	json_decref(request);
	json_decref(reply);
	if (reply != NULL)
		return 1;
	if (reason == ESRCH)
		return 0;
	cli_fail("%s", error);
	return -1;
}

static bool steer(const struct gateway *g, char *error, size_t size)
{
	struct text ruleset = { 0 };
	bool ok;

	if (!nft_check_flowtables(error, size))
		return false;
	steering_ruleset(&ruleset, &g->plan.steering, &g->plan.policy);
	/* Its sets of ranges are not there at once; the second transaction waits for the first. */
	ok = nft_load(ruleset.s, false, error, size) && nft_end_change(error, size) &&
	     steering_routes_up(&g->plan.steering, error, size);
	text_free(&ruleset);
	return ok;
}

/*
 * The daemon did not come up. What stays is what would stay after a stop: nothing of a private conn
 * leaves. After a crash more may be blocked already, and stays so.
 */
static void steer_back(const struct gateway *g)
{
	struct text leftover = { 0 };
	char error[512];
	bool ok;

	steering_leftover(&leftover, &g->plan.steering, &g->plan.policy);
	ok = leftover.s != NULL ? nft_load(leftover.s, false, error, sizeof(error)) &&
	                              nft_end_change(error, sizeof(error))
	                        : nft_delete_table(error, sizeof(error));
	text_free(&leftover);
	if (!ok)
		cli_fail("%s", error);
	steering_routes_down(&g->plan.steering);
}

/* What the daemon is given, and where it answers (-1: in the foreground it need not). */
struct handed {
	int bundle;
	int secrets;
	int ready;
};

static bool place(int from, int to)
{
	return dup2(from, to) == to;
}

/* In the child: only the descriptors that were promised, under their numbers. */
static void become_daemon(const char *program, const char *rundir, const struct handed *handed)
{
	enum { ABOVE = START_READY_FD + 1 };
	char numbers[3][8];
	bool tells = handed->ready >= 0;
	char *argv[] = { (char *)"wildswand", (char *)"--rundir",
		         (char *)rundir,      (char *)"--bundle",
		         numbers[0],          (char *)"--secrets",
		         numbers[1],          tells ? (char *)"--ready" : NULL,
		         numbers[2],          NULL };
	int bundle = fcntl(handed->bundle, F_DUPFD, ABOVE);
	int secrets = fcntl(handed->secrets, F_DUPFD, ABOVE);
	int ready = tells ? fcntl(handed->ready, F_DUPFD, ABOVE) : -1;

	snprintf(numbers[0], sizeof(numbers[0]), "%d", START_BUNDLE_FD);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", START_SECRETS_FD);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", START_READY_FD);
	if (!place(bundle, START_BUNDLE_FD) || !place(secrets, START_SECRETS_FD) ||
	    (tells && !place(ready, START_READY_FD)))
		return;
	close_range(tells ? ABOVE : START_READY_FD, ~0U, 0);
	execv(program, argv);
}

/* A daemon that did not say `ready` is taken down: it must not become ready behind our back. */
static void take_down(pid_t pid)
{
	kill(pid, SIGTERM);
	for (int i = 0; i < 20; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		usleep(100000); /* there is no event to wait for with a deadline; 2 s at most */
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool run_daemon(const char *program, const char *rundir, struct handed handed, char *error,
                       size_t size)
{
	int ready[2];
	bool ok;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		handed.ready = ready[1];
		become_daemon(program, rundir, &handed);
		dprintf(START_READY_FD, "error: %s: %s\n", program, strerror(errno));
		_exit(126);
	}
	close(ready[1]);
	ok = pid > 0 && start_wait(ready[0], error, size);
	close(ready[0]);
	if (!ok && pid > 0)
		take_down(pid);
	return ok;
}

static bool launch(const struct cli *cli, const struct gateway *g, bool foreground, char *error,
                   size_t size)
{
	json_t *json = files_to_json(&g->files);
	struct handed handed = { .ready = -1 };
	char program[4096];
	char rundir[4096 + 128];
	bool ok = false;

	json_object_set_new(json, "is_start", json_true());
	handed.bundle = start_pack(json);
	json_decref(json);
	handed.secrets = files_secrets_token(&g->files, error, size);
	gateway_rundir(cli, rundir, sizeof(rundir));
	if (handed.bundle < 0) {
		snprintf(error, size, "no memory for the configuration");
	} else if (handed.secrets < 0) {
		ok = false; /* `error` is said */
	} else if (!start_program("wildswand", program, sizeof(program))) {
		snprintf(error, size, "wildswand is not beside ipsec; install both, or build both");
	} else if (foreground) {
		become_daemon(program, rundir, &handed);
		snprintf(error, size, "%.500s: %s", program, strerror(errno));
	} else {
		ok = run_daemon(program, rundir, handed, error, size);
	}
	if (handed.bundle >= 0)
		close(handed.bundle);
	if (handed.secrets >= 0)
		close(handed.secrets);
	return ok;
}

static void warn_of_sysctls(const struct plan *plan)
{
	if (sysctl_keeps_inside(plan, IP_V4))
		fputs("warning: IPv4 is not forwarded, and there are inside hosts of it: sysctl -w "
		      "net.ipv4.ip_forward=1\n",
		      stderr);
	if (sysctl_keeps_inside(plan, IP_V6))
		fputs("warning: IPv6 is not forwarded, and there are inside hosts of it: sysctl -w "
		      "net.ipv6.conf.all.forwarding=1\n",
		      stderr);
}

static int start(const struct cli *cli, bool foreground, bool only_steering)
{
	struct gateway g;
	char error[1024] = "";
	bool was_steered, is_makeshift;
	bool ok;

	if (!gateway_read(cli, only_steering ? GATEWAY_STEER : GATEWAY_START, &g))
		return CLI_FAILED;
	was_steered = nft_has_table();
	ok = steer(&g, error, sizeof(error));
	if (ok && !only_steering) {
		warn_of_sysctls(&g.plan);
		ok = launch(cli, &g, foreground, error, sizeof(error));
		if (!ok && !was_steered)
			steer_back(&g);
	}
	is_makeshift = g.files.conf.is_makeshift;
	gateway_wipe(&g);
	if (!ok)
		return cli_fail("%s", error);
	if (!is_makeshift || only_steering)
		return CLI_DONE;
	return cli_fail("started, but files of policies cannot be used: what they do not clearly "
	                "protect, block or clear is dropped; correct them, then ipsec auto "
	                "--rereadgroups");
}

int start_command(struct cli *cli)
{
	bool foreground = cli_option(cli, "--foreground");
	bool only_steering = cli_option(cli, "--steering");
	int running;
	int status;
	int fd;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (geteuid() != 0)
		return cli_fail("only root can start the gateway; try again as root");
	fd = turn_take(cli); /* the second start waits, and finds the gateway running */
	running = is_running(cli);
	if (running == 1)
		puts("wildswan is running already");
	status = running == 1       ? CLI_DONE
	         : running < 0      ? CLI_FAILED
	         : elsewhere_runs() ? elsewhere_refuse(cli)
	                            : start(cli, foreground, only_steering);
	if (fd >= 0)
		close(fd);
	return status;
}
