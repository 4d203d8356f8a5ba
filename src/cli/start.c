/*
 * ipsec start: steering first, so that nothing leaves that must not, then the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/gateway.h"
#include "cli/nft.h"
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
	ok = nft_load(ruleset.s, false, error, size) &&
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
	ok = leftover.s != NULL ? nft_load(leftover.s, false, error, sizeof(error))
	                        : nft_delete_table(error, sizeof(error));
	text_free(&leftover);
	if (!ok)
		cli_fail("%s", error);
	steering_routes_down(&g->plan.steering);
}

/* In the child: only the descriptors that were promised, under their numbers. */
static void become_daemon(const char *program, const char *rundir, int bundle, int ready)
{
	char bundle_text[8];
	char ready_text[8];
	char *argv[] = { (char *)"wildswand", (char *)"--rundir",
		         (char *)rundir,      (char *)"--bundle",
		         bundle_text,         ready >= 0 ? (char *)"--ready" : NULL,
		         ready_text,          NULL };
	int high_bundle = fcntl(bundle, F_DUPFD, START_READY_FD + 1);
	int high_ready = ready >= 0 ? fcntl(ready, F_DUPFD, START_READY_FD + 1) : -1;

	snprintf(bundle_text, sizeof(bundle_text), "%d", START_BUNDLE_FD);
	snprintf(ready_text, sizeof(ready_text), "%d", START_READY_FD);
	if (dup2(high_bundle, START_BUNDLE_FD) < 0)
		return;
	if (ready >= 0 && dup2(high_ready, START_READY_FD) < 0)
		return;
	close_range(ready >= 0 ? START_READY_FD + 1 : START_BUNDLE_FD + 1, ~0U, 0);
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

static bool run_daemon(const char *program, const char *rundir, int bundle, char *error,
                       size_t size)
{
	int ready[2];
	bool ok;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		become_daemon(program, rundir, bundle, ready[1]);
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
	int bundle = start_pack(json);
	char program[4096];
	char rundir[4096 + 128];
	bool ok = false;

	json_decref(json);
	gateway_rundir(cli, rundir, sizeof(rundir));
	if (bundle < 0) {
		snprintf(error, size, "no memory for the configuration");
	} else if (!start_program("wildswand", program, sizeof(program))) {
		snprintf(error, size, "wildswand is not beside ipsec; install both, or build both");
	} else if (foreground) {
		become_daemon(program, rundir, bundle, -1);
		snprintf(error, size, "%.500s: %s", program, strerror(errno));
	} else {
		ok = run_daemon(program, rundir, bundle, error, size);
	}
	if (bundle >= 0)
		close(bundle);
	return ok;
}

static int start(const struct cli *cli, bool foreground, bool only_steering)
{
	struct gateway g;
	char error[1024] = "";
	bool was_steered;
	bool ok;

	if (!gateway_read(cli, only_steering, &g))
		return CLI_FAILED;
	was_steered = nft_has_table();
	ok = steer(&g, error, sizeof(error));
	if (ok && !only_steering) {
		ok = launch(cli, &g, foreground, error, sizeof(error));
		if (!ok && !was_steered)
			steer_back(&g);
	}
	gateway_wipe(&g);
	return ok ? CLI_DONE : cli_fail("%s", error);
}

/* One start at a time: the second waits, and finds the gateway running. */
static int lock(const struct cli *cli)
{
	int fd = open(cli->confs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
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
	fd = lock(cli);
	running = is_running(cli);
	if (running == 1)
		puts("wildswan is running already");
	status = running == 1  ? CLI_DONE
	         : running < 0 ? CLI_FAILED
	                       : start(cli, foreground, only_steering);
	if (fd >= 0)
		close(fd);
	return status;
}
