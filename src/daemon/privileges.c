#include "daemon/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DESCRIPTORS = 65536, NICE = -10 };

void privileges_prepare(void)
{
	struct rlimit files = { DESCRIPTORS, DESCRIPTORS };
	struct rlimit core = { 0, 0 };

	/* What a container does not grant is done without. */
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)!setrlimit(RLIMIT_CORE, &core);
}

/*
 * The packets we carry the kernel would have forwarded before any process had its turn. What a
 * container does not grant is done without. Where the kernel shares processors between sessions
 * (sched(7), autogroup) the priority of a process counts inside its own session only, so the
 * session's is raised too, if it is ours alone.
 */
static void go_first(void)
{
	int fd;

	(void)!setpriority(PRIO_PROCESS, 0, NICE);
	if (getsid(0) != getpid())
		return;
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!dprintf(fd, "%d", NICE);
	close(fd);
}

bool privileges_drop(const struct start_users *users, char *error, size_t size)
{
	go_first();
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
	                  CAP_NET_ADMIN, CAP_NET_RAW, -1) != 0 ||
	    capng_change_id((int)users->daemon, (int)users->daemon_group,
	                    (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) != 0) {
		snprintf(error, size,
		         "the privileges of root cannot be given up; is this root with all "
		         "capabilities?");
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || geteuid() != users->daemon ||
	    getuid() != users->daemon ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 1) {
		snprintf(error, size, "the privileges of root were not given up as they should");
		return false;
	}
	return true;
}
