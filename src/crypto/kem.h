#pragma once
/*
 * Key encapsulation as an additional key exchange (RFC 9370): ML-KEM-768 (FIPS 203), where the
 * crypto library has it. The Initiator sends a public key, the Responder answers with a ciphertext
 * that holds the secret.
 *
 * Random octets come from the caller, so that a run can be repeated; they are as secret as what is
 * made of them. A table of functions, so that tests can exchange keys with one of their own.
 */
#include "crypto/kex.h"
#include "util/secret.h"

enum {
	KEM_SEED_LEN = 64,  /* d, then z (FIPS 203 section 7.1) */
	KEM_COINS_LEN = 32, /* m (section 7.2) */
	KEM_SHARED_LEN = 32,
	KEM_MESSAGE_MAX = 1184, /* public key or ciphertext */
};

struct kem {
	uint16_t id; /* IANA registry, transform types 4 and 6 to 12 */
	const char *name;
	size_t public_len;
	size_t ciphertext_len;
	/* `out` has room for public_len. False: the crypto library refused. */
	bool (*make_public)(struct bytes seed, uint8_t *out);
	/* False: a key of the wrong length, or that fails the check of FIPS 203 section 7.2.
	 * `shared` is the caller's to free; it is untouched on failure. */
	bool (*encapsulate)(struct bytes public_key, struct bytes coins, uint8_t *ciphertext,
	                    struct secret *shared);
	/* False: of the wrong length. A wrong ciphertext gives some other secret (section 6.3),
	 * which shows at the next integrity check. */
	bool (*decapsulate)(struct bytes seed, struct bytes ciphertext, struct secret *shared);
};

enum { KEX_ML_KEM_768 = 36 };

/* NULL: this crypto library has none (OpenSSL before 3.5). */
const struct kem *kem_ml_kem_768(void);
