#include "cli/hostkey.h"

#include <stdio.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/pkey.h"

/* In a message: never a value, only where the key stands. */
static bool fail(const struct secret_entry *e, char *error, size_t size, const char *what)
{
	snprintf(error, size, "ipsec.secrets:%u: %s%s%s", e->line, e->file != NULL ? e->file : "",
	         e->file != NULL ? ": " : "", what);
	return false;
}

static BIGNUM *number(const struct secret *s)
{
	return BN_bin2bn(s->data, (int)s->len, NULL);
}

/* p * q = n, and d undoes e for a number of our choice: enough to tell a damaged key. */
static bool numbers_fit(const struct rsa_numbers *rsa)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = number(&rsa->modulus), *e = number(&rsa->public_exponent);
	BIGNUM *d = number(&rsa->private_exponent);
	BIGNUM *p = number(&rsa->prime1), *q = number(&rsa->prime2);
	BIGNUM *probe = BN_new(), *result = BN_new();
	bool ok = ctx != NULL && n != NULL && e != NULL && d != NULL && p != NULL && q != NULL &&
	          probe != NULL && result != NULL;

	if (ok)
		BN_set_flags(d, BN_FLG_CONSTTIME);
	ok = ok && BN_mul(result, p, q, ctx) && BN_cmp(result, n) == 0;
	ok = ok && BN_set_word(probe, 0x57494c44) && BN_mod_exp(result, probe, d, n, ctx) &&
	     BN_mod_exp(result, result, e, n, ctx) && BN_cmp(result, probe) == 0;
	BN_free(n);
	BN_free(e);
	BN_clear_free(d);
	BN_clear_free(p);
	BN_clear_free(q);
	BN_free(probe);
	BN_clear_free(result);
	BN_CTX_free(ctx);
	return ok;
}

static bool of_inline(const struct secret_entry *e, struct pubkey *out, char *error, size_t size)
{
	if (!numbers_fit(&e->rsa))
		return fail(e, error, size,
		            "the numbers of this RSA key do not fit together; copy "
		            "the whole key anew");
	return pubkey_from_rsa(secret_view(&e->rsa.modulus), secret_view(&e->rsa.public_exponent),
	                       out) ||
	       fail(e, error, size, "an RSA key needs 2048 to 8192 bits; make a new one");
}

/* No passphrase: nobody is there to type it. */
static int no_passphrase(char *buffer, int size, int is_write, void *ctx)
{
	return -1;
}

static EVP_PKEY *read_pem(const struct secret_entry *e)
{
	BIO *bio = BIO_new_mem_buf(e->pem.data, (int)e->pem.len);
	EVP_PKEY *pkey = NULL;

	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return pkey;
}

static const struct file_kind {
	enum secret_kind kind;
	const char *type;
	const char *wrong;
} file_kinds[] = {
	{ SECRET_RSA_FILE, "RSA",
	  "this is no RSA key; write ED25519 or ECDSA before the name if it is one" },
	{ SECRET_ED25519_FILE, "ED25519",
	  "this is no Ed25519 key; write RSA or ECDSA before the name if it is one" },
	{ SECRET_ECDSA_FILE, "EC",
	  "this is no ECDSA key; write RSA or ED25519 before the name if it is one" },
};

static bool of_file(const struct secret_entry *e, struct pubkey *out, char *error, size_t size)
{
	EVP_PKEY *pkey = read_pem(e);
	const struct file_kind *kind = file_kinds;
	bool ok;

	if (pkey == NULL)
		return fail(e, error, size,
		            "no private key can be read from this file; it must "
		            "be PEM without a passphrase");
	while (kind->kind != e->kind)
		kind++;
	if (!EVP_PKEY_is_a(pkey, kind->type))
		ok = fail(e, error, size, kind->wrong);
	else
		ok = pkey_public(pkey, out) ||
		     fail(e, error, size,
		          e->kind == SECRET_RSA_FILE
		              ? "an RSA key needs 2048 to 8192 bits; make a new one"
		              : "the key is damaged, or of a curve other than P-256, P-384 "
		                "and P-521");
	EVP_PKEY_free(pkey);
	return ok;
}

const char *hostkey_type_word(enum pubkey_type type)
{
	if (pubkey_is_ecdsa(type))
		return "ecdsa";
	return type == PUBKEY_RSA ? "rsa" : "ed25519";
}

bool hostkey_is_of_type(const struct pubkey *key, enum pubkey_type type)
{
	return key->type == type || (pubkey_is_ecdsa(type) && pubkey_is_ecdsa(key->type));
}

bool hostkey_of_entry(const struct secret_entry *entry, struct hostkey *out, char *error,
                      size_t size)
{
	error[0] = '\0';
	out->is_next = entry->is_next;
	switch (entry->kind) {
	case SECRET_RSA_INLINE:
		return of_inline(entry, &out->key, error, size);
	case SECRET_RSA_FILE:
	case SECRET_ED25519_FILE:
	case SECRET_ECDSA_FILE:
		return of_file(entry, &out->key, error, size);
	case SECRET_PSK:
	case SECRET_PPK:
		return false;
	}
	return false;
}

bool hostkeys_of_secrets(const struct secrets *secrets, struct hostkey out[HOSTKEYS_MAX],
                         size_t *count, char *error, size_t size)
{
	*count = 0;
	for (size_t i = 0; i < secrets->count; i++) {
		struct hostkey key;

		if (!hostkey_of_entry(&secrets->entries[i], &key, error, size)) {
			if (error[0] != '\0')
				return false;
			continue;
		}
		if (*count == HOSTKEYS_MAX) {
			snprintf(error, size, "more than %d host keys; take old ones out",
			         HOSTKEYS_MAX);
			return false;
		}
		out[(*count)++] = key;
	}
	return true;
}

unsigned hostkey_bits(const struct pubkey *key)
{
	const uint8_t *o = key->octets;
	size_t skip;
	unsigned bits;

	if (pubkey_is_ecdsa(key->type))
		return key->type == PUBKEY_ECDSA_P521 ? 521 : key->len * 4u;
	if (key->type != PUBKEY_RSA)
		return 256;
	skip = o[0] != 0 ? 1u + o[0] : 3u + (size_t)(o[1] << 8 | o[2]);
	bits = (unsigned)(key->len - skip) * 8;
	for (uint8_t top = o[skip]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}
