#include "util/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

enum { REFUSED = 42 };

static void *thread_main(void *ctx)
{
	return ctx;
}

/* What the daemon goes on doing. */
static int do_allowed(void)
{
	pthread_t thread;
	int ok = pthread_create(&thread, NULL, thread_main, NULL) == 0 &&
	         pthread_join(thread, NULL) == 0;

	return ok && socket(AF_INET, SOCK_DGRAM, 0) >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0 &&
	               socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socket(AF_NETLINK, SOCK_RAW, 0) >= 0
	           ? 0
	           : 1;
}

static int do_execute(void)
{
	execl("/bin/true", "true", NULL);
	return 1;
}

static int do_setuid(void)
{
	return setuid(getuid()) == 0 ? 1 : 2;
}

static int do_other_family(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT &&
	               socket(AF_BLUETOOTH, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT
	           ? 0
	           : 1;
}

static int status_of(int (*run)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		char error[128];

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(sandbox_enter(error, sizeof(error)) ? run() : REFUSED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void what_the_daemon_needs_goes_on(void **state)
{
	assert_int_equal(status_of(do_allowed), 0);
	assert_int_equal(status_of(do_other_family), 0);
}

static void executing_ends_the_process(void **state)
{
	static int (*const cases[])(void) = { do_execute, do_setuid };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = status_of(cases[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_daemon_needs_goes_on),
		cmocka_unit_test(executing_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
