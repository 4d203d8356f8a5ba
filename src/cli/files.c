#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/strays.h"
#include "control/handover.h"
#include "control/sealed.h"

/*
 * Lines of messages, each as an error line of ours. Names of files are told relative to the
 * directory they are all in.
 */
void files_print_lines(const struct cli *cli, const char *kind, const char *lines)
{
	size_t len = strlen(cli->confs);

	while (lines != NULL && *lines != '\0') {
		size_t line_len = strcspn(lines, "\n");
		const char *line = lines;

		if (strncmp(line, "ipsec: ", 7) == 0)
			line += 7;
		if (strncmp(line, cli->confs, len) == 0 && line[len] == '/')
			line += len + 1;
		fprintf(stderr, "ipsec: %s%.*s\n", kind, (int)(lines + line_len - line), line);
		lines += line_len + (lines[line_len] == '\n');
	}
}

static void print_messages(const struct cli *cli, struct files *files, struct conf_messages *m)
{
	files_print_lines(cli, "warning: ", m->warnings.s);
	files_print_lines(cli, "", m->errors.s);
	if (m->error_count > CONF_ERRORS_SHOWN)
		cli_fail("%u more errors are not shown", m->error_count - CONF_ERRORS_SHOWN);
	files->warning_count += m->warning_count;
	conf_messages_wipe(m);
}

bool files_read_conf(const struct cli *cli, bool is_start, struct files *out)
{
	struct conf_messages messages = { 0 };
	bool ok;

	out->conf_bundle = bundle_new();
	ok = start_read_conf(out->conf_bundle, cli->confs, is_start, &out->conf, &messages);
	print_messages(cli, out, &messages);
	if (!ok) {
		bundle_free(out->conf_bundle);
		out->conf_bundle = NULL;
	}
	return ok;
}

bool files_read_secrets(const struct cli *cli, bool needs_file, struct files *out)
{
	struct conf_messages messages = { 0 };
	char path[4096];
	bool ok;

	snprintf(path, sizeof(path), "%s/ipsec.secrets", cli->confs);
	if (needs_file && access(path, F_OK) != 0 && errno == ENOENT) {
		cli_fail("%s is missing; make a key with ipsec newhostkey", path);
		return false;
	}
	ok = start_read_secrets(cli->confs, &out->secrets, &messages);
	print_messages(cli, out, &messages);
	return ok;
}

bool files_read(const struct cli *cli, bool is_start, struct files *out)
{
	struct files files = { 0 };
	bool conf_ok = files_read_conf(cli, is_start, &files);
	bool secrets_ok = files_read_secrets(cli, false, &files);

	if (conf_ok && secrets_ok) {
		strays_warn(cli, &files.conf);
		*out = files;
		return true;
	}
	files_wipe(&files);
	return false;
}

size_t files_written_conns(const struct conf *conf)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->conn_count; i++)
		count += !conf->conns[i].is_implied;
	return count;
}

void files_wipe(struct files *files)
{
	conf_wipe(&files->conf);
	secrets_wipe(&files->secrets);
	bundle_free(files->conf_bundle);
	*files = (struct files){ 0 };
}

json_t *files_to_json(const struct files *files)
{
	return json_pack("{s:o, s:o}", "conf", bundle_to_json(files->conf_bundle), "secrets",
	                 handover_describe(&files->secrets));
}

int files_secrets_token(const struct files *files, char *error, size_t size)
{
	int sealed = handover_secrets(&files->secrets, error, size);
	int token = sealed >= 0 ? sealed_token(sealed) : -1;

	if (sealed >= 0 && token < 0)
		snprintf(error, size, "/proc is not there; ipsec needs it");
	if (sealed >= 0)
		close(sealed);
	return token;
}

/* Held from looking to writing, so that two calls at once do not both find room. */
int files_lock(const struct cli *cli)
{
	int fd = open(cli->confs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
}

bool files_write_all(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.data, b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		b = BYTES(b.data + n, b.len - (size_t)n);
	}
	return fsync(fd) == 0;
}
