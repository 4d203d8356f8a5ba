#include "util/test.h"

#include <unistd.h>

#include "control/start.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/wildswan-test-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void the_daemon_parses_what_the_caller_read(void **state)
{
	struct bundle *bundle = bundle_new();
	struct conf conf = { 0 };
	struct conf_messages messages = { 0 };
	char text[512];
	struct ip servers[CONF_DNS_MAX];
	json_t *json;
	int fd;

	snprintf(text, sizeof(text),
	         "version 2\ninclude %s/more.conf\nconfig setup\n\tdns=192.0.2.53\n"
	         "\ttrust-anchor=%s/root.key\n",
	         dir, dir);
	put("ipsec.conf", text);
	put("more.conf", "conn us\n\tleft=%defaultroute\n\tright=%opportunistic\n\tauto=route\n");
	put("root.key", ". IN DS 1 2 3 00\n");
	assert_true(start_read_conf(bundle, dir, false, &conf, &messages));
	assert_int_equal(conf.conn_count, 2); /* and clear, with the name server */
	conf_wipe(&conf);

	json = bundle_to_json(bundle);
	bundle_free(bundle);
	fd = start_pack(json);
	json_decref(json);
	assert_true(fd >= 0);
	remove_dir(NULL);

	json = start_unpack(fd);
	bundle = bundle_from_json(json);
	json_decref(json);
	close(fd);
	assert_non_null(bundle);
	assert_true(start_replay_conf(bundle, false, &conf, &messages));
	assert_int_equal(conf.conn_count, 2); /* and clear, with the name server */
	assert_string_equal(conf.conns[0].name, "us");
	assert_int_equal(start_name_servers(bundle, &conf, servers), 1);
	assert_string_equal(ip_text(&servers[0]).s, "192.0.2.53");
	assert_true(
	    bytes_equal(start_trust_anchor(bundle, &conf), BYTES_STR(". IN DS 1 2 3 00\n")));
	conf_wipe(&conf);
	conf_messages_wipe(&messages);
	bundle_free(bundle);
	make_dir(NULL);
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
	struct bundle *bundle = bundle_new();
	struct conf conf = { 0 };
	struct conf_messages messages = { 0 };

	assert_false(start_read_conf(bundle, dir, false, &conf, &messages));
	assert_non_null(strstr(messages.errors.s, "/ipsec.conf: No such file"));
	assert_int_equal(messages.error_count, 1);
	conf_messages_wipe(&messages);
	bundle_free(bundle);
}

static void readiness_is_one_line(void **state)
{
	static const struct {
		const char *line;
		bool ok;
		const char *error;
	} cases[] = {
		{ "ready\n", true, "" },
		{ "error: port 500 is taken\n", false, "port 500 is taken" },
		{ "", false, "wildswand ended at once; look into its log" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char error[128] = "";
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], cases[i].line, strlen(cases[i].line)),
		                 (ssize_t)strlen(cases[i].line));
		close(fds[1]);
		assert_int_equal(start_wait(fds[0], error, sizeof(error)), cases[i].ok);
		assert_string_equal(error, cases[i].error);
		close(fds[0]);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_daemon_parses_what_the_caller_read),
		CASE(a_missing_file_is_an_error_that_names_it),
		CASE(readiness_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
