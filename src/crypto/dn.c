/* Distinguished names: text to DER and back. */
#include "crypto/x509.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

static struct bytes trimmed(struct bytes s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = BYTES(s.data + 1, s.len - 1);
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Up to the next separator that has no backslash before it. */
static struct bytes next_part(const char **at, char separator)
{
	const char *start = *at;

	while (**at != '\0' && **at != separator) {
		if ((*at)[0] == '\\' && (*at)[1] != '\0')
			(*at)++;
		(*at)++;
	}
	struct bytes part = BYTES(start, (size_t)(*at - start));
	if (**at != '\0')
		(*at)++;
	return part;
}

static bool add_part(X509_NAME *name, struct bytes part)
{
	const uint8_t *equals = part.len == 0 ? NULL : memchr(part.data, '=', part.len);
	struct bytes type;
	struct bytes raw;
	char type_name[64];
	uint8_t value[256];
	size_t len = 0;

	if (equals == NULL)
		return false;
	type = trimmed(BYTES(part.data, (size_t)(equals - part.data)));
	raw = trimmed(BYTES(equals + 1, part.len - (size_t)(equals - part.data) - 1));
	if (type.len == 0 || type.len >= sizeof(type_name) || raw.len == 0 ||
	    raw.len > sizeof(value))
		return false;
	memcpy(type_name, type.data, type.len);
	type_name[type.len] = '\0';
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.data[i] == '\\' && i + 1 < raw.len)
			i++;
		value[len++] = raw.data[i];
	}
	if (strcmp(type_name, "E") == 0)
		strcpy(type_name, "emailAddress");
	return X509_NAME_add_entry_by_txt(name, type_name, MBSTRING_UTF8, value, (int)len, -1, 0) ==
	       1;
}

bool dn_parse(const char *text, uint8_t *out, size_t size, size_t *len)
{
	char separator = text[0] == '/' ? '/' : ',';
	const char *at = text[0] == '/' ? text + 1 : text;
	X509_NAME *name = X509_NAME_new();
	uint8_t *der = NULL;
	int n = -1;
	bool ok = name != NULL && *at != '\0';

	while (ok && *at != '\0')
		ok = add_part(name, next_part(&at, separator));
	if (ok)
		n = i2d_X509_NAME(name, &der);
	ok = ok && n > 0 && (size_t)n <= size;
	if (ok) {
		memcpy(out, der, (size_t)n);
		*len = (size_t)n;
	}
	OPENSSL_free(der);
	X509_NAME_free(name);
	return ok;
}

static X509_NAME *name_of(struct bytes der)
{
	const uint8_t *at = der.data;
	X509_NAME *name = der.len == 0 ? NULL : d2i_X509_NAME(NULL, &at, (long)der.len);

	if (name != NULL && at != der.data + der.len) {
		X509_NAME_free(name);
		return NULL;
	}
	return name;
}

void dn_text(struct bytes der, char *out, size_t size)
{
	X509_NAME *name = name_of(der);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	size_t len = 0;

	if (name != NULL && bio != NULL &&
	    X509_NAME_print_ex(bio, name, 0,
	                       XN_FLAG_SEP_CPLUS_SPC | ASN1_STRFLGS_ESC_CTRL |
	                           ASN1_STRFLGS_ESC_MSB | ASN1_STRFLGS_ESC_2253) >= 0)
		len = (size_t)BIO_get_mem_data(bio, &text);
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = text[i];
	out[len] = '\0';
	BIO_free(bio);
	X509_NAME_free(name);
}

bool dn_equal(struct bytes a, struct bytes b)
{
	X509_NAME *x = name_of(a);
	X509_NAME *y = name_of(b);
	bool equal = x != NULL && y != NULL && X509_NAME_cmp(x, y) == 0;

	X509_NAME_free(x);
	X509_NAME_free(y);
	return equal;
}
