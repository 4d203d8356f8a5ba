#include "cli/turn.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_FLAGS = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };

/* Nobody else can open it. */
static bool is_ours_alone(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

int turn_take(const struct cli *cli)
{
	size_t len = strlen(cli->rundir);
	char path[4096];
	int fd;

	while (len > 1 && cli->rundir[len - 1] == '/')
		len--;
	snprintf(path, sizeof(path), "%.*s.lock", (int)len, cli->rundir);
	fd = open(path, LOCK_FLAGS, 0600);
	if (fd >= 0 && is_ours_alone(fd) && flock(fd, LOCK_EX) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}
