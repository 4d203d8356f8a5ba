#pragma once
/*
 * A piece of public-key work, or of work with a long-term secret, that runs elsewhere: the core
 * starts it through a port and hears of the result as an event.
 */
#include "crypto/prf.h"
#include "crypto/pubkey.h"

enum crypto_job_kind {
	CRYPTO_JOB_SIGN,        /* by the signer, with secret `key`, a host key */
	CRYPTO_JOB_VERIFY,      /* by the pool, against each of `keys` */
	CRYPTO_JOB_VERIFY_CERT, /* by the pool, against the key of a certificate, and that one */
	CRYPTO_JOB_QCD_TOKEN,   /* by the signer: HMAC-SHA-256(crash secret, data) */
	CRYPTO_JOB_PPK,     /* by the signer: prf+(ppk, key) of the three keys in data (RFC 8784) */
	CRYPTO_JOB_PSK_MAC, /* by the signer: prf(prf(psk, "Key Pad for IKEv2"), data) */
};

struct x509_trust;

/* A peer's certificates, and who it says it is. */
struct x509_claim {
	struct bytes chain; /* crypto/x509.h */
	struct bytes ca;    /* a distinguished name that must be among the issuers; empty: any */
	uint8_t id_type;    /* number of RFC 7296 section 3.5 */
	struct bytes id;
};

/* All views are borrowed for the call; the port copies what it keeps. */
struct crypto_job {
	enum crypto_job_kind kind;
	uint32_t set; /* SIGN, PSK_MAC, PPK: number of the set of secrets that `key` is of */
	unsigned key; /* the same: place of the secret in it */
	enum signature_id signature_id; /* SIGN, VERIFY */
	enum prf_id prf;                /* PSK_MAC, PPK */
	struct bytes data; /* the signed octets, RFC 7296 section 2.15. QCD_TOKEN: SPIi, SPIr */
	struct bytes signature;    /* VERIFY */
	const struct pubkey *keys; /* VERIFY */
	size_t key_count;
	const struct x509_trust *trust; /* VERIFY_CERT: to be held by who keeps the job */
	struct x509_claim claim;        /* VERIFY_CERT */
};

/*
 * Result octets, as the event brings them:
 *   SIGN     the signature; empty: the signer could not, or has another key there by now
 *   VERIFY   one octet, the index of the key that made the signature; empty: none did
 *   VERIFY_CERT  as x509_job_result() reads it
 *   PSK_MAC  prf_len(prf) octets; empty: no such secret any more
 *   PPK      three keys of prf_len(prf) octets, SK_d, SK_pi, SK_pr; empty: no such secret any more
 *   QCD_TOKEN 32 octets; empty: there is no crash secret
 */
