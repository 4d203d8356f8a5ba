/* Certificates, CRLs and CAs from files. */
#include "crypto/x509.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/x509v3.h>

#include "crypto/pkey.h"
#include "crypto/x509_trust.h"

enum { FILE_LEN_MAX = 8 << 20 };

const char *x509_verdict_text(enum x509_verdict verdict)
{
	static const char *const texts[] = {
#define X(name, text) text,
		X509_VERDICTS(X)
#undef X
	};

	return texts[verdict];
}

/*
 * Files
 */

static bool is_pem(struct bytes text)
{
	return text.len > 0 && memmem(text.data, text.len, "-----BEGIN ", 11) != NULL;
}

/* The next one of a PEM file, or the only one of a DER file; NULL: there is no more. */
static X509 *next_certificate(BIO *bio, struct bytes text, size_t count)
{
	const uint8_t *at = text.data;

	if (is_pem(text))
		return PEM_read_bio_X509(bio, NULL, NULL, NULL);
	return count > 0 ? NULL : d2i_X509(NULL, &at, (long)text.len);
}

static X509_CRL *next_crl(BIO *bio, struct bytes text, size_t count)
{
	const uint8_t *at = text.data;

	if (is_pem(text))
		return PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	return count > 0 ? NULL : d2i_X509_CRL(NULL, &at, (long)text.len);
}

/* Was there nothing more to read? Else there was something that could not be. */
static bool is_at_end(struct bytes text)
{
	unsigned long why = ERR_peek_last_error();

	return !is_pem(text) ||
	       (ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE);
}

static BIO *open_text(struct bytes text)
{
	if (text.len == 0 || text.len > FILE_LEN_MAX)
		return NULL;
	return BIO_new_mem_buf(text.data, (int)text.len);
}

static bool chain_add(struct buf *chain, X509 *certificate)
{
	uint8_t *der = NULL;
	int len = i2d_X509(certificate, &der);
	bool ok = len > 0 && chain->len + (size_t)len <= X509_CHAIN_LEN_MAX;

	if (ok) {
		chain->data = grow_array(chain->data, chain->len + (size_t)len, 1);
		memcpy(chain->data + chain->len, der, (size_t)len);
		chain->len += (size_t)len;
	}
	OPENSSL_free(der);
	return ok;
}

bool x509_chain_read(struct bytes text, struct buf *chain)
{
	BIO *bio = open_text(text);
	struct buf made = { 0 };
	X509 *certificate;
	size_t count = 0;
	bool ok = bio != NULL;

	while (ok && (certificate = next_certificate(bio, text, count)) != NULL) {
		ok = ++count <= X509_CHAIN_MAX && chain_add(&made, certificate);
		X509_free(certificate);
	}
	ok = ok && is_at_end(text);
	BIO_free(bio);
	ERR_clear_error();
	if (!ok || count == 0) {
		buf_free(&made);
		return false;
	}
	*chain = made;
	return true;
}

static void keep_name(const X509_NAME *name, struct buf *out)
{
	uint8_t *der = NULL;
	int len = out == NULL ? -1 : i2d_X509_NAME(name, &der);

	if (len > 0)
		*out = buf_copy(BYTES(der, (size_t)len));
	OPENSSL_free(der);
}

bool x509_leaf(struct bytes chain, struct pubkey *key, struct buf *subject, struct buf *issuer)
{
	const uint8_t *at = chain.data;
	X509 *leaf = chain.len == 0 ? NULL : d2i_X509(NULL, &at, (long)chain.len);
	bool ok = leaf != NULL && pkey_public(X509_get0_pubkey(leaf), key);

	if (ok) {
		keep_name(X509_get_subject_name(leaf), subject);
		keep_name(X509_get_issuer_name(leaf), issuer);
	}
	X509_free(leaf);
	ERR_clear_error();
	return ok;
}

/*
 * CAs and CRLs
 */

struct x509_trust {
	atomic_uint holders;
	bool wants_crls;
	X509_STORE *store;
	size_t ca_count;
	size_t crl_count;
	uint8_t hashes[X509_CAS_MAX * X509_CA_HASH_LEN];
};

struct x509_trust *x509_trust_new(bool wants_crls)
{
	struct x509_trust *trust = new_zeroed(sizeof(*trust));

	atomic_init(&trust->holders, 1);
	trust->wants_crls = wants_crls;
	trust->store = X509_STORE_new();
	if (trust->store == NULL)
		abort();
	return trust;
}

struct x509_trust *x509_trust_hold(const struct x509_trust *trust)
{
	struct x509_trust *held = (struct x509_trust *)trust;

	if (held != NULL)
		atomic_fetch_add(&held->holders, 1);
	return held;
}

void x509_trust_release(struct x509_trust *trust)
{
	if (trust == NULL || atomic_fetch_sub(&trust->holders, 1) != 1)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

X509_STORE *x509_trust_store(const struct x509_trust *trust)
{
	return trust->store;
}

bool x509_trust_wants_crls(const struct x509_trust *trust)
{
	return trust->wants_crls;
}

bool x509_trust_has_crls(const struct x509_trust *trust)
{
	return trust->crl_count > 0;
}

size_t x509_trust_cas(const struct x509_trust *trust)
{
	return trust == NULL ? 0 : trust->ca_count;
}

struct bytes x509_trust_hashes(const struct x509_trust *trust)
{
	if (trust == NULL)
		return (struct bytes){ 0 };
	return BYTES(trust->hashes, trust->ca_count * X509_CA_HASH_LEN);
}

/* SHA-1 here is a name, nothing rests on it (RFC 7296 section 3.7). */
static bool hash_key(X509 *ca, uint8_t *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &der);
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha1(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

static bool add_ca(struct x509_trust *trust, X509 *ca)
{
	if (trust->ca_count == X509_CAS_MAX || X509_check_ca(ca) <= 0 ||
	    !hash_key(ca, trust->hashes + trust->ca_count * X509_CA_HASH_LEN) ||
	    X509_STORE_add_cert(trust->store, ca) != 1)
		return false;
	trust->ca_count++;
	return true;
}

int x509_trust_add_cas(struct x509_trust *trust, struct bytes text)
{
	BIO *bio = open_text(text);
	X509 *ca;
	int count = 0;
	bool ok = bio != NULL;

	while (ok && (ca = next_certificate(bio, text, (size_t)count)) != NULL) {
		ok = add_ca(trust, ca);
		count++;
		X509_free(ca);
	}
	ok = ok && is_at_end(text);
	BIO_free(bio);
	ERR_clear_error();
	return ok && count > 0 ? count : -1;
}

int x509_trust_add_crls(struct x509_trust *trust, struct bytes text)
{
	BIO *bio = open_text(text);
	X509_CRL *crl;
	int count = 0;
	bool ok = bio != NULL;

	while (ok && (crl = next_crl(bio, text, (size_t)count)) != NULL) {
		ok = trust->crl_count++ < X509_CRLS_MAX &&
		     X509_STORE_add_crl(trust->store, crl) == 1;
		count++;
		X509_CRL_free(crl);
	}
	ok = ok && is_at_end(text);
	BIO_free(bio);
	ERR_clear_error();
	return ok && count > 0 ? count : -1;
}
