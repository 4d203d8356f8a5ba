/*
 * wildswand: started by `ipsec start` as control/start.h says.
 *
 *      wildswand --rundir DIR --bundle FD --secrets FD [--ready FD]
 *
 * Exit status: 0 stopped, 1 failed, 2 wrong words.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "daemon/privileges.h"
#include "daemon/sandbox.h"

enum { LIST_LARGE = 1 << 20 };

struct arguments {
	const char *rundir;
	int bundle;
	int secrets;
	int ready; /* -1: in the foreground */
};

static bool arguments_parse(int argc, char **argv, struct arguments *out)
{
	*out = (struct arguments){ .bundle = -1, .secrets = -1, .ready = -1 };
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--rundir") == 0)
			out->rundir = argv[i + 1];
		else if (strcmp(argv[i], "--bundle") == 0)
			out->bundle = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--secrets") == 0)
			out->secrets = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--ready") == 0)
			out->ready = atoi(argv[i + 1]);
		else
			return false;
	}
	return argc % 2 == 1 && out->rundir != NULL && out->bundle > STDERR_FILENO &&
	       out->secrets > STDERR_FILENO;
}

/* To whoever started us, or to the log. */
static int refuse(const struct arguments *args, const struct daemon *d, const char *error)
{
	if (args->ready >= 0)
		dprintf(args->ready, "error: %.*s\n", (int)strcspn(error, "\n"), error);
	else
		log_line(&d->log, LOG_ERROR, "%s", error);
	return 1;
}

static struct configuration *read_bundle(const struct arguments *args, const struct daemon *d,
                                         struct text *error)
{
	json_t *json = start_unpack(args->bundle);
	struct configuration *conf =
	    configuration_read(json, args->secrets, d->users.daemon, error);

	json_decref(json);
	close(args->bundle);
	return conf;
}

static bool open_background(const struct arguments *args, struct daemon *d, char *error,
                            size_t size)
{
	if (args->ready < 0)
		return true;
	if (daemon_log_open_background(d->log_to, d->run.dir))
		return true;
	snprintf(error, size, "RUNDIR/wildswan.log cannot be written; set log=FILE");
	return false;
}

static bool enter_sandbox(const struct daemon *d, char *error, size_t size)
{
	if (d->conf->conf.setup.seccomp)
		return sandbox_enter(error, size);
	log_line(&d->log, LOG_WARNING, "seccomp=no: the daemon may make any system call");
	return true;
}

static bool come_up(const struct arguments *args, struct daemon *d, char *error, size_t size)
{
	struct text reason = { 0 };
	struct configuration *conf;
	bool keeps_state = getenv("IPSEC_RUNDIR") != NULL;

	if (geteuid() != 0) {
		snprintf(error, size, "wildswand must be started as root; it does not stay root");
		return false;
	}
	if (!start_users(&d->users, error, size))
		return false;
	conf = read_bundle(args, d, &reason);
	if (conf == NULL) {
		snprintf(error, size, "%s", reason.s);
		text_free(&reason);
		return false;
	}
	privileges_prepare();
	if (args->ready >= 0)
		(void)!setsid();
	return daemon_open(d, args->rundir, keeps_state, conf, error, size) &&
	       privileges_drop(&d->users, error, size) && open_background(args, d, error, size) &&
	       enter_sandbox(d, error, size) && daemon_start(d, error, size);
}

int main(int argc, char **argv)
{
	struct arguments args;
	struct daemon d = { .run = RUNDIR_UNOPENED, .control_fd = -1 };
	char error[1024] = "";
	int status;

	if (!arguments_parse(argc, argv, &args)) {
		fprintf(stderr, "wildswand: ipsec start starts this: "
		                "wildswand --rundir DIR --bundle FD --secrets FD "
		                "[--ready FD]\n");
		return 2;
	}
	umask(022);
	/* Lists of all peers are made and freed again and again: their pages go back at once, which
	 * glibc does not do by itself once it has seen such sizes. */
	mallopt(M_MMAP_THRESHOLD, LIST_LARGE);
	d.log_to = daemon_log_new();
	d.log = daemon_log_port(d.log_to);
	if (!come_up(&args, &d, error, sizeof(error))) {
		refuse(&args, &d, error);
		daemon_free(&d);
		return 1;
	}
	/* Its lock is what counts; a full disk keeps no gateway down. */
	if (!rundir_write_pid(&d.run))
		log_line(&d.log, LOG_WARNING, "%s/wildswan.pid: %s; it has no process number",
		         d.run.path, strerror(errno));
	if (args.ready >= 0)
		daemon_log_to_background(d.log_to);
	log_line(&d.log, LOG_INFO, "wildswan " WILDSWAN_VERSION " is ready");
	notify_systemd("READY=1");
	if (args.ready >= 0) {
		daemon_log_leave_stderr(d.log_to);
		dprintf(args.ready, "ready\n");
		close(args.ready);
	}
	status = daemon_run(&d);
	daemon_free(&d);
	daemon_log_free(d.log_to);
	return status;
}
