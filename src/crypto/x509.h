#pragma once
/*
 * X.509 certificates (RFC 5280) as IKEv2 uses them (RFC 4945): a set of CAs and CRLs from files,
 * and a peer's chain checked against it for an identity.
 *
 * A chain is certificates in DER one behind the other, the one that signs first; DER says itself
 * where it ends. Nothing is fetched from anywhere, and the time comes from the caller.
 */
#include "crypto/job.h"

enum {
	X509_CHAIN_MAX = 8,         /* certificates of a peer; more are refused */
	X509_CHAIN_LEN_MAX = 16384, /* octets of a chain; longer ones are refused */
	X509_CAS_MAX = 64,          /* in a set; one more is refused */
	X509_CRLS_MAX = 64,
	X509_CA_HASH_LEN = 20,
};

#define X509_VERDICTS(X)                                                                 \
	X(OK, "accepted")                                                                \
	X(NONE, "the peer sent none")                                                    \
	X(MALFORMED, "it cannot be read, or has a key of no use here")                   \
	X(UNKNOWN_CA, "no CA in ipsec.d/cacerts issued it")                              \
	X(WRONG_CA, "its CA is not the one that the conn names")                         \
	X(EXPIRED, "it has expired, or its CA's has")                                    \
	X(NOT_YET_VALID, "it is not valid yet, or its CA's is not")                      \
	X(REVOKED, "it was revoked")                                                     \
	X(CRL_MISSING, "there is no CRL of its CA, and strictcrlpolicy=yes wants one")   \
	X(CRL_EXPIRED, "the CRL of its CA has expired; renew it in ipsec.d/crls")        \
	X(WEAK, "its key or a signature in its chain is too weak")                       \
	X(USAGE, "it is not for signatures")                                             \
	X(PURPOSE, "its extendedKeyUsage names other purposes only")                     \
	X(WRONG_IDENTITY, "it does not say that its owner is who the peer claims to be") \
	X(BAD, "a signature in its chain is wrong, or something else")                   \
	X(SIGNATURE, "AUTH is not signed with its key")

enum x509_verdict {
#define X(name, text) X509_VERDICT_##name,
	X509_VERDICTS(X)
#undef X
};
const char *x509_verdict_text(enum x509_verdict verdict);

/*
 * CAs and CRLs: made once, never changed afterwards, held by whoever works with it, on any thread.
 */
struct x509_trust;
struct x509_trust *x509_trust_new(bool wants_crls); /* strictcrlpolicy=yes */
/* What one file holds, PEM or DER; the number taken, -1: something in it is no certificate of a CA
 * (no CRL) or cannot be read, or there are too many; what stands before it is taken. */
int x509_trust_add_cas(struct x509_trust *trust, struct bytes text);
int x509_trust_add_crls(struct x509_trust *trust, struct bytes text);
struct x509_trust *x509_trust_hold(const struct x509_trust *trust);
void x509_trust_release(struct x509_trust *trust);
size_t x509_trust_cas(const struct x509_trust *trust);
/* SHA-1 of each CA's SubjectPublicKeyInfo, for CERTREQ (RFC 7296 section 3.7). */
struct bytes x509_trust_hashes(const struct x509_trust *trust);

/* The certificates of a file, PEM or DER, as a chain. False: there is none, or too much. */
MUST_USE bool x509_chain_read(struct bytes text, struct buf *chain);
/* Of the first certificate of a chain. `subject` and `issuer`: distinguished names in DER, the
 * caller's to free; may be NULL. */
MUST_USE bool x509_leaf(struct bytes chain, struct pubkey *key, struct buf *subject,
                        struct buf *issuer);

/* A distinguished name, "C=CH, O=Example, CN=west": its DER. False: not understood, or longer than
 * `size`. Types by their short names or as OIDs; a comma in a value is written \, */
MUST_USE bool dn_parse(const char *text, uint8_t *out, size_t size, size_t *len);
/* "CN=west, O=Example, C=CH" and the like in the order of the name; strange octets are escaped. */
void dn_text(struct bytes der, char *out, size_t size);
/* As RFC 5280 section 7.1 compares them: without regard to case and white space. */
bool dn_equal(struct bytes a, struct bytes b);

/* Does the chain hold at `time` (seconds since 1970) for this identity? Then `key` is the one that
 * must have signed. */
enum x509_verdict x509_check(const struct x509_trust *trust, const struct x509_claim *claim,
                             int64_t time, struct pubkey *key);

/* CRYPTO_JOB_VERIFY_CERT, whole; the result's octets. */
struct buf x509_do_job(const struct crypto_job *job, int64_t time);
/* Back from octets. `key` is set with X509_VERDICT_OK. */
enum x509_verdict x509_job_result(struct bytes result, struct pubkey *key);
