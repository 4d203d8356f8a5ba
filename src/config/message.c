#include "config/message.h"

#include <stdarg.h>
#include <stdio.h>

enum { SUBJECT_MAX = 100, WHY_MAX = 400 };

/* Appends `s`, cut after `max` characters, without anything a terminal would obey. */
static void add_printable(struct text *t, const char *s, size_t max)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len && i < max; i++)
		text_add(t, "%c", s[i] >= ' ' && s[i] <= '~' ? s[i] : s[i] == '\t' ? ' ' : '?');
	if (len > max)
		text_add(t, "...");
}

static void add_message(struct text *t, struct place at, const char *subject, const char *why)
{
	add_printable(t, at.file, SUBJECT_MAX);
	if (at.line > 0)
		text_add(t, ":%u", at.line);
	text_add(t, ": ");
	if (subject != NULL) {
		add_printable(t, subject, SUBJECT_MAX);
		text_add(t, ": ");
	}
	add_printable(t, why, WHY_MAX);
	text_add(t, "\n");
}

void message_error(struct conf_messages *m, struct place at, const char *subject,
                   const char *format, ...)
{
	char why[WHY_MAX + 1];
	va_list args;

	if (m->error_count++ == 0) {
		m->first_file = new_string(at.file);
		m->first_line = at.line;
	}
	if (m->error_count > CONF_ERRORS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	add_message(&m->errors, at, subject, why);
}

void message_warning(struct conf_messages *m, struct place at, const char *subject,
                     const char *format, ...)
{
	char why[WHY_MAX + 1];
	va_list args;

	m->warning_count++;
	if (m->warning_count > CONF_ERRORS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	add_message(&m->warnings, at, subject, why);
}

const char *word_nearest(const char *word, const char *const *words)
{
	const char *best = words[0];

	for (; *words != NULL; words++) {
		if (text_distance(word, *words) < text_distance(word, best))
			best = *words;
	}
	return best;
}

const char *word_meant(const char *word, const char *const *words)
{
	const char *near = word_nearest(word, words);
	size_t len = strlen(word) > strlen(near) ? strlen(word) : strlen(near);

	return text_distance(word, near) * 2 <= len ? near : NULL;
}
