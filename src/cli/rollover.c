/*
 * ipsec auto --rollover: the next host key is the current one from now on.
 *
 * Its line of ipsec.secrets loses the -NEXT and goes before the line of the key it follows, which
 * stays until somebody takes it out: signatures of both verify for as long as both are published.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/hostkey.h"

enum { SECRETS_FILE_MAX = 4 << 20 };

static const char *const words[] = { "RSA", "ED25519", "ECDSA" };

/* One line of the file, or nothing. */
struct line {
	size_t at, len; /* with its newline */
	size_t word;    /* of `words` */
	size_t suffix;  /* where -NEXT stands, or 0 */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* ": RSA name" or ": RSA-NEXT name", with identities before the colon or without. */
static bool line_read(struct bytes text, size_t at, struct line *out)
{
	const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
	struct bytes line;
	const uint8_t *colon;
	size_t i;

	*out = (struct line){ .at = at };
	out->len = end == NULL ? text.len - at : (size_t)(end - text.data) - at + 1;
	line = BYTES(text.data + at, out->len);
	colon = memchr(line.data, ':', line.len);
	if (is_blank(line.data[0]) || line.data[0] == '#' || colon == NULL)
		return false;
	for (i = (size_t)(colon - line.data) + 1; i < line.len && is_blank(line.data[i]);)
		i++;
	for (out->word = 0; out->word < ARRAY_LEN(words); out->word++) {
		size_t len = strlen(words[out->word]);

		if (line.len - i <= len ||
		    strncasecmp((const char *)line.data + i, words[out->word], len) != 0)
			continue;
		if (line.len - i > len + 5 &&
		    strncasecmp((const char *)line.data + i + len, "-NEXT", 5) == 0 &&
		    is_blank(line.data[i + len + 5]))
			out->suffix = i + len;
		if (out->suffix > 0 || is_blank(line.data[i + len]) || line.data[i + len] == '{')
			return true;
	}
	return false;
}

static bool line_find(struct bytes text, size_t word, bool is_next, struct line *out)
{
	for (size_t at = 0; at < text.len; at += out->len)
		if (line_read(text, at, out) && (out->suffix > 0) == is_next &&
		    (word == ARRAY_LEN(words) || out->word == word))
			return true;
	return false;
}

/* With the indented lines behind it: a key may be written out there. */
static void line_extend(struct bytes text, struct line *line)
{
	size_t end = line->at + line->len;

	while (end < text.len && is_blank(text.data[end])) {
		const uint8_t *newline = memchr(text.data + end, '\n', text.len - end);

		end = newline == NULL ? text.len : (size_t)(newline - text.data) + 1;
	}
	line->len = end - line->at;
}

/* The file with its lines in their new order. */
static struct secret rewrite(struct bytes text, const struct line *next)
{
	struct secret out = secret_new(text.len + 1);
	struct writer w = writer_on(out.data, out.len);
	struct line current;
	size_t end = next->at + next->len;
	size_t place = next->at;

	if (line_find(text, next->word, false, &current) && current.at < next->at)
		place = current.at;
	write_bytes(&w, BYTES(text.data, place));
	write_bytes(&w, BYTES(text.data + next->at, next->suffix));
	write_bytes(&w, BYTES(text.data + next->at + next->suffix + 5,
	                      next->len - next->suffix - 5));
	if (text.data[end - 1] != '\n')
		write_u8(&w, '\n');
	write_bytes(&w, BYTES(text.data + place, next->at - place));
	write_bytes(&w, BYTES(text.data + end, text.len - end));
	out.len = w.len;
	return out;
}

/* Where the file itself is. */
static bool find_file(const char *link, char *path, size_t size)
{
	char *real = realpath(link, NULL);
	bool fits = real != NULL && strlen(real) < size;

	if (fits)
		string_copy(path, size, real);
	free(real);
	return fits;
}

static bool read_file(const char *path, struct secret *out, struct stat *is)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && fstat(fd, is) == 0 && is->st_size > 0 &&
	          is->st_size < SECRETS_FILE_MAX;

	if (ok) {
		*out = secret_new((size_t)is->st_size);
		ok = read(fd, out->data, out->len) == (ssize_t)out->len;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Beside it and then over it: nobody ever finds half a file. */
static bool write_file(const char *path, struct bytes text, const struct stat *as)
{
	char fresh[4100];
	bool ok;
	int fd;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && fchown(fd, as->st_uid, as->st_gid) == 0 &&
	     fchmod(fd, as->st_mode & 0777) == 0 && files_write_all(fd, text);
	if (fd >= 0)
		close(fd);
	ok = ok && rename(fresh, path) == 0;
	if (!ok)
		cli_fail("%s: %s", fresh, strerror(errno));
	return ok;
}

static int roll(const struct cli *cli, size_t word)
{
	CLEANUP(secret_free) struct secret text = { 0 };
	CLEANUP(secret_free) struct secret fresh = { 0 };
	struct stat is;
	struct line next;
	char path[4000], link[PATH_MAX];

	/* A link stays one: what it points to is written anew. */
	snprintf(link, sizeof(link), "%s/ipsec.secrets", cli->confs);
	if (!find_file(link, path, sizeof(path)) || !read_file(path, &text, &is))
		return cli_fail("%s: cannot be read", link);
	if (!line_find(secret_view(&text), word, true, &next))
		return cli_fail("there is no next key in %s; make one with ipsec newhostkey --next, "
		                "publish it, and wait for the TTL of the old record",
		                path);
	line_extend(secret_view(&text), &next);
	fresh = rewrite(secret_view(&text), &next);
	if (!write_file(path, secret_view(&fresh), &is))
		return CLI_FAILED;
	printf("the next %s key is the current one; the old one stays in %s until you take its line "
	       "out\n",
	       words[next.word], path);
	return CLI_DONE;
}

int rollover_command(struct cli *cli)
{
	const char *type = cli_option_value(cli, "--type");
	size_t word = ARRAY_LEN(words);
	int lock, status;

	for (size_t i = 0; type != NULL && i < ARRAY_LEN(words); i++)
		if (strcasecmp(type, words[i]) == 0)
			word = i;
	if (type != NULL && word == ARRAY_LEN(words))
		return cli_wrong_words(cli, "--type is rsa, ed25519 or ecdsa");
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	lock = files_lock(cli);
	if (lock < 0)
		return cli_fail("%s: %s", cli->confs, strerror(errno));
	status = roll(cli, word);
	close(lock);
	if (status != CLI_DONE)
		return status;
	/* One that does not run will read it when it starts. */
	return cli_is_running(cli) ? reload_command(cli) : CLI_DONE;
}
