#include "util/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

enum { REFUSED = 42, SURVIVED = 43 };

static void *thread_main(void *ctx)
{
	return ctx;
}

static int use_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, thread_main, NULL) == 0 &&
	               pthread_join(thread, NULL) == 0
	           ? 0
	           : 1;
}

static int use_sockets(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0 &&
	               socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socket(AF_NETLINK, SOCK_RAW, 0) >= 0
	           ? 0
	           : 1;
}

static int read_file(void)
{
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	char octet;

	return fd >= 0 && read(fd, &octet, 1) >= 0 && close(fd) == 0 ? 0 : 1;
}

static int take_memory(void)
{
	return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	               MAP_FAILED
	           ? 1
	           : 0;
}

static int other_families_fail(void)
{
	static const int families[] = { AF_VSOCK, AF_BLUETOOTH, AF_PACKET, AF_ALG, AF_X25 };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (socket(families[i], SOCK_RAW, 0) >= 0 || errno != EAFNOSUPPORT)
			return 1;
	}
	return 0;
}

static void do_execute(void)
{
	execl("/bin/true", "true", NULL);
}

static void do_fork(void)
{
	if (fork() == 0)
		_exit(0);
}

static void do_setuid(void)
{
	(void)!setuid(getuid());
}

static void do_trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void do_read_others(void)
{
	process_vm_readv(getppid(), NULL, 0, NULL, 0, 0);
}

static void do_write_file(void)
{
	open("/tmp/wildswan-sandbox-test", O_WRONLY);
}

static void do_create_file(void)
{
	open("/tmp/wildswan-sandbox-test", O_CREAT | O_RDONLY, 0600);
}

static void do_map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_turn_into_code(void)
{
	void *data = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(data, 4096, PROT_READ | PROT_EXEC);
}

static void do_mount(void)
{
	mount("none", "/tmp", "tmpfs", 0, NULL);
}

static void do_kill(void)
{
	kill(getppid(), 0);
}

static void do_raise_limits(void)
{
	struct rlimit limit = { 0, 0 };

	setrlimit(RLIMIT_CORE, &limit);
}

static void do_become_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void do_catch_violations(void)
{
	signal(SIGSYS, SIG_IGN);
}

static void do_type_for_others(void)
{
	syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static void do_ring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

/* In a child under the filter, stderr in a pipe; its wait status. */
static int status_of(int (*allowed)(void), void (*forbidden)(void), char said[256])
{
	int status;
	int err[2];
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(err), 0);
	child = fork();
	if (child == 0) {
		char error[128];

		dup2(err[1], STDERR_FILENO);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (!sandbox_enter(error, sizeof(error)))
			_exit(REFUSED);
		if (allowed != NULL)
			_exit(allowed());
		forbidden();
		_exit(SURVIVED);
	}
	close(err[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	n = read(err[0], said, 255);
	said[n > 0 ? n : 0] = '\0';
	close(err[0]);
	return status;
}

static void what_the_daemon_needs_goes_on(void **state)
{
	static int (*const cases[])(void) = { use_thread, use_sockets, read_file, take_memory,
		                              other_families_fail };
	char said[256];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(status_of(cases[i], NULL, said), 0);
}

static void what_it_never_does_ends_it_and_is_said(void **state)
{
	static const struct {
		void (*run)(void);
		long call; /* 0: it ends without a word */
	} cases[] = {
		{ do_execute, SYS_execve },
		{ do_fork, SYS_clone },
		{ do_setuid, SYS_setuid },
		{ do_trace, SYS_ptrace },
		{ do_read_others, SYS_process_vm_readv },
		{ do_write_file, SYS_openat },
		{ do_create_file, SYS_openat },
		{ do_map_code, SYS_mmap },
		{ do_turn_into_code, SYS_mprotect },
		{ do_mount, SYS_mount },
		{ do_kill, SYS_kill },
		{ do_raise_limits, SYS_prlimit64 },
		{ do_become_dumpable, SYS_prctl },
		{ do_catch_violations, 0 },
		{ do_type_for_others, SYS_ioctl },
		{ do_ring, SYS_io_uring_setup },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[64] = "";
		char said[256];
		int status = status_of(NULL, cases[i].run, said);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
		if (cases[i].call != 0)
			snprintf(want, sizeof(want), "system call %ld,", cases[i].call);
		assert_non_null(strstr(said, want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_daemon_needs_goes_on),
		cmocka_unit_test(what_it_never_does_ends_it_and_is_said),
	};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)tests;
	return 0; /* there is no filter then */
#else
	return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
