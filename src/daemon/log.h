#pragma once
/*
 * Where lines go: stderr, the journal behind it, or a file; one event a line, few of a kind.
 *
 * Lines are of one kind when they have the same words apart from those with digits, so that a
 * thousand flows are one kind. A kind may say LOG_BURST lines at once and LOG_PER_S a second after
 * that; what it said beyond is counted, and told with its next line. Any thread may write.
 */
#include "util/log.h"
#include "util/time.h"

enum { LOG_BURST = 50, LOG_PER_S = 5, LOG_KINDS = 256, LOG_RUN_MAX = 16 << 20 };

struct daemon_log;

/* On stderr, with the journal's levels when JOURNAL_STREAM names it, else with the time. */
struct daemon_log *daemon_log_new(void);
void daemon_log_free(struct daemon_log *log);
struct log daemon_log_port(struct daemon_log *log);

/* To the end of this file from now on; "-" stays. False: it cannot be written. */
MUST_USE bool daemon_log_to_file(struct daemon_log *log, const char *path);
/*
 * The daemon goes to the background: if stderr is a pipe, whose reader waits for its end, lines go
 * to `dir`/wildswan.log instead, which starts over at LOG_RUN_MAX octets. It is opened as long as
 * files can be (false: it cannot be written), and used later.
 */
MUST_USE bool daemon_log_open_background(struct daemon_log *log, int dir);
void daemon_log_to_background(struct daemon_log *log);
/* Lets go of what stdin, stdout and stderr were, so that nobody waits for their end. */
void daemon_log_leave_stderr(const struct daemon_log *log);

/* For tests: the octets that were let through, at a given time. */
struct log_limiter {
	struct log_kind {
		uint64_t words; /* hash of them; two kinds in one place share its tokens */
		int64_t tokens_ns;
		struct instant seen;
		unsigned suppressed;
	} kinds[LOG_KINDS];
};
/* May this line be written now? `suppressed` is how many of its kind were not since the last. */
bool log_limiter_allows(struct log_limiter *limiter, const char *text, struct instant now,
                        unsigned *suppressed);
