/*
 * wildswan-signer UID GID [CRASH-SECRET]: holds the long-term secrets and only signs with them.
 *
 * The keeper starts it as root with connected sockets: descriptor 3, over which the daemon asks as
 * crypto/signer_wire.h says, and descriptor 4, over which the keeper brings the secrets as
 * control/keeper_wire.h says. It ends when one of them closes. Exit status: 0 closed, 1 refused or
 * failed, 2 wrong words.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "signer/sandbox.h"
#include "signer/service.h"

enum { STREAM_FD = 3, KEEPER_FD = 4 };

static bool id_parse(const char *text, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*out = strtoul(text, &end, 10);
	return *end == '\0' && *out < UINT32_MAX;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Whatever the crypto library reads from files, it reads now. */
static bool crypto_start(void)
{
	uint8_t octet;

	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
	       RAND_bytes(&octet, 1) == 1;
}

int main(int argc, char **argv)
{
	struct secret crash_secret = { 0 };
	struct keyring *keyring;
	unsigned long uid;
	unsigned long gid;
	bool ok;

	if (argc < 3 || argc > 4 || !id_parse(argv[1], &uid) || !id_parse(argv[2], &gid) ||
	    !is_socket(STREAM_FD) || !is_socket(KEEPER_FD)) {
		fprintf(stderr, "wildswan-signer: wildswan-keeper starts this: wildswan-signer UID"
		                " GID [FILE], with sockets as descriptors 3 and 4\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C and a closed terminal are the daemon's business; it closes the socket. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	/* It signs when the daemon rests or all that it asks for is there, not in the middle. */
	(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
	if (!crypto_start())
		return 1;
	if (argc == 4)
		crash_secret = crash_secret_open(argv[3]);
	if (!sandbox_enter(KEEPER_FD, (uid_t)uid, (gid_t)gid))
		return 1;
	keyring = keyring_new();
	ok = service_run(STREAM_FD, KEEPER_FD, keyring, &crash_secret);
	keyring_free(keyring);
	secret_free(&crash_secret);
	return ok ? 0 : 1;
}
