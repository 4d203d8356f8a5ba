#pragma once
/*
 * Keys of an IKE SA and of its CHILD SAs (RFC 7296 sections 2.13 to 2.18, RFC 5282 section 7.1).
 */
#include "ike/choice.h"
#include "util/secret.h"

/* i: what the original initiator uses. SK_ai and SK_ar, empty with an AEAD, stand behind SK_ei and
 * SK_er: together they are the key of aead.h. */
struct ike_keys {
	struct secret sk_d;
	struct secret sk_ei; /* cipher key, then salt or SK_ai */
	struct secret sk_er;
	struct secret sk_pi;
	struct secret sk_pr;
};

void ike_keys_wipe(struct ike_keys *keys);

/*
 * The SK_* of an initial exchange (section 2.14).
 *
 *   shared   g^ir as kex_shared() gives it; the caller still owns it
 *   nonces   Ni and Nr as sent, whole
 *   keys     out; the caller owns them, ike_keys_wipe() ends them
 *
 * False: the crypto library refused; `keys` is untouched.
 */
MUST_USE bool ike_keys_derive(const struct suite *suite, const struct secret *shared,
                              struct bytes nonce_i, struct bytes nonce_r, uint64_t spi_i,
                              uint64_t spi_r, struct ike_keys *keys);
/* Of an IKE SA rekey (section 2.18): the old PRF makes SKEYSEED, the new one expands it (KDF-7).
 * `additional`: of IKE_FOLLOWUP_KE, behind the nonces (RFC 9370 section 2.2.4), or NULL. */
MUST_USE bool ike_keys_rederive(const struct suite *suite, enum prf_id old_prf,
                                const struct secret *old_sk_d, const struct secret *shared,
                                const struct secret *additional, struct bytes nonce_i,
                                struct bytes nonce_r, uint64_t spi_i, uint64_t spi_r,
                                struct ike_keys *keys);

/*
 * KEYMAT of a CHILD SA (section 2.17). i and r are the sides of the exchange that creates it, not
 * of the IKE SA (KDF-5). `shared`: of the PFS exchange, or NULL; `additional` as above.
 */
struct child_keys {
	struct secret i_to_r; /* cipher key, then salt or MAC key */
	struct secret r_to_i;
};
void child_keys_wipe(struct child_keys *keys);
MUST_USE bool child_keys_derive(enum prf_id prf_id, enum aead_id cipher, const struct secret *sk_d,
                                const struct secret *shared, const struct secret *additional,
                                struct bytes nonce_i, struct bytes nonce_r,
                                struct child_keys *keys);
