#include "util/test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/sealed.h"
#include "control/server.h"

static char dir[64];
static struct event_base *base;
static struct control_server *server;
static unsigned runs;

static json_t *echo(void *ctx, const json_t *request, struct text *error)
{
	runs++;
	return json_incref(json_object_get(request, "value"));
}

static json_t *refuse(void *ctx, const json_t *request, struct text *error)
{
	text_add(error, "no conn is named %s", json_string_value(json_object_get(request, "name")));
	return NULL;
}

static json_t *later(void *ctx, const json_t *request, struct text *error)
{
	event_base_loopbreak(base);
	return CONTROL_LATER;
}

/* The size of the file that came along, or -1. */
static json_t *measure(void *ctx, const json_t *request, struct text *error)
{
	int fd = control_server_take_fd(server);
	struct stat st = { .st_size = -1 };

	assert_int_equal(control_server_take_fd(server), -1);
	if (fd >= 0) {
		assert_int_equal(fstat(fd, &st), 0);
		close(fd);
	}
	return json_integer(st.st_size);
}

static const struct control_command commands[] = { { "echo", true, echo },
	                                           { "measure", false, measure },
	                                           { "refuse", false, refuse },
	                                           { "later", true, later },
	                                           { 0 } };

static int open_server(void **state)
{
	char error[256];
	int fd;

	strcpy(dir, "/tmp/wildswan-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	base = event_base_new();
	fd = control_listen(dir, error, sizeof(error));
	server = control_server_new(base, fd, commands, NULL);
	runs = 0;
	return fd < 0;
}

static int close_server(void **state)
{
	char path[128];

	control_server_free(server);
	event_base_free(base);
	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
	unlink(path);
	return rmdir(dir);
}

/* control_request() blocks, so it has a thread; the loop ends when that is done. */
struct caller {
	pthread_t thread;
	const char *request;
	int passed; /* 0: none */
	json_t *reply;
	char error[256];
};

static void *call(void *ctx)
{
	struct caller *c = ctx;
	json_t *request = json_loads(c->request, 0, NULL);

	c->reply = control_request_with(dir, request, c->passed > 0 ? c->passed : -1, c->error,
	                                sizeof(c->error));
	json_decref(request);
	return NULL;
}

static void run_for_ms(int ms)
{
	struct timeval wait = { .tv_usec = ms * 1000 };

	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
}

static void finish(struct caller *c)
{
	while (pthread_tryjoin_np(c->thread, NULL) != 0)
		run_for_ms(5);
}

static void asks(struct caller *c, const char *request)
{
	*c = (struct caller){ .request = request };
	assert_int_equal(pthread_create(&c->thread, NULL, call, c), 0);
}

static void expect_reply(const char *request, const char *expected)
{
	struct caller c;
	char *text;

	asks(&c, request);
	finish(&c);
	assert_non_null(c.reply);
	text = json_dumps(c.reply, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(c.reply);
}

static void a_command_answers_or_says_why_not(void **state)
{
	expect_reply("{\"command\":\"echo\",\"value\":[1,\"\\u00e9\"]}",
	             "{\"ok\":true,\"result\":[1,\"\xc3\xa9\"]}");
	expect_reply("{\"command\":\"refuse\",\"name\":\"x\"}",
	             "{\"ok\":false,\"error\":\"no conn is named x\"}");
}

static void a_long_request_and_reply_arrive_whole(void **state)
{
	enum { LEN = 3 << 20 };
	static char request[LEN + 64];
	struct caller c;
	size_t at = (size_t)sprintf(request, "{\"command\":\"echo\",\"value\":\"");

	memset(request + at, 'x', LEN);
	strcpy(request + at + LEN, "\"}");
	asks(&c, request);
	finish(&c);
	assert_non_null(c.reply);
	assert_int_equal(json_string_length(json_object_get(c.reply, "result")), LEN);
	json_decref(c.reply);
}

static void an_unknown_command_is_said_to_be_so(void **state)
{
	struct caller c;

	asks(&c, "{\"command\":\"fly\"}");
	finish(&c);
	assert_non_null(c.reply);
	assert_true(json_is_false(json_object_get(c.reply, "ok")));
	json_decref(c.reply);
}

static void a_waiting_caller_is_answered_later(void **state)
{
	json_t *result = json_string("done");
	struct caller c;

	asks(&c, "{\"command\":\"later\"}");
	event_base_dispatch(base);
	control_server_answer(server, result);
	control_server_finish(server);
	control_server_free(server);
	server = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK); /* bufferevents close their sockets in the loop */
	pthread_join(c.thread, NULL);
	assert_non_null(c.reply);
	assert_string_equal(json_string_value(json_object_get(c.reply, "result")), "done");
	json_decref(c.reply);
	json_decref(result);
}

static void nobody_listening_is_told_from_trouble(void **state)
{
	json_t *request = json_object();
	char error[256];

	control_server_free(server);
	server = NULL;
	assert_null(control_request(dir, request, error, sizeof(error)));
	assert_int_equal(errno, ESRCH);
	assert_non_null(strstr(error, "not running"));
	json_decref(request);
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void one_client_too_many_is_closed_and_others_stay(void **state)
{
	int fds[CONTROL_CLIENTS_MAX];
	int extra;
	char c;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial();
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	extra = dial();
	run_for_ms(20);
	assert_int_equal(recv(extra, &c, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fds[0], &c, 1, MSG_DONTWAIT), -1);
	close(extra);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	run_for_ms(20);
	expect_reply("{\"command\":\"echo\",\"value\":1}", "{\"ok\":true,\"result\":1}");
}

static void what_is_no_object_runs_nothing(void **state)
{
	static const char *const cases[] = { "\n", "[]\n", "{\"command\":\"echo\"\n", "\xff\n" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = dial();
		char reply[256] = { 0 };

		assert_true(send(fd, cases[i], strlen(cases[i]), 0) > 0);
		run_for_ms(10);
		assert_true(recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT) > 0);
		assert_non_null(strstr(reply, "\"ok\":false"));
		close(fd);
	}
	assert_int_equal(runs, 0);
}

/* As `printf ... | socat - UNIX-CONNECT:...` does. */
static void who_says_that_nothing_more_comes_is_answered(void **state)
{
	static const char request[] = "{\"command\":\"echo\",\"value\":\"%0*d\"}\n";
	enum { LEN = 1 << 20 };
	char *line = new_array(LEN + sizeof(request), 1);
	int len = sprintf(line, request, LEN, 1);
	size_t got = 0;
	ssize_t n = 0;
	int fd = dial();

	for (int sent = 0; sent < len; run_for_ms(2)) {
		n = send(fd, line + sent, (size_t)(len - sent), MSG_DONTWAIT);
		sent += n > 0 ? (int)n : 0;
	}
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run_for_ms(20);
	while ((n = recv(fd, line, LEN, MSG_DONTWAIT)) > 0) {
		got += (size_t)n;
		run_for_ms(2);
	}
	assert_int_equal(n, 0);
	assert_true(got > LEN);
	close(fd);
	free(line);
}

/* Asks for `len` octets and takes none of them. */
static int dial_deaf(size_t len)
{
	char *line = new_array(len + 64, 1);
	int size = sprintf(line, "{\"command\":\"echo\",\"value\":\"%0*d\"}\n", (int)len, 1);
	int fd = dial();

	for (int sent = 0; sent < size; run_for_ms(2)) {
		ssize_t n = send(fd, line + sent, (size_t)(size - sent), MSG_DONTWAIT);

		sent += n > 0 ? (int)n : 0;
	}
	run_for_ms(20);
	free(line);
	return fd;
}

static void clients_that_never_read_hold_up_no_end(void **state)
{
	struct timespec start, end;
	int fds[4];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial_deaf(1 << 20);
	assert_int_equal(runs, ARRAY_LEN(fds));
	clock_gettime(CLOCK_MONOTONIC, &start);
	control_server_finish(server);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - start.tv_sec <= 2);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* They would keep their places, so that nobody else is served any more. */
static void clients_that_never_read_are_closed(void **state)
{
	int fds[CONTROL_CLIENTS_MAX];

	control_server_set_stall(server, 100);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial_deaf(1 << 19);
	assert_int_equal(runs, ARRAY_LEN(fds));
	run_for_ms(200);
	expect_reply("{\"command\":\"echo\",\"value\":1}", "{\"ok\":true,\"result\":1}");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* It takes long, but something at all times. */
static void a_client_that_reads_slowly_gets_it_all(void **state)
{
	enum { LEN = 1 << 20 };
	char part[LEN / 16];
	size_t got = 0;
	ssize_t n;
	int fd;

	control_server_set_stall(server, 100);
	fd = dial_deaf(LEN);
	while ((n = recv(fd, part, sizeof(part), MSG_DONTWAIT)) > 0) {
		got += (size_t)n;
		run_for_ms(30);
	}
	assert_int_equal(n, 0);
	assert_true(got > LEN);
	close(fd);
}

static void the_socket_is_its_owners(void **state)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_descriptor_comes_along_with_its_request(void **state)
{
	struct caller c = { .request = "{\"command\": \"measure\"}",
		            .passed = sealed_new(BYTES_STR("four")) };
	struct caller unasked = { .request = "{\"command\": \"echo\", \"value\": 1}",
		                  .passed = c.passed };

	assert_int_equal(pthread_create(&unasked.thread, NULL, call, &unasked), 0);
	finish(&unasked);
	json_decref(unasked.reply);
	assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
	finish(&c);
	assert_int_equal(json_integer_value(json_object_get(c.reply, "result")), 4);
	json_decref(c.reply);
	close(c.passed);
	expect_reply("{\"command\": \"measure\"}", "{\"ok\":true,\"result\":-1}");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_command_answers_or_says_why_not),
		CASE(a_descriptor_comes_along_with_its_request),
		CASE(a_long_request_and_reply_arrive_whole),
		CASE(an_unknown_command_is_said_to_be_so),
		CASE(a_waiting_caller_is_answered_later),
		CASE(nobody_listening_is_told_from_trouble),
		CASE(one_client_too_many_is_closed_and_others_stay),
		CASE(what_is_no_object_runs_nothing),
		CASE(who_says_that_nothing_more_comes_is_answered),
		CASE(clients_that_never_read_hold_up_no_end),
		CASE(clients_that_never_read_are_closed),
		CASE(a_client_that_reads_slowly_gets_it_all),
		CASE(the_socket_is_its_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
