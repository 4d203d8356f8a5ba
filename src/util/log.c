#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_line(const struct log *log, enum log_level level, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (log == NULL || log->line == NULL || level > log->level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* What strangers write (names from DNS, identities) must not forge a second line. */
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	log->line(log->ctx, level, text);
}
