#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 }; /* the sanitizers need far more system calls */
#else
enum { IS_SANITIZED = 0 };
#endif

static const int allowed[] = {
	/* memory, beside mmap and mprotect */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	SCMP_SYS(mincore),
	SCMP_SYS(membarrier),
	/* threads, beside clone; signals, beside rt_sigaction */
	SCMP_SYS(futex),
	SCMP_SYS(futex_waitv),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(getcpu),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	/* time */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(getrusage),
	/* files, beside opening them */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(fstatat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(ftruncate64),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	/* events */
	SCMP_SYS(eventfd),
	SCMP_SYS(eventfd2),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(_newselect),
	SCMP_SYS(pselect6),
	/* sockets, beside opening them */
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
	/* who and where we are */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(setsid),
	SCMP_SYS(umask),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit),
	SCMP_SYS(ugetrlimit),
};

/* Newer ways whose arguments a filter cannot see; libraries then take the older one. */
static const int unknown[] = { SCMP_SYS(clone3), SCMP_SYS(openat2) };

static bool rule(scmp_filter_ctx filter, uint32_t action, int call, const struct scmp_arg_cmp *when)
{
	int result = seccomp_rule_add_array(filter, action, call, when != NULL ? 1 : 0, when);

	/* Some do not exist on every architecture. */
	return result == 0 || result == -EDOM;
}

static bool allow(scmp_filter_ctx filter, int call, struct scmp_arg_cmp when)
{
	return rule(filter, SCMP_ACT_ALLOW, call, &when);
}

static bool allow_simple(scmp_filter_ctx filter)
{
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(allowed); i++)
		ok = rule(filter, SCMP_ACT_ALLOW, allowed[i], NULL);
	for (size_t i = 0; ok && i < ARRAY_LEN(unknown); i++)
		ok = rule(filter, SCMP_ACT_ERRNO(ENOSYS), unknown[i], NULL);
	return ok;
}

/* Files to read, memory for data, threads of ours. */
static bool allow_guarded(scmp_filter_ctx filter)
{
	enum { WRITING = O_ACCMODE | O_CREAT | O_TRUNC };
	enum { THREAD = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND };

	return allow(filter, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY)) &&
	       allow(filter, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY)) &&
	       allow(filter, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       allow(filter, SCMP_SYS(mmap2), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       allow(filter, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       allow(filter, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD, THREAD)) &&
	       allow(filter, SCMP_SYS(sched_setscheduler), SCMP_A1(SCMP_CMP_EQ, SCHED_BATCH)) &&
	       allow(filter, SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0)) && /* only reads */
	       allow(filter, SCMP_SYS(rt_sigaction), SCMP_A0(SCMP_CMP_NE, SIGSYS));
}

static bool allow_among(scmp_filter_ctx filter, int call, bool is_second, const unsigned *values,
                        size_t count)
{
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = allow(filter, call,
		           is_second ? SCMP_A1(SCMP_CMP_EQ, values[i])
		                     : SCMP_A0(SCMP_CMP_EQ, values[i]));
	return ok;
}

static bool allow_chosen(scmp_filter_ctx filter)
{
	enum { NAME_ANONYMOUS_MEMORY = 0x53564d41 }; /* PR_SET_VMA, which glibc 2.38 asks for */
	static const unsigned controls[] = { PR_SET_NAME, PR_GET_NAME, NAME_ANONYMOUS_MEMORY };
	static const unsigned requests[] = { FIONREAD,     FIONBIO,     TCGETS,
		                             SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFMTU,
		                             SIOCGIFFLAGS, SIOCGIFCONF, SIOCGIFADDR };

	return allow_among(filter, SCMP_SYS(prctl), false, controls, ARRAY_LEN(controls)) &&
	       allow_among(filter, SCMP_SYS(ioctl), true, requests, ARRAY_LEN(requests)) &&
	       rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), &SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

/* The library tells families apart by number, so each gap is a rule of its own. */
static bool allow_families(scmp_filter_ctx filter)
{
	static const unsigned used[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	bool ok = allow_among(filter, SCMP_SYS(socket), false, used, ARRAY_LEN(used));
	unsigned next = 0;

	for (unsigned family = 0; ok && family < AF_NETLINK; family++) {
		struct scmp_arg_cmp is_it = SCMP_A0(SCMP_CMP_EQ, family);

		if (family == used[next])
			next++;
		else
			ok = rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), &is_it);
	}
	return ok && rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
	                  &SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
}

static size_t put_number(char *out, unsigned long number)
{
	char digits[24];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	for (size_t i = 0; i < count; i++)
		out[i] = digits[count - 1 - i];
	return count;
}

/* Only what a signal handler may: the process may be in any state, and not be ours any more. */
static void on_violation(int number, siginfo_t *info, void *context)
{
	static const char before[] = "error: wildswand is killed: it made the system call ";
	static const char after[] = ", which it never makes (seccomp)\n";
	char line[sizeof(before) + sizeof(after) + 24];
	size_t len = sizeof(before) - 1;
	ssize_t written;

	memcpy(line, before, len);
	len += put_number(line + len, (unsigned long)info->si_syscall);
	memcpy(line + len, after, sizeof(after) - 1);
	written = write(STDERR_FILENO, line, len + sizeof(after) - 1);
	(void)written;
	/* To take this handler away is the one call that kills at once. */
	(void)signal(SIGSYS, SIG_DFL);
	_exit(1);
}

static bool take_violations(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = on_violation;
	return sigaction(SIGSYS, &action, NULL) == 0;
}

bool sandbox_enter(char *error, size_t size)
{
	scmp_filter_ctx filter;
	bool ok;

	if (IS_SANITIZED)
		return true;
	filter = seccomp_init(SCMP_ACT_TRAP);
	ok = filter != NULL && take_violations() && allow_simple(filter) && allow_guarded(filter) &&
	     allow_chosen(filter) && allow_families(filter) &&
	     rule(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(rt_sigaction),
	          &SCMP_A0(SCMP_CMP_EQ, SIGSYS));
	/* A tree instead of a row: the packet path pays for each comparison. */
	if (ok)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ok = ok && seccomp_load(filter) == 0;
	if (filter != NULL)
		seccomp_release(filter);
	if (!ok)
		snprintf(error, size, "system calls cannot be forbidden; the kernel lacks seccomp");
	return ok;
}
