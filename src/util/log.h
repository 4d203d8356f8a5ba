#pragma once
/*
 * The log port: pure code says a line, the daemon decides where it goes and how often.
 *
 * Levels by consequence: ERROR somebody must act; WARNING something is worse than it should be;
 * INFO one line per decision; DEBUG costs nothing when off. No secret, ever.
 */
#include "util/bytes.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
	void *ctx;
	enum log_level level; /* lines above it are not even formatted */
	void (*line)(void *ctx, enum log_level level, const char *text);
};

/* At most 1023 octets; a longer line is cut. A NULL log or NULL line function drops it. */
void log_line(const struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);
