#include "keeper/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 }; /* the sanitizers need far more memory and system calls */
#else
enum { IS_SANITIZED = 0 };
#endif

static bool complain(const char *what)
{
	fprintf(stderr, "wildswan-keeper: %s: %s\n", what, strerror(errno));
	return false;
}

/* Best effort: without the limit lifted, locking would turn into failed allocations later. */
static void lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (!IS_SANITIZED && setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

static bool drop_capabilities(void)
{
	bool may_read = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH) == 1;

	capng_clear(CAPNG_SELECT_ALL);
	/* In a container without it, files of root are what there is. */
	if (may_read && capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
	                             CAP_DAC_READ_SEARCH) != 0)
		return false;
	return capng_apply(CAPNG_SELECT_BOTH) == 0;
}

static const int calls_allowed[] = {
	SCMP_SYS(read),           SCMP_SYS(write),        SCMP_SYS(close),
	SCMP_SYS(lseek),          SCMP_SYS(fstat),        SCMP_SYS(newfstatat),
	SCMP_SYS(lstat),          SCMP_SYS(stat),         SCMP_SYS(statx),
	SCMP_SYS(access),         SCMP_SYS(faccessat),    SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64),     SCMP_SYS(readlink),     SCMP_SYS(readlinkat),
	SCMP_SYS(memfd_create),   SCMP_SYS(fchmod),       SCMP_SYS(fcntl),
	SCMP_SYS(sendmsg),        SCMP_SYS(recvmsg),      SCMP_SYS(poll),
	SCMP_SYS(ppoll),          SCMP_SYS(wait4),        SCMP_SYS(waitid),
	SCMP_SYS(exit),           SCMP_SYS(exit_group),   SCMP_SYS(futex),
	SCMP_SYS(getrandom),      SCMP_SYS(brk),          SCMP_SYS(munmap),
	SCMP_SYS(mremap),         SCMP_SYS(madvise),      SCMP_SYS(clock_gettime),
	SCMP_SYS(getpid),         SCMP_SYS(gettid),       SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(geteuid),        SCMP_SYS(getuid),
};

static bool allow(scmp_filter_ctx filter, int call, const struct scmp_arg_cmp *if_so)
{
	int result = if_so != NULL ? seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, if_so)
	                           : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);

	/* Some do not exist on every architecture. */
	return result == 0 || result == -EDOM;
}

static bool allow_calls(scmp_filter_ctx filter)
{
	enum { WRITING = O_ACCMODE | O_CREAT | O_TRUNC };
	const struct scmp_arg_cmp reads = SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY);
	const struct scmp_arg_cmp reads_at = SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY);
	const struct scmp_arg_cmp is_data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	for (size_t i = 0; i < sizeof(calls_allowed) / sizeof(calls_allowed[0]); i++) {
		if (!allow(filter, calls_allowed[i], NULL))
			return false;
	}
	return allow(filter, SCMP_SYS(open), &reads) &&
	       allow(filter, SCMP_SYS(openat), &reads_at) &&
	       allow(filter, SCMP_SYS(mmap), &is_data) &&
	       allow(filter, SCMP_SYS(mprotect), &is_data);
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

bool sandbox_enter(void)
{
	const struct rlimit none = { 0, 0 };

	lock_memory();
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return complain("no limit on cores");
	if (!drop_capabilities())
		return complain("capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return complain("prctl");
	return filter_calls() || complain("seccomp");
}
