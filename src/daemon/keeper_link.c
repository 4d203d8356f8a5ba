#include "daemon/keeper_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/keeper_wire.h"

enum { KEEPER_END_WAIT_MS = 500 };

struct keeper_link {
	int fd;
	int process; /* pidfd: readable when it has ended */
	bool is_reading; /* asked, not answered */
	bool is_wanted;  /* the files may have changed since it was asked */
	struct event *readable;
	struct keeper_events events;
};

/* Whoever waits for the end of `ipsec start`'s output must not wait for us: pipes are let go. */
static void leave_pipes(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (fstat(STDERR_FILENO, &st) != 0 || S_ISFIFO(st.st_mode))
		dup2(null, STDERR_FILENO);
}

/* In the child: only descriptors 0, 1, 2, and the sockets as 3 and 4. */
static void keeper_exec(const char *program, const char *confs, const char *crash_secret,
                        const struct start_users *users, int socket, int stream)
{
	char uid[16];
	char gid[16];
	char name[] = "wildswan-keeper";
	char *const argv[] = { name, (char *)confs, uid, gid, (char *)crash_secret, NULL };
	char *const envp[] = { NULL };

	snprintf(uid, sizeof(uid), "%u", (unsigned)users->signer);
	snprintf(gid, sizeof(gid), "%u", (unsigned)users->signer_group);
	leave_pipes();
	socket = fcntl(socket, F_DUPFD, 5);
	stream = fcntl(stream, F_DUPFD, 5);
	if (dup2(socket, 3) != 3 || dup2(stream, 4) != 4)
		_exit(1);
	close_range(5, ~0u, 0);
	execve(program, argv, envp);
	_exit(1);
}

static struct keeper_link *link_new(int fd, pid_t child)
{
	struct keeper_link *link = new_zeroed(sizeof(*link));

	link->fd = fd;
	link->process = pidfd_open(child, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return link;
}

struct keeper_link *keeper_link_spawn(const char *confs, const char *crash_secret,
                                      const struct start_users *users, int *stream, char *error,
                                      size_t size)
{
	char program[4096];
	int streams[2] = { -1, -1 };
	int sockets[2] = { -1, -1 };
	pid_t child;

	if (!start_program("wildswan-keeper", program, sizeof(program))) {
		snprintf(error, size, "wildswan-keeper is not where wildswand is; install both");
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
		snprintf(error, size, "no sockets for keeper and signer: %s", strerror(errno));
		return NULL;
	}
	child = fork();
	if (child == 0)
		keeper_exec(program, confs, crash_secret, users, sockets[1], streams[1]);
	close(streams[1]);
	close(sockets[1]);
	if (child < 0) {
		snprintf(error, size, "no process for the keeper: %s", strerror(errno));
		close(streams[0]);
		close(sockets[0]);
		return NULL;
	}
	*stream = streams[0];
	return link_new(sockets[0], child);
}

/* Its socket is closed, so it ends now, after the signer; a stuck one is left to init. */
static void keeper_wait(int process)
{
	struct pollfd p = { .fd = process, .events = POLLIN };

	if (poll(&p, 1, KEEPER_END_WAIT_MS) == 1)
		waitid(P_PIDFD, (id_t)process, &(siginfo_t){ 0 }, WEXITED);
	close(process);
}

void keeper_link_free(struct keeper_link *link)
{
	if (link == NULL)
		return;
	if (link->readable != NULL)
		event_free(link->readable);
	close(link->fd);
	keeper_wait(link->process);
	free(link);
}

static void link_lost(struct keeper_link *link)
{
	event_del(link->readable);
	link->events.gone(link->events.ctx);
}

/* One question at a time: what is asked meanwhile is one more behind its answer. Else a storm of
 * signals would fill the sockets, and nothing else got through. */
void keeper_link_read(struct keeper_link *link)
{
	const struct keeper_message message = { .kind = KEEPER_READ, .fds = { -1, -1 } };

	link->is_wanted = link->is_reading;
	if (!link->is_reading) /* gone: an event tells */
		link->is_reading = keeper_send(link->fd, &message);
}

static void on_answer(struct keeper_link *link, struct keeper_message *message)
{
	bool again = link->is_wanted;

	link->is_reading = link->is_wanted = false;
	if (message->kind == KEEPER_FILES && message->fds[0] >= 0 && message->fds[1] >= 0) {
		link->events.files(link->events.ctx, message->fds[0], message->fds[1]);
	} else {
		keeper_message_close(message);
		link->events.trouble(link->events.ctx, message->text);
	}
	if (again)
		keeper_link_read(link);
}

static void on_message(struct keeper_link *link, struct keeper_message *message)
{
	if (message->kind == KEEPER_FILES || message->kind == KEEPER_TROUBLE) {
		on_answer(link, message);
		return;
	}
	keeper_message_close(message);
	if (message->kind == KEEPER_HANGUP)
		keeper_link_read(link);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct keeper_link *link = ctx;
	struct keeper_message message;
	enum keeper_step step = keeper_receive(fd, &message);

	if (step == KEEPER_GONE)
		link_lost(link);
	if (step == KEEPER_MESSAGE)
		on_message(link, &message);
}

bool keeper_link_attach(struct keeper_link *link, struct event_base *base,
                        const struct keeper_events *events)
{
	link->events = *events;
	link->readable = event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
	return link->readable != NULL && event_add(link->readable, NULL) == 0;
}

bool keeper_link_load(struct keeper_link *link, int token, uint32_t set)
{
	const struct keeper_message message = { .kind = KEEPER_LOAD,
		                                .set = set,
		                                .fds = { token, -1 } };

	return keeper_send(link->fd, &message);
}
