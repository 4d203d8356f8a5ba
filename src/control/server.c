#include "control/server.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FINISH_MS = 1000 };

struct client {
	struct control_server *server;
	struct client *next;
	struct client **place;
	struct event *readable;
	struct evbuffer *input;
	struct bufferevent *stream; /* for replies: a bufferevent cannot receive descriptors */
	int passed;                 /* a descriptor that came along, or -1 */
	bool may_change;
	bool is_asked;   /* had its one request */
	bool is_waiting; /* for control_server_answer() */
};

struct control_server {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct control_command *commands;
	void *ctx;
	uid_t owner;
	struct timeval stall;
	struct client *clients;
	unsigned client_count;
	struct client *running;
};

static int listen_failed(int fd, const char *path, char *error, size_t size)
{
	snprintf(error, size, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int control_listen(const char *rundir, char *error, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;
	mode_t before;
	int bound;

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, rundir) >=
	    sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return listen_failed(-1, rundir, error, size);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlink(addr.sun_path) != 0 && errno != ENOENT))
		return listen_failed(fd, addr.sun_path, error, size);
	before = umask(0177);
	bound = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(before);
	if (bound != 0 || listen(fd, CONTROL_CLIENTS_MAX) != 0)
		return listen_failed(fd, addr.sun_path, error, size);
	return fd;
}

static void client_free(struct client *client)
{
	*client->place = client->next;
	if (client->next != NULL)
		client->next->place = client->place;
	client->server->client_count--;
	if (client->passed >= 0)
		close(client->passed);
	event_free(client->readable);
	evbuffer_free(client->input);
	bufferevent_free(client->stream);
	free(client);
}

static void send_reply(struct client *client, json_t *reply)
{
	static const char no_text[] = "{\"ok\":false,\"error\":\"the reply is no text\"}";
	char *text = control_dump(reply);
	const char *line = text != NULL ? text : no_text;

	json_decref(reply);
	bufferevent_write(client->stream, line, strlen(line));
	bufferevent_write(client->stream, "\n", 1);
	control_dump_free(text);
}

static void send_error(struct client *client, const char *text)
{
	send_reply(client, json_pack("{s:b, s:s}", "ok", 0, "error", text));
}

static const struct control_command *command_find(const struct control_server *server,
                                                  const char *name)
{
	for (const struct control_command *c = server->commands; c->name != NULL; c++) {
		if (name != NULL && strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static void command_run(struct client *client, const struct control_command *command,
                        const json_t *request)
{
	struct text error = { 0 };
	json_t *result;

	client->server->running = client;
	result = command->run(client->server->ctx, request, &error);
	client->server->running = NULL;
	if (result == CONTROL_LATER)
		client->is_waiting = true;
	else if (result == NULL)
		send_error(client, error.s != NULL ? error.s : "refused");
	else
		send_reply(client, json_pack("{s:b, s:o}", "ok", 1, "result", result));
	text_free(&error);
}

static void request_run(struct client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	const struct control_command *command = command_find(client->server, name);

	if (command == NULL)
		send_error(client,
		           "the daemon does not know this command; are ipsec and wildswand of "
		           "one version?");
	else if (command->changes && !client->may_change)
		send_error(client, "only root may change anything; try again as root");
	else
		command_run(client, command, request);
}

static void on_line(struct client *client, char *line, size_t len)
{
	json_t *request = json_loadb(line, len, 0, NULL);

	free(line);
	client->is_asked = true;
	event_remove_timer(client->readable);
	if (json_is_object(request))
		request_run(client, request);
	else
		send_error(client, "a request is one line with a JSON object");
	json_decref(request);
}

/* False: the client is gone. */
static bool take_line(struct client *client)
{
	size_t len;
	char *line;

	if (client->is_asked) {
		evbuffer_drain(client->input, evbuffer_get_length(client->input));
		return true;
	}
	line = evbuffer_readln(client->input, &len, EVBUFFER_EOL_LF);
	if (line != NULL)
		on_line(client, line, len);
	return line != NULL || evbuffer_get_length(client->input) < CONTROL_REQUEST_MAX;
}

/* One descriptor may come along; more are closed. */
static void take_descriptors(struct client *client, struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	size_t count;
	int fds[8];

	if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	assert(count <= ARRAY_LEN(fds));
	memcpy(fds, CMSG_DATA(head), count * sizeof(int));
	for (size_t i = 0; i < count; i++) {
		if (client->passed < 0)
			client->passed = fds[i];
		else
			close(fds[i]);
	}
}

static ssize_t receive(struct client *client, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct evbuffer_iovec room;
	struct iovec data;
	struct msghdr message = { .msg_iov = &data,
		                  .msg_iovlen = 1,
		                  .msg_control = &control,
		                  .msg_controllen = sizeof(control) };
	ssize_t n;

	if (evbuffer_reserve_space(client->input, 65536, &room, 1) != 1)
		return -1;
	data = (struct iovec){ room.iov_base, room.iov_len };
	n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n >= 0)
		take_descriptors(client, &message);
	room.iov_len = n > 0 ? (size_t)n : 0;
	evbuffer_commit_space(client->input, &room, 1);
	return n;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct client *client = ctx;
	ssize_t n;

	if ((what & EV_TIMEOUT) != 0) {
		client_free(client);
		return;
	}
	n = receive(client, fd);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && client->is_asked)
		event_del(client->readable); /* it may still read: its reply is on its way */
	else if (n <= 0 || !take_line(client))
		client_free(client);
}

int control_server_take_fd(struct control_server *server)
{
	struct client *client = server->running;
	int fd = client != NULL ? client->passed : -1;

	if (client != NULL)
		client->passed = -1;
	return fd;
}

static void on_written(struct bufferevent *stream, void *ctx)
{
	struct client *client = ctx;

	if (client->is_asked && !client->is_waiting)
		client_free(client);
}

static void on_gone(struct bufferevent *stream, short what, void *ctx)
{
	client_free(ctx);
}

static bool may_change(const struct control_server *server, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == server->owner);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
                      int len, void *ctx)
{
	static const struct timeval wait = { .tv_sec = CONTROL_LINE_WAIT_S };
	struct control_server *server = ctx;
	struct bufferevent *stream = NULL;
	struct client *client;

	if (server->client_count < CONTROL_CLIENTS_MAX)
		stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (stream == NULL) {
		close(fd);
		return;
	}
	client = new_zeroed(sizeof(*client));
	*client = (struct client){ .server = server,
		                   .next = server->clients,
		                   .place = &server->clients,
		                   .input = evbuffer_new(),
		                   .stream = stream,
		                   .passed = -1,
		                   .may_change = may_change(server, fd) };
	if (server->clients != NULL)
		server->clients->place = &client->next;
	server->clients = client;
	server->client_count++;
	client->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, client);
	assert(client->input != NULL && client->readable != NULL);
	bufferevent_setcb(stream, NULL, on_written, on_gone, client);
	bufferevent_set_timeouts(stream, NULL, &server->stall);
	bufferevent_disable(stream, EV_READ);
	bufferevent_enable(stream, EV_WRITE);
	event_add(client->readable, &wait);
}

void control_server_set_stall(struct control_server *server, unsigned ms)
{
	server->stall = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

struct control_server *control_server_new(struct event_base *base, int fd,
                                          const struct control_command *commands, void *ctx)
{
	struct control_server *server = new_zeroed(sizeof(*server));

	server->base = base;
	server->commands = commands;
	server->ctx = ctx;
	server->owner = geteuid();
	control_server_set_stall(server, CONTROL_STALL_S * 1000);
	server->listener = evconnlistener_new(base, on_accept, server,
	                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (server->listener == NULL) {
		close(fd);
		free(server);
		return NULL;
	}
	return server;
}

void control_server_answer(struct control_server *server, json_t *result)
{
	for (struct client *c = server->clients; c != NULL; c = c->next) {
		if (c->is_waiting)
			send_reply(c, json_pack("{s:b, s:O}", "ok", 1, "result", result));
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What it takes within the time that is left of all clients' one second. */
static void flush(struct client *client, int64_t end_ms)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);
	int fd = bufferevent_getfd(client->stream);

	event_del(client->readable);
	bufferevent_disable(client->stream, EV_READ | EV_WRITE);
	evbuffer_unfreeze(output, 1);
	while (evbuffer_get_length(output) > 0) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		int64_t left_ms = end_ms - now_ms();

		if (left_ms < 0 || poll(&wait, 1, (int)left_ms) <= 0 ||
		    evbuffer_write(output, fd) <= 0)
			return;
	}
}

void control_server_finish(struct control_server *server)
{
	int64_t end_ms = now_ms() + FINISH_MS;

	for (struct client *c = server->clients; c != NULL; c = c->next)
		flush(c, end_ms);
}

void control_server_free(struct control_server *server)
{
	if (server == NULL)
		return;
	while (server->clients != NULL)
		client_free(server->clients);
	evconnlistener_free(server->listener);
	free(server);
}
