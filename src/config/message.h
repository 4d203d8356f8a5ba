#pragma once
/*
 * Messages about configuration files, in one form: `FILE:LINE: SUBJECT: what is wrong; what to
 * write`. Whatever the file said is made printable and cut, so that a message stays one line.
 */
#include "config/conf.h"

struct place {
	const char *file;
	unsigned line;
};

/* `subject` as the line has it, "leftsubnet=10.0.0.0/8"; NULL: the message stands alone. */
void message_error(struct conf_messages *m, struct place at, const char *subject,
                   const char *format, ...) PRINTF_LIKE(4, 5);
void message_warning(struct conf_messages *m, struct place at, const char *subject,
                     const char *format, ...) PRINTF_LIKE(4, 5);

/* The word of `words` (ends with NULL, not empty) that is nearest to `word`. */
const char *word_nearest(const char *word, const char *const *words);
/* The same, if `word` may be a slip of it: half of the letters are right; else NULL. */
const char *word_meant(const char *word, const char *const *words);
