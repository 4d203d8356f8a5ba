#include "control/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static bool write_all(int fd, struct bytes octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.data, octets.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets = BYTES(octets.data + n, octets.len - (size_t)n);
	}
	return true;
}

int sealed_new(struct bytes octets)
{
	int fd = memfd_create("wildswan", MFD_ALLOW_SEALING);

	/* It is made with mode 0777. */
	if (fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0 && write_all(fd, octets) &&
	    lseek(fd, 0, SEEK_SET) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

int sealed_token(int fd)
{
	return open_again(fd, O_PATH);
}

static bool is_ours_alone(int token)
{
	struct stat st;

	return fstat(token, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

int sealed_redeem(int token)
{
	int fd = is_ours_alone(token) ? open_again(token, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || fcntl(fd, F_GET_SEALS) == SEALS)
		return fd;
	close(fd);
	return -1;
}
