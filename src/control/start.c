#include "control/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/groups.h"
#include "control/client.h"
#include "control/sealed.h"
#include "util/secret.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* Numbers Debian leaves to the administrator (60000..64999), used where no account was made. */
enum { DAEMON_UID = 64937, SIGNER_UID = 64938, BUNDLE_TEXT_MAX = 32 << 20 };

const char *start_directory(const char *variable, const char *fallback)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0' ? value : fallback;
}

static bool find_user(const char *name, uid_t fallback, uid_t *uid, gid_t *gid, char *error,
                      size_t size)
{
	const struct passwd *account = getpwnam(name);

	if (account != NULL && account->pw_uid != 0) {
		*uid = account->pw_uid;
		*gid = account->pw_gid;
		return true;
	}
	account = getpwuid(fallback);
	if (account != NULL) {
		snprintf(error, size,
		         "uid %u belongs to the account %s; make a system account named %s",
		         (unsigned)fallback, account->pw_name, name);
		return false;
	}
	*uid = fallback;
	*gid = fallback;
	return true;
}

bool start_users(struct start_users *out, char *error, size_t size)
{
	struct start_users users;

	if (!find_user("wildswan", DAEMON_UID, &users.daemon, &users.daemon_group, error, size) ||
	    !find_user("wildswan-signer", SIGNER_UID, &users.signer, &users.signer_group, error,
	               size))
		return false;
	*out = users;
	return true;
}

/* Asked of the real files, this records them; asked of a bundle, it only looks. */
static void read_beside(const struct conf_reader *reader, const struct conf *conf)
{
	struct bytes ignored;
	bool found = bundle_read(reader, conf->setup.trust_anchor, &ignored);

	if (conf->setup.dns_count == 0)
		found = bundle_read(reader, RESOLV_CONF, &ignored) || found;
	(void)found; /* each may be missing; whoever needs it says so */
}

static bool parse_conf(bool is_start, struct conf *conf, const char *path, struct bytes text,
                       const struct conf_reader *reader, struct conf_messages *messages)
{
	return (is_start ? conf_parse_to_start : conf_parse)(conf, path, text, reader, messages);
}

static void add_name_servers(const struct bundle *bundle, struct conf *conf)
{
	struct ip servers[CONF_DNS_MAX];

	groups_add_name_servers(conf, servers, start_name_servers(bundle, conf, servers));
}

bool start_read_conf(struct bundle *bundle, const char *confs, bool is_start, struct conf *conf,
                     struct conf_messages *messages)
{
	struct conf_reader reader = bundle_recorder(bundle, false);
	struct bytes text;
	char path[4096];
	bool ok;

	snprintf(path, sizeof(path), "%s/ipsec.conf", confs);
	if (!bundle_read(&reader, path, &text)) {
		bool is_missing = access(path, F_OK) != 0 && errno == ENOENT;
		const char *why = bundle_complaints(bundle);

		text_add(&messages->errors, "ipsec: %.*s%s\n", (int)strcspn(why, "\n"), why,
		         is_missing ? "; write one (`version 2` alone is good, ipsec.conf(5) has "
		                      "more), or say by IPSEC_CONFS which directory it is in"
		                    : "");
		messages->error_count++;
		return false;
	}
	ok = parse_conf(is_start, conf, path, text, &reader, messages);
	if (messages->error_count > 0) /* why a file could not be read */
		text_add(&messages->errors, "%s", bundle_complaints(bundle));
	if (!ok)
		return false;
	read_beside(&reader, conf);
	add_name_servers(bundle, conf);
	return true;
}

static bool parse_secrets(const char *path, struct bundle *bundle, struct secrets *secrets,
                          struct conf_messages *messages)
{
	struct conf_reader reader = bundle_recorder(bundle, true);
	struct bytes text;

	return bundle_read(&reader, path, &text) &&
	       secrets_parse(secrets, path, text, &reader, messages);
}

bool start_read_secrets(const char *confs, struct secrets *secrets, struct conf_messages *messages)
{
	struct bundle *bundle;
	char path[4096];
	bool ok;

	*secrets = (struct secrets){ 0 };
	snprintf(path, sizeof(path), "%s/ipsec.secrets", confs);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return true;
	bundle = bundle_new();
	ok = parse_secrets(path, bundle, secrets, messages);
	/* A file that was refused for its mode is told there, not in the parser's message. */
	if (!ok)
		text_add(&messages->errors, "%s", bundle_complaints(bundle));
	bundle_free(bundle);
	return ok;
}

bool start_replay_conf(const struct bundle *bundle, bool is_start, struct conf *conf,
                       struct conf_messages *messages)
{
	struct conf_reader reader = bundle_player(bundle);
	const char *path = bundle_main(bundle);
	struct bytes text;

	if (path == NULL || !bundle_read(&reader, path, &text)) {
		text_add(&messages->errors,
		         "ipsec: the configuration that was handed over is empty\n");
		messages->error_count++;
		return false;
	}
	if (!parse_conf(is_start, conf, path, text, &reader, messages))
		return false;
	add_name_servers(bundle, conf);
	return true;
}

static bool name_server(char *line, struct ip *out)
{
	char *rest;
	const char *word = strtok_r(line, " \t\r", &rest);

	if (word == NULL || strcmp(word, "nameserver") != 0)
		return false;
	word = strtok_r(NULL, " \t\r", &rest);
	return word != NULL && ip_parse(word, out);
}

static size_t name_servers_of(struct bytes text, struct ip out[CONF_DNS_MAX])
{
	char *copy = strndup((const char *)text.data, text.len);
	char *rest = copy;
	char *line;
	size_t count = 0;

	while (copy != NULL && count < CONF_DNS_MAX && (line = strsep(&rest, "\n")) != NULL)
		count += name_server(line, &out[count]);
	free(copy);
	return count;
}

size_t start_name_servers(const struct bundle *bundle, const struct conf *conf,
                          struct ip out[CONF_DNS_MAX])
{
	struct conf_reader reader = bundle_player(bundle);
	struct bytes text;

	if (conf->setup.dns_count > 0) {
		memcpy(out, conf->setup.dns, conf->setup.dns_count * sizeof(*out));
		return conf->setup.dns_count;
	}
	if (bundle_read(&reader, RESOLV_CONF, &text))
		return name_servers_of(text, out);
	return 0;
}

struct bytes start_trust_anchor(const struct bundle *bundle, const struct conf *conf)
{
	struct conf_reader reader = bundle_player(bundle);
	struct bytes text = { 0 };

	if (!bundle_read(&reader, conf->setup.trust_anchor, &text))
		return (struct bytes){ 0 };
	return text;
}

bool start_program(const char *name, char *out, size_t size)
{
	static const char *const places[] = { "%s/%s",           "%s/../libexec/wildswan/%s",
		                              "%s/../daemon/%s", "%s/../signer/%s",
		                              "%s/../keeper/%s", "%s/src/daemon/%s",
		                              "%s/src/signer/%s" };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len <= 0)
		return false;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int n = snprintf(out, size, places[i], self, name);
#pragma GCC diagnostic pop
		struct stat st;

		if (n > 0 && (size_t)n < size && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0)
			return true;
	}
	return false;
}

int start_pack(const json_t *json)
{
	char *text = control_dump(json);
	int fd = text != NULL ? sealed_new(BYTES_STR(text)) : -1;

	control_dump_free(text);
	return fd;
}

json_t *start_unpack(int fd)
{
	CLEANUP(secret_free) struct secret text = { 0 };
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > BUNDLE_TEXT_MAX)
		return NULL;
	text = secret_new((size_t)st.st_size);
	while (len < text.len) {
		ssize_t n = pread(fd, text.data + len, text.len - len, (off_t)len);

		if (n <= 0)
			return NULL;
		len += (size_t)n;
	}
	return json_loadb((const char *)text.data, len, 0, NULL);
}

static bool refused(char *error, size_t size, const char *text)
{
	snprintf(error, size, "%s", text);
	return false;
}

bool start_wait(int ready_fd, char *error, size_t size)
{
	char line[1024];
	size_t len = 0;
	struct timespec start;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (len + 1 < sizeof(line) && memchr(line, '\n', len) == NULL) {
		struct pollfd p = { .fd = ready_fd, .events = POLLIN };
		ssize_t n;

		clock_gettime(CLOCK_MONOTONIC, &t);
		int64_t left = START_WAIT_S * 1000 - (t.tv_sec - start.tv_sec) * 1000 -
		               (t.tv_nsec - start.tv_nsec) / 1000000;
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return refused(error, size,
			               "wildswand is not ready in time; look into its log");
		n = read(ready_fd, line + len, sizeof(line) - 1 - len);
		if (n <= 0)
			return refused(error, size, "wildswand ended at once; look into its log");
		len += (size_t)n;
	}
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "ready") == 0)
		return true;
	return refused(error, size, strncmp(line, "error: ", 7) == 0 ? line + 7 : line);
}
