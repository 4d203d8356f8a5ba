#pragma once
/*
 * CAs, certificates and CRLs for tests, made on the spot. Every key is ECDSA P-256 but where it is
 * given; what fails aborts the test.
 */
#include "util/test.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "util/bytes.h"

/* Seconds since 1970 at which everything made here is valid, if nothing else is said. */
enum { PKI_NOW = 1800000000, PKI_DAY = 86400 };

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	long serial;
};

struct leaf_wish {
	const char *subject; /* CN */
	const char *san;   /* as in openssl.cnf: "DNS:west.example.net,IP:192.0.2.1"; NULL: none */
	const char *usage; /* keyUsage; NULL: none */
	const char *purposes; /* extendedKeyUsage; NULL: none */
	EVP_PKEY *key;     /* NULL: a new one */
	int64_t from, until; /* 0: a day before and after PKI_NOW */
	const EVP_MD *md;    /* NULL: SHA-256 */
};

/* `issuer` NULL: a root. `days`: of validity, from the day before PKI_NOW. */
struct authority authority_new(const char *name, struct authority *issuer, int days);
void authority_wipe(struct authority *authority);
X509 *leaf_new(struct authority *issuer, const struct leaf_wish *wish);
/* `serials` are revoked. */
X509_CRL *crl_new(struct authority *issuer, const long *serials, size_t count, int64_t until);

/* The caller frees. */
struct buf certificate_pem(X509 *certificate);
struct buf certificate_der(X509 *certificate);
struct buf crl_pem(X509_CRL *crl);
/* Chain octets of up to three; NULL ends. */
struct buf chain_der(X509 *a, X509 *b, X509 *c);
