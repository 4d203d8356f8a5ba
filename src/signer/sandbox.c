#include "signer/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 }; /* the sanitizers need far more memory and system calls */
#else
enum { IS_SANITIZED = 0 };
#endif

static bool complain(const char *what)
{
	fprintf(stderr, "wildswan-signer: %s: %s\n", what, strerror(errno));
	return false;
}

/* Best effort: without the limit lifted, locking would turn into failed allocations later. */
static void lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (!IS_SANITIZED && geteuid() == 0 && setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

static bool close_the_rest(int last)
{
	return close_range((unsigned)last + 1, ~0U, 0) == 0;
}

static bool drop_user(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return geteuid() == uid && getegid() == gid;
	errno = EINVAL;
	if (uid == 0 || gid == 0)
		return false; /* a key holder that is root holds everything */
	for (int capability = 0; capability <= 63; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	/* Leaving user 0 clears the permitted, effective and ambient capabilities. */
	return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	       setresuid(uid, uid, uid) == 0;
}

static const int calls_allowed[] = {
	SCMP_SYS(read),           SCMP_SYS(write),        SCMP_SYS(close),
	SCMP_SYS(exit),           SCMP_SYS(exit_group),   SCMP_SYS(futex),
	SCMP_SYS(getrandom),      SCMP_SYS(brk),          SCMP_SYS(munmap),
	SCMP_SYS(mremap),         SCMP_SYS(madvise),      SCMP_SYS(clock_gettime),
	SCMP_SYS(getpid),         SCMP_SYS(gettid),       SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(poll),
	SCMP_SYS(ppoll),          SCMP_SYS(recvmsg),      SCMP_SYS(restart_syscall),
	SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
};

static bool allow_calls(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	for (size_t i = 0; i < sizeof(calls_allowed) / sizeof(calls_allowed[0]); i++) {
		int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls_allowed[i], 0);

		/* Some do not exist on every architecture. */
		if (result != 0 && result != -EDOM)
			return false;
	}
	/* Memory, as long as it is data. */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0;
}

static bool filter_calls(void)
{
	scmp_filter_ctx filter;
	bool ok;

	if (IS_SANITIZED)
		return true;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	ok = filter != NULL && allow_calls(filter) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
}

bool sandbox_enter(int last_fd, uid_t uid, gid_t gid)
{
	const struct rlimit none = { 0, 0 };

	lock_memory();
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return complain("no limit on cores");
	if (!close_the_rest(last_fd))
		return complain("inherited files");
	if (!drop_user(uid, gid))
		return complain("cannot become the user of the signer");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return complain("prctl");
	return filter_calls() || complain("seccomp");
}
