#include "daemon/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"

struct daemon_log {
	pthread_mutex_t lock;
	int fd;
	int later; /* wildswan.log, until stderr is left; or -1 */
	int null;
	bool is_journal;
	bool starts_over;
	struct log_limiter limiter;
};

enum { LINE_MAX_OCTETS = 1280 };

/* FNV-1a over the words without digits. */
static uint64_t kind_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");
		bool counts = word > 0;

		for (size_t i = 0; counts && i < word; i++)
			counts = !isdigit((unsigned char)text[i]);
		for (size_t i = 0; counts && i < word; i++)
			hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
		text += word;
		text += *text == ' ';
	}
	return hash;
}

bool log_limiter_allows(struct log_limiter *limiter, const char *text, struct instant now,
                        unsigned *suppressed)
{
	const int64_t token = SECONDS(1).ns / LOG_PER_S;
	uint64_t words = kind_of(text);
	struct log_kind *kind = &limiter->kinds[words % LOG_KINDS];
	bool is_new = kind->words == 0;

	*suppressed = 0;
	kind->words = words;
	kind->tokens_ns =
	    is_new ? LOG_BURST * token : kind->tokens_ns + instant_since(now, kind->seen).ns;
	if (kind->tokens_ns > LOG_BURST * token)
		kind->tokens_ns = LOG_BURST * token;
	kind->seen = now;
	if (kind->tokens_ns < token) {
		kind->suppressed++;
		return false;
	}
	kind->tokens_ns -= token;
	*suppressed = kind->suppressed;
	kind->suppressed = 0;
	return true;
}

static size_t line_start(char *out, size_t size, bool is_journal, enum log_level level)
{
	static const char *const words[] = { "error: ", "warning: ", "", "debug: " };
	static const char *const levels[] = { "<3>", "<4>", "<6>", "<7>" };
	struct timespec t;
	struct tm tm;
	size_t len;

	if (is_journal)
		return (size_t)snprintf(out, size, "%s", levels[level]);
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return len + (size_t)snprintf(out + len, size - len, ".%03ldZ %s", t.tv_nsec / 1000000,
	                              words[level]);
}

static void start_over(struct daemon_log *log)
{
	struct stat st;

	if (fstat(log->fd, &st) == 0 && st.st_size > LOG_RUN_MAX && ftruncate(log->fd, 0) != 0)
		log->starts_over = false;
}

static void write_line(struct daemon_log *log, enum log_level level, const char *text,
                       unsigned suppressed)
{
	char line[LINE_MAX_OCTETS];
	size_t len = line_start(line, sizeof(line), log->is_journal, level);
	int n = snprintf(line + len, sizeof(line) - len - 1, "%s", text);
	ssize_t written;

	len += n > 0 ? (size_t)n : 0;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	if (suppressed > 0) {
		n = snprintf(line + len, sizeof(line) - len - 1, " (and %u like it)", suppressed);
		len = n > 0 && len + (size_t)n < sizeof(line) - 1 ? len + (size_t)n : len;
	}
	line[len++] = '\n';
	if (log->starts_over)
		start_over(log);
	/* A reader that went away, or a full disk, is no reason to stop a gateway. */
	written = write(log->fd, line, len);
	(void)written;
}

static void on_line(void *ctx, enum log_level level, const char *text)
{
	struct daemon_log *log = ctx;
	unsigned suppressed;

	pthread_mutex_lock(&log->lock);
	if (log_limiter_allows(&log->limiter, text, clock_now(), &suppressed))
		write_line(log, level, text, suppressed);
	pthread_mutex_unlock(&log->lock);
}

/* systemd says which device and inode its stream has (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *name = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat st;

	return name != NULL && sscanf(name, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

struct daemon_log *daemon_log_new(void)
{
	struct daemon_log *log = new_zeroed(sizeof(*log));

	pthread_mutex_init(&log->lock, NULL);
	log->fd = STDERR_FILENO;
	log->later = -1;
	log->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log->is_journal = stderr_is_journal();
	return log;
}

void daemon_log_free(struct daemon_log *log)
{
	if (log == NULL)
		return;
	if (log->fd != STDERR_FILENO)
		close(log->fd);
	if (log->later >= 0)
		close(log->later);
	if (log->null >= 0)
		close(log->null);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

struct log daemon_log_port(struct daemon_log *log)
{
	const char *debug = getenv("WILDSWAN_DEBUG");

	return (struct log){ .ctx = log,
		             .level = debug != NULL && *debug != '\0' ? LOG_DEBUG : LOG_INFO,
		             .line = on_line };
}

static bool log_move(struct daemon_log *log, int fd)
{
	if (fd < 0)
		return false;
	if (log->fd != STDERR_FILENO)
		close(log->fd);
	log->fd = fd;
	log->is_journal = false;
	return true;
}

enum { LOG_FLAGS = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY };

bool daemon_log_to_file(struct daemon_log *log, const char *path)
{
	if (strcmp(path, "-") == 0)
		return true;
	return log_move(log, open(path, LOG_FLAGS, 0640));
}

bool daemon_log_open_background(struct daemon_log *log, int dir)
{
	struct stat st;

	if (log->fd != STDERR_FILENO || log->is_journal)
		return true;
	if (fstat(STDERR_FILENO, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return true;
	log->later = openat(dir, "wildswan.log", LOG_FLAGS, 0640);
	return log->later >= 0;
}

void daemon_log_to_background(struct daemon_log *log)
{
	if (log->later >= 0)
		log->starts_over = log_move(log, log->later);
	log->later = -1;
}

void daemon_log_leave_stderr(const struct daemon_log *log)
{
	if (log->null >= 0) {
		dup2(log->null, STDIN_FILENO);
		dup2(log->null, STDOUT_FILENO);
	}
	/* A failed assertion writes to stderr itself, and must be found. */
	if (log->fd != STDERR_FILENO)
		dup2(log->fd, STDERR_FILENO);
}
