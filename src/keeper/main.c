/*
 * wildswan-keeper CONFS UID GID CRASH-SECRET: the signer's parent, and the only process that stays
 * root.
 *
 * The daemon starts it with two connected sockets: descriptor 3 speaks control/keeper_wire.h,
 * descriptor 4 is the signer's stream and goes on to it. The keeper starts the signer under UID and
 * GID, with its file CRASH-SECRET, and reads ipsec.conf and ipsec.secrets in the directory CONFS
 * when it is asked to, or told by SIGHUP. Daemon, keeper and signer end together. Exit status: 0
 * ended, 1 failed, 2 wrong words.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/start.h"
#include "keeper/keeper.h"
#include "keeper/sandbox.h"

enum { DAEMON_FD = 3, STREAM_FD = 4 };

static volatile sig_atomic_t hangup;

static void on_hangup(int number)
{
	hangup = 1;
}

/* Ctrl-C, a closed terminal, the end of the service: the daemon's business, who ends in order. */
static void take_signals(sigset_t *waiting)
{
	struct sigaction action = { .sa_handler = on_hangup };
	sigset_t blocked;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &blocked, waiting);
	sigdelset(waiting, SIGHUP);
	(void)sigaction(SIGHUP, &action, NULL);
}

/* In the child: the stream as 3 and the keeper's socket as 4. */
static void signer_exec(const char *program, int socket, char **argv)
{
	char name[] = "wildswan-signer";
	char *const words[] = { name, argv[2], argv[3], argv[4], NULL };
	char *const environment[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(STREAM_FD, 3) == 3 && dup2(socket, 4) == 4) {
		close_range(5, ~0U, 0);
		execve(program, words, environment);
	}
	_exit(1);
}

/* The keeper's end of its socket to the signer, or -1. */
static int signer_start(char **argv, pid_t *child)
{
	char program[4096];
	int ends[2];

	if (!start_program("wildswan-signer", program, sizeof(program)) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	*child = fork();
	if (*child == 0)
		signer_exec(program, ends[1], argv);
	close(ends[1]);
	close(STREAM_FD); /* or the daemon would not see that the signer ended */
	if (*child > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

int main(int argc, char **argv)
{
	struct keeper keeper = { .daemon = DAEMON_FD, .hangup = &hangup };
	pid_t child = -1;

	if (argc != 5 || fcntl(DAEMON_FD, F_GETFD) < 0 || fcntl(STREAM_FD, F_GETFD) < 0) {
		fprintf(stderr, "wildswan-keeper: the daemon starts this: wildswan-keeper CONFS UID"
		                " GID FILE, with sockets as descriptors 3 and 4\n");
		return 2;
	}
	take_signals(&keeper.waiting);
	keeper.confs = argv[1];
	keeper.signer = signer_start(argv, &child);
	if (keeper.signer < 0) {
		fprintf(stderr, "wildswan-keeper: wildswan-signer cannot be started: %s\n",
		        strerror(errno));
		return 1;
	}
	if (!sandbox_enter())
		return 1;
	keeper_run(&keeper);
	close(keeper.daemon);
	close(keeper.signer);
	(void)waitpid(child, NULL, 0);
	return 0;
}
