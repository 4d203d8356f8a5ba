#include "config/secrets.h"

#include <stdlib.h>
#include <strings.h>

#include "config/message.h"
#include "config/value.h"

enum { WORD_LEN_MAX = 8191, DEPTH_MAX = 10, FILES_MAX = 256, PEM_MAX = 1 << 16 };

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

static bool fail(struct scan *s, const char *subject, const char *what)
{
	struct place place = { s->place.file, s->word_line };

	message_error(s->messages, place, subject, "%s", what);
	return false;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_line_rest(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

/*
 * Skips white space, comments and line ends to the next word of the entry. False at its end: before
 * a line that is not indented (inside braces there is no such end) or at the end of the file.
 */
static bool skip_to_word(struct scan *s)
{
	while (s->at < s->end) {
		if (*s->at == '\n') {
			s->at++;
			s->place.line++;
			if (s->at < s->end && !s->in_braces && !is_blank(*s->at) &&
			    *s->at != '\n' && *s->at != '#')
				return false;
		} else if (is_blank(*s->at)) {
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
	return !is_blank(c) && c != '\n' && c != '#' && c != '}';
}

/* Skips what is left of a broken entry, of which something was read: to where the next begins. */
static void skip_entry(struct scan *s)
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
		fail(s, NULL, "a word is too long or holds a NUL; is this the right file?");
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
		fail(s, NULL, "the quotation does not end on this line");
		return TOKEN_WRONG;
	}
	s->at++;
	if (take_word(s, start, (size_t)(s->at - 1 - start)) == TOKEN_WRONG)
		return TOKEN_WRONG;
	return TOKEN_STRING;
}

static enum token next(struct scan *s)
{
	const uint8_t *start;

	if (!skip_to_word(s))
		return TOKEN_END_OF_ENTRY;
	s->word_line = s->place.line;
	if (*s->at == '"' || *s->at == '\'')
		return next_string(s, *s->at);
	start = s->at;
	while (s->at < s->end && !is_blank(*s->at) && *s->at != '\n')
		s->at++;
	return take_word(s, start, (size_t)(s->at - start));
}

static void rsa_wipe(struct rsa_numbers *rsa)
{
	secret_free(&rsa->modulus);
	secret_free(&rsa->public_exponent);
	secret_free(&rsa->private_exponent);
	secret_free(&rsa->prime1);
	secret_free(&rsa->prime2);
	secret_free(&rsa->exponent1);
	secret_free(&rsa->exponent2);
	secret_free(&rsa->coefficient);
}

static void entry_wipe(struct secret_entry *e)
{
	rsa_wipe(&e->rsa);
	free(e->file);
	secret_free(&e->pem);
	secret_free(&e->psk);
	free(e->ppk_id);
	*e = (struct secret_entry){ 0 };
}

/* Numbers of inline RSA keys */

/* 0x or 0s, without leading zeros; an odd number of hexadecimal digits is fine. */
static bool read_number(const char *value, struct secret *out)
{
	CLEANUP(secret_free) struct secret digits = secret_new(strlen(value) + 2);
	CLEANUP(secret_free) struct secret octets = secret_new(strlen(value) + 1);
	char *copy = (char *)digits.data;
	bool is_odd_hex = strncmp(value, "0x", 2) == 0 && strlen(value) % 2 == 1;
	size_t zeros = 0;
	ssize_t len;

	if (is_odd_hex) {
		memcpy(copy, "0x0", 3);
		strcpy(copy + 3, value + 2);
	} else {
		strcpy(copy, value);
	}
	len = value_octets(copy, octets.data, octets.len);
	if (len <= 0)
		return false;
	while (zeros < (size_t)len && octets.data[zeros] == 0)
		zeros++;
	if (zeros == (size_t)len)
		return false;
	secret_free(out);
	*out = secret_copy(BYTES(octets.data + zeros, (size_t)len - zeros));
	return true;
}

enum { RSA_FIELDS = 8 };

static struct secret *rsa_field(struct rsa_numbers *rsa, const char *name)
{
	const struct {
		const char *name;
		struct secret *where;
	} fields[RSA_FIELDS] = {
		{ "Modulus:", &rsa->modulus },
		{ "PublicExponent:", &rsa->public_exponent },
		{ "PrivateExponent:", &rsa->private_exponent },
		{ "Prime1:", &rsa->prime1 },
		{ "Prime2:", &rsa->prime2 },
		{ "Exponent1:", &rsa->exponent1 },
		{ "Exponent2:", &rsa->exponent2 },
		{ "Coefficient:", &rsa->coefficient },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strcasecmp(fields[i].name, name) == 0)
			return fields[i].where;
	}
	return NULL;
}

static bool read_rsa_fields(struct scan *s, struct rsa_numbers *rsa)
{
	unsigned seen = 0;

	while (next(s) == TOKEN_WORD) {
		struct secret *field;

		if (strcmp(s->word, "}") == 0) {
			s->in_braces = false;
			return seen == RSA_FIELDS ||
			       fail(s, "RSA", "the key is not complete; it has eight numbers");
		}
		field = rsa_field(rsa, s->word);
		if (field == NULL)
			return fail(s, "RSA",
			            "not one of the numbers of a key; copy the whole "
			            "key anew");
		if (field->data != NULL)
			return fail(s, "RSA", "a number of the key stands there twice");
		if (next(s) != TOKEN_WORD || !read_number(s->word, field))
			return fail(s, "RSA", "not a number; write 0x and hexadecimal digits");
		seen++;
	}
	return fail(s, "RSA", "the key has no end; write } behind it, indented");
}

static bool read_rsa_inline(struct scan *s, struct secret_entry *e)
{
	struct pubkey key;

	s->in_braces = true;
	e->kind = SECRET_RSA_INLINE;
	if (!read_rsa_fields(s, &e->rsa))
		return false;
	if (!pubkey_from_rsa(secret_view(&e->rsa.modulus), secret_view(&e->rsa.public_exponent),
	                     &key))
		return fail(s, "RSA",
		            "the key is too weak or damaged (2048 to 8192 bits); make "
		            "one with ipsec newhostkey");
	return true;
}

/* Files */

static void take_pem(void *ctx, const char *name, struct bytes text)
{
	struct secret *pem = ctx;

	if (pem->data == NULL && text.len > 0 && text.len <= PEM_MAX)
		*pem = secret_copy(text);
}

static char *directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *directory = new_string(file);

	directory[slash == NULL ? 0 : slash == file ? 1 : slash - file] = '\0';
	return directory;
}

static bool read_pem(struct scan *s, const char *name, struct secret *out)
{
	char *base = directory_of(s->place.file);
	char private[WORD_LEN_MAX + 32] = "ipsec.d/private/";
	bool found = false;

	if (strchr(name, '/') == NULL) {
		strcat(private, name);
		found = s->reader->read(s->reader->ctx, base, private, take_pem, out);
	}
	if (!found)
		found = s->reader->read(s->reader->ctx, base, name, take_pem, out);
	free(base);
	return found && out->data != NULL;
}

static bool read_key_file(struct scan *s, struct secret_entry *e, enum secret_kind kind)
{
	e->kind = kind;
	e->file = new_string(s->word);
	if (strpbrk(s->word, "*?[") != NULL)
		return fail(s, s->word, "one key is one file; write its name");
	if (!read_pem(s, e->file, &e->pem))
		return fail(s, e->file,
		            "this key file cannot be read; it belongs to root, mode "
		            "0600, in ipsec.d/private");
	if (memmem(e->pem.data, e->pem.len, "PRIVATE KEY-----", 16) == NULL)
		return fail(s, e->file, "no private key in PEM form is in this file");
	return true;
}

/* Kinds of secrets */

static bool read_rsa(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);

	if (token == TOKEN_WORD && strcmp(s->word, "{") == 0)
		return read_rsa_inline(s, e);
	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_RSA_FILE);
	return token == TOKEN_END_OF_ENTRY && fail(s, "RSA", "write { and the key, or a file name");
}

static bool read_ed25519(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);

	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_ED25519_FILE);
	return token == TOKEN_END_OF_ENTRY &&
	       fail(s, "ED25519", "write the name of a PEM file behind it");
}

static bool read_ecdsa(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);

	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_ECDSA_FILE);
	return token == TOKEN_END_OF_ENTRY &&
	       fail(s, "ECDSA", "write the name of a PEM file behind it");
}

static bool read_ecdsa_next(struct scan *s, struct secret_entry *e)
{
	e->is_next = true;
	return read_ecdsa(s, e);
}

static bool read_rsa_next(struct scan *s, struct secret_entry *e)
{
	e->is_next = true;
	return read_rsa(s, e);
}

static bool read_ed25519_next(struct scan *s, struct secret_entry *e)
{
	e->is_next = true;
	return read_ed25519(s, e);
}

static bool read_psk(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);
	ssize_t len;

	if (e->kind != SECRET_PPK)
		e->kind = SECRET_PSK;
	if (token == TOKEN_STRING) {
		e->psk = secret_copy(BYTES_STR(s->word));
	} else if (token == TOKEN_WORD) {
		e->psk = secret_new(strlen(s->word) + 1);
		len = value_octets(s->word, e->psk.data, e->psk.len);
		if (len < 0)
			return fail(s, "PSK",
			            "write the secret in quotes, or 0x and hexadecimal "
			            "digits, or 0s and base64");
		e->psk.len = (size_t)len;
	} else {
		return token == TOKEN_END_OF_ENTRY &&
		       fail(s, "PSK", "write the secret behind it, in quotes");
	}
	if (e->psk.len == 0 || e->psk.len > PSK_LEN_MAX)
		return fail(s, "PSK", "a secret has 1 to 1024 octets; 32 random ones are good");
	return true;
}

static bool read_ppk(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);

	e->kind = SECRET_PPK;
	if (token != TOKEN_STRING || s->word[0] == '\0' || strlen(s->word) > PPK_ID_MAX)
		return token != TOKEN_WRONG &&
		       fail(s, "PPK", "write its name in quotes behind it, then the secret");
	e->ppk_id = new_string(s->word);
	return read_psk(s, e);
}

static bool read_kind(struct scan *s, struct secret_entry *e)
{
	static const struct {
		const char *word;
		bool (*read)(struct scan *s, struct secret_entry *e);
	} kinds[] = {
		{ "RSA", read_rsa },         { "RSA-NEXT", read_rsa_next },
		{ "ED25519", read_ed25519 }, { "ED25519-NEXT", read_ed25519_next },
		{ "ECDSA", read_ecdsa },     { "ECDSA-NEXT", read_ecdsa_next },
		{ "PSK", read_psk },         { "PPK", read_ppk },
		{ "PPKS", read_ppk },
	};
	enum token token = next(s);

	for (size_t i = 0; token == TOKEN_WORD && i < ARRAY_LEN(kinds); i++) {
		if (strcasecmp(kinds[i].word, s->word) == 0)
			return kinds[i].read(s, e);
	}
	return token != TOKEN_WRONG &&
	       fail(s, NULL,
	            "what follows the colon is not known; write RSA, ED25519, ECDSA, PSK or PPK");
}

/* Identities up to the colon */

static bool add_id(struct scan *s, struct secret_entry *e, const char *word)
{
	struct text why = { 0 };
	struct conf_id id;
	bool ok = value_id(word, true, &id, &why);

	if (!ok)
		fail(s, word, why.s);
	else if (e->id_count == SECRET_IDS_MAX && id.kind != CONF_ID_NONE)
		ok = fail(s, word, "more than 8 identities; write several entries");
	else if (id.kind != CONF_ID_NONE)
		e->ids[e->id_count++] = id;
	text_free(&why);
	return ok;
}

/* `token` is the first one. */
static bool read_ids(struct scan *s, struct secret_entry *e, enum token token)
{
	struct ip ignored;
	size_t len;

	for (; token == TOKEN_WORD; token = next(s)) {
		if (strcmp(s->word, ":") == 0)
			return true;
		len = strlen(s->word);
		if (s->word[len - 1] == ':' && !ip_parse(s->word, &ignored)) {
			s->word[len - 1] = '\0';
			return add_id(s, e, s->word);
		}
		if (!add_id(s, e, s->word))
			return false;
	}
	return token != TOKEN_WRONG &&
	       fail(s, NULL, "an entry is IDENTITIES : KIND SECRET; there is no colon here");
}

static bool read_rest_is_empty(struct scan *s)
{
	enum token token = next(s);

	return token == TOKEN_END_OF_ENTRY ||
	       (token != TOKEN_WRONG &&
	        fail(s, NULL,
	             "something follows the secret; begin a new entry in the first "
	             "column"));
}

static void read_text(struct scan *parent, const char *name, struct bytes text);

static void add_included(void *ctx, const char *name, struct bytes text)
{
	read_text(ctx, name, text);
}

static bool read_include(struct scan *s)
{
	char *base;
	bool ok;

	if (next(s) != TOKEN_WORD)
		return fail(s, "include", "one file name, please: include FILE");
	if (s->depth == DEPTH_MAX)
		return fail(s, "include",
		            "files include each other more than 10 deep; is this a "
		            "circle?");
	base = directory_of(s->place.file);
	ok = s->reader->read(s->reader->ctx, base, s->word, add_included, s) ||
	     fail(s, s->word, "this file cannot be read; it belongs to root, mode 0600");
	free(base);
	return ok && read_rest_is_empty(s);
}

/* Reads one entry; false if it is wrong, and where the scan stands then is unknown. */
static bool read_entry(struct scan *s, struct secret_entry *e)
{
	enum token token = next(s);

	e->line = s->place.line;
	if (token == TOKEN_WORD && strcmp(s->word, "include") == 0)
		return read_include(s);
	return read_ids(s, e, token) && read_kind(s, e) && read_rest_is_empty(s);
}

static void keep(struct scan *s, struct secret_entry *e)
{
	if (s->out->count == SECRETS_MAX) {
		fail(s, NULL, "more than 4096 secrets");
		entry_wipe(e);
		return;
	}
	s->out->entries = grow_array(s->out->entries, s->out->count + 1, sizeof(*e));
	s->out->entries[s->out->count++] = *e;
}

static bool is_empty(const struct secret_entry *e)
{
	return e->psk.data == NULL && e->file == NULL && e->rsa.modulus.data == NULL;
}

static void read_entries(struct scan *s)
{
	/* As if an empty line stood before: the first entry is found like any other. */
	while (s->at < s->end) {
		struct secret_entry e = { 0 };

		s->in_braces = false;
		if (is_blank(*s->at) || *s->at == '#' || *s->at == '\n') {
			if (skip_to_word(s)) {
				s->word_line = s->place.line;
				fail(s, NULL,
				     "an entry begins in the first column; this line is "
				     "indented");
				skip_entry(s);
			}
			continue;
		}
		if (!read_entry(s, &e)) {
			entry_wipe(&e);
			skip_entry(s);
		} else if (!is_empty(&e)) {
			keep(s, &e);
		}
	}
}

static void read_text(struct scan *parent, const char *name, struct bytes text)
{
	struct secret word = { 0 };
	struct scan s = { .out = parent->out,
		          .reader = parent->reader,
		          .messages = parent->messages,
		          .files = parent->files,
		          .depth = parent->depth + 1,
		          .at = text.data,
		          .end = text.data + text.len,
		          .place = { name, 1 } };

	if (++*s.files > FILES_MAX) {
		if (*s.files == FILES_MAX + 1)
			message_error(s.messages, s.place, NULL, "more than %d files", FILES_MAX);
		return;
	}
	word = secret_new(WORD_LEN_MAX + 1);
	s.word = (char *)word.data;
	read_entries(&s);
	secret_free(&word);
}

bool secrets_parse(struct secrets *out, const char *file, struct bytes text,
                   const struct conf_reader *reader, struct conf_messages *messages)
{
	unsigned errors_before = messages->error_count;
	unsigned files = 0;
	struct scan root = { .out = out, .reader = reader, .messages = messages, .files = &files };

	*out = (struct secrets){ 0 };
	read_text(&root, file, text);
	if (messages->error_count == errors_before)
		return true;
	secrets_wipe(out);
	return false;
}

void secrets_wipe(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		entry_wipe(&secrets->entries[i]);
	free(secrets->entries);
	*secrets = (struct secrets){ 0 };
}

static bool names(const struct secret_entry *e, const struct conf_id *id)
{
	for (size_t i = 0; i < e->id_count; i++) {
		if (conf_id_equal(&e->ids[i], id))
			return true;
	}
	return false;
}

/* How well the entry fits: 0 not at all. */
static unsigned shared_rank(const struct secret_entry *e, const struct conf_id *ours,
                            const struct conf_id *theirs)
{
	if (e->id_count == 0)
		return 1;
	if (names(e, ours) && names(e, theirs))
		return 4;
	if (e->id_count > 1)
		return 0; /* a secret between others */
	return names(e, theirs) ? 3 : names(e, ours) ? 2 : 0;
}

static long find(const struct secrets *secrets, enum secret_kind kind, const char *name,
                 const struct conf_id *ours, const struct conf_id *theirs)
{
	unsigned best_rank = 0;
	long best = -1;

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret_entry *e = &secrets->entries[i];
		unsigned rank = shared_rank(e, ours, theirs);

		if (e->kind != kind || (name != NULL && strcmp(name, e->ppk_id) != 0))
			continue;
		if (rank > best_rank) {
			best_rank = rank;
			best = (long)i;
		}
	}
	return best;
}

long secrets_find_psk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs)
{
	return find(secrets, SECRET_PSK, NULL, ours, theirs);
}

long secrets_find_ppk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs, const char *name)
{
	return find(secrets, SECRET_PPK, name, ours, theirs);
}
