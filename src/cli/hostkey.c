#include "cli/hostkey.h"

#include <stdio.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

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

static bool rsa_public(EVP_PKEY *pkey, struct pubkey *out)
{
	uint8_t modulus[1024];
	uint8_t exponent[8];
	BIGNUM *n = NULL, *e = NULL;
	bool ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
	          EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) &&
	          BN_num_bytes(n) <= (int)sizeof(modulus) &&
	          BN_num_bytes(e) <= (int)sizeof(exponent);

	ok = ok && pubkey_from_rsa(BYTES(modulus, (size_t)BN_bn2bin(n, modulus)),
	                           BYTES(exponent, (size_t)BN_bn2bin(e, exponent)), out);
	BN_free(n);
	BN_free(e);
	return ok;
}

static bool ed25519_public(EVP_PKEY *pkey, struct pubkey *out)
{
	uint8_t octets[32];
	size_t len = sizeof(octets);

	return EVP_PKEY_get_raw_public_key(pkey, octets, &len) == 1 &&
	       pubkey_from_ed25519(BYTES(octets, len), out);
}

static bool of_file(const struct secret_entry *e, struct pubkey *out, char *error, size_t size)
{
	EVP_PKEY *pkey = read_pem(e);
	bool wants_rsa = e->kind == SECRET_RSA_FILE;
	bool ok;

	if (pkey == NULL)
		return fail(e, error, size,
		            "no private key can be read from this file; it must "
		            "be PEM without a passphrase");
	if (!EVP_PKEY_is_a(pkey, wants_rsa ? "RSA" : "ED25519"))
		ok = fail(e, error, size,
		          wants_rsa ? "this is no RSA key; write ED25519 before "
		                      "the name if it is one"
		                    : "this is no Ed25519 key; write RSA before "
		                      "the name if it is one");
	else if (wants_rsa)
		ok = rsa_public(pkey, out) ||
		     fail(e, error, size, "an RSA key needs 2048 to 8192 bits; make a new one");
	else
		ok = ed25519_public(pkey, out) || fail(e, error, size, "the key is damaged");
	EVP_PKEY_free(pkey);
	return ok;
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
		return of_file(entry, &out->key, error, size);
	case SECRET_PSK:
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

	if (key->type != PUBKEY_RSA)
		return 256;
	skip = o[0] != 0 ? 1u + o[0] : 3u + (size_t)(o[1] << 8 | o[2]);
	bits = (unsigned)(key->len - skip) * 8;
	for (uint8_t top = o[skip]; (top & 0x80) == 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}
