#include "daemon/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/client.h"
#include "crypto/prf.h"
#include "util/text.h"

#define STATE_DIR "/var/lib/wildswan"
#define CRASH_SECRET "crash-secret"
#define PROTECTED "protected"

enum { OPEN_FLAGS = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };

static const char *const our_files[] = {
	CONTROL_SOCKET, "wildswan.pid", "wildswan.log", "primed", "peers", PROTECTED,
	CRASH_SECRET,   ".",            ".."
};

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(our_files); i++) {
		if (strcmp(our_files[i], name) == 0)
			return true;
	}
	return false;
}

static bool holds_only_ours(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool only = list != NULL;

	while (only && (entry = readdir(list)) != NULL)
		only = is_ours(entry->d_name);
	if (list != NULL)
		closedir(list);
	else if (copy >= 0)
		close(copy);
	return only;
}

static bool refuse(char *error, size_t size, const char *path, const char *what)
{
	snprintf(error, size, "%s: %s", path, what);
	return false;
}

static bool open_dir(struct rundir *run, uid_t uid, gid_t gid, char *error, size_t size)
{
	if (mkdir(run->path, 0755) != 0 && errno != EEXIST)
		return refuse(error, size, run->path, strerror(errno));
	run->dir = open(run->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run->dir < 0)
		return refuse(error, size, run->path, strerror(errno));
	if (holds_only_ours(run->dir) && fchown(run->dir, uid, gid) != 0)
		return refuse(error, size, run->path, strerror(errno));
	return true;
}

/* Root opens it for a user who may own the directory: it must be nobody else's file under another
 * name, nor anything that only looks like one. Takes `fd`; -1: it is none. */
static int only_plain(int fd)
{
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1))
		return fd;
	close(fd);
	errno = EEXIST;
	return -1;
}

static bool open_pid(struct rundir *run, char *error, size_t size)
{
	run->pid = only_plain(openat(run->dir, "wildswan.pid", OPEN_FLAGS, 0644));
	if (run->pid < 0)
		return refuse(error, size, "wildswan.pid", strerror(errno));
	if (flock(run->pid, LOCK_EX | LOCK_NB) != 0)
		return refuse(error, size, run->path, "wildswand is running already");
	return true;
}

/* Without it the next start knows less, which is no reason to stop. */
static int open_state(const struct rundir *run, bool keeps_state, const char *name)
{
	char path[128];

	if (keeps_state)
		return only_plain(openat(run->dir, name, OPEN_FLAGS, 0600));
	if (mkdir(STATE_DIR, 0755) != 0 && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", STATE_DIR, name);
	return only_plain(open(path, OPEN_FLAGS, 0600));
}

bool rundir_open(struct rundir *run, const char *path, bool keeps_state, uid_t uid, gid_t gid,
                 char *error, size_t size)
{
	*run = RUNDIR_UNOPENED;
	run->path = path;
	if (!open_dir(run, uid, gid, error, size) || !open_pid(run, error, size)) {
		if (run->pid >= 0)
			close(run->pid);
		if (run->dir >= 0)
			close(run->dir);
		*run = RUNDIR_UNOPENED;
		return false;
	}
	run->state = open_state(run, keeps_state, "primed");
	run->protected_hosts = open_state(run, keeps_state, PROTECTED);
	run->peers = open_state(run, keeps_state, "peers");
	snprintf(run->crash_secret, sizeof(run->crash_secret), "%s/" CRASH_SECRET,
	         keeps_state ? path : STATE_DIR);
	return true;
}

bool rundir_write_pid(struct rundir *run)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	return ftruncate(run->pid, 0) == 0 && pwrite(run->pid, text, (size_t)len, 0) == len;
}

void rundir_close(struct rundir *run)
{
	if (run->dir >= 0) {
		/* Emptied where it cannot be taken out. */
		if (unlinkat(run->dir, "wildswan.pid", 0) != 0 && ftruncate(run->pid, 0) != 0)
			errno = 0;
		unlinkat(run->dir, CONTROL_SOCKET, 0);
		close(run->dir);
	}
	if (run->pid >= 0)
		close(run->pid);
	if (run->state >= 0)
		close(run->state);
	if (run->protected_hosts >= 0)
		close(run->protected_hosts);
	if (run->peers >= 0)
		close(run->peers);
	*run = RUNDIR_UNOPENED;
}

/* A digest of the anchor: another one starts as never primed. */
static bool anchor_mark(struct bytes anchor, char out[2 * SHA2_256_LEN + 1])
{
	uint8_t digest[SHA2_256_LEN];

	if (!sha2_256(&anchor, 1, digest))
		return false;
	hex_write(BYTES_OF(digest), out);
	return true;
}

bool rundir_was_primed(const struct rundir *run, struct bytes anchor)
{
	char mark[2 * SHA2_256_LEN + 1];
	char found[2 * SHA2_256_LEN];

	return run->state >= 0 && anchor_mark(anchor, mark) &&
	       pread(run->state, found, sizeof(found), 0) == (ssize_t)sizeof(found) &&
	       memcmp(mark, found, sizeof(found)) == 0;
}

void rundir_set_primed(const struct rundir *run, struct bytes anchor)
{
	char mark[2 * SHA2_256_LEN + 1];
	ssize_t n = 0;

	if (run->state >= 0 && anchor_mark(anchor, mark))
		n = pwrite(run->state, mark, sizeof(mark) - 1, 0);
	(void)n; /* see open_state() */
}
