#include "signer/crash_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/prf.h"

static struct secret refuse(const char *path, const char *what)
{
	fprintf(stderr, "wildswan-signer: %s: %s\n", path, what);
	return (struct secret){ 0 };
}

/* A file that others may read, or could have written, is no secret. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

/* What is there, or a new one. It is written at once, or a token that is given out today could not
 * be said again after a crash. */
static bool read_or_make(int fd, struct secret *secret)
{
	if (pread(fd, secret->data, secret->len, 0) == (ssize_t)secret->len)
		return true;
	return RAND_priv_bytes(secret->data, (int)secret->len) == 1 && ftruncate(fd, 0) == 0 &&
	       pwrite(fd, secret->data, secret->len, 0) == (ssize_t)secret->len && fsync(fd) == 0;
}

struct secret crash_secret_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct secret secret;
	bool ok;

	if (fd < 0)
		return refuse(path, strerror(errno));
	if (!is_ours(fd)) {
		close(fd);
		return refuse(path, "others may read or write it; remove it");
	}
	secret = secret_new(CRASH_SECRET_LEN);
	ok = read_or_make(fd, &secret);
	close(fd);
	if (ok)
		return secret;
	secret_free(&secret);
	return refuse(path, strerror(errno));
}

struct buf crash_secret_token(const struct secret *secret, struct bytes data)
{
	uint8_t token[SHA2_256_LEN];

	if (secret->data == NULL || !prf(PRF_HMAC_SHA2_256, secret_view(secret), &data, 1, token))
		return (struct buf){ 0 };
	return buf_copy(BYTES_OF(token));
}
