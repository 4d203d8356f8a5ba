#include "cli/nft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/steering/names.h"

#define TABLE "inet " STEERING_TABLE

enum { OUTPUT_MAX = 16 << 20 };

/* A file in memory with `text` in it, read from its start. */
static int memory_file(const char *text)
{
	size_t len = strlen(text);
	int fd = memfd_create("nft", MFD_CLOEXEC);

	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, text, len);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		text += n;
		len -= (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void become_nft(char *const *argv, int in, int out)
{
	/* Where a system keeps it, whatever the caller's PATH is. */
	setenv("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(out, STDERR_FILENO) >= 0)
		execvp("nft", argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static void read_output(int fd, struct text *output)
{
	char chunk[65536];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while (output->len < OUTPUT_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
		text_add_bytes(output, BYTES(chunk, (size_t)n));
}

/* Its exit status, 127 if there is no nft, -1 if it could not be run; what it said in `output`. */
static int run(char *const *argv, const char *input, struct text *output)
{
	int in = memory_file(input);
	int out = memfd_create("nft", MFD_CLOEXEC);
	int status = -1;
	pid_t pid = in >= 0 && out >= 0 ? fork() : -1;

	if (pid == 0)
		become_nft(argv, in, out);
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		read_output(out, output);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return status;
}

/* What nft complained about: its first line. */
static bool refused(int status, const struct text *output, char *error, size_t size)
{
	const char *line = output->s != NULL ? output->s : "";

	if (status == 127)
		snprintf(error, size, "nft is missing; install the package nftables");
	else if (status == 126 || status < 0)
		snprintf(error, size, "nft cannot be run; install the package nftables again");
	else if (strstr(line, "Operation not permitted") != NULL)
		snprintf(error, size,
		         "the kernel lets us set no rules of nftables (Operation not permitted); "
		         "this needs CAP_NET_ADMIN");
	else
		snprintf(error, size, "nft refuses the steering: %.*s", (int)strcspn(line, "\n"),
		         line);
	return false;
}

bool nft_load(const char *ruleset, bool only_check, char *error, size_t size)
{
	char *load[] = { (char *)"nft", (char *)"-f", (char *)"-", NULL };
	char *check[] = { (char *)"nft", (char *)"-c", (char *)"-f", (char *)"-", NULL };
	struct text output = { 0 };
	int status = run(only_check ? check : load, ruleset, &output);
	bool ok = status == 0 || refused(status, &output, error, size);

	text_free(&output);
	return ok;
}

bool nft_end_change(char *error, size_t size)
{
	return nft_load("flush set " TABLE " replacing\n", false, error, size);
}

bool nft_has_table(void)
{
	char *argv[] = { (char *)"nft",
		         (char *)"-t",
		         (char *)"list",
		         (char *)"table",
		         (char *)"inet",
		         (char *)STEERING_TABLE,
		         NULL };
	struct text output = { 0 };
	int status = run(argv, "", &output);

	text_free(&output);
	return status == 0;
}

bool nft_delete_table(char *error, size_t size)
{
	return nft_load("add table " TABLE "\ndelete table " TABLE "\n", false, error, size);
}

void nft_list(struct text *out)
{
	/* -n: ports as numbers, -t: no elements of sets. */
	char *argv[] = { (char *)"nft",  (char *)"-n",      (char *)"-t",
		         (char *)"list", (char *)"ruleset", NULL };

	if (run(argv, "", out) != 0)
		text_free(out);
}

bool nft_check_flowtables(char *error, size_t size)
{
	struct text output = { 0 };
	const char *found = NULL;

	nft_list(&output);
	if (output.s != NULL) {
		found = strstr(output.s, "flow add @");
		if (found == NULL)
			found = strstr(output.s, "flow offload @");
	}
	if (found != NULL)
		snprintf(
		    error, size,
		    "the rule \"%.*s\" sends packets past every filter, and past us; take it out "
		    "of the firewall",
		    (int)strcspn(found, "\n"), found);
	text_free(&output);
	return found == NULL;
}
