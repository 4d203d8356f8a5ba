#include "crypto/pki_bed.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

static void must(bool ok)
{
	assert_true(ok);
}

static void set_times(X509 *certificate, int64_t from, int64_t until)
{
	must(ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from) != NULL);
	must(ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)until) != NULL);
}

static void set_name(X509 *certificate, const char *cn)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	must(X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const uint8_t *)"CH", -1, -1,
	                                0) == 1);
	must(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Example, Ltd",
	                                -1, -1, 0) == 1);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1,
	                                0) == 1);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *cn, EVP_PKEY *key, long serial)
{
	X509 *certificate = X509_new();

	must(certificate != NULL && X509_set_version(certificate, 2) == 1 &&
	     ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) == 1 &&
	     X509_set_pubkey(certificate, key) == 1);
	set_name(certificate, cn);
	return certificate;
}

static void seal(X509 *certificate, const struct authority *issuer, const EVP_MD *md)
{
	must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate)) == 1);
	must(X509_sign(certificate, issuer->key, md == NULL ? EVP_sha256() : md) > 0);
}

struct authority authority_new(const char *name, struct authority *issuer, int days)
{
	struct authority a = { .key = EVP_EC_gen("P-256"), .serial = 100 };
	struct authority *by = issuer == NULL ? &a : issuer;

	must(a.key != NULL);
	a.certificate = certificate_new(name, a.key, by->serial++);
	set_times(a.certificate, PKI_NOW - PKI_DAY, PKI_NOW + (int64_t)(days - 1) * PKI_DAY);
	add_extension(a.certificate, by->certificate, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(a.certificate, by->certificate, NID_key_usage,
	              "critical,keyCertSign,cRLSign");
	add_extension(a.certificate, by->certificate, NID_subject_key_identifier, "hash");
	seal(a.certificate, by, NULL);
	return a;
}

void authority_wipe(struct authority *authority)
{
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
	*authority = (struct authority){ 0 };
}

X509 *leaf_new(struct authority *issuer, const struct leaf_wish *wish)
{
	EVP_PKEY *key = wish->key == NULL ? EVP_EC_gen("P-256") : wish->key;
	X509 *leaf = certificate_new(wish->subject, key, issuer->serial++);

	set_times(leaf, wish->from == 0 ? PKI_NOW - PKI_DAY : wish->from,
	          wish->until == 0 ? PKI_NOW + PKI_DAY : wish->until);
	if (wish->san != NULL)
		add_extension(leaf, issuer->certificate, NID_subject_alt_name, wish->san);
	if (wish->usage != NULL)
		add_extension(leaf, issuer->certificate, NID_key_usage, wish->usage);
	if (wish->purposes != NULL)
		add_extension(leaf, issuer->certificate, NID_ext_key_usage, wish->purposes);
	seal(leaf, issuer, wish->md);
	if (wish->key == NULL)
		EVP_PKEY_free(key);
	return leaf;
}

X509_CRL *crl_new(struct authority *issuer, const long *serials, size_t count, int64_t until)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, PKI_NOW - PKI_DAY);
	ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)until);

	must(crl != NULL && X509_CRL_set_version(crl, 1) == 1 &&
	     X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)) == 1 &&
	     X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1);
	for (size_t i = 0; i < count; i++) {
		X509_REVOKED *revoked = X509_REVOKED_new();
		ASN1_INTEGER *serial = ASN1_INTEGER_new();

		must(ASN1_INTEGER_set(serial, serials[i]) == 1 &&
		     X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
		     X509_REVOKED_set_revocationDate(revoked, from) == 1 &&
		     X509_CRL_add0_revoked(crl, revoked) == 1);
		ASN1_INTEGER_free(serial);
	}
	must(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return crl;
}

static struct buf take_text(BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);
	struct buf b = buf_copy(BYTES(text, (size_t)len));

	BIO_free(bio);
	return b;
}

struct buf certificate_pem(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509(bio, certificate) == 1);
	return take_text(bio);
}

struct buf crl_pem(X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509_CRL(bio, crl) == 1);
	return take_text(bio);
}

struct buf certificate_der(X509 *certificate)
{
	uint8_t *der = NULL;
	int len = i2d_X509(certificate, &der);
	struct buf b;

	must(len > 0);
	b = buf_copy(BYTES(der, (size_t)len));
	OPENSSL_free(der);
	return b;
}

struct buf chain_der(X509 *a, X509 *b, X509 *c)
{
	X509 *all[] = { a, b, c };
	struct buf chain = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(all) && all[i] != NULL; i++) {
		CLEANUP(buf_free) struct buf der = certificate_der(all[i]);

		chain.data = grow_array(chain.data, chain.len + der.len, 1);
		memcpy(chain.data + chain.len, der.data, der.len);
		chain.len += der.len;
	}
	return chain;
}
