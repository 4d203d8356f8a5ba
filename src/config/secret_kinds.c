#include "config/secret_kinds.h"

#include <stdlib.h>
#include <strings.h>

#include "config/value.h"

enum { PEM_MAX = 1 << 16 };

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

void secret_entry_wipe(struct secret_entry *e)
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

	while (scan_next(s) == TOKEN_WORD) {
		struct secret *field;

		if (strcmp(s->word, "}") == 0) {
			s->in_braces = false;
			return seen == RSA_FIELDS ||
			       scan_fail(s, "RSA", "the key is not complete; it has eight numbers");
		}
		field = rsa_field(rsa, s->word);
		if (field == NULL)
			return scan_fail(s, "RSA",
			                 "not one of the numbers of a key; copy the whole "
			                 "key anew");
		if (field->data != NULL)
			return scan_fail(s, "RSA", "a number of the key stands there twice");
		if (scan_next(s) != TOKEN_WORD || !read_number(s->word, field))
			return scan_fail(s, "RSA", "not a number; write 0x and hexadecimal digits");
		seen++;
	}
	return scan_fail(s, "RSA", "the key has no end; write } behind it, indented");
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
		return scan_fail(s, "RSA",
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

static bool read_pem(struct scan *s, const char *name, struct secret *out)
{
	char *base = scan_directory(s);
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
		return scan_fail(s, s->word, "one key is one file; write its name");
	if (!read_pem(s, e->file, &e->pem))
		return scan_fail(s, e->file,
		                 "this key file cannot be read; it belongs to root, mode "
		                 "0600, in ipsec.d/private");
	if (memmem(e->pem.data, e->pem.len, "PRIVATE KEY-----", 16) == NULL)
		return scan_fail(s, e->file, "no private key in PEM form is in this file");
	return true;
}

/* Kinds of secrets */

static bool read_rsa(struct scan *s, struct secret_entry *e)
{
	enum token token = scan_next(s);

	if (token == TOKEN_WORD && strcmp(s->word, "{") == 0)
		return read_rsa_inline(s, e);
	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_RSA_FILE);
	return token == TOKEN_END_OF_ENTRY &&
	       scan_fail(s, "RSA", "write { and the key, or a file name");
}

static bool read_ed25519(struct scan *s, struct secret_entry *e)
{
	enum token token = scan_next(s);

	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_ED25519_FILE);
	return token == TOKEN_END_OF_ENTRY &&
	       scan_fail(s, "ED25519", "write the name of a PEM file behind it");
}

static bool read_ecdsa(struct scan *s, struct secret_entry *e)
{
	enum token token = scan_next(s);

	if (token == TOKEN_WORD || token == TOKEN_STRING)
		return read_key_file(s, e, SECRET_ECDSA_FILE);
	return token == TOKEN_END_OF_ENTRY &&
	       scan_fail(s, "ECDSA", "write the name of a PEM file behind it");
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
	enum token token = scan_next(s);
	ssize_t len;

	if (e->kind != SECRET_PPK)
		e->kind = SECRET_PSK;
	if (token == TOKEN_STRING) {
		e->psk = secret_copy(BYTES_STR(s->word));
	} else if (token == TOKEN_WORD) {
		e->psk = secret_new(strlen(s->word) + 1);
		len = value_octets(s->word, e->psk.data, e->psk.len);
		if (len < 0)
			return scan_fail(s, "PSK",
			                 "write the secret in quotes, or 0x and hexadecimal "
			                 "digits, or 0s and base64");
		e->psk.len = (size_t)len;
	} else {
		return token == TOKEN_END_OF_ENTRY &&
		       scan_fail(s, "PSK", "write the secret behind it, in quotes");
	}
	if (e->psk.len == 0 || e->psk.len > PSK_LEN_MAX)
		return scan_fail(s, "PSK",
		                 "a secret has 1 to 1024 octets; 32 random ones are good");
	return true;
}

static bool read_ppk(struct scan *s, struct secret_entry *e)
{
	enum token token = scan_next(s);

	e->kind = SECRET_PPK;
	if (token != TOKEN_STRING || s->word[0] == '\0' || strlen(s->word) > PPK_ID_MAX)
		return token != TOKEN_WRONG &&
		       scan_fail(s, "PPK", "write its name in quotes behind it, then the secret");
	e->ppk_id = new_string(s->word);
	return read_psk(s, e);
}

bool secret_read(struct scan *s, struct secret_entry *e)
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
	enum token token = scan_next(s);

	for (size_t i = 0; token == TOKEN_WORD && i < ARRAY_LEN(kinds); i++) {
		if (strcasecmp(kinds[i].word, s->word) == 0)
			return kinds[i].read(s, e);
	}
	return token != TOKEN_WRONG &&
	       scan_fail(
		   s, NULL,
		   "what follows the colon is not known; write RSA, ED25519, ECDSA, PSK or PPK");
}
