#pragma once
/*
 * The words of ipsec.secrets, and where its entries begin and end: each in the first column, with
 * indented lines after it.
 */
#include "config/message.h"
#include "config/secrets.h"

enum { WORD_LEN_MAX = 8191 };

enum token { TOKEN_WORD, TOKEN_STRING, TOKEN_END_OF_ENTRY, TOKEN_WRONG };

/* One file being read, and the word just read from it. */
struct scan {
	struct secrets *out;
	const struct conf_reader *reader;
	struct conf_messages *messages;
	unsigned *files; /* read so far, in all */
	unsigned depth;
	const uint8_t *at;
	const uint8_t *end;
	struct place place;
	unsigned word_line; /* of the last word read: what messages are about */
	bool in_braces;
	char *word; /* WORD_LEN_MAX + 1; wiped at the end of the file */
};

/* Says what is wrong, at the line of the last word; false, for the caller to return. */
bool scan_fail(struct scan *s, const char *subject, const char *what);
bool scan_is_blank(uint8_t c);
/*
 * Skips white space, comments and line ends to the next word of the entry. False at its end: before
 * a line that is not indented (inside braces there is no such end) or at the end of the file.
 */
bool scan_to_word(struct scan *s);
/* Skips what is left of a broken entry, of which something was read: to where the next begins. */
void scan_skip_entry(struct scan *s);
/* The next word of the entry, into `word`, without quotes. TOKEN_WRONG: it was said why. */
enum token scan_next(struct scan *s);
/* Of the file being read; the caller frees. */
char *scan_directory(const struct scan *s);
