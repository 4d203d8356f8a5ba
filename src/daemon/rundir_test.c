#include "util/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/rundir.h"

static char top[64];
static char path[128];
static char error[256];

static int make_dir(void **state)
{
	strcpy(top, "/tmp/wildswan-test-XXXXXX");
	if (mkdtemp(top) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/run", top);
	return 0;
}

static int remove_dir(void **state)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static struct rundir opened(void)
{
	struct rundir run;

	if (!rundir_open(&run, path, true, getuid(), getgid(), error, sizeof(error)))
		fail_msg("%s", error);
	return run;
}

static bool is_there(const char *name)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	return access(file, F_OK) == 0;
}

static void a_second_daemon_is_refused_while_the_first_lives(void **state)
{
	struct rundir first = opened();
	struct rundir second;

	assert_true(rundir_write_pid(&first));
	assert_false(rundir_open(&second, path, true, getuid(), getgid(), error, sizeof(error)));
	assert_non_null(strstr(error, "running already"));
	rundir_close(&first);
	assert_false(is_there("wildswan.pid"));
	second = opened();
	rundir_close(&second);
}

static void a_missing_parent_is_named(void **state)
{
	struct rundir run;

	snprintf(path, sizeof(path), "%s/no/run", top);
	assert_false(rundir_open(&run, path, true, getuid(), getgid(), error, sizeof(error)));
	assert_non_null(strstr(error, "/no/run: No such file"));
}

/* TRU-1 */
static void an_anchor_is_remembered_across_runs_and_another_is_not(void **state)
{
	struct bytes anchor = BYTES_STR(". IN DS 1");
	struct rundir run = opened();

	assert_false(rundir_was_primed(&run, anchor));
	rundir_set_primed(&run, anchor);
	rundir_close(&run);
	run = opened();
	assert_true(rundir_was_primed(&run, anchor));
	assert_false(rundir_was_primed(&run, BYTES_STR(". IN DS 2")));
	rundir_close(&run);
}

/* Whoever may write in the directory has root open no other file. */
static void a_file_that_has_another_name_is_not_opened(void **state)
{
	struct rundir run = opened();
	char mine[256], other[256];

	rundir_close(&run);
	snprintf(mine, sizeof(mine), "%s/peers", path);
	snprintf(other, sizeof(other), "%s/shadow", top);
	assert_int_equal(rename(mine, other), 0);
	assert_int_equal(link(other, mine), 0);
	run = opened();
	assert_int_equal(run.peers, -1);
	assert_true(run.protected_hosts >= 0);
	rundir_close(&run);
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(mkfifo(mine, 0600), 0);
	run = opened();
	assert_int_equal(run.peers, -1);
	rundir_close(&run);
	snprintf(mine, sizeof(mine), "%s/wildswan.pid", path);
	assert_int_equal(link(other, mine), 0);
	assert_false(rundir_open(&run, path, true, getuid(), getgid(), error, sizeof(error)));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_second_daemon_is_refused_while_the_first_lives),
		CASE(a_missing_parent_is_named),
		CASE(an_anchor_is_remembered_across_runs_and_another_is_not),
		CASE(a_file_that_has_another_name_is_not_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
