#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fail(int fd, int reason, char *error, size_t size, const char *text)
{
	snprintf(error, size, "%s", text);
	if (fd >= 0)
		close(fd);
	errno = reason;
	return -1;
}

static int dial(const char *rundir, char *error, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, rundir) >=
	    sizeof(addr.sun_path))
		return fail(-1, ENAMETOOLONG, error, size,
		            "the run directory's name is too long; choose a shorter IPSEC_RUNDIR");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(-1, errno, error, size, "no socket can be made");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		return fail(fd, ESRCH, error, size,
		            "wildswan is not running; start it with: ipsec start");
	if (errno == EACCES || errno == EPERM)
		return fail(fd, EACCES, error, size,
		            "only root may talk to the daemon; try again as root");
	return fail(fd, errno, error, size, "the daemon does not accept connections");
}

static bool wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool send_all(int fd, const char *data, size_t len, int64_t until)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(fd, POLLOUT, until))
				return false;
			continue;
		}
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* The first octet of the request takes the descriptor along. */
static bool send_passed(int fd, int passed, const char *first, int64_t until)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec octet = { (void *)first, 1 };
	struct msghdr message = { .msg_iov = &octet, .msg_iovlen = 1 };

	if (passed >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			                          .cmsg_level = SOL_SOCKET,
			                          .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &passed, sizeof(int));
	}
	while (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
		if ((errno != EAGAIN && errno != EINTR) || !wait_for(fd, POLLOUT, until))
			return false;
	}
	return true;
}

/* The caller frees; NULL if the time is up, the reply too long or the connection broke. */
static char *receive_all(int fd, size_t *len, int64_t until)
{
	size_t size = 65536;
	char *data = malloc(size);

	*len = 0;
	while (data != NULL && wait_for(fd, POLLIN, until)) {
		ssize_t n = recv(fd, data + *len, size - *len, 0);

		if (n == 0)
			return data;
		if (n < 0 && errno != EINTR)
			break;
		*len += n > 0 ? (size_t)n : 0;
		if (*len == size) {
			char *more = size < CONTROL_REPLY_MAX ? realloc(data, size * 2) : NULL;

			if (more == NULL)
				break;
			data = more;
			size *= 2;
		}
	}
	free(data);
	return NULL;
}

static json_t *exchange(int fd, const char *line, int passed, char *error, size_t size)
{
	int64_t until = now_ms() + (int64_t)CONTROL_WAIT_S * 1000;
	json_t *reply;
	char *text;
	size_t len;

	if (!send_passed(fd, passed, line, until) ||
	    !send_all(fd, line + 1, strlen(line + 1), until) || !send_all(fd, "\n", 1, until)) {
		fail(-1, EIO, error, size, "the daemon hung up; look into its log");
		return NULL;
	}
	text = receive_all(fd, &len, until);
	if (text == NULL) {
		fail(-1, ETIMEDOUT, error, size, "the daemon does not answer; look into its log");
		return NULL;
	}
	reply = json_loadb(text, len, 0, NULL);
	free(text);
	if (reply == NULL || !json_is_object(reply)) {
		json_decref(reply);
		fail(-1, EPROTO, error, size, "the daemon hung up; look into its log");
		return NULL;
	}
	return reply;
}

char *control_dump(const json_t *json)
{
	return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

void control_dump_free(char *line)
{
	json_free_t release;

	if (line == NULL)
		return;
	json_get_alloc_funcs(NULL, &release);
	explicit_bzero(line, strlen(line));
	release(line);
}

json_t *control_request(const char *rundir, json_t *request, char *error, size_t size)
{
	return control_request_with(rundir, request, -1, error, size);
}

json_t *control_request_with(const char *rundir, json_t *request, int passed, char *error,
                             size_t size)
{
	char *line = control_dump(request);
	json_t *reply;
	int reason;
	int fd;

	if (line == NULL || strlen(line) >= CONTROL_REQUEST_MAX) {
		control_dump_free(line);
		fail(-1, E2BIG, error, size, "the request is too long for the daemon");
		return NULL;
	}
	fd = dial(rundir, error, size);
	if (fd < 0) {
		reason = errno;
		control_dump_free(line);
		errno = reason;
		return NULL;
	}
	reply = exchange(fd, line, passed, error, size);
	reason = errno;
	control_dump_free(line);
	close(fd);
	errno = reason;
	return reply;
}
