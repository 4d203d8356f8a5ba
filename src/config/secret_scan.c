#include "config/secret_scan.h"

#include <stdlib.h>

bool scan_fail(struct scan *s, const char *subject, const char *what)
{
	struct place place = { s->place.file, s->word_line };

	message_error(s->messages, place, subject, "%s", what);
	return false;
}

bool scan_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_line_rest(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

bool scan_to_word(struct scan *s)
{
	while (s->at < s->end) {
		if (*s->at == '\n') {
			s->at++;
			s->place.line++;
			if (s->at < s->end && !s->in_braces && !scan_is_blank(*s->at) &&
			    *s->at != '\n' && *s->at != '#')
				return false;
		} else if (scan_is_blank(*s->at)) {
			s->at++;
		} else if (*s->at == '#') {
			skip_line_rest(s);
		} else {
			return true;
		}
	}
	return false;
}

static bool begins_entry(uint8_t c)
{
	return !scan_is_blank(c) && c != '\n' && c != '#' && c != '}';
}

void scan_skip_entry(struct scan *s)
{
	while (s->at < s->end && !(s->at[-1] == '\n' && begins_entry(*s->at))) {
		if (*s->at == '\n')
			s->place.line++;
		s->at++;
	}
}

static enum token take_word(struct scan *s, const uint8_t *start, size_t len)
{
	if (len > WORD_LEN_MAX || memchr(start, '\0', len) != NULL) {
		scan_fail(s, NULL, "a word is too long or holds a NUL; is this the right file?");
		return TOKEN_WRONG;
	}
	if (len > 0)
		memcpy(s->word, start, len);
	s->word[len] = '\0';
	return TOKEN_WORD;
}

static enum token next_string(struct scan *s, uint8_t quote)
{
	const uint8_t *start = ++s->at;

	while (s->at < s->end && *s->at != quote && *s->at != '\n')
		s->at++;
	if (s->at == s->end || *s->at == '\n') {
		scan_fail(s, NULL, "the quotation does not end on this line");
		return TOKEN_WRONG;
	}
	s->at++;
	if (take_word(s, start, (size_t)(s->at - 1 - start)) == TOKEN_WRONG)
		return TOKEN_WRONG;
	return TOKEN_STRING;
}

enum token scan_next(struct scan *s)
{
	const uint8_t *start;

	if (!scan_to_word(s))
		return TOKEN_END_OF_ENTRY;
	s->word_line = s->place.line;
	if (*s->at == '"' || *s->at == '\'')
		return next_string(s, *s->at);
	start = s->at;
	while (s->at < s->end && !scan_is_blank(*s->at) && *s->at != '\n')
		s->at++;
	return take_word(s, start, (size_t)(s->at - start));
}

char *scan_directory(const struct scan *s)
{
	const char *file = s->place.file;
	const char *slash = strrchr(file, '/');
	char *directory = new_string(file);

	directory[slash == NULL ? 0 : slash == file ? 1 : slash - file] = '\0';
	return directory;
}
